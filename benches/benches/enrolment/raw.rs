//! The floor: what the cryptography costs if one calls it directly.
//!
//! Keys at hand are parsed once, as any server does with its own keys and with its trust anchors. The device's public key
//! is parsed each time, since it comes with each message. What is signed and verified is as long as in a real message.
//! Digests of contents, AES, randomness and DER are not part of the floor; that is what the ratio is about.

use anyhow::Result;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use scep_types::{DigestAlgorithm, SignatureScheme, SigningKey};

use crate::world::{self, CA, DEVICE, RA};

/// Octets of a content key.
const CONTENT_KEY: [u8; 16] = [7; 16];
/// About the length of what a message's signature covers, its signed attributes.
const ATTRIBUTES: [u8; 320] = [7; 320];
/// About the length of a TBSCertificate.
const TBS_CERTIFICATE: [u8; 700] = [7; 700];

/// The raw operations of an enrolment.
pub(crate) struct Raw {
    pub(crate) ca: RsaKeyPair,
    pub(crate) ra: RsaKeyPair,
    pub(crate) unwrap: Pkcs1PrivateDecryptingKey,
    pub(crate) wrapped: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) device_spki: Vec<u8>,
    /// RSAPublicKey, DER.
    device: Vec<u8>,
    pub(crate) attributes_signature: Vec<u8>,
    csr_info: Vec<u8>,
    csr_signature: Vec<u8>,
}

impl Raw {
    /// For requests with a CSR like this one.
    pub(crate) fn new(csr_info: &[u8]) -> Result<Self> {
        let (device, ra) = (rsa_key(DEVICE)?, rsa_key(RA)?);
        let ra_spki = SigningKey::spki(&*world::key(RA)?).to_vec();
        Ok(Self {
            ca: rsa_key(CA)?,
            unwrap: Pkcs1PrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(
                &world::pkcs8(RA)?,
            )?)?,
            wrapped: wrap(&ra_spki)?,
            device_spki: SigningKey::spki(&*world::key(DEVICE)?).to_vec(),
            attributes_signature: sign(&device, &ATTRIBUTES)?,
            csr_signature: sign(&device, csr_info)?,
            csr_info: csr_info.to_vec(),
            device: device.public_key().as_ref().to_vec(),
            ra,
        })
    }

    /// Three private and three public operations: unwrap, sign certificate, sign reply; verify message, verify CSR, wrap.
    pub(crate) fn enrolment(&self) -> Result<()> {
        let mut content_key = [0; 256];
        self.verify_message()?;
        self.unwrap.decrypt(&self.wrapped, &mut content_key)?;
        let device = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.device);
        device.verify(&self.csr_info, &self.csr_signature)?;
        sign(&self.ca, &TBS_CERTIFICATE)?;
        wrap(&self.device_spki)?;
        sign(&self.ra, &ATTRIBUTES)?;
        Ok(())
    }

    /// The signature of a message.
    pub(crate) fn verify_message(&self) -> Result<()> {
        let device = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.device);
        Ok(device.verify(&ATTRIBUTES, &self.attributes_signature)?)
    }
}

/// The raw verification of a challenge: the fourth public operation.
pub(crate) struct RawChallenge {
    anchor: ParsedPublicKey,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl RawChallenge {
    /// For this challenge, signed with an RSA key.
    pub(crate) fn rs256(anchor: &str, challenge: &str) -> Result<Self> {
        let key = rsa_key(anchor)?;
        let signing_input = signing_input(challenge);
        let anchor = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())?;
        Ok(Self { anchor, signature: sign(&key, &signing_input)?, signing_input })
    }

    /// For this challenge, signed with a P-256 key.
    pub(crate) fn es256(anchor: &str, challenge: &str) -> Result<Self> {
        let key = world::key(anchor)?;
        let signing_input = signing_input(challenge);
        let scheme = SignatureScheme::Ecdsa(DigestAlgorithm::Sha256);
        let anchor = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, SigningKey::spki(&*key))?;
        Ok(Self { anchor, signature: key.sign(scheme, &signing_input)?, signing_input })
    }

    /// Verifies it.
    pub(crate) fn verify(&self) -> Result<()> {
        Ok(self.anchor.verify_sig(&self.signing_input, &self.signature)?)
    }
}

fn signing_input(challenge: &str) -> Vec<u8> {
    let (signed, _) = challenge.rsplit_once('.').unwrap_or_default();
    signed.as_bytes().to_vec()
}

fn rsa_key(pem: &str) -> Result<RsaKeyPair> {
    Ok(RsaKeyPair::from_pkcs8(&world::pkcs8(pem)?)?)
}

pub(crate) fn sign(key: &RsaKeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
    Ok(signature)
}

pub(crate) fn wrap(spki: &[u8]) -> Result<Vec<u8>> {
    let recipient = PublicEncryptingKey::from_der(spki)?;
    let mut wrapped = vec![0; recipient.key_size_bytes()];
    Pkcs1PublicEncryptingKey::new(recipient)?.encrypt(&CONTENT_KEY, &mut wrapped)?;
    Ok(wrapped)
}
