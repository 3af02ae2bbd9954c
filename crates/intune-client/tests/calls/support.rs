//! A CSR with a challenge, a tenant, a client.

use std::fmt::Debug;

use intune_client::service::{
    Application, Cloud, Enrolment, Failure, Settings, TransactionId, UnavailableKind,
};
use intune_client::{Called, Client, ClientSettings, Credential, Error, Tenant};
use scep_crypto::aws_lc_rs::provider;
use scep_types::{Certificate, CryptoError, CryptoProvider, Csr, Secret, SecureRandom};

use crate::microsoft::{Microsoft, SECRET};

pub(crate) use scep_test::canaries::CHALLENGE;

/// Octets that go up by one, so that each activity has its own id and repeats are spread alike in every run.
#[derive(Debug)]
struct Counter;

static DRAWN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

impl SecureRandom for Counter {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0xFF); // no spread: the longest delay
        if let Some(id) = out.first_chunk_mut() {
            *id = DRAWN.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
        }
        Ok(())
    }
}

pub(crate) fn crypto() -> CryptoProvider {
    CryptoProvider { random: &Counter, ..provider() }
}

pub(crate) fn client(microsoft: &Microsoft) -> Client<Microsoft> {
    client_with(microsoft, ClientSettings::default())
}

pub(crate) fn client_with(microsoft: &Microsoft, settings: ClientSettings) -> Client<Microsoft> {
    Client::new(microsoft.clone(), crypto(), settings)
}

pub(crate) fn tenant() -> Tenant {
    tenant_of("contoso.example")
}

pub(crate) fn tenant_of(id: &str) -> Tenant {
    Tenant::new(application(id), Credential::Secret(Secret::new(SECRET)), settings())
}

pub(crate) fn application(tenant: &str) -> Application {
    Application::new(tenant, "client-1").unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings::new(Cloud::Global, "Test/1.0").unwrap()
}

/// An enrolment with [`CHALLENGE`] in its CSR.
pub(crate) fn enrolment() -> Enrolment {
    enrolled().0
}

/// An enrolment and the certificate that was issued by it.
pub(crate) fn enrolled() -> (Enrolment, Certificate) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "device-1");
    let length = u8::try_from(CHALLENGE.len()).unwrap();
    // SET { PrintableString }
    let values = [&[0x31, length + 2, 0x13, length][..], CHALLENGE.as_bytes()].concat();
    let challenge = rcgen::Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values };
    let csr = params.serialize_request_with_attributes(&key, vec![challenge]).unwrap();
    let csr = Csr::parse(csr.der().to_vec()).unwrap();
    assert_eq!(csr.challenge_password().unwrap().expose(), CHALLENGE);
    let certificate = params.self_signed(&key).unwrap();
    let certificate = Certificate::parse(certificate.der().to_vec()).unwrap();
    let id = TransactionId::new("transaction-1").unwrap();
    (Enrolment::new(id, csr).unwrap(), certificate)
}

/// What became of a call, in one word.
pub(crate) fn verdict<A: Debug>(called: Called<Result<A, Error>>) -> String {
    tracing::error!(?called, "told");
    match called.outcome {
        Ok(_) => "well".to_owned(),
        Err(Error::Service(Failure::Denied(denial))) => denial.code.name().to_owned(),
        Err(Error::Service(Failure::Misconfigured(problem))) => problem.hint.label().to_owned(),
        Err(Error::Service(Failure::Unavailable(unavailable))) => match unavailable.kind {
            UnavailableKind::Throttled => "throttled".to_owned(),
            UnavailableKind::Moved { .. } => "moved".to_owned(),
            UnavailableKind::Status { status } => status.to_string(),
            UnavailableKind::Malformed { .. } => "malformed".to_owned(),
            other => format!("{other:?}"),
        },
        Err(other) => other.label().to_owned(),
    }
}
