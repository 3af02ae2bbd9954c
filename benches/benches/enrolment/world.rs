//! A CA with an RA, an MDM that signs challenges, and a device with an RSA-2048 key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use intune_challenge::signed::{Algorithm, Claims, TrustAnchor, Verifier, VerifierConfig};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::{
    Algorithms, Payload, RequestSettings, build, csr, signer_certificate, subject_alt_name,
};
use scep_proto::{CaAnchor, CaCertificates, MessageRandom, TransactionId, UnauthenticatedCa};
use scep_server::{
    Authority, CertificateAuthority, Decision, Endpoint, EndpointConfig, Execution, Host, Mode,
    Observer, Outcome, RegistrationAuthority,
};
use scep_store::MemoryStore;
use scep_types::{
    Certificate, DigestAlgorithm, GeneralName, GeneralNameValue, Name, Secret, SignatureScheme,
    SigningKey, UnixTime, Validity, oid,
};

pub(crate) const CA: &str = include_str!("../../../testdata/keys/rsa2048-ca.pem");
pub(crate) const RA: &str = include_str!("../../../testdata/keys/rsa2048-ra.pem");
pub(crate) const DEVICE: &str = include_str!("../../../testdata/keys/rsa2048-device.pem");
pub(crate) const RSA_ANCHOR: &str = include_str!("../../../testdata/keys/rsa2048-anchor.pem");
pub(crate) const P256_ANCHOR: &str = include_str!("../../../testdata/keys/p256-anchor.pem");

/// The time of everything: 2026-06-01.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_780_272_000);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUDIENCE: &str = "https://scep.example/scep";
const COMMON_NAME: &str = "device-1";
const DNS_NAME: &str = "device-1.example";
const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);

pub(crate) fn key(pem: &str) -> Result<Arc<SoftwareKey>> {
    Ok(Arc::new(SoftwareKey::from_pem(pem)?))
}

/// The key as PKCS #8, DER.
pub(crate) fn pkcs8(pem: &str) -> Result<Vec<u8>> {
    Ok(KeyPair::from_pem(pem)?.serialize_der())
}

/// Counts the certificates that were issued: a refusal is a message, too.
#[derive(Debug, Default)]
pub(crate) struct Issued(AtomicUsize);

impl Issued {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for Issued {
    fn decided(&self, decision: &Decision<'_>) {
        if let Outcome::Issued { .. } = decision.outcome {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An endpoint as it would be in service, but that RSA operations run where it is called.
pub(crate) fn endpoint(mode: Mode, observer: Arc<Issued>) -> Result<Endpoint> {
    let mut host = Host::new(provider(), Arc::new(MemoryStore::default()));
    host.execution = Execution::Inline;
    host.observer = observer;
    Ok(Endpoint::new(EndpointConfig::new("bench", mode, authority()?, host), NOW)?)
}

pub(crate) fn authority() -> Result<Authority> {
    let (ca_key, ra_key) = (KeyPair::from_pem(CA)?, KeyPair::from_pem(RA)?);
    let mut ca = params("Bench CA", [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ra = [KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    let ra = params("Bench RA", ra);
    let ca_certificate = Certificate::parse(ca.self_signed(&ca_key)?.der().to_vec())?;
    let ra = ra.signed_by(&ra_key, &rcgen::Issuer::new(ca, &ca_key))?;
    let issuer = Issuer::new(ca_certificate, provider().digest, NOW)?;
    Ok(Authority {
        ca: CertificateAuthority::root(issuer, key(CA)?),
        ra: RegistrationAuthority::new(Certificate::parse(ra.der().to_vec())?, key(RA)?),
        profiles: Profiles::new(Profile::new(ProfileConfig::new(DAY * 365))?),
    })
}

fn params(common_name: &str, usages: [KeyUsagePurpose; 2]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params.key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    params
}

/// A verifier with one anchor.
pub(crate) fn verifier(anchor: &str) -> Result<Verifier> {
    let anchor = TrustAnchor::from_public_key(SigningKey::spki(&*key(anchor)?))?;
    let config = VerifierConfig::new(vec![anchor], Some(AUDIENCE.to_owned()));
    Ok(Verifier::new(config, &provider())?)
}

/// Makes challenges for the device.
pub(crate) struct Mdm(intune_challenge::signed::Issuer);

impl Mdm {
    pub(crate) fn new(pem: &str, algorithm: Algorithm) -> Result<Self> {
        Ok(Self(intune_challenge::signed::Issuer::new(key(pem)?, algorithm, None)?))
    }

    pub(crate) fn mint(&self) -> Result<Secret> {
        let nonce = Secret::new(drawn_hex()?);
        let expires = NOW.plus(Duration::from_secs(600));
        let mut claims = Claims::new(COMMON_NAME, nonce, NOW, expires);
        claims.issuer = Some("bench-mdm".to_owned());
        claims.audience = Some(AUDIENCE.to_owned());
        claims.device_name = Some(COMMON_NAME.to_owned());
        claims.san_dns = vec![DNS_NAME.to_owned()];
        Ok(self.0.mint(&claims)?)
    }
}

/// A device that knows whom to ask.
pub(crate) struct Device {
    key: Arc<SoftwareKey>,
    subject: Name,
    signer: Certificate,
    ca: CaCertificates,
}

impl Device {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self> {
        let key = key(DEVICE)?;
        let subject = Name::build(&[(oid::COMMON_NAME, COMMON_NAME)]);
        let validity = Validity { not_before: NOW.minus(DAY), not_after: NOW.plus(DAY) };
        let signer = signer_certificate(&subject, SigningKey::spki(&*key), &[1], validity, SCHEME)?;
        let signature = key.sign(SCHEME, signer.bytes())?;
        let signer = signer.finish(&signature)?;
        let (_, answer) = endpoint.ca_certificates();
        let answer = UnauthenticatedCa::parse(answer)?;
        let issuer = authority()?.ca.issuer;
        let pin = provider().digest.digest(DigestAlgorithm::Sha256, issuer.certificate().der())?;
        let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, pin.as_ref().to_vec());
        Ok(Self { key, subject, signer, ca: answer.authenticate(&anchor, &provider(), NOW)? })
    }

    /// A CSR with this challengePassword, DER.
    pub(crate) fn csr(&self, challenge: &Secret) -> Result<Bytes> {
        let name = GeneralName::new(GeneralNameValue::Dns(DNS_NAME.to_owned()));
        let extensions = [subject_alt_name(name.as_slice())];
        let spki = SigningKey::spki(&*self.key);
        let unsigned = csr(&self.subject, spki, Some(challenge), &extensions, SCHEME);
        let signature = self.key.sign(SCHEME, unsigned.bytes())?;
        Ok(Bytes::copy_from_slice(unsigned.finish(&signature)?.der()))
    }

    /// A PKCSReq in a transaction of its own.
    pub(crate) fn request(&self, csr: &Bytes) -> Result<Bytes> {
        let mut drawn = [0; MessageRandom::OCTETS];
        provider().random.fill(&mut drawn)?;
        let csr = scep_types::Csr::parse(csr.clone())?;
        let settings = RequestSettings {
            transaction_id: &TransactionId::new(&drawn_hex()?)?,
            signer: &self.signer,
            recipient: self.ca.encryption(),
            algorithms: Algorithms::default(),
            signing_time: None,
            provider: &provider(),
        };
        let (unsigned, _) = build(Payload::Enrol(&csr), settings, &MessageRandom::new(&drawn))?;
        let signature = self.key.sign(unsigned.scheme(), unsigned.bytes())?;
        Ok(unsigned.finish(&signature))
    }
}

/// 128 random bits in hexadecimal.
fn drawn_hex() -> Result<String> {
    let mut drawn = [0; 16];
    provider().random.fill(&mut drawn)?;
    Ok(drawn.iter().map(|octet| format!("{octet:02x}")).collect())
}
