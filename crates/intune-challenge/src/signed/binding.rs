use std::fmt;

use scep_types::{
    Authorization, Basis, CryptoError, Csr, DigestAlgorithm, DigestProvider, GeneralName,
    NameAssurance, UnixTime, hex, oid,
};
use zeroize::Zeroizing;

use super::names::{ClaimedName, is_same_text, kind_of};
use super::{Claims, Leniency, VerifiedChallenge};
use crate::{Error, Mismatch};

/// A challenge whose claims are exactly what one CSR asks for, with the facts that a store needs.
///
/// Whether it was used before, and how often its device asks, is for the store: reserve [`replay_key`] until
/// [`expires`] before anything is issued.
///
/// [`replay_key`]: BoundChallenge::replay_key
/// [`expires`]: BoundChallenge::expires
pub struct BoundChallenge {
    claims: Claims,
    csr: Csr,
    names: NameAssurance,
    replay_key: [u8; 32],
    device: Option<[u8; 32]>,
    expires: UnixTime,
}

impl VerifiedChallenge {
    /// Compares the claims with the CSR, in this order: key, commonName, subjectAltNames.
    ///
    /// What is compared how is said in [the module](super). That the sender holds the CSR's private key is not looked
    /// at: [`Csr::verify`] does.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn bind(self, csr: &Csr) -> Result<BoundChallenge, Error> {
        let Self { challenge, claims, expires, compatibility, digest } = self;
        let unlisted = if compatibility.grants(Leniency::UnlistedNames) {
            Unlisted::Unconstrained
        } else {
            Unlisted::Refused
        };
        match_key(&claims, csr, digest)?;
        let subject = match_common_name(&claims, csr, unlisted)?;
        let alt_names = match_alt_names(&claims, csr.subject_alt_names(), unlisted)?;
        let vouched =
            claims.names_anything() && subject == Matched::All && alt_names == Matched::All;
        Ok(BoundChallenge {
            names: if vouched { NameAssurance::Vouched } else { NameAssurance::SelfAsserted },
            replay_key: replay_key(&claims, challenge.signing_input(), digest)?,
            device: device_key(&claims, digest)?,
            csr: csr.clone(),
            claims,
            expires,
        })
    }
}

impl Claims {
    /// Compares only the names with those of the CSR, as [`VerifiedChallenge::bind`] does without leniency: for whoever
    /// learns in another way than by a challenge what they must be. It authorises nothing.
    ///
    /// # Errors
    /// The first difference.
    pub fn match_names(&self, csr: &Csr) -> Result<(), Mismatch> {
        match_common_name(self, csr, Unlisted::Refused)?;
        match_alt_names(self, csr.subject_alt_names(), Unlisted::Refused).map(|_all| ())
    }
}

impl BoundChallenge {
    /// What the challenge says, for the audit trail.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What may be used once: a digest of issuer and nonce, or of the signed octets if there is no nonce.
    #[must_use]
    pub fn replay_key(&self) -> [u8; 32] {
        self.replay_key
    }

    /// Until when the replay key must be remembered; from then on the challenge itself is refused as expired.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// What rates are counted by: a digest of issuer and subject; `None` if the challenge names no subject, which only
    /// [`Leniency::OptionalClaims`] admits.
    #[must_use]
    pub fn device(&self) -> Option<[u8; 32]> {
        self.device
    }

    /// That this CSR was authorised by a signed challenge; names are vouched for if each of them was compared.
    #[must_use]
    pub fn authorization(&self) -> Authorization {
        let replay_key = hex::lower(&self.replay_key);
        Authorization::assertion(&self.csr, Basis::SignedChallenge(replay_key), self.names)
    }
}

impl fmt::Debug for BoundChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, csr, names, replay_key: _, device: _, expires } = self;
        f.debug_struct("BoundChallenge")
            .field("claims", claims)
            .field("csr", csr)
            .field("names", names)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

/// What happens to a name that no claim constrains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unlisted {
    Refused,
    Unconstrained,
}

/// How much of the CSR a claim spoke about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matched {
    All,
    Part,
}

fn match_key(claims: &Claims, csr: &Csr, provider: &dyn DigestProvider) -> Result<(), Error> {
    match claims.spki_sha256 {
        Some(claimed) if sha256(csr.spki(), provider)? != claimed => Err(Mismatch::Key.into()),
        _ => Ok(()),
    }
}

fn match_common_name(claims: &Claims, csr: &Csr, unlisted: Unlisted) -> Result<Matched, Mismatch> {
    let attributes = || csr.subject().attributes().filter(|name| name.oid == oid::COMMON_NAME);
    let mut names = attributes();
    match (&claims.device_name, names.next(), names.next()) {
        (Some(claimed), Some(only), None) if is_same_text(&only, claimed) => Ok(Matched::All),
        (None, None, _) => Ok(Matched::All),
        (None, Some(_), _) if unlisted == Unlisted::Unconstrained => Ok(Matched::Part),
        (claimed, _, _) => Err(Mismatch::CommonName {
            claimed: claimed.clone(),
            requested: attributes().take(2).map(|name| name.text().into_owned()).collect(),
        }),
    }
}

fn match_alt_names(
    claims: &Claims,
    requested: &[GeneralName],
    unlisted: Unlisted,
) -> Result<Matched, Mismatch> {
    let claimed = || ClaimedName::all(claims);
    let mut matched = Matched::All;
    for name in requested {
        let Some(kind) = kind_of(name.value()) else {
            return Err(Mismatch::Incomparable(name.clone()));
        };
        if claimed().any(|claimed| claimed.is(name.value())) {
            continue;
        }
        if unlisted == Unlisted::Refused || claimed().any(|claimed| claimed.kind() == kind) {
            return Err(Mismatch::Unclaimed { kind, requested: name.clone() });
        }
        matched = Matched::Part;
    }
    let absent = |claimed: &ClaimedName<'_>| !requested.iter().any(|name| claimed.is(name.value()));
    match claimed().find(absent) {
        Some(name) => Err(Mismatch::Unrequested { kind: name.kind(), claimed: name.text() }),
        None => Ok(matched),
    }
}

fn replay_key(
    claims: &Claims,
    signing_input: &[u8],
    provider: &dyn DigestProvider,
) -> Result<[u8; 32], CryptoError> {
    let (domain, what) = match &claims.nonce {
        Some(nonce) => ("signed challenge: issuer and nonce", nonce.expose().as_bytes()),
        // Not the signature: ECDSA has several valid ones for the same octets.
        None => ("signed challenge: signed octets", signing_input),
    };
    digest_of(domain, claims.issuer.as_deref(), what, provider)
}

fn device_key(
    claims: &Claims,
    provider: &dyn DigestProvider,
) -> Result<Option<[u8; 32]>, CryptoError> {
    let Some(subject) = &claims.subject else { return Ok(None) };
    let domain = "signed challenge: issuer and subject";
    digest_of(domain, claims.issuer.as_deref(), subject.as_bytes(), provider).map(Some)
}

/// SHA-256 of domain, issuer and a text, each with its length before it, so that no two inputs make the same octets.
fn digest_of(
    domain: &str,
    issuer: Option<&str>,
    what: &[u8],
    provider: &dyn DigestProvider,
) -> Result<[u8; 32], CryptoError> {
    // The empty text stands for no issuer; `iss` itself is never empty.
    let parts = [domain.as_bytes(), issuer.unwrap_or_default().as_bytes(), what];
    let octets = parts.iter().map(|part| part.len().saturating_add(8)).sum();
    let mut framed = Zeroizing::new(Vec::with_capacity(octets));
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    sha256(&framed, provider)
}

fn sha256(data: &[u8], provider: &dyn DigestProvider) -> Result<[u8; 32], CryptoError> {
    let digest = provider.digest(DigestAlgorithm::Sha256, data)?;
    digest.as_ref().try_into().map_err(|_| CryptoError::Unsupported)
}
