//! The whole way: a device of each family, our server, our client of Microsoft's service, and the simulator.

use std::sync::Arc;
use std::time::Duration;

use intune_sim::device::{Device, Enrolled, Family, Session, enrol};
use intune_sim::{
    DeviceError, Endpoint, Error, Fault, Forgery, Host, Minting, NotificationPolicy, Policy,
    SubjectAttribute, Times,
};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_server::{
    Authority, CertificateAuthority, Clock, EndpointConfig, IntuneMode, IntuneTenant, Mode,
    RegistrationAuthority, ScepService, SignerBinding, router, serve,
};
use scep_store::MemoryStore;
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_types::{AlgorithmPolicy, DigestAlgorithm, UnixTime};

use crate::support::{Stand, provider};

const FAMILIES: [Family; 3] = [Family::Windows, Family::Apple, Family::Android];

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> UnixTime {
        NOW
    }
}

/// A server in mode `intune` in front of a simulator; it ends with the runtime of its test.
struct Server {
    stand: Stand,
    url: String,
}

impl Server {
    async fn start() -> Self {
        let stand = Stand::start().await;
        let service = IntuneTenant::new(stand.client.clone(), stand.tenant.clone());
        let mode = Mode::Intune(Arc::new(IntuneMode::new(Arc::new(service))));
        let host = scep_server::Host::new(provider(), Arc::new(MemoryStore::default()));
        let mut config = EndpointConfig::new("intune", mode, authority(), host);
        config.algorithms = AlgorithmPolicy::Legacy; // Windows signs with SHA-1
        config.signer_binding = SignerBinding::Any; // and with a key that it throws away
        let endpoint = scep_server::Endpoint::new(config, NOW).unwrap();
        let service = ScepService::new(endpoint).with_clock(Arc::new(StandingClock));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/scep", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router([service]).unwrap(), std::future::pending()));
        Self { stand, url }
    }

    async fn enrol(&self, family: Family, policy: &Policy) -> Result<Enrolled, Error> {
        enrol(&device(family), &self.url, policy).await
    }

    async fn session(&self, family: Family) -> Session {
        device(family).connect(&self.url).await.unwrap()
    }
}

fn authority() -> Authority {
    let pki = Pki::shared();
    let issuer = Issuer::new(pki.ca.clone(), provider().digest, NOW).unwrap();
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let key = |name| Arc::new(keys::software(name));
    Authority {
        ca: CertificateAuthority::root(issuer, key("rsa2048-ca")),
        ra: RegistrationAuthority::new(pki.ra.clone(), key("rsa2048-ra")),
        profiles: Profiles::new(Profile::new(ProfileConfig::new(year)).unwrap()),
    }
}

fn device(family: Family) -> Device {
    let key = |name| Arc::new(keys::software(name));
    let device = Device::new(family, key("rsa2048-device"), provider()).with_time(NOW);
    match family {
        Family::Windows => device.with_signer_key(key("rsa2048-signer")),
        Family::Apple | Family::Android => device,
    }
}

fn is_refused(outcome: &Result<Enrolled, Error>) -> bool {
    matches!(outcome, Err(Error::Device(DeviceError::Refused { .. })))
}

#[tokio::test]
async fn each_family_gets_a_certificate_and_intune_knows_of_it() {
    let server = Server::start().await;
    let simulator = &server.stand.simulator;
    simulator.set_notification_policy(NotificationPolicy::AfterValidation);
    for (number, family) in FAMILIES.into_iter().enumerate() {
        let enrolled = server.enrol(family, &server.stand.policy()).await.unwrap();
        let der = enrolled.certificate.der();
        let sha1 = provider().digest.digest(DigestAlgorithm::Sha1, der).unwrap();
        let issued = simulator.issued();
        assert_eq!(issued.len(), number + 1, "{family}");
        let issued = issued.last().unwrap();
        assert_eq!(issued.thumbprint, sha1.to_hex(), "{family}");
        assert_eq!(issued.transaction_id, enrolled.transaction_id, "{family}");
        assert_eq!(issued.device, "device-1");
    }
    assert!(simulator.failures().is_empty());
}

#[tokio::test]
async fn what_intune_denies_is_refused_and_not_issued() {
    let server = Server::start().await;
    let stand = &server.stand;
    let forged = |forgery| {
        let minting = Minting { forgery: Some(forgery), ..Minting::default() };
        stand.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap()
    };
    let other = SubjectAttribute::parse_all("CN=administrator").unwrap();
    let expired = Minting { lifetime: Duration::ZERO, forgery: None };
    let expired = stand.simulator.mint_challenge_with("device-1", "profile-1", expired).unwrap();
    let cases = [
        (stand.policy().with_spec(|spec| spec.subject = other), "SubjectNameMismatch"),
        (forged(Forgery::ForeignTenant), "BadTenantIdInChallenge"),
        (forged(Forgery::BrokenSignature), "SignatureValidationFailed"),
        (expired, "ChallengeInvalidTimestamp"),
    ];
    for (policy, code) in cases {
        for family in FAMILIES {
            let outcome = server.enrol(family, &policy).await;
            assert!(is_refused(&outcome), "{family}, {code}: {outcome:?}");
            let asked = stand.simulator.requests_of(Endpoint::Validate).pop().unwrap();
            assert_eq!(asked.code.as_deref(), Some(code), "{family}");
        }
    }
    assert_eq!(stand.simulator.count(Endpoint::SuccessNotification), 0);
    assert!(stand.simulator.failures().is_empty(), "what the service refused is not told to it");
}

#[tokio::test]
async fn a_csr_without_challenge_is_refused_without_a_call() {
    let server = Server::start().await;
    for family in FAMILIES {
        let session = server.session(family).await;
        let request = session.prepare(server.stand.policy().spec(), None).unwrap();
        let outcome = session.send(&request).await;
        assert!(is_refused(&outcome), "{family}: {outcome:?}");
    }
    assert_eq!(server.stand.simulator.count(Endpoint::Validate), 0);
}

#[tokio::test]
async fn an_outage_burns_nothing_and_the_same_request_succeeds_later() {
    let server = Server::start().await;
    let simulator = &server.stand.simulator;
    for family in FAMILIES {
        let policy = server.stand.policy();
        let session = server.session(family).await;
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        simulator.inject(Endpoint::Validate, Fault::InternalError, Times::UntilCleared);
        let outcome = session.send(&request).await;
        let Err(Error::Device(DeviceError::Http { status: 503, retry_after })) = outcome else {
            panic!("{family}: {outcome:?}");
        };
        assert!(retry_after.is_some(), "{family}");
        simulator.clear_faults();
        session.send(&request).await.unwrap();
    }
    assert_eq!(simulator.issued().len(), FAMILIES.len());
}

#[tokio::test]
async fn no_certificate_leaves_before_intune_took_note_and_the_retry_delivers_that_one() {
    let server = Server::start().await;
    let simulator = &server.stand.simulator;
    for family in FAMILIES {
        let policy = server.stand.policy();
        let session = server.session(family).await;
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        simulator.forget_requests();
        let endpoint = Endpoint::SuccessNotification;
        simulator.inject(endpoint, Fault::InternalError, Times::UntilCleared);
        assert!(session.send(&request).await.is_err(), "{family}");
        let told = simulator.requests_of(endpoint).pop().unwrap().json();
        simulator.clear_faults();
        let enrolled = session.send(&request).await.unwrap();
        let serial = told["notification"]["certificateSerialNumber"].as_str().unwrap();
        assert_eq!(enrolled.certificate.serial_hex(), serial, "{family}: the same certificate");
        assert_eq!(session.send(&request).await.unwrap(), enrolled, "{family}: and again");
    }
    assert_eq!(simulator.issued().len(), FAMILIES.len());
}

#[tokio::test]
async fn a_notification_whose_answer_is_lost_is_told_again_about_the_same_certificate() {
    let server = Server::start().await;
    let simulator = &server.stand.simulator;
    simulator.inject(Endpoint::SuccessNotification, Fault::AnswerLost, Times::N(1));
    server.enrol(Family::Windows, &server.stand.policy()).await.unwrap();
    let issued = simulator.issued();
    assert_eq!((issued.len(), issued[0].notifications), (1, 2));
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_no_reason_to_issue() {
    for host in [Host::Login, Host::Graph, Host::Service] {
        let server = Server::start().await;
        server.stand.simulator.refuse(host).await;
        for family in FAMILIES {
            let outcome = server.enrol(family, &server.stand.policy()).await;
            let is_deferred =
                matches!(outcome, Err(Error::Device(DeviceError::Http { status: 503, .. })));
            assert!(is_deferred, "{family}, {host:?}: {outcome:?}");
        }
        assert!(server.stand.simulator.issued().is_empty());
    }
}
