use std::fmt;
use std::time::Duration;

use scep_proto::ApiMisuse;
use scep_proto::client::{csr, signer_certificate};
use scep_types::{
    Certificate, CryptoError, Csr, DecryptionKey, DigestAlgorithm, Extension, KeyKind, Name,
    Secret, SecureRandom, SignatureScheme, SigningKey, UnixTime, Validity, spki_key_kind,
};

use crate::error::Error;

/// What enrols: a CSR, and the certificate and key that speak for it.
#[derive(Clone)]
pub struct Identity<'a> {
    /// What is asked for.
    pub csr: Csr,
    /// Signs the messages and receives the answer: self-signed, or the certificate to renew. Its key must be RSA.
    pub signer: Certificate,
    /// The signer's key, to sign with.
    pub signing_key: &'a dyn SigningKey,
    /// The signer's key, to open the answer with.
    pub decryption_key: &'a dyn DecryptionKey,
}

/// The keys of a signer.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) signing: &'a dyn SigningKey,
    pub(crate) decryption: &'a dyn DecryptionKey,
}

impl<'a> Identity<'a> {
    /// An identity whose signer has a key that does both.
    #[must_use]
    pub fn new<K: SigningKey + DecryptionKey>(csr: Csr, signer: Certificate, key: &'a K) -> Self {
        Self { csr, signer, signing_key: key, decryption_key: key }
    }

    pub(crate) fn keys(&self) -> Keys<'a> {
        Keys { signing: self.signing_key, decryption: self.decryption_key }
    }

    /// Checks that the keys belong to the signer's certificate: the server would say no more than badMessageCheck.
    pub(crate) fn check_keys(&self) -> Result<(), Error> {
        let spki = self.signer.spki();
        if self.signing_key.spki() == spki && self.decryption_key.spki() == spki {
            Ok(())
        } else {
            Err(Error::KeyMismatch)
        }
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { csr, signer, signing_key: _, decryption_key: _ } = self;
        f.debug_struct("Identity").field("csr", csr).field("signer", signer).finish_non_exhaustive()
    }
}

/// Makes a CSR for a key: SHA-256, or the digest that goes with an EC key's curve.
///
/// # Errors
/// [`Error::Protocol`] for a key that cannot sign or a CSR beyond bounds, [`Error::Crypto`] if the key does not sign.
pub fn sign_csr(
    key: &dyn SigningKey,
    subject: &Name,
    challenge: Option<&Secret>,
    extensions: &[Extension],
) -> Result<Csr, Error> {
    let unsigned = csr(subject, key.spki(), challenge, extensions, scheme(key)?);
    let signature = key.sign(unsigned.scheme(), unsigned.bytes())?;
    Ok(unsigned.finish(&signature)?)
}

/// Makes the certificate a device signs with before it has one: subject and key as in the CSR, valid from a day ago,
/// since clocks differ, for a week.
///
/// # Errors
/// As [`sign_csr`].
pub fn self_signed(
    key: &dyn SigningKey,
    subject: &Name,
    now: UnixTime,
    random: &dyn SecureRandom,
) -> Result<Certificate, Error> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let validity = Validity { not_before: now.minus(DAY), not_after: now.plus(DAY * 7) };
    let serial = positive_serial(random)?;
    let unsigned = signer_certificate(subject, key.spki(), &serial, validity, scheme(key)?)?;
    let signature = key.sign(unsigned.scheme(), unsigned.bytes())?;
    Ok(unsigned.finish(&signature)?)
}

/// 127 random bits, not zero.
fn positive_serial(random: &dyn SecureRandom) -> Result<[u8; 16], CryptoError> {
    let mut serial = [0; 16];
    random.fill(&mut serial)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7F | 0x40;
    Ok(serial)
}

fn scheme(key: &dyn SigningKey) -> Result<SignatureScheme, Error> {
    let kind = spki_key_kind(key.spki())?;
    let digest = match kind {
        KeyKind::P384 => DigestAlgorithm::Sha384,
        KeyKind::P521 => DigestAlgorithm::Sha512,
        _ => DigestAlgorithm::Sha256,
    };
    let scheme = SignatureScheme::for_key(kind, digest);
    Ok(scheme.ok_or(scep_proto::Error::from(ApiMisuse::SigningKey))?)
}
