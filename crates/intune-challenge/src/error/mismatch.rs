use scep_types::GeneralName;

use crate::NameKind;

/// How claims and CSR differ; of several differences the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The CSR holds another key than `spki_sha256` says.
    #[error("another key")]
    Key,
    /// `device_name` is not the only commonName, or a commonName stands where none is claimed.
    #[error("commonName {requested:?} where {claimed:?} is claimed")]
    CommonName {
        /// The `device_name` claim.
        claimed: Option<String>,
        /// The commonNames of the CSR, at most two.
        requested: Vec<String>,
    },
    /// A subjectAltName that is not claimed.
    #[error("{requested} is not in {}", kind.claim())]
    Unclaimed {
        /// Its kind.
        kind: NameKind,
        /// The name in the CSR.
        requested: GeneralName,
    },
    /// A claimed subjectAltName that is not in the CSR.
    #[error("{claimed:?} of {} is not in the CSR", kind.claim())]
    Unrequested {
        /// Its kind.
        kind: NameKind,
        /// The name in the claims.
        claimed: String,
    },
    /// A subjectAltName of a kind that no claim can name.
    #[error("{0} is of a kind that cannot be compared")]
    Incomparable(GeneralName),
}
