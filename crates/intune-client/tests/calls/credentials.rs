//! What a tenant's application proves itself with, and that a new one counts.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_client::service::AssertionAlgorithm;
use intune_client::{
    CertificateCredential, Client, Clock, Credential, CredentialError, CredentialFile,
    CredentialFuture, CredentialSource, Tenant,
};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_types::{Certificate, DigestAlgorithm, Secret, UnixTime};
use serde_json::Value;

use crate::microsoft::{Microsoft, Place};
use crate::support::{application, client, crypto, enrolment, settings, verdict};

const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
const FIRST: &str = include_str!("../../../../testdata/keys/rsa2048-signer.pem");
const SECOND: &str = include_str!("../../../../testdata/keys/rsa2048-device.pem");

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn certificate_credential(pem: &str, algorithm: AssertionAlgorithm) -> CertificateCredential {
    let pair = rcgen::KeyPair::from_pem(pem).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    CertificateCredential {
        certificate: Certificate::parse(certificate.der().to_vec()).unwrap(),
        key: Arc::new(SoftwareKey::from_pem(pem).unwrap()),
        algorithm,
    }
}

/// A source that a test can change.
#[derive(Debug, Clone)]
struct Shelf(Arc<Mutex<Result<Credential, CredentialError>>>);

impl CredentialSource for Shelf {
    fn credential(&self) -> CredentialFuture<'_> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }
}

async fn assertion(credential: CertificateCredential) -> (String, Value, Value) {
    let microsoft = Microsoft::new();
    let settings_of_client = intune_client::ClientSettings::default();
    let client =
        Client::with_clock(microsoft.clone(), crypto(), settings_of_client, Arc::new(Stopped));
    let tenant = Tenant::new(application("t.example"), Credential::from(credential), settings());
    assert_eq!(verdict(client.validate(&tenant, &enrolment()).await), "well");
    let body = &microsoft.at(Place::IntuneToken)[0].body;
    assert!(body.contains(
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    ));
    let token = body.split("client_assertion=").nth(1).unwrap().split('&').next().unwrap();
    let part = |n| {
        let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&part).unwrap()
    };
    (token.to_owned(), part(0), part(1))
}

#[tokio::test(start_paused = true)]
async fn a_certificate_signs_an_assertion_that_its_key_verifies() {
    for (algorithm, name) in
        [(AssertionAlgorithm::Ps256, "PS256"), (AssertionAlgorithm::Rs256, "RS256")]
    {
        let credential = certificate_credential(FIRST, algorithm);
        let certificate = credential.certificate.clone();
        let (token, header, claims) = assertion(credential).await;
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (scheme, verify) = (algorithm.scheme(), provider().verify);
        verify.verify(scheme, certificate.spki(), signed.as_bytes(), &signature).unwrap();

        let sha256 = provider().digest.digest(DigestAlgorithm::Sha256, certificate.der()).unwrap();
        assert_eq!(header["alg"], name);
        assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(sha256));
        assert_eq!(claims["aud"], "https://login.microsoftonline.com/t.example/oauth2/v2.0/token");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"client-1".into(), &"client-1".into()));
        assert_eq!(claims["nbf"], NOW.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn each_assertion_is_another_one() {
    let one = || assertion(certificate_credential(FIRST, AssertionAlgorithm::Rs256));
    assert_ne!(one().await.2["jti"], one().await.2["jti"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_source_gives_now_is_what_the_next_token_is_asked_for_with() {
    let microsoft = Microsoft::new();
    let client = client(&microsoft);
    let first = certificate_credential(FIRST, AssertionAlgorithm::Ps256);
    let shelf = Shelf(Arc::new(Mutex::new(Ok(Credential::from(first)))));
    let tenant = Tenant::new(application("t"), shelf.clone(), settings());
    let mut kinds = Vec::new();
    for next in [
        Credential::from(certificate_credential(SECOND, AssertionAlgorithm::Ps256)),
        Credential::Assertion(Secret::new("eyJhbGciOiJub25lIn0.e30.federated")),
        Credential::Secret(Secret::new(crate::microsoft::SECRET)),
    ] {
        assert_eq!(verdict(client.validate(&tenant, &enrolment()).await), "well");
        kinds.push(microsoft.at(Place::IntuneToken).last().unwrap().body.clone());
        *shelf.0.lock().unwrap() = Ok(next);
        microsoft.expire_tokens();
    }
    assert_eq!(verdict(client.validate(&tenant, &enrolment()).await), "well");
    kinds.push(microsoft.at(Place::IntuneToken).last().unwrap().body.clone());
    assert!(kinds[0].contains("client_assertion=eyJ") && kinds[1].contains("client_assertion=eyJ"));
    assert_ne!(kinds[0], kinds[1]);
    assert!(kinds[2].contains("client_assertion=eyJhbGciOiJub25lIn0.e30.federated&"));
    assert!(kinds[3].contains("client_secret="));
}

#[tokio::test(start_paused = true)]
async fn without_a_credential_nothing_is_sent() {
    let microsoft = Microsoft::new();
    let client = client(&microsoft);
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'x'; 64 * 1024 + 1]).unwrap();
    let binary = folder.path().join("binary");
    std::fs::write(&binary, [0xFF, 0xFE]).unwrap();
    for (source, error) in [
        (
            CredentialFile::secret(folder.path().join("absent")),
            CredentialError::File(std::io::ErrorKind::NotFound),
        ),
        (CredentialFile::assertion(&large), CredentialError::TooLarge { limit: 64 * 1024 }),
        (CredentialFile::secret(&binary), CredentialError::Invalid),
        (
            CredentialFile::with(&binary, |_| Err(CredentialError::Unavailable)),
            CredentialError::Unavailable,
        ),
    ] {
        let tenant = Tenant::new(application("t"), source, settings());
        let called = client.validate(&tenant, &enrolment()).await;
        assert_eq!(called.outcome.as_ref().err(), Some(&error.into()));
        assert_eq!(verdict(called), "credential");
    }
    let blank = Tenant::new(application("t"), Credential::Secret(Secret::new(" ")), settings());
    assert_eq!(verdict(client.validate(&blank, &enrolment()).await), "input");
    assert_eq!(microsoft.counts(), (0, 0, 0));
}

#[test]
fn nothing_of_a_credential_is_shown() {
    let certificate = certificate_credential(FIRST, AssertionAlgorithm::Ps256);
    let secret = Credential::Secret(Secret::new("hidden"));
    let tenant = Tenant::new(application("t.example"), secret.clone(), settings());
    let shown = format!("{certificate:?} {secret:?} {tenant:?}");
    assert!(shown.contains("t.example") && !shown.contains("hidden"), "{shown}");
}
