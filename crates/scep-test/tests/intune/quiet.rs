//! No secret is in any log, error, `Debug` or audit line; what the other tests here log is looked through as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intune_sim::device::{Family, enrol};
use intune_sim::{CsrSpec, DeviceError, Endpoint, Error, Fault, Policy, Times};
use scep_ca::ProfileConfig;
use scep_crypto::aws_lc_rs::provider;
use scep_server::{Host, Mode, ScepService, router, serve};
use scep_store::MemoryStore;
use scep_test::canaries;
use scep_types::Secret;

use crate::log::Log;
use crate::secrets::Secrets;
use crate::stage::{FAMILIES, YEAR, device, endpoint};
use crate::still::{Learned, Still};

#[test]
fn every_crate_is_listened_to_at_every_level_on_every_thread() {
    let stage = Still::set(None);
    let log = stage.send().log;
    for expected in ["TRACE", "INFO", "scep_server", "intune_client", "Decision {"] {
        assert!(log.contains(expected), "{expected} in {log}");
    }
    let others = String::from_utf8_lossy(&stage.log.of_others()).into_owned();
    assert!(others.contains("hyper_util"), "{others}");
    assert!(!others.contains(stage.request.csr().challenge_password().unwrap().expose()));
}

#[test]
#[should_panic(expected = "a piece of a secret was logged")]
fn a_challenge_that_is_logged_within_its_csr_is_noticed() {
    let stage = Still::set(None);
    tracing::trace!(csr = STANDARD.encode(stage.request.csr().der()), "as a careless caller would");
    stage.holds_no_secret(stage.log.take().as_bytes());
}

#[test]
fn what_the_service_repeats_of_a_secret_is_not_repeated() {
    for endpoint in [Endpoint::Validate, Endpoint::SuccessNotification, Endpoint::Token] {
        let stage = Still::set(None);
        let challenge = stage.request.csr().challenge_password().unwrap().expose().to_owned();
        for secret in [challenge, canaries::CLIENT_SECRET.to_owned()] {
            let said =
                |text: &str| Fault::Code { code: text.to_owned(), description: text.to_owned() };
            // The client secret is no secret of the service's, which never sees it.
            if endpoint != Endpoint::Token && secret == canaries::CLIENT_SECRET {
                continue;
            }
            stage.simulator.inject(endpoint, said(&secret), Times::N(1));
            let attempt = stage.send(); // which looks through its log
            assert!(!matches!(attempt.learned, Learned::Certificate(_)), "{endpoint}");
            stage.holds_no_secret(stage.reason().as_bytes());
            stage.mend();
        }
    }
}

#[test]
fn no_debug_output_tells_a_secret() {
    let stage = Still::set(None);
    let first = stage.send();
    let policy = stage.simulator.mint_challenge("device-1", "profile-1").unwrap();
    let printed = [
        format!("{:?} {:?}", stage.endpoint, stage.revocation),
        format!("{:?} {:?}", stage.session, stage.request),
        format!("{:?} {:?}", stage.simulator, stage.simulator.requests()),
        format!("{:?} {:?}", stage.simulator.credentials(), stage.simulator.issued()),
        format!("{:?} {first:?}", device(Family::Windows)),
        format!("{policy:?}"),
    ];
    for printed in printed {
        stage.holds_no_secret(printed.as_bytes());
        assert!(!printed.contains(policy.challenge().expose()));
    }
}

#[tokio::test]
async fn a_password_is_printed_nowhere() {
    let log = Log::listen();
    let password = Secret::new(canaries::PASSWORD);
    let host = Host::new(provider(), std::sync::Arc::new(MemoryStore::default()));
    let endpoint = endpoint(Mode::Static(password.clone()), host, None, ProfileConfig::new(YEAR));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scep", listener.local_addr().unwrap());
    tracing::info!(?endpoint, "printed");
    let router = router([ScepService::new(endpoint)]).unwrap();
    tokio::spawn(serve(listener, router, std::future::pending()));
    let mut secrets = Secrets::default();
    secrets.add(password.expose());
    for (position, family) in FAMILIES.into_iter().enumerate() {
        let spec = CsrSpec::new(&format!("CN=phone-{position}")).unwrap();
        let near = Secret::new(format!("{}x", password.expose()));
        let refused = enrol(&device(family), &url, &Policy::new(near, spec.clone())).await;
        let expected = Error::Device(DeviceError::Refused { fail_info: Some(2) });
        assert_eq!(refused, Err(expected), "{family}");
        let good = Policy::new(password.clone(), spec);
        tracing::info!(?good, ?refused, "printed");
        // The same key under the same transactionID, so one of them: what matters here is what is logged.
        let answered = enrol(&device(family), &url, &good).await;
        tracing::info!(?answered, "printed");
    }
    let log = log.take();
    assert!(log.contains("outcome=\"issued\"") && log.contains("outcome=\"refused\""), "{log}");
    assert_eq!(secrets.first_in(log.as_bytes()), None);
}
