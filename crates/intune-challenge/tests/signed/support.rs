//! What several tests share: keys, a verifier with its claims, raw JWS of any header and payload, CSRs of any names.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_challenge::signed::{
    Algorithm, BoundChallenge, Claims, Compatibility, Issuer, Leniencies, TrustAnchor,
    VerifiedChallenge, Verifier, VerifierConfig,
};
use intune_challenge::{Csr, Error, Mismatch, PeerFailure, Secret, UnixTime};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::{CryptoProvider, GeneralName, GeneralNameValue, Name, SigningKey, oid};
use serde_json::{Value, json};

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const AUDIENCE: &str = "https://scep.example/";
/// The lifetime cap of a verifier that says nothing else, in seconds.
pub(crate) const CAP: i64 = 3_600;
pub(crate) const DEVICE: &str = "laptop-7f3a";

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

/// A key of `testdata/keys`.
#[expect(clippy::disallowed_methods, reason = "a test reads its keys")]
pub(crate) fn key(name: &str) -> Arc<dyn SigningKey> {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let pem = std::fs::read_to_string(path).unwrap();
    Arc::new(SoftwareKey::from_pkcs8_pem(&pem).unwrap())
}

/// A bare key of `testdata/keys` as trust anchor.
pub(crate) fn anchor(name: &str) -> TrustAnchor {
    TrustAnchor::from_public_key(key(name).spki()).unwrap()
}

pub(crate) fn config(anchors: &[&str]) -> VerifierConfig {
    let anchors = anchors.iter().map(|name| anchor(name)).collect();
    VerifierConfig::new(anchors, Some(AUDIENCE.to_owned()))
}

pub(crate) fn build(config: VerifierConfig) -> Verifier {
    Verifier::new(config, &provider()).unwrap()
}

/// Strict, for RSA and P-256 challenges.
pub(crate) fn verifier() -> Verifier {
    build(config(&["rsa2048-anchor", "p256-anchor"]))
}

pub(crate) fn lenient(leniencies: Leniencies) -> Verifier {
    let mut config = config(&["rsa2048-anchor", "p256-anchor"]);
    config.compatibility = Compatibility::Certctl(leniencies);
    build(config)
}

pub(crate) fn issuer(key_name: &str, algorithm: Algorithm) -> Issuer {
    Issuer::new(key(key_name), algorithm, None).unwrap()
}

pub(crate) fn mint(claims: &Claims) -> Secret {
    issuer("rsa2048-anchor", Algorithm::Rs256).mint(claims).unwrap()
}

/// Good claims that name the device and nothing else.
pub(crate) fn claims() -> Claims {
    let nonce = Secret::new("nonce-0001");
    let mut claims = Claims::new("device-7f3a", nonce, at(-60), at(CAP - 60));
    claims.issuer = Some("mdm.example".to_owned());
    claims.audience = Some(AUDIENCE.to_owned());
    claims.device_name = Some(DEVICE.to_owned());
    claims
}

/// The same as a payload, to be changed member by member.
pub(crate) fn payload() -> Value {
    json!({
        "version": "v1", "iss": "mdm.example", "sub": "device-7f3a", "aud": AUDIENCE,
        "iat": at(-60).as_secs(), "exp": at(CAP - 60).as_secs(), "nonce": "nonce-0001",
        "device_name": DEVICE,
    })
}

/// [`payload`] with this member set.
pub(crate) fn payload_with(name: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload();
    payload[name] = value.into();
    payload
}

/// [`payload`] without this member.
pub(crate) fn payload_without(name: &str) -> Value {
    let mut payload = payload();
    payload.as_object_mut().unwrap().remove(name).unwrap();
    payload
}

/// `NOW` and so many seconds.
pub(crate) fn at(offset: i64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + offset)
}

pub(crate) fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Any header and payload, as they are, signed with RS256 whatever the header says.
pub(crate) fn rs256(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sign("rsa2048-anchor", Algorithm::Rs256, &format!("{}.{}", b64(header), b64(payload)))
}

/// Any payload, as it is, under a plain RS256 header.
pub(crate) fn rs256_payload(payload: impl AsRef<[u8]>) -> String {
    rs256(r#"{"alg":"RS256"}"#, payload)
}

/// `signed_octets` with a signature of this key, r‖s where it is ECDSA.
pub(crate) fn sign(key_name: &str, algorithm: Algorithm, signed_octets: &str) -> String {
    let der = key(key_name).sign(algorithm.scheme(), signed_octets.as_bytes()).unwrap();
    let signature = match algorithm {
        Algorithm::Es256 => fixed(&der, 32),
        Algorithm::Es384 => fixed(&der, 48),
        _ => der,
    };
    format!("{signed_octets}.{}", b64(signature))
}

/// r‖s of a DER signature.
pub(crate) fn fixed(der: &[u8], coordinate: usize) -> Vec<u8> {
    let mut numbers = Reader::der(der).sequence().unwrap();
    let mut fixed = Vec::new();
    for _ in 0..2 {
        let number: Vec<u8> =
            numbers.integer().unwrap().iter().copied().skip_while(|o| *o == 0).collect();
        fixed.extend(std::iter::repeat_n(0, coordinate - number.len()));
        fixed.extend(number);
    }
    fixed
}

/// Parses and verifies at [`NOW`].
pub(crate) fn verify(
    verifier: &Verifier,
    text: impl AsRef<[u8]>,
) -> Result<VerifiedChallenge, Error> {
    verifier.verify(verifier.parse(text)?, NOW)
}

/// Parses and verifies a payload, signed with RS256, at [`NOW`], strictly.
pub(crate) fn verify_payload(payload: &Value) -> Result<VerifiedChallenge, Error> {
    verify(&verifier(), rs256_payload(payload.to_string()))
}

/// Mints, verifies strictly and binds.
pub(crate) fn bind(claims: &Claims, csr: &Csr) -> Result<BoundChallenge, Error> {
    verify(&verifier(), mint(claims).expose())?.bind(csr)
}

/// Why these claims do not bind to this CSR.
pub(crate) fn mismatch(claims: &Claims, csr: &Csr) -> Mismatch {
    let error = bind(claims, csr).unwrap_err();
    assert_eq!((error.label(), error.failure()), ("claim_mismatch", PeerFailure::BadRequest));
    match error {
        Error::Mismatch(mismatch) => mismatch,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn dns(name: &str) -> GeneralNameValue {
    GeneralNameValue::Dns(name.to_owned())
}

pub(crate) fn mail(name: &str) -> GeneralNameValue {
    GeneralNameValue::Rfc822(name.to_owned())
}

pub(crate) fn upn(name: &str) -> GeneralNameValue {
    GeneralNameValue::Upn(name.to_owned())
}

pub(crate) fn uri(name: &str) -> GeneralNameValue {
    GeneralNameValue::Uri(name.to_owned())
}

pub(crate) fn ip(address: &str) -> GeneralNameValue {
    GeneralNameValue::Ip(address.parse().unwrap())
}

/// A CSR for [`DEVICE`] with these subjectAltNames.
pub(crate) fn csr(names: &[GeneralNameValue]) -> Csr {
    csr_of(&Name::build(&[(oid::COMMON_NAME, DEVICE), (oid::ORGANIZATION_NAME, "Example")]), names)
}

pub(crate) fn csr_of(subject: &Name, names: &[GeneralNameValue]) -> Csr {
    let names: Vec<_> = names.iter().map(|name| GeneralName::new(name.clone()).unwrap()).collect();
    raw_csr(subject.der(), &names.iter().map(GeneralName::der).collect::<Vec<_>>(), None)
}

pub(crate) fn raw_csr(subject: &[u8], names: &[&[u8]], challenge: Option<&str>) -> Csr {
    Csr::parse(raw_csr_der(subject, names, challenge)).unwrap()
}

/// A CSR of any subject and subjectAltNames; its signature is none, for nothing here looks at it.
pub(crate) fn raw_csr_der(subject: &[u8], names: &[&[u8]], challenge: Option<&str>) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.unsigned(0_u8);
                der.raw(subject);
                der.raw(key("p256-device").spki());
                der.constructed(Tag::context(0), |der| {
                    if let Some(challenge) = challenge {
                        attribute(der, &oid::CHALLENGE_PASSWORD, |der| {
                            der.primitive(Tag::UTF8_STRING, challenge.as_bytes());
                        });
                    }
                    if !names.is_empty() {
                        attribute(der, &oid::EXTENSION_REQUEST, |der| alt_names(der, names));
                    }
                });
            });
            scep_types::SignatureScheme::Ecdsa(scep_types::DigestAlgorithm::Sha256).write(der);
            der.bit_string_of(|der| der.raw(b"no signature"));
        });
    })
}

fn attribute(der: &mut DerWriter, kind: &oid::Oid, value: impl FnOnce(&mut DerWriter)) {
    der.sequence(|der| {
        der.oid(kind);
        der.set(value);
    });
}

fn alt_names(der: &mut DerWriter, names: &[&[u8]]) {
    der.sequence(|der| {
        der.sequence(|der| {
            der.oid(&oid::SUBJECT_ALT_NAME);
            der.octet_string_of(|der| {
                der.sequence(|der| names.iter().for_each(|name| der.raw(name)));
            });
        });
    });
}

/// A name of these attributes, each value in this string type, each in an RDN of its own.
pub(crate) fn raw_name(attributes: &[(oid::Oid, Tag, &[u8])]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            for (kind, tag, value) in attributes {
                der.set(|der| {
                    der.sequence(|der| {
                        der.oid(kind);
                        der.primitive(*tag, value);
                    });
                });
            }
        });
    })
}
