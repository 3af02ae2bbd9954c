//! Opaque challenges: base64 of a signed and encrypted blob that looks like CMS and that only its simulator can open.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, Digest, DigestAlgorithm, Secret, oid,
};
use serde::{Deserialize, Serialize};

use crate::compare::{Denial, ResultCode};
use crate::spec::CsrSpec;

/// Octets that the plaintext is padded to: with the rest, about 5,000 characters of base64, as Intune's have.
const PLAINTEXT_OCTETS: usize = 3_600;

/// What is wrong with a challenge that should be refused, by the code it is refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgery {
    /// No base64: `ChallengeDecodingError`.
    NotBase64,
    /// Signed by somebody else: `SigningCertThumbprintMismatch`.
    ForeignSigner,
    /// Changed after it was signed: `SignatureValidationFailed`.
    BrokenSignature,
    /// Encrypted for somebody else: `ChallengeDecryptionError`.
    ForeignRecipient,
    /// Its plaintext is no challenge: `ChallengeDeserializationError`.
    Unreadable,
    /// It ends before it begins: `ChallengeInvalidTimestamp`.
    BackwardTimes,
    /// For another tenant: `BadTenantIdInChallenge`.
    ForeignTenant,
    /// For a device that is not there: `BadDeviceIdInChallenge`.
    UnknownDevice,
    /// For a user that is not there: `BadUserIdInChallenge`.
    UnknownUser,
    /// Of a request that is not there: `BadCertificateRequestIdInChallenge`.
    UnknownRequest,
}

/// What a challenge says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) request: String,
    pub(crate) tenant: String,
    pub(crate) device: String,
    pub(crate) user: Option<String>,
    pub(crate) profile: String,
    pub(crate) created: i64,
    pub(crate) expires: i64,
    pub(crate) expected: CsrSpec,
}

/// The keys of one simulator.
pub(crate) struct ChallengeKeys {
    provider: CryptoProvider,
    id: [u8; 20],
    signing: [u8; 32],
    encryption: [u8; 32],
}

impl ChallengeKeys {
    pub(crate) fn generate(provider: CryptoProvider) -> Result<Self, CryptoError> {
        let mut keys = Self { provider, id: [0; 20], signing: [0; 32], encryption: [0; 32] };
        provider.random.fill(&mut keys.id)?;
        provider.random.fill(&mut keys.signing)?;
        provider.random.fill(&mut keys.encryption)?;
        Ok(keys)
    }

    /// The challenge with these claims, forged as told.
    pub(crate) fn seal(
        &self,
        claims: &Claims,
        forgery: Option<Forgery>,
    ) -> Result<Secret, CryptoError> {
        let mut plaintext = match forgery {
            Some(Forgery::Unreadable) => b"no claims".to_vec(),
            _ => serde_json::to_vec(claims).map_err(|_| CryptoError::Unsupported)?,
        };
        plaintext.resize(plaintext.len().max(PLAINTEXT_OCTETS), b' '); // JSON ends with blanks
        let foreign = |is: Forgery| if forgery == Some(is) { [0xF0; 20] } else { self.id };
        let envelope = self.envelope(&plaintext, &foreign(Forgery::ForeignRecipient))?;
        let mut mac = self.mac(&envelope)?.as_ref().to_vec();
        if let (Some(Forgery::BrokenSignature), Some(octet)) = (forgery, mac.first_mut()) {
            *octet ^= 1;
        }
        let blob = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.oid(&oid::ID_SIGNED_DATA);
                der.constructed(Tag::context(0), |der| {
                    der.sequence(|der| {
                        der.unsigned(1_u64);
                        der.primitive(Tag::OCTET_STRING, &foreign(Forgery::ForeignSigner));
                        der.primitive(Tag::OCTET_STRING, &envelope);
                        der.primitive(Tag::OCTET_STRING, &mac);
                    });
                });
            });
        });
        let text = STANDARD.encode(blob);
        Ok(Secret::new(match forgery {
            Some(Forgery::NotBase64) => format!("({text})"),
            _ => text,
        }))
    }

    /// Opens a challenge; what is wrong with it has a result code.
    pub(crate) fn open(&self, challenge: &Secret) -> Result<Claims, Denial> {
        let decoding = || Denial::new(ResultCode::ChallengeDecodingError, "not base64 of CMS");
        let blob = STANDARD.decode(challenge.expose()).map_err(|_| decoding())?;
        let SignedBlob { signer, envelope, signature } =
            SignedBlob::read(&blob).map_err(|_| decoding())?;
        if signer != self.id {
            let text = "the challenge is signed by an unexpected certificate";
            return Err(Denial::new(ResultCode::SigningCertThumbprintMismatch, text));
        }
        let is_ours = self.mac(envelope).is_ok_and(|expected| expected.as_ref() == signature);
        if !is_ours {
            let text = "the signature of the challenge is invalid";
            return Err(Denial::new(ResultCode::SignatureValidationFailed, text));
        }
        let plaintext = self.decrypt(envelope).ok_or_else(|| {
            Denial::new(ResultCode::ChallengeDecryptionError, "the challenge cannot be decrypted")
        })?;
        serde_json::from_slice(&plaintext).map_err(|_| {
            let text = "the decrypted challenge cannot be read";
            Denial::new(ResultCode::ChallengeDeserializationError, text)
        })
    }

    fn envelope(&self, plaintext: &[u8], recipient: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut iv = [0; 16];
        self.provider.random.fill(&mut iv)?;
        let (cipher, key) = self.cipher();
        let ciphertext = self.provider.envelope.encrypt(cipher, &key, &iv, plaintext)?;
        Ok(DerWriter::encode(|der| {
            der.sequence(|der| {
                der.oid(&oid::ID_ENVELOPED_DATA);
                der.constructed(Tag::context(0), |der| {
                    der.primitive(Tag::OCTET_STRING, recipient);
                    der.primitive(Tag::OCTET_STRING, &iv);
                    der.primitive(Tag::OCTET_STRING, &ciphertext);
                });
            });
        }))
    }

    fn decrypt(&self, envelope: &[u8]) -> Option<Vec<u8>> {
        let EnvelopedBlob { recipient, iv, ciphertext } = EnvelopedBlob::read(envelope).ok()?;
        let (cipher, key) = self.cipher();
        let ours = recipient == self.id;
        ours.then(|| self.provider.envelope.decrypt(cipher, &key, iv, ciphertext).ok())?
    }

    fn cipher(&self) -> (ContentCipher, ContentKey) {
        let cipher = ContentCipher::Aes256Cbc;
        (cipher, ContentKey::from_prefix(&self.encryption, cipher.key_len()))
    }

    /// HMAC-SHA-256 (RFC 2104): it stands for the signature of Intune's certificate.
    fn mac(&self, message: &[u8]) -> Result<Digest, CryptoError> {
        let digest = |pad: u8, message: &[u8]| {
            let mut input: Vec<u8> = self.signing.iter().map(|octet| octet ^ pad).collect();
            input.resize(64, pad);
            input.extend_from_slice(message);
            self.provider.digest.digest(DigestAlgorithm::Sha256, &input)
        };
        digest(0x5C, digest(0x36, message)?.as_ref())
    }
}

impl std::fmt::Debug for ChallengeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeKeys(..)")
    }
}

/// `SEQUENCE { id-signedData, [0] SEQUENCE { version, signer, envelope, signature } }`
struct SignedBlob<'a> {
    signer: &'a [u8],
    envelope: &'a [u8],
    signature: &'a [u8],
}

/// `SEQUENCE { id-envelopedData, [0] { recipient, iv, ciphertext } }`
struct EnvelopedBlob<'a> {
    recipient: &'a [u8],
    iv: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> SignedBlob<'a> {
    fn read(blob: &'a [u8]) -> Result<Self, Asn1Error> {
        let mut outer = Reader::der(blob);
        let mut info = outer.sequence()?;
        outer.finish()?;
        info.oid()?;
        let mut fields = info.expect(Tag::context(0))?.open()?.sequence()?;
        fields.integer()?;
        Ok(Self {
            signer: fields.expect(Tag::OCTET_STRING)?.primitive()?,
            envelope: fields.expect(Tag::OCTET_STRING)?.primitive()?,
            signature: fields.expect(Tag::OCTET_STRING)?.primitive()?,
        })
    }
}

impl<'a> EnvelopedBlob<'a> {
    fn read(envelope: &'a [u8]) -> Result<Self, Asn1Error> {
        let mut info = Reader::der(envelope).sequence()?;
        info.oid()?;
        let mut fields = info.expect(Tag::context(0))?.open()?;
        Ok(Self {
            recipient: fields.expect(Tag::OCTET_STRING)?.primitive()?,
            iv: fields.expect(Tag::OCTET_STRING)?.primitive()?,
            ciphertext: fields.expect(Tag::OCTET_STRING)?.primitive()?,
        })
    }
}
