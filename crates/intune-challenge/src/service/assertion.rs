use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scep_types::{Certificate, DigestAlgorithm, DigestProvider, Secret, SignatureScheme, UnixTime};
use zeroize::Zeroizing;

use super::json_writer::JsonWriter;
use super::{ActivityId, Application, Settings};
use crate::signed::Algorithm;
use crate::{Error, Misconfigured};

/// Seconds that an assertion lives.
const LIFETIME: u64 = 600;
/// Octets of its JSON: tenant and client id have 255 characters each at most, the login address 2,048.
const CAPACITY: usize = 8 * 1024;

/// How an assertion is signed; Entra takes no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AssertionAlgorithm {
    /// RSASSA-PSS with SHA-256.
    #[default]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// The assertion by which an application proves that it has the key of its certificate; it waits for its signature
/// (RFC 7523 §3).
pub struct UnsignedAssertion {
    algorithm: AssertionAlgorithm,
    text: Zeroizing<String>,
}

impl UnsignedAssertion {
    /// An assertion that is good for ten minutes from `now` on; `id` are random octets that make it unique.
    ///
    /// # Errors
    /// [`Misconfigured::IssuerKey`] if the certificate's key is not RSA of at least 2048 bits, [`Error::Crypto`] if the
    /// provider lacks SHA-1 or SHA-256.
    pub fn new(
        settings: &Settings,
        application: &Application,
        certificate: &Certificate,
        algorithm: AssertionAlgorithm,
        digest: &dyn DigestProvider,
        id: [u8; 16],
        now: UnixTime,
    ) -> Result<Self, Error> {
        let key = certificate.key_kind().map_err(Misconfigured::Key)?;
        if !algorithm.jws().fits(key) {
            return Err(Misconfigured::IssuerKey { key, algorithm: algorithm.jws() }.into());
        }
        let hash =
            |kind| Ok::<_, Error>(URL_SAFE_NO_PAD.encode(digest.digest(kind, certificate.der())?));
        let (sha256, sha1) = (hash(DigestAlgorithm::Sha256)?, hash(DigestAlgorithm::Sha1)?);
        let header = JsonWriter::object(CAPACITY, |json| {
            json.text("alg", algorithm.jws().name());
            json.text("typ", "JWT");
            json.text("x5t#S256", &sha256);
            json.text("x5t", &sha1);
        });
        let seconds = u64::try_from(now.as_secs()).unwrap_or_default();
        let claims = JsonWriter::object(CAPACITY, |json| {
            json.text("aud", &settings.token_url(application));
            json.text("iss", application.client_id());
            json.text("sub", application.client_id());
            json.text("jti", &ActivityId::from_random(id).to_string());
            json.number("iat", seconds);
            json.number("nbf", seconds);
            json.number("exp", seconds.saturating_add(LIFETIME));
        });
        let mut text = Zeroizing::new(String::with_capacity(CAPACITY.saturating_mul(3)));
        URL_SAFE_NO_PAD.encode_string(&*header, &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&*claims, &mut text);
        Ok(Self { algorithm, text })
    }

    /// What the signature must cover.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// How it must be made.
    #[must_use]
    pub const fn scheme(&self) -> SignatureScheme {
        self.algorithm.scheme()
    }

    /// The assertion: a secret as long as it lives.
    #[must_use]
    pub fn assemble(self, signature: &[u8]) -> Secret {
        let Self { algorithm: _, mut text } = self;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Secret::new(std::mem::take(&mut *text))
    }
}

impl AssertionAlgorithm {
    /// The algorithm with this signature scheme, if Entra takes it.
    #[must_use]
    pub fn from_scheme(scheme: SignatureScheme) -> Option<Self> {
        [Self::Ps256, Self::Rs256].into_iter().find(|algorithm| algorithm.scheme() == scheme)
    }

    /// How its signatures are made.
    #[must_use]
    pub const fn scheme(self) -> SignatureScheme {
        self.jws().scheme()
    }

    const fn jws(self) -> Algorithm {
        match self {
            Self::Ps256 => Algorithm::Ps256,
            Self::Rs256 => Algorithm::Rs256,
        }
    }
}

impl fmt::Debug for UnsignedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, text: _ } = self;
        f.debug_struct("UnsignedAssertion").field("algorithm", algorithm).finish_non_exhaustive()
    }
}
