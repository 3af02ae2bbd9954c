//! Whether a key in a token does what it is for: tried out at each start, check and reload, since a token may show a public half
//! and refuse to use the private one.

use scep_crypto::aws_lc_rs::provider;
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyKind, KeyTransport,
    SignatureScheme, SigningKey, spki_key_kind,
};

use super::keys::Both;
use crate::config::mistake::Fault;

/// What a key has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// To sign.
    Sign,
    /// To sign, and to open requests if it is an RSA key.
    SignAndOpen,
}

/// Whether a key is that of a certificate, and does its duty.
pub(super) fn prove(key: &dyn Both, certificate_spki: &[u8], duty: Duty) -> Result<(), Fault> {
    if SigningKey::spki(key) != certificate_spki {
        let what = "the token's key is not that of the certificate";
        return Err(Fault::new(what, "name the key that belongs to the certificate"));
    }
    let failed = |what: &str, error: CryptoError, attribute: &str| {
        let what = format!("the token's key does not {what}: {error}");
        Fault::new(what, format!("give it {attribute}, and see what the token's own log says"))
    };
    signs(key).map_err(|error| failed("sign", error, "CKA_SIGN"))?;
    let can_encrypt = spki_key_kind(certificate_spki).is_ok_and(KeyKind::can_encrypt);
    if duty == Duty::SignAndOpen && can_encrypt {
        opens(key).map_err(|error| failed("decrypt", error, "CKA_DECRYPT"))?;
    }
    Ok(())
}

fn signs(key: &dyn Both) -> Result<(), CryptoError> {
    let spki = SigningKey::spki(key);
    let kind = spki_key_kind(spki).map_err(|_| CryptoError::InvalidKey)?;
    let digest = match kind {
        KeyKind::P384 => DigestAlgorithm::Sha384,
        KeyKind::P521 => DigestAlgorithm::Sha512,
        _ => DigestAlgorithm::Sha256,
    };
    let scheme = SignatureScheme::for_key(kind, digest).ok_or(CryptoError::Unsupported)?;
    let message = b"scepd tries a key out";
    let signature = key.sign(scheme, message)?;
    provider().verify.verify(scheme, spki, message, &signature)
}

fn opens(key: &dyn Both) -> Result<(), CryptoError> {
    let (wrapped, fallback) = (drawn()?, drawn()?);
    let transport = KeyTransport::Pkcs1v15;
    let encrypted = provider().envelope.wrap_key(transport, DecryptionKey::spki(key), &wrapped)?;
    let opened = key.unwrap_key(transport, &encrypted, &fallback)?;
    if opened.octets() == wrapped.octets() { Ok(()) } else { Err(CryptoError::DecryptionFailed) }
}

fn drawn() -> Result<ContentKey, CryptoError> {
    let mut octets = [0; 16];
    provider().random.fill(&mut octets)?;
    ContentKey::new(&octets).ok_or(CryptoError::Unsupported)
}
