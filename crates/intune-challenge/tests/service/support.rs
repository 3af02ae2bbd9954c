//! What several tests share: settings, a token, an enrolment, certificates, answers.

use intune_challenge::service::*;
use intune_challenge::{Csr, Secret, UnixTime};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, COMMON_NAME};
use scep_types::{
    Certificate, CryptoProvider, DigestAlgorithm, Name, SignatureScheme, SigningKey, Validity,
};
use std::time::Duration;

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const ACTIVITY: ActivityId = ActivityId::from_random([0xAB; 16]);
pub(crate) const ACTIVITY_TEXT: &str = "abababab-abab-4bab-abab-abababababab";
pub(crate) const CALLER: &str = "AcmeScep/1.2.3";
pub(crate) const TRANSACTION: &str = "A1B2C3";
pub(crate) const VALIDATION: &str = "https://fef.msub06.manage.microsoft.com/RACerts/ScepRequestValidationFEService/Gateway/StatelessScepRequestValidationService";

/// Secrets that must turn up nowhere.
pub(crate) const CHALLENGE: &str = "MIIOpaqueChallengeOfIntune0123456789+/=";
pub(crate) const TOKEN: &str = "eyJ0eXAiOiJKV1QifQ.eyJyb2xlcyI6W119.c2lnbmF0dXJl";
pub(crate) const CLIENT_SECRET: &str = "kQ8~correct.horse-battery_staple";

pub(crate) fn provider() -> CryptoProvider {
    scep_crypto::aws_lc_rs::provider()
}

/// A key of `testdata/keys`.
#[expect(clippy::disallowed_methods, reason = "a test reads its keys")]
pub(crate) fn key(name: &str) -> SoftwareKey {
    let path = format!("{}/../../testdata/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    SoftwareKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings::new(Cloud::Global, CALLER).unwrap()
}

pub(crate) fn application() -> Application {
    Application::new("contoso.example", "11111111-2222-3333-4444-555555555555").unwrap()
}

pub(crate) fn token() -> AccessToken {
    AccessToken::new(Secret::new(TOKEN), Duration::from_secs(3599)).unwrap()
}

pub(crate) fn enrolment() -> Enrolment {
    enrolment_of(TRANSACTION)
}

pub(crate) fn enrolment_of(transaction: &str) -> Enrolment {
    Enrolment::new(TransactionId::new(transaction).unwrap(), csr(Some(CHALLENGE))).unwrap()
}

/// The request that these parts make at these settings.
pub(crate) fn send(settings: &Settings, request: impl Fn(&Call<'_>) -> HttpRequest) -> HttpRequest {
    let service = ServiceUrl::parse(VALIDATION, settings.url_policy()).unwrap();
    let token = token();
    request(&Call { settings, service: &service, token: &token, activity_id: ACTIVITY })
}

pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut found = request.headers().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value);
    assert!(found.next().is_none(), "{name} stands twice");
    value
}

pub(crate) fn body(request: &HttpRequest) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

pub(crate) fn ok(body: impl Into<String>) -> HttpResponse {
    answer(200, body)
}

pub(crate) fn answer(status: u16, body: impl Into<String>) -> HttpResponse {
    HttpResponse::new(status, body.into())
}

pub(crate) fn outcome(response: &HttpResponse) -> Outcome {
    Outcome::from_http(&enrolment(), response, ACTIVITY, NOW)
}

/// The outcome of a validation that was not valid.
pub(crate) fn failure(response: &HttpResponse) -> Failure {
    outcome(response).into_result().unwrap_err()
}

/// A CSR of `p256-device`; its signature is none, for nothing here looks at it.
pub(crate) fn csr(challenge: Option<&str>) -> Csr {
    let der = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.unsigned(0_u8);
                der.raw(Name::build(&[(COMMON_NAME, "device-1")]).der());
                der.raw(key("p256-device").spki());
                der.constructed(Tag::context(0), |der| {
                    let Some(challenge) = challenge else { return };
                    der.sequence(|der| {
                        der.oid(&oid::CHALLENGE_PASSWORD);
                        der.set(|der| der.primitive(Tag::PRINTABLE_STRING, challenge.as_bytes()));
                    });
                });
            });
            signature(der);
        });
    });
    Csr::parse(der).unwrap()
}

/// A certificate for the key of [`csr`] with these content octets of its serial number.
pub(crate) fn certificate(serial: &[u8]) -> Certificate {
    certificate_for(
        "p256-device",
        serial,
        &[(COMMON_NAME, "Issuing CA"), (oid::ORGANIZATION_NAME, "Contoso")],
    )
}

pub(crate) fn certificate_for(
    key_name: &str,
    serial: &[u8],
    issuer: &[(oid::Oid, &str)],
) -> Certificate {
    certificate_of(key(key_name).spki(), serial, issuer)
}

pub(crate) fn certificate_of(
    spki: &[u8],
    serial: &[u8],
    issuer: &[(oid::Oid, &str)],
) -> Certificate {
    let validity = Validity { not_before: NOW, not_after: UnixTime::from_secs(1_801_398_896) };
    let der = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.constructed(Tag::context(0), |der| der.unsigned(2_u8));
                der.primitive(Tag::INTEGER, serial);
                SignatureScheme::Ecdsa(DigestAlgorithm::Sha256).write(der);
                der.raw(Name::build(issuer).der());
                validity.write(der);
                der.raw(Name::build(&[(COMMON_NAME, "device-1")]).der());
                der.raw(spki);
            });
            signature(der);
        });
    });
    Certificate::parse(der).unwrap()
}

fn signature(der: &mut DerWriter) {
    SignatureScheme::Ecdsa(DigestAlgorithm::Sha256).write(der);
    der.bit_string_of(|der| der.raw(b"no signature"));
}
