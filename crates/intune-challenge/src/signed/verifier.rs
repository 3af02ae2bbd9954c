use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use scep_types::{
    CryptoError, CryptoProvider, Csr, Digest, DigestAlgorithm, DigestProvider, UnixTime,
    VerifyingKey,
};

use super::ecdsa::der_from_fixed;
use super::jws::Padding;
use super::time_window::TimeWindow;
use super::{
    Algorithm, BoundChallenge, Claims, Compatibility, Leniency, SignedChallenge, TrustAnchor,
};
use crate::{Error, Malformed, Misconfigured};

/// What a verifier is built from; [`Verifier::new`] checks it once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifierConfig {
    /// Whose challenges are taken.
    pub anchors: Vec<TrustAnchor>,
    /// The `aud` that challenges must claim; `None` takes challenges for any server.
    pub audience: Option<String>,
    /// Which algorithms are taken; RS256 and ES256 if nothing else is said.
    pub algorithms: Vec<Algorithm>,
    /// How long after its issuance a challenge may live; one hour if nothing else is said.
    pub lifetime_cap: Duration,
    /// How far the clocks of issuer and verifier may differ; one minute if nothing else is said.
    pub tolerance: Duration,
    /// How strictly challenges are read; strictly if nothing else is said.
    pub compatibility: Compatibility,
}

impl VerifierConfig {
    /// The defaults for these anchors and this audience.
    #[must_use]
    pub fn new(anchors: Vec<TrustAnchor>, audience: Option<String>) -> Self {
        Self {
            anchors,
            audience,
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
            lifetime_cap: Duration::from_secs(60 * 60),
            tolerance: Duration::from_secs(60),
            compatibility: Compatibility::Strict,
        }
    }
}

/// Verifies challenges; built once, shared by all requests.
pub struct Verifier {
    anchors: Vec<Anchor>,
    algorithms: Vec<Algorithm>,
    audience: Option<String>,
    window: TimeWindow,
    compatibility: Compatibility,
    digest: &'static dyn DigestProvider,
}

/// A trust anchor with its key parsed for each algorithm that fits.
#[derive(Debug)]
struct Anchor {
    anchor: TrustAnchor,
    sha256: Option<Digest>,
    keys: Vec<(Algorithm, Box<dyn VerifyingKey>)>,
}

impl Verifier {
    /// Checks the configuration and parses each key once.
    ///
    /// # Errors
    /// [`Error::Misconfigured`]: no anchor, a key that no allowed algorithm fits (RSA below 2048 bits among them), an
    /// empty audience, a tolerance that is not below the lifetime cap, or a provider that lacks something.
    pub fn new(config: VerifierConfig, provider: &CryptoProvider) -> Result<Self, Error> {
        let VerifierConfig { anchors, audience, algorithms, .. } = config;
        if anchors.is_empty() {
            return Err(Misconfigured::NoAnchor.into());
        }
        if audience.as_deref() == Some("") {
            return Err(Misconfigured::EmptyAudience.into());
        }
        provider.digest.digest(DigestAlgorithm::Sha256, &[]).map_err(Misconfigured::Provider)?;
        let load = |anchor| Anchor::load(anchor, &algorithms, provider);
        Ok(Self {
            anchors: anchors.into_iter().map(load).collect::<Result<_, _>>()?,
            algorithms,
            audience,
            window: TimeWindow::new(config.lifetime_cap, config.tolerance)?,
            compatibility: config.compatibility,
            digest: provider.digest,
        })
    }

    /// A strict verifier with the default crypto provider, for a PEM bundle of certificates or public keys and the
    /// audience that challenges must claim.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], as [`TrustAnchor::all_from_pem`] and [`Verifier::new`].
    #[cfg(feature = "aws-lc-rs")]
    pub fn from_pem(bundle: &str, audience: &str) -> Result<Self, Error> {
        let anchors = TrustAnchor::all_from_pem(bundle)?;
        let config = VerifierConfig::new(anchors, Some(audience.to_owned()));
        Self::new(config, &scep_crypto::aws_lc_rs::provider())
    }

    /// The anchors, for those who watch when they expire.
    pub fn anchors(&self) -> impl Iterator<Item = &TrustAnchor> {
        self.anchors.iter().map(|loaded| &loaded.anchor)
    }

    /// Takes the challenge of `csr` through all three phases: parsed, verified, bound to this CSR.
    ///
    /// That the sender holds the CSR's private key is not looked at here: [`Csr::verify`] does.
    ///
    /// # Errors
    /// [`Malformed::Absent`] if the CSR has no challengePassword, else as [`Verifier::parse`], [`Verifier::verify`] and
    /// [`VerifiedChallenge::bind`].
    pub fn check(&self, csr: &Csr, now: UnixTime) -> Result<BoundChallenge, Error> {
        let challenge = csr.challenge_password().ok_or(Malformed::Absent)?;
        self.verify(self.parse(challenge.expose())?, now)?.bind(csr)
    }

    /// Parses a challenge with the leniencies of this verifier.
    ///
    /// # Errors
    /// As [`SignedChallenge::parse`].
    pub fn parse(&self, text: impl AsRef<[u8]>) -> Result<SignedChallenge, Error> {
        SignedChallenge::parse_with(text.as_ref(), self.compatibility)
    }

    /// Verifies that a trust anchor signed the challenge, for this time and this audience.
    ///
    /// # Errors
    /// In this order: algorithm, anchor and signature; JSON and version; required claims; time; audience.
    pub fn verify(
        &self,
        challenge: SignedChallenge,
        now: UnixTime,
    ) -> Result<VerifiedChallenge, Error> {
        if challenge.padding() == Padding::Some && !self.compatibility.grants(Leniency::Padding) {
            return Err(Malformed::Padded.into());
        }
        self.verify_signature(&challenge, now)?;
        let claims = Claims::read(challenge.payload(), self.compatibility)?;
        claims.check_presence(self.compatibility)?;
        let expires = self.window.check(&claims, now)?;
        self.check_audience(&claims)?;
        let (compatibility, digest) = (self.compatibility, self.digest);
        Ok(VerifiedChallenge { challenge, claims, expires, compatibility, digest })
    }

    fn verify_signature(&self, challenge: &SignedChallenge, now: UnixTime) -> Result<(), Error> {
        let algorithm = challenge.algorithm();
        if !self.algorithms.contains(&algorithm) {
            return Err(Error::AlgorithmNotAllowed { algorithm: algorithm.name().to_owned() });
        }
        let signatures = self.signature_forms(challenge)?;
        let (mut tried, mut outside_validity) = (0_usize, 0_usize);
        for (anchor, key) in self.anchors.iter().filter_map(|anchor| anchor.meant_by(challenge)) {
            if !anchor.is_valid_at(now) {
                outside_validity = outside_validity.saturating_add(1);
                continue;
            }
            tried = tried.saturating_add(1);
            for signature in &signatures {
                match key.verify(challenge.signing_input(), signature) {
                    Err(CryptoError::InvalidSignature) => {}
                    verified => return Ok(verified?),
                }
            }
        }
        if tried == 0 {
            return Err(Error::NoUsableAnchor { algorithm, outside_validity });
        }
        Err(Error::SignatureInvalid { anchors: tried })
    }

    /// The signature in the forms that it may be meant in, each as a provider takes it.
    fn signature_forms<'a>(
        &self,
        challenge: &'a SignedChallenge,
    ) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let signature = challenge.signature();
        let Some(coordinate) = challenge.algorithm().coordinate_len() else {
            return Ok(vec![Cow::Borrowed(signature)]);
        };
        let mut forms = Vec::with_capacity(2);
        forms.extend(der_from_fixed(signature, coordinate).map(Cow::Owned));
        if self.compatibility.grants(Leniency::DerSignatures) {
            forms.push(Cow::Borrowed(signature));
        }
        if forms.is_empty() {
            let expected = coordinate.saturating_mul(2);
            return Err(Error::SignatureLength { found: signature.len(), expected });
        }
        Ok(forms)
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Error> {
        let Some(expected) = &self.audience else { return Ok(()) };
        match &claims.audience {
            Some(found) if found == expected => Ok(()),
            None if self.compatibility.grants(Leniency::OptionalClaims) => Ok(()),
            found => Err(Error::WrongAudience { found: found.clone(), expected: expected.clone() }),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { anchors, algorithms, audience, window, compatibility, digest: _ } = self;
        f.debug_struct("Verifier")
            .field("anchors", anchors)
            .field("algorithms", algorithms)
            .field("audience", audience)
            .field("window", window)
            .field("compatibility", compatibility)
            .finish_non_exhaustive()
    }
}

impl Anchor {
    fn load(
        anchor: TrustAnchor,
        allowed: &[Algorithm],
        provider: &CryptoProvider,
    ) -> Result<Self, Misconfigured> {
        let key = anchor.key_kind();
        let fitting = allowed.iter().filter(|algorithm| algorithm.fits(key));
        let parse = |algorithm: &Algorithm| -> Result<_, CryptoError> {
            Ok((*algorithm, provider.verify.verifying_key(algorithm.scheme(), anchor.spki())?))
        };
        let keys: Vec<_> =
            fitting.map(parse).collect::<Result<_, _>>().map_err(Misconfigured::Provider)?;
        if keys.is_empty() {
            return Err(Misconfigured::AnchorKey { key });
        }
        let sha256 = |der: &[u8]| provider.digest.digest(DigestAlgorithm::Sha256, der);
        let sha256 = anchor.certificate().map(|certificate| sha256(certificate.der())).transpose();
        Ok(Self { sha256: sha256.map_err(Misconfigured::Provider)?, keys, anchor })
    }

    /// The anchor and its key for the challenge's algorithm, if the header may mean it.
    fn meant_by(&self, challenge: &SignedChallenge) -> Option<(&TrustAnchor, &dyn VerifyingKey)> {
        let (_, key) = self.keys.iter().find(|(fits, _)| *fits == challenge.algorithm())?;
        let sha256 = self.sha256.as_ref().map(Digest::as_ref);
        let meant = self.anchor.may_be_meant(challenge.header(), sha256);
        meant.then_some((&self.anchor, key.as_ref()))
    }
}

/// A challenge that a trust anchor signed for this time and audience; not yet for any CSR.
pub struct VerifiedChallenge {
    pub(super) challenge: SignedChallenge,
    pub(super) claims: Claims,
    pub(super) expires: UnixTime,
    pub(super) compatibility: Compatibility,
    pub(super) digest: &'static dyn DigestProvider,
}

impl VerifiedChallenge {
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl fmt::Debug for VerifiedChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { challenge, claims, expires, compatibility: _, digest: _ } = self;
        f.debug_struct("VerifiedChallenge")
            .field("challenge", challenge)
            .field("claims", claims)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}
