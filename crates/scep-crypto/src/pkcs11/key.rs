use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use scep_types::asn1::{DerWriter, Reader};
use scep_types::{
    ContentKey, CryptoError, DecryptionKey, DigestAlgorithm, KeyKind, KeyTransport,
    SignatureScheme, SigningKey,
};
use zeroize::Zeroizing;

use super::{Error, KeyName, PublicKey, Token, private_key};
use crate::spki;

/// A private key in a [`Token`]: RSA signs and unwraps keys; P-256, P-384 and P-521 sign.
pub struct TokenKey {
    token: Arc<Token>,
    name: KeyName,
    public: PublicKey,
    /// Of an RSA key, without zeros in front; else empty.
    modulus: Vec<u8>,
    /// What the token calls it, and in which generation: a handle of another may be that of another key.
    handle: Mutex<Option<(u64, ObjectHandle)>>,
}

impl TokenKey {
    pub(super) fn new(token: Arc<Token>, name: &KeyName, public: PublicKey) -> Result<Self, Error> {
        let (name, handle) = (name.clone(), Mutex::default());
        let modulus = match public.kind {
            KeyKind::Rsa { .. } => modulus(&public.spki),
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Some(Vec::new()),
            _ => None,
        };
        match modulus {
            Some(modulus) => Ok(Self { token, name, public, modulus, handle }),
            None => Err(Error::NoPublicKey { key: name }),
        }
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.public.kind
    }

    /// Runs an operation with the key, looked up again if the token may not know its handle any more.
    fn run<T>(
        &self,
        operation: impl Fn(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.token.run(|session, generation| operation(session, self.find(session, generation)?))
    }

    fn find(&self, session: &Session, generation: u64) -> Result<ObjectHandle, Error> {
        let known = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, handle)) = known.filter(|(found_in, _)| *found_in == generation) {
            return Ok(handle);
        }
        let found = private_key(session, &self.name)?;
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, found));
        Ok(found)
    }

    /// What the token makes of a ciphertext; `None` if it says that this is none.
    ///
    /// Tokens name bad padding in many ways. Whatever does not say that the key could not be used at all is taken for bad
    /// padding, lest an attacker learn more from the token than from us.
    fn decrypt_padded(
        &self,
        mechanism: &Mechanism<'_>,
        encrypted: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, CryptoError> {
        let decrypted = self.run(|session, key| match session.decrypt(mechanism, key, encrypted) {
            Ok(plaintext) => Ok(Some(Zeroizing::new(plaintext))),
            Err(failure) => match Error::from(failure) {
                error if error.is_away() => Err(error),
                error @ Error::Token(_)
                    if CryptoError::from(error.clone()) != CryptoError::Unavailable =>
                {
                    Err(error)
                }
                _ => Ok(None),
            },
        });
        Ok(decrypted?)
    }

    /// The block that a number below the modulus decrypts to. There is no padding to be wrong, so no error tells of any: it is
    /// the token that cannot.
    fn decrypt_raw(&self, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let block = self.run(|session, key| {
            Ok(Zeroizing::new(session.decrypt(&Mechanism::RsaX509, key, encrypted)?))
        })?;
        Ok(padded(&block, encrypted.len()))
    }
}

impl SigningKey for TokenKey {
    fn spki(&self) -> &[u8] {
        &self.public.spki
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mechanism = signing(self.public.kind, scheme).ok_or(CryptoError::Unsupported)?;
        match scheme {
            SignatureScheme::Ecdsa(digest) => {
                let digest = crate::aws_lc_rs::provider().digest.digest(digest, message)?;
                let raw =
                    self.run(|session, key| Ok(session.sign(&mechanism, key, digest.as_ref())?))?;
                ecdsa_der(&raw).ok_or(CryptoError::Unavailable)
            }
            _ => Ok(self.run(|session, key| Ok(session.sign(&mechanism, key, message)?))?),
        }
    }
}

impl DecryptionKey for TokenKey {
    fn spki(&self) -> &[u8] {
        &self.public.spki
    }

    fn unwrap_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        if !self.public.kind.can_encrypt() {
            return Err(CryptoError::Unsupported);
        }
        // As anyone can see who has it, it is no ciphertext: tokens answer that in ways of their own.
        if encrypted.len() != self.modulus.len() || encrypted >= self.modulus.as_slice() {
            return Ok(fallback.clone());
        }
        match transport {
            KeyTransport::Pkcs1v15 if self.token.decrypts_raw => {
                Ok(ContentKey::from_pkcs1_block(&self.decrypt_raw(encrypted)?, fallback))
            }
            KeyTransport::Pkcs1v15 => {
                let key = self.decrypt_padded(&Mechanism::RsaPkcs, encrypted)?;
                Ok(ContentKey::or_fallback(key.as_ref().map(|key| key.as_slice()), fallback))
            }
            KeyTransport::Oaep(digest) => {
                let mechanism = oaep(digest).ok_or(CryptoError::Unsupported)?;
                let key = self.decrypt_padded(&mechanism, encrypted)?;
                Ok(ContentKey::or_fallback(key.as_ref().map(|key| key.as_slice()), fallback))
            }
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token: _, name, public, modulus: _, handle: _ } = self;
        f.debug_struct("TokenKey").field("name", name).field("kind", &public.kind).finish()
    }
}

fn modulus(rsa_spki: &[u8]) -> Option<Vec<u8>> {
    let (_, key) = spki::split(rsa_spki).ok()?;
    let modulus = Reader::der(key).sequence().ok()?.integer().ok()?;
    Some(modulus.strip_prefix(&[0]).unwrap_or(modulus).to_vec())
}

/// The mechanism of a scheme, for keys of this kind.
fn signing(kind: KeyKind, scheme: SignatureScheme) -> Option<Mechanism<'static>> {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    Some(match (kind, scheme) {
        (KeyKind::Rsa { .. }, SignatureScheme::RsaPkcs1(Sha1)) => Mechanism::Sha1RsaPkcs,
        (KeyKind::Rsa { .. }, SignatureScheme::RsaPkcs1(Sha256)) => Mechanism::Sha256RsaPkcs,
        (KeyKind::Rsa { .. }, SignatureScheme::RsaPkcs1(Sha384)) => Mechanism::Sha384RsaPkcs,
        (KeyKind::Rsa { .. }, SignatureScheme::RsaPkcs1(Sha512)) => Mechanism::Sha512RsaPkcs,
        (KeyKind::Rsa { .. }, SignatureScheme::RsaPss(digest)) => pss(digest)?,
        (KeyKind::P256, SignatureScheme::Ecdsa(Sha256))
        | (KeyKind::P384, SignatureScheme::Ecdsa(Sha384))
        | (KeyKind::P521, SignatureScheme::Ecdsa(Sha512)) => Mechanism::Ecdsa,
        _ => return None,
    })
}

/// MGF1 over the same digest, and a salt as long as its output.
fn pss(digest: DigestAlgorithm) -> Option<Mechanism<'static>> {
    let (hash_alg, mgf) = hash(digest)?;
    let s_len = digest.output_len().try_into().ok()?;
    let params = PkcsPssParams { hash_alg, mgf, s_len };
    match digest {
        DigestAlgorithm::Sha256 => Some(Mechanism::Sha256RsaPkcsPss(params)),
        DigestAlgorithm::Sha384 => Some(Mechanism::Sha384RsaPkcsPss(params)),
        DigestAlgorithm::Sha512 => Some(Mechanism::Sha512RsaPkcsPss(params)),
        _ => None,
    }
}

fn oaep(digest: DigestAlgorithm) -> Option<Mechanism<'static>> {
    let (hash, mgf) = hash(digest)?;
    Some(Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty())))
}

fn hash(digest: DigestAlgorithm) -> Option<(MechanismType, PkcsMgfType)> {
    match digest {
        DigestAlgorithm::Sha1 => Some((MechanismType::SHA1, PkcsMgfType::MGF1_SHA1)),
        DigestAlgorithm::Sha256 => Some((MechanismType::SHA256, PkcsMgfType::MGF1_SHA256)),
        DigestAlgorithm::Sha384 => Some((MechanismType::SHA384, PkcsMgfType::MGF1_SHA384)),
        DigestAlgorithm::Sha512 => Some((MechanismType::SHA512, PkcsMgfType::MGF1_SHA512)),
        _ => None,
    }
}

/// `r || s`, halves of equal length, as `SEQUENCE { r, s }`.
fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(raw.len() / 2).filter(|(r, s)| r.len() == s.len())?;
    Some(DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned_octets(r);
            der.unsigned_octets(s);
        });
    }))
}

/// A decrypted block of the modulus' length: some tokens leave out zeros in front.
fn padded(block: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut whole = Zeroizing::new(vec![0; length]);
    let start = length.saturating_sub(block.len());
    if let Some(place) = whole.get_mut(start..).filter(|place| place.len() == block.len()) {
        place.copy_from_slice(block);
    }
    whole
}
