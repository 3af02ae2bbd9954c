use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use scep_types::asn1::{Asn1Error, DerWriter, Reader};
use scep_types::oid;
use scep_types::{
    BasicConstraints, Certificate, CryptoError, Digest, DigestAlgorithm, DigestProvider, KeyKind,
    KeyUsage, SignatureScheme, UnixTime,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::{Error, IssuerDefect, extension};

/// A CA certificate that was checked to be able to issue. Clones share it.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    certificate: Certificate,
    key_kind: KeyKind,
    key_identifier: Bytes,
    /// The value of the authorityKeyIdentifier in all that it issues.
    authority_key_identifier: Vec<u8>,
    scheme: SignatureScheme,
    /// The AlgorithmIdentifier of `scheme`, DER.
    algorithm: Vec<u8>,
}

impl Issuer {
    /// Checks that the certificate is a CA's, may sign certificates, and is valid `now`.
    ///
    /// It signs by SHA-256, or by SHA-384 and SHA-512 on the longer curves; RSA by PKCS #1 v1.5, which all peers read.
    ///
    /// # Errors
    /// [`Error::UnusableIssuer`], or [`Error::Crypto`] if it has no subjectKeyIdentifier and none can be computed.
    pub fn new(
        certificate: Certificate,
        digest: &dyn DigestProvider,
        now: UnixTime,
    ) -> Result<Self, Error> {
        check(&certificate, now).map_err(Error::UnusableIssuer)?;
        let key_kind = certificate.key_kind()?;
        let scheme = SignatureScheme::for_key(key_kind, digest_for(key_kind))
            .ok_or(Error::UnusableIssuer(IssuerDefect::Key(key_kind)))?;
        let key_identifier = match certificate.subject_key_identifier() {
            Some(identifier) => identifier,
            None => Bytes::copy_from_slice(&key_identifier(certificate.spki(), digest)?),
        };
        Ok(Self(Arc::new(Inner {
            certificate,
            key_kind,
            authority_key_identifier: extension::authority_key_identifier(&key_identifier),
            key_identifier,
            scheme,
            algorithm: DerWriter::encode(|der| scheme.write(der)),
        })))
    }

    /// The same issuer signing by another scheme.
    ///
    /// # Errors
    /// [`IssuerDefect::Scheme`] if it does not fit the key or its digest is weaker than SHA-256.
    pub fn with_scheme(self, scheme: SignatureScheme) -> Result<Self, Error> {
        use SignatureScheme::{Ecdsa, Ed25519, RsaPkcs1, RsaPss};
        let fits = match self.0.key_kind {
            KeyKind::Rsa { .. } => matches!(scheme, RsaPkcs1(_) | RsaPss(_)),
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => matches!(scheme, Ecdsa(_)),
            KeyKind::Ed25519 => scheme == Ed25519,
            _ => false,
        };
        let strong = scheme.digest().is_none_or(|digest| digest >= DigestAlgorithm::Sha256);
        if !(fits && strong) {
            return Err(Error::UnusableIssuer(IssuerDefect::Scheme(scheme)));
        }
        let algorithm = DerWriter::encode(|der| scheme.write(der));
        Ok(Self(Arc::new(Inner { scheme, algorithm, ..Inner::clone(&self.0) })))
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// Its key identifier, 20 octets unless its certificate says otherwise (RFC 5280 §4.2.1.1).
    #[must_use]
    pub fn key_identifier(&self) -> &[u8] {
        &self.0.key_identifier
    }

    /// How it signs.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.0.scheme
    }

    /// The AlgorithmIdentifier of its scheme, DER.
    pub(crate) fn algorithm(&self) -> &[u8] {
        &self.0.algorithm
    }

    /// The value of the authorityKeyIdentifier in all that it issues.
    pub(crate) fn authority_key_identifier(&self) -> &[u8] {
        &self.0.authority_key_identifier
    }

    pub(crate) fn key_kind(&self) -> KeyKind {
        self.0.key_kind
    }

    /// Checks that keyUsage, if there is one, has this bit.
    pub(crate) fn check_may(&self, usage: KeyUsage) -> Result<(), Error> {
        may(&self.0.certificate, usage).map_err(Error::UnusableIssuer)
    }

    /// Checks that it is valid at that time.
    pub(crate) fn check_valid(&self, now: UnixTime) -> Result<(), Error> {
        valid(&self.0.certificate, now).map_err(Error::UnusableIssuer)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("certificate", &self.0.certificate)
            .field("scheme", &self.0.scheme)
            .finish_non_exhaustive()
    }
}

/// The key identifier of a SubjectPublicKeyInfo: SHA-1 of its key bits (RFC 5280 §4.2.1.2, method 1), or the first 160
/// bits of SHA-256 where the provider has no SHA-1 (RFC 7093 §2, method 1).
pub(crate) fn key_identifier(spki: &[u8], digest: &dyn DigestProvider) -> Result<[u8; 20], Error> {
    let key = key_bits(spki).map_err(scep_types::Error::from)?;
    let value: Digest = match digest.digest(DigestAlgorithm::Sha1, key) {
        Err(CryptoError::Unsupported) => digest.digest(DigestAlgorithm::Sha256, key)?,
        other => other?,
    };
    let first = value.as_ref().first_chunk::<20>();
    first.copied().ok_or(Error::Crypto(CryptoError::Unsupported))
}

fn key_bits(spki: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut info = Reader::der(spki).sequence()?;
    info.any()?;
    info.bit_string_octets()
}

fn check(certificate: &Certificate, now: UnixTime) -> Result<(), IssuerDefect> {
    if certificate.basic_constraints() != BasicConstraints::Ca {
        return Err(IssuerDefect::NotCa);
    }
    may(certificate, KeyUsage::KEY_CERT_SIGN)?;
    if certificate.subject().is_empty() {
        return Err(IssuerDefect::EmptySubject);
    }
    let identifier = certificate.extension(&oid::SUBJECT_KEY_IDENTIFIER).is_some();
    if identifier && certificate.subject_key_identifier().is_none_or(|octets| octets.is_empty()) {
        return Err(IssuerDefect::MalformedKeyIdentifier);
    }
    // What we issue is read back by this parser, so it must read the issuer's name as we do.
    match X509Certificate::from_der(certificate.der()) {
        Ok(([], other))
            if other.subject().as_raw() == certificate.subject().der()
                && other.public_key().raw == certificate.spki() => {}
        _ => return Err(IssuerDefect::ReadersDisagree),
    }
    valid(certificate, now)
}

/// RFC 5280 §4.2.1.3: if the extension is present, the bit must be set.
fn may(certificate: &Certificate, usage: KeyUsage) -> Result<(), IssuerDefect> {
    match (certificate.extension(&oid::KEY_USAGE), certificate.key_usage()) {
        (None, _) => Ok(()),
        (Some(_), Some(bits)) if bits.contains(usage) => Ok(()),
        (Some(_), Some(_)) => Err(IssuerDefect::KeyUsage(usage)),
        (Some(_), None) => Err(IssuerDefect::MalformedKeyUsage),
    }
}

fn valid(certificate: &Certificate, now: UnixTime) -> Result<(), IssuerDefect> {
    if certificate.validity().contains(now) { Ok(()) } else { Err(IssuerDefect::NotValid(now)) }
}

/// The curve's own digest, SHA-256 for RSA.
fn digest_for(key: KeyKind) -> DigestAlgorithm {
    key.natural_digest().unwrap_or(DigestAlgorithm::Sha256)
}
