//! GetCACert: what it answers, and which certificate in the answer is for what (RFC 8894 §4.2).

use bytes::Bytes;
use scep_types::asn1::{Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, BasicConstraints, Certificate, CryptoProvider, DigestAlgorithm, KeyUsage,
    UnixTime,
};

use crate::cms::{MAX_CERTIFICATES, read_certificates, write_certs_only};
use crate::error::{Error, FingerprintList, Misbehaviour};
use crate::http::{X509_CA_CERT, X509_CA_RA_CERT, decode_base64};

/// An answer to GetCACert: one certificate bare, several as a degenerate SignedData, in the order given.
///
/// Returns the media type and the body. Apple wants one bare certificate where one will do, and an RA with both key
/// usages where it will not.
#[must_use]
pub fn write_ca_certificates(certificates: &[&Certificate]) -> (&'static str, Bytes) {
    match certificates {
        [only] => (X509_CA_CERT, only.der().clone()),
        several => {
            let several: Vec<&[u8]> = several.iter().map(|c| c.der().as_ref()).collect();
            (X509_CA_RA_CERT, write_certs_only(&several).into())
        }
    }
}

/// The certificates of a GetCACert answer, not authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnauthenticatedCa(Vec<Certificate>);

/// How a client knows the CA (RFC 8894 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaAnchor {
    /// The digest of the whole certificate of the CA, or of a CA above it.
    Fingerprint(DigestAlgorithm, Vec<u8>),
    /// The certificate itself.
    Certificate(Box<Certificate>),
    /// Nothing is known, and whatever answers is believed.
    TrustUnverified,
}

/// The authenticated certificates of a CA, sorted by what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificates {
    all: Vec<Certificate>,
    encryption: Certificate,
    /// Who else may sign replies, and nothing more: the CA before this one, while it hands over.
    also_reply: Vec<Certificate>,
}

impl UnauthenticatedCa {
    /// Reads an answer to GetCACert by its content, not its media type: a certificate, a degenerate SignedData, or PEM.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Misbehaviour::NoCaCertificate`].
    pub fn parse(answer: impl Into<Bytes>) -> Result<Self, Error> {
        let answer = unarmour(answer.into());
        let second = Reader::ber(&answer).sequence()?.peek();
        let certificates = if second == Some(Tag::OBJECT_IDENTIFIER) {
            read_certificates(&answer)?
        } else {
            vec![Certificate::parse(answer)?]
        };
        match certificates.len() {
            0 => Err(Misbehaviour::NoCaCertificate.into()),
            found if found > MAX_CERTIFICATES => {
                let limit = MAX_CERTIFICATES;
                Err(Misbehaviour::TooManyCertificates { found, limit }.into())
            }
            _ => Ok(Self(certificates)),
        }
    }

    /// The certificates in the order of the answer.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// Authenticates the CA: one of the certificates is the anchor, and every other one that is used chains to it.
    ///
    /// Certificates outside the chain are dropped. An intermediate or RA must be valid now, and signed by a CA.
    ///
    /// # Errors
    /// [`Misbehaviour::FingerprintMismatch`] or [`Misbehaviour::NoCaCertificate`].
    pub fn authenticate(
        self,
        anchor: &CaAnchor,
        provider: &CryptoProvider,
        now: UnixTime,
    ) -> Result<CaCertificates, Error> {
        let trusted = match anchor {
            CaAnchor::TrustUnverified => return CaCertificates::new(self.0),
            CaAnchor::Certificate(certificate) => (**certificate).clone(),
            CaAnchor::Fingerprint(digest, expected) => self.find(*digest, expected, provider)?,
        };
        let mut all = vec![trusted];
        let mut rest = self.0;
        // Each round takes what is signed by something already trusted; an order is nowhere promised.
        loop {
            let (signed, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|certificate| {
                all.iter().any(|issuer| is_issued_by(certificate, issuer, provider, now))
            });
            if signed.is_empty() {
                return CaCertificates::new(all);
            }
            for certificate in signed {
                if !all.contains(&certificate) {
                    all.push(certificate);
                }
            }
            rest = others;
        }
    }

    fn find(
        &self,
        digest: DigestAlgorithm,
        expected: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Certificate, Error> {
        let mut found = Vec::new();
        for certificate in &self.0 {
            let actual = provider.digest.digest(digest, certificate.der())?;
            if actual.as_ref() == expected {
                return Ok(certificate.clone());
            }
            found.push(actual.to_hex());
        }
        Err(Misbehaviour::FingerprintMismatch { found: FingerprintList(found) }.into())
    }
}

impl CaCertificates {
    fn new(all: Vec<Certificate>) -> Result<Self, Error> {
        let encryption = choose_encryption(&all).ok_or(Misbehaviour::NoCaCertificate)?.clone();
        Ok(Self { all, encryption, also_reply: Vec::new() })
    }

    /// Certificates that a signature vouches for, all of them.
    pub(crate) fn vouched_for(all: Vec<Certificate>) -> Result<Self, Error> {
        Self::new(all)
    }

    pub(crate) fn with_reply_signers_of(self, other: &Self) -> Self {
        Self { also_reply: other.all.clone(), ..self }
    }

    /// What was kept; the encryption certificate must be one of them.
    pub(crate) fn restored(
        all: Vec<Certificate>,
        encryption: Certificate,
        also_reply: Vec<Certificate>,
    ) -> Option<Self> {
        all.contains(&encryption).then_some(Self { all, encryption, also_reply })
    }

    pub(crate) fn also_reply(&self) -> &[Certificate] {
        &self.also_reply
    }

    /// Who may sign replies.
    pub(crate) fn reply_signers(&self) -> impl Iterator<Item = &Certificate> {
        self.all.iter().chain(&self.also_reply)
    }

    /// All of them.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.all
    }

    /// Whose key requests are encrypted to; the CA's if no key here can encrypt, and then a password does.
    #[must_use]
    pub fn encryption(&self) -> &Certificate {
        &self.encryption
    }

    /// The certificate of the CA that issues: the one that issued no other CA certificate here.
    #[must_use]
    pub fn issuer(&self) -> &Certificate {
        issuing_ca(&self.all).unwrap_or(&self.encryption)
    }

    /// Whether `certificate` was issued by one of the CA certificates here. Its validity is not looked at: a
    /// certificate from the next CA may begin in the future.
    #[must_use]
    pub fn issued(&self, certificate: &Certificate, provider: &CryptoProvider) -> bool {
        self.all.iter().any(|issuer| is_signed_by(certificate, issuer, provider))
    }
}

/// keyUsage is a hint and no more: RSA key with keyEncipherment, with dataEncipherment, the CA, any RSA key, the CA
/// whatever its key.
fn choose_encryption(all: &[Certificate]) -> Option<&Certificate> {
    let rsa = |c: &&Certificate| c.key_kind().is_ok_and(scep_types::KeyKind::can_encrypt);
    let usage = |wanted: KeyUsage| {
        move |c: &&Certificate| c.key_usage().is_some_and(|u| u.contains(wanted))
    };
    let is_ra = |c: &&Certificate| c.basic_constraints() == BasicConstraints::EndEntity;
    let with = |wanted| all.iter().filter(rsa).filter(usage(wanted));
    with(KeyUsage::KEY_ENCIPHERMENT)
        .find(is_ra)
        .or_else(|| with(KeyUsage::KEY_ENCIPHERMENT).next())
        .or_else(|| with(KeyUsage::DATA_ENCIPHERMENT).next())
        .or_else(|| issuing_ca(all).filter(rsa))
        .or_else(|| all.iter().find(rsa))
        .or_else(|| issuing_ca(all))
}

/// The CA certificate that issued no other CA certificate here.
fn issuing_ca(all: &[Certificate]) -> Option<&Certificate> {
    let is_ca = |c: &&Certificate| c.basic_constraints() == BasicConstraints::Ca;
    let above = |c: &Certificate| {
        all.iter().filter(is_ca).any(|other| other != c && other.issuer().matches(c.subject()))
    };
    all.iter().filter(is_ca).find(|c| !above(c)).or(all.first())
}

fn is_issued_by(
    certificate: &Certificate,
    issuer: &Certificate,
    provider: &CryptoProvider,
    now: UnixTime,
) -> bool {
    certificate.validity().contains(now)
        && may_be_ca_or_ra(certificate)
        && is_signed_by(certificate, issuer, provider)
}

/// Whether it can be a CA or an RA. GetCACert is not authenticated: without this, anyone with a certificate from the
/// same CA could hand out its own as the RA's and read challenges. Device certificates have clientAuth and no more.
fn may_be_ca_or_ra(certificate: &Certificate) -> bool {
    const RA: [Oid; 4] = [
        oid::MS_CERTIFICATE_REQUEST_AGENT,
        oid::CMC_RA,
        oid::ANY_EXTENDED_KEY_USAGE,
        oid::SERVER_AUTH,
    ];
    certificate.basic_constraints() == BasicConstraints::Ca
        || certificate
            .extended_key_usages()
            .is_none_or(|usages| usages.iter().any(|usage| RA.contains(usage)))
}

fn is_signed_by(
    certificate: &Certificate,
    issuer: &Certificate,
    provider: &CryptoProvider,
) -> bool {
    // A v1 root has no basicConstraints; whatever is self-issued may be a CA.
    let may_issue = issuer.basic_constraints() == BasicConstraints::Ca || issuer.is_self_issued();
    // SHA-1 protects nothing here that the pinned fingerprint does not already.
    let policy = AlgorithmPolicy::Legacy;
    may_issue
        && certificate.issuer().matches(issuer.subject())
        && certificate.verify_signature(issuer.spki(), provider.verify, policy).is_ok()
}

/// The DER inside a PEM block, or the octets as they are.
fn unarmour(answer: Bytes) -> Bytes {
    let text = std::str::from_utf8(&answer).unwrap_or_default();
    let body = text.split_once("-----BEGIN").and_then(|(_, rest)| {
        let (_, rest) = rest.split_once("-----")?;
        Some(rest.split_once("-----END")?.0)
    });
    match body.and_then(|body| decode_base64(body.as_bytes())) {
        Some(der) => der.into(),
        None => answer,
    }
}
