//! GetNextCACert: the certificates a CA will have, vouched for by the key it has (RFC 8894 §4.7).

use bytes::Bytes;
use scep_types::{
    AlgorithmPolicy, BasicConstraints, Certificate, CryptoProvider, DigestAlgorithm, UnixTime,
};

use crate::ca_certificates::CaCertificates;
use crate::cms::{SignedData, read_certificates, write_certs_only};
use crate::error::{ApiMisuse, Error, Misbehaviour};
use crate::message::{ToBeSigned, prepare_plain};

/// An answer to GetNextCACert up to its signature, which the current CA's key makes (RFC 8894 §4.7.1).
///
/// `next` are the next CA's certificates in the order given, an RA's among them. Its media type is
/// [`X509_NEXT_CA_CERT`](crate::http::X509_NEXT_CA_CERT); a server without a next CA answers 404 and does not say
/// `GetNextCACert` in its capabilities.
///
/// # Errors
/// [`ApiMisuse::NoCertificate`], [`ApiMisuse::SigningKey`], or what the provider says.
pub fn write_next_ca_certificates(
    next: &[&Certificate],
    current: &Certificate,
    digest: DigestAlgorithm,
    provider: &CryptoProvider,
) -> Result<ToBeSigned, Error> {
    if next.is_empty() {
        return Err(ApiMisuse::NoCertificate.into());
    }
    let next: Vec<&[u8]> = next.iter().map(|certificate| certificate.der().as_ref()).collect();
    prepare_plain(write_certs_only(&next), current, digest, provider.digest)
}

/// The certificates a CA will have, authenticated by the CA that is.
///
/// Keep them until they are valid; before that, only requests for certificates of the next CA are encrypted to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextCa(CaCertificates);

impl NextCa {
    /// Verifies an answer to GetNextCACert: signed with the key of a CA certificate of `current`, which an RA's is not.
    ///
    /// Certificates are taken from the signed content alone; who sends the answer can put others beside it.
    ///
    /// # Errors
    /// [`Misbehaviour::UntrustedSigner`], [`Misbehaviour::NoCaCertificate`], or another [`Error`].
    pub fn verify(
        answer: impl Into<Bytes>,
        current: &CaCertificates,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Self, Error> {
        let signed = SignedData::parse(&answer.into())?;
        let info = signed.signer()?;
        let scheme = info.scheme(policy)?;
        let cas = current.certificates().iter().filter(|certificate| is_ca(certificate));
        let signer = info.find(cas).ok_or(Misbehaviour::UntrustedSigner)?;
        info.verify(signed.content_type, &signed.content, signer, scheme, provider)?;
        let certificates = read_certificates(&signed.content)?;
        if !certificates.iter().any(is_ca) {
            return Err(Misbehaviour::NoCaCertificate.into());
        }
        CaCertificates::vouched_for(certificates).map(Self)
    }

    /// The next CA's certificates, for whoever keeps them.
    #[must_use]
    pub fn ca(&self) -> &CaCertificates {
        &self.0
    }

    /// When the next CA's certificate becomes valid, and takes the current one's place.
    #[must_use]
    pub fn activation(&self) -> UnixTime {
        self.0.issuer().validity().not_before
    }

    /// The next CA's certificates once they are valid, and not before.
    #[must_use]
    pub fn active(&self, now: UnixTime) -> Option<&CaCertificates> {
        (now >= self.activation()).then_some(&self.0)
    }

    /// The certificates with which to ask for a certificate of the next CA before it takes over (RFC 8894 §5.1): requests
    /// are encrypted to the next CA, and either of the two may sign the replies.
    #[must_use]
    pub fn for_rollover(&self, current: &CaCertificates) -> CaCertificates {
        self.0.clone().with_reply_signers_of(current)
    }
}

/// A v1 root has no basicConstraints; whatever is self-issued may be a CA.
fn is_ca(certificate: &Certificate) -> bool {
    certificate.basic_constraints() == BasicConstraints::Ca || certificate.is_self_issued()
}
