use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scep_types::{CryptoError, Secret, SignatureScheme, SigningKey, UnixTime, spki_key_kind};
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use zeroize::Zeroizing;

use super::ecdsa::fixed_from_der;
use super::jws::{MAX_CHALLENGE, SignedChallenge};
use super::{Algorithm, Claims, Compatibility};
use crate::{Claim, Error, Misconfigured};

/// Makes challenges with one key, for one's own MDM and for tests.
#[derive(Clone)]
pub struct Issuer {
    key: Arc<dyn SigningKey>,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Issuer {
    /// An issuer whose challenges name this `kid`, if any.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the key does not fit the algorithm, or is none.
    pub fn new(
        key: Arc<dyn SigningKey>,
        algorithm: Algorithm,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let kind = spki_key_kind(key.spki()).map_err(Misconfigured::Key)?;
        if !algorithm.fits(kind) {
            return Err(Misconfigured::IssuerKey { key: kind, algorithm }.into());
        }
        Ok(Self { key, algorithm, key_id })
    }

    /// Makes a challenge.
    ///
    /// # Errors
    /// As [`UnsignedChallenge::new`], or [`Error::Crypto`] if the key does not sign.
    pub fn mint(&self, claims: &Claims) -> Result<Secret, Error> {
        let unsigned = UnsignedChallenge::new(claims, self.algorithm, self.key_id.as_deref())?;
        let signature = self.key.sign(unsigned.scheme(), unsigned.to_be_signed())?;
        unsigned.assemble(&signature)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, algorithm, key_id } = self;
        f.debug_struct("Issuer")
            .field("algorithm", algorithm)
            .field("key_id", key_id)
            .finish_non_exhaustive()
    }
}

/// A challenge that waits for its signature, for keys that sign elsewhere.
pub struct UnsignedChallenge {
    algorithm: Algorithm,
    text: Zeroizing<String>,
}

impl UnsignedChallenge {
    /// Encodes header and payload.
    ///
    /// # Errors
    /// [`Error::Malformed`] for claims that a strict verifier refuses whatever the time: one is missing, none names an
    /// identity, or a name is blank.
    pub fn new(claims: &Claims, algorithm: Algorithm, key_id: Option<&str>) -> Result<Self, Error> {
        claims.check_presence(Compatibility::Strict)?;
        claims.check_values()?;
        let mut text = Zeroizing::new(String::with_capacity(MAX_CHALLENGE));
        for json in [encode(&Header { algorithm, key_id }), encode(&Payload(claims))] {
            URL_SAFE_NO_PAD.encode_string(&*json, &mut text);
            text.push('.');
        }
        text.pop();
        Ok(Self { algorithm, text })
    }

    /// What the signature must cover.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// How it must be made.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.algorithm.scheme()
    }

    /// Puts the signature to it; an ECDSA signature comes as DER, as [`SigningKey::sign`] makes it.
    ///
    /// # Errors
    /// [`Error::Crypto`] for an ECDSA signature that is no DER or too long for the curve, [`Error::Malformed`] if the
    /// challenge becomes longer than a verifier takes.
    pub fn assemble(self, signature: &[u8]) -> Result<Secret, Error> {
        let Self { algorithm, mut text } = self;
        let fixed = match algorithm.coordinate_len() {
            Some(length) => {
                fixed_from_der(signature, length).ok_or(CryptoError::InvalidSignature)?
            }
            None => signature.to_vec(),
        };
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(fixed, &mut text);
        SignedChallenge::parse(text.as_bytes())?;
        Ok(Secret::new(std::mem::take(&mut *text)))
    }
}

impl fmt::Debug for UnsignedChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, text: _ } = self;
        f.debug_struct("UnsignedChallenge").field("algorithm", algorithm).finish_non_exhaustive()
    }
}

/// JSON of a value that is a map with text keys, which cannot fail; `assemble` would refuse what is cut off.
fn encode(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut json = Zeroizing::new(Vec::with_capacity(MAX_CHALLENGE)); // grows nowhere, so leaves no copy behind
    serde_json::to_writer(&mut *json, value).unwrap_or_default();
    json
}

struct Header<'a> {
    algorithm: Algorithm,
    key_id: Option<&'a str>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alg", self.algorithm.name())?;
        map.serialize_entry("typ", "JWT")?;
        if let Some(key_id) = self.key_id {
            map.serialize_entry("kid", key_id)?;
        }
        map.end()
    }
}

struct Payload<'a>(&'a Claims);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(claims) = self;
        let mut map = serializer.serialize_map(None)?;
        for claim in Claim::ALL {
            let mut entry = Entry { map: &mut map, claim };
            match claim {
                Claim::Version => entry.write(Some("v1"))?,
                Claim::Issuer => entry.write(claims.issuer.as_deref())?,
                Claim::Subject => entry.write(claims.subject.as_deref())?,
                Claim::Audience => entry.write(claims.audience.as_deref())?,
                Claim::IssuedAt => entry.write(claims.issued_at.map(UnixTime::as_secs).as_ref())?,
                Claim::Expires => entry.write(claims.expires.map(UnixTime::as_secs).as_ref())?,
                Claim::Nonce => entry.write(claims.nonce.as_ref().map(Secret::expose))?,
                Claim::DeviceName => entry.write(claims.device_name.as_deref())?,
                Claim::SanDns => entry.write_list(&claims.san_dns)?,
                Claim::SanRfc822 => entry.write_list(&claims.san_rfc822)?,
                Claim::SanUpn => entry.write_list(&claims.san_upn)?,
                Claim::SanUri => entry.write_list(&claims.san_uri)?,
                Claim::SanIp => entry.write_list(&claims.san_ip)?,
                Claim::SpkiSha256 => {
                    let digest = claims.spki_sha256.map(|digest| URL_SAFE_NO_PAD.encode(digest));
                    entry.write(digest.as_deref())?;
                }
            }
        }
        map.end()
    }
}

/// One claim about to be written; what is absent is not written at all.
struct Entry<'a, M> {
    map: &'a mut M,
    claim: Claim,
}

impl<M: SerializeMap> Entry<'_, M> {
    fn write<T: Serialize + ?Sized>(&mut self, value: Option<&T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.map.serialize_entry(self.claim.name(), value))
    }

    fn write_list<T: Serialize>(&mut self, list: &[T]) -> Result<(), M::Error> {
        self.write(Some(list).filter(|list| !list.is_empty()))
    }
}
