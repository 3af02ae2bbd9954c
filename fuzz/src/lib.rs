//! What the fuzz targets share: a crypto provider that believes everything, so that fuzzing reaches the code behind it,
//! and answers of the Intune service in a form that a person can write.

use std::sync::LazyLock;

use intune_challenge::service::{Enrolment, HttpResponse, TransactionId};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, Csr, DecryptionKey, Digest,
    DigestAlgorithm, DigestProvider, EnvelopeProvider, KeyTransport, SecureRandom, SignatureScheme,
    SignatureVerifier, VerifyingKey,
};

/// Status, `Retry-After` (empty for none), body: two lines and the rest.
pub fn response(data: &[u8]) -> HttpResponse {
    let mut parts = data.splitn(3, |octet| *octet == b'\n');
    let mut line = || parts.next().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let (status, retry_after) = (line().parse().unwrap_or(200), line());
    let retry_after = Some(retry_after).filter(|value| !value.is_empty());
    let body = parts.next().unwrap_or_default().to_vec();
    HttpResponse { retry_after, ..HttpResponse::new(status, body) }
}

/// Whether another reader finds a `code` of success in an answer with a status of success.
pub fn says_success(response: &HttpResponse) -> bool {
    let json = response.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&response.body);
    let json: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    let code = json.as_ref().and_then(|json| json["code"].as_str());
    response.status / 100 == 2 && code.is_some_and(|code| code.eq_ignore_ascii_case("success"))
}

/// An enrolment whose challenge is [`CHALLENGE`].
pub static ENROLMENT: LazyLock<Enrolment> = LazyLock::new(|| {
    let csr = Csr::parse(include_bytes!("../seeds/csr/rsa.der").as_slice()).unwrap();
    Enrolment::new(TransactionId::new("transaction").unwrap(), csr).unwrap()
});

/// The challengePassword of `seeds/csr/rsa.der`.
pub const CHALLENGE: &str = "secret";

/// All digests are zeros, all signatures verify, and ciphertext is plaintext.
pub static NULL: CryptoProvider =
    CryptoProvider { digest: &Null, verify: &Null, envelope: &Null, random: &Null };

/// See [`NULL`]; as a decryption key it unwraps nothing and takes the fallback.
#[derive(Debug)]
pub struct Null;

impl DigestProvider for Null {
    fn digest(&self, algorithm: DigestAlgorithm, _: &[u8]) -> Result<Digest, CryptoError> {
        Ok(Digest::new(&[0; 64][..algorithm.output_len()]))
    }
}

impl SignatureVerifier for Null {
    fn verify(&self, _: SignatureScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn verifying_key(
        &self,
        _: SignatureScheme,
        _: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Ok(Box::new(Self))
    }
}

impl VerifyingKey for Null {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

impl EnvelopeProvider for Null {
    fn encrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(plaintext.to_vec())
    }

    fn decrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(ciphertext.to_vec())
    }

    fn wrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(key.octets().to_vec())
    }
}

impl SecureRandom for Null {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0);
        Ok(())
    }
}

impl DecryptionKey for Null {
    fn spki(&self) -> &[u8] {
        &[]
    }

    fn unwrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        Ok(fallback.clone())
    }
}
