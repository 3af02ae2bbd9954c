//! One device with one challenge, another that would like to use it too, Intune, and what all nodes leave in the store.

use std::sync::Arc;
use std::time::Duration;

use intune_challenge::signed::{Algorithm, Claims, Issuer};
use intune_sim::device::{Device as SimulatedDevice, Family};
use intune_sim::{Endpoint as Asked, SimulatedClock, Simulator, SimulatorConfig};
use scep_client::sign_csr;
use scep_crypto::aws_lc_rs::provider;
use scep_server::NotifyPolicy;
use scep_store::{CertificateId, EndpointId, SerialNumber, Sha256};
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_types::{Csr, DigestAlgorithm, Name, Secret, oid};

use crate::device::{Device, Got};
use crate::node::{AUDIENCE, ENDPOINT, Flow, Job, LATER, service_of};
use crate::place::Place;
use crate::running::Running;
use crate::stepped::AtHand;
use crate::steps::Stop;

pub(crate) struct Stage {
    flow: Flow,
    place: Place,
    simulator: Simulator,
    challenge: Challenge,
    /// The serial numbers of the certificates that any node was to record.
    commits: Vec<String>,
    /// How often nodes were begun anew.
    restarts: u32,
    /// Whether a node failed for want of the CA's key: of that Intune is told.
    failed: bool,
}

/// What a device is given, and what it is to ask for.
enum Challenge {
    Signed(Secret),
    Intune(intune_sim::Policy),
}

/// What stands in the store, and what Intune knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The serial numbers of certificates that are recorded.
    pub(crate) recorded: Vec<String>,
    /// The serial numbers of certificates that Intune was told of.
    pub(crate) told: Vec<String>,
    /// How often Intune was told of a failure.
    pub(crate) failures: usize,
}

impl Stage {
    pub(crate) async fn set(place: Place, flow: Flow) -> Self {
        let mut config = SimulatorConfig::new(provider());
        config.clock = SimulatedClock::Standing(NOW);
        let simulator = Simulator::start(config).await.unwrap();
        let challenge = match flow {
            Flow::Signed => Challenge::Signed(signed_challenge()),
            Flow::Intune(_) => {
                Challenge::Intune(simulator.mint_challenge("device-1", "profile-1").unwrap())
            }
        };
        Self { flow, place, simulator, challenge, commits: Vec::new(), restarts: 0, failed: false }
    }

    /// The device that the challenge is for.
    pub(crate) fn device(&self) -> Device {
        self.device_with("rsa2048-device", [1; 16])
    }

    /// Another CSR on the same challenge.
    pub(crate) fn rival(&self) -> Device {
        self.device_with("rsa2048-device2", [2; 16])
    }

    fn device_with(&self, key: &str, transaction_id: [u8; 16]) -> Device {
        Device::new(keys::software(key), self.csr(key), transaction_id)
    }

    fn csr(&self, key: &str) -> Csr {
        let key = keys::software(key);
        match &self.challenge {
            Challenge::Signed(challenge) => {
                let subject = Name::build(&[(oid::COMMON_NAME, "phone")]);
                sign_csr(&key, &subject, Some(challenge), &[]).unwrap()
            }
            Challenge::Intune(policy) => {
                let device = SimulatedDevice::new(Family::Apple, Arc::new(key), provider());
                device.csr(policy.spec(), Some(policy.challenge())).unwrap()
            }
        }
    }

    /// The first node, or one after all leases of those before it are over.
    pub(crate) fn node(&mut self, stop: Option<Stop>, ca_key: AtHand) -> Running {
        let now = NOW.plus(LATER * self.restarts);
        self.restarts += 1;
        self.failed |= ca_key == AtHand::No;
        let (place, service) = (self.place.clone(), service_of(&self.simulator));
        Running::start(&Job { place, flow: self.flow, now, stop, ca_key, service })
    }

    /// A node that is not stopped.
    pub(crate) fn restart(&mut self) -> Running {
        self.node(None, AtHand::Yes)
    }

    /// After a node is dead, what it left.
    pub(crate) async fn standing_after(&mut self, dead: &Running) -> Standing {
        self.commits.extend(dead.journal.commits.iter().cloned());
        let store = self.place.open().await;
        let mut recorded = Vec::new();
        for serial in &self.commits {
            let found = store.certificate_by_serial(&certificate_id(serial)).await.unwrap();
            recorded.extend(found.map(|_| serial.trim_start_matches("00").to_owned()));
        }
        let told = self.simulator.issued();
        let told: Vec<String> = told.into_iter().map(|record| record.serial_number).collect();
        assert!(told.iter().all(|serial| recorded.contains(serial)), "{told:?}, {recorded:?}");
        Standing { recorded, told, failures: self.simulator.failures().len() }
    }

    /// All is well in the end: this certificate and no other, for the device that has it, whoever asks; Intune knows it.
    pub(crate) async fn finish(&mut self, mut node: Running, owner: Device, serial: &str) {
        if self.flow == Flow::Intune(NotifyPolicy::BeforeDelivery) {
            // Nodes empty their outbox only when they are asked to, so this was before the delivery.
            assert_eq!(self.simulator.issued().len(), 1, "it was told of before it was delivered");
        }
        empty_outbox(&node);
        let (_, again) = settle(owner, &node).await;
        assert_eq!(again.serial(), serial, "the same request gets the same certificate");
        node.kill();
        let standing = self.standing_after(&node).await;
        assert_eq!(standing.recorded, [serial], "one certificate");
        let told: &[&str] = if self.flow == Flow::Signed { &[] } else { &[serial] };
        assert_eq!(standing.told, told, "Intune knows what there is, and nothing else");
        assert!(standing.failures == 0 || self.failed, "nothing failed that Intune is told of");
        self.check_failures();
        self.check_outbox().await;
    }

    /// Whatever failure Intune was told of, it was asked again after that, before it was told of a certificate.
    fn check_failures(&self) {
        let requests = self.simulator.requests();
        let last = |asked| requests.iter().rposition(|request| request.endpoint == Some(asked));
        let first = requests
            .iter()
            .position(|request| request.endpoint == Some(Asked::SuccessNotification));
        if let Some(failed) = last(Asked::FailureNotification) {
            assert!(Some(failed) < last(Asked::Validate), "it was validated again");
            assert!(last(Asked::Validate) < first, "and issued on that");
        }
    }

    /// Nothing waits to be told of.
    async fn check_outbox(&self) {
        let endpoint = EndpointId::new(ENDPOINT).unwrap();
        // Long after every lease, and before a notification is given up.
        let (later, lease) = (NOW.plus(Duration::from_secs(2 * 86_400)), Duration::from_secs(60));
        let waiting = self.place.open().await.lease_notices(&endpoint, 100, lease, later).await;
        assert_eq!(waiting.unwrap().len(), 0);
    }
}

/// Asks until the device has an answer; whoever is told to come again does so when leases are over.
pub(crate) async fn settle(device: Device, node: &Running) -> (Device, Got) {
    let mut device = device;
    for _ in 0..10 {
        let (after, got) = device.go(&node.url()).await;
        device = after;
        match got {
            Got::Nothing => assert!(node.ask("/later").is_some()),
            got => return (device, got),
        }
    }
    panic!("there is no answer");
}

/// Sends what waits; a connection to a server that was begun anew may have to be noticed first.
pub(crate) fn empty_outbox(node: &Running) {
    for _ in 0..10 {
        node.ask("/later");
        if node.ask("/outbox").unwrap().starts_with("done") {
            return;
        }
    }
    panic!("the outbox is not emptied");
}

fn signed_challenge() -> Secret {
    let mdm = Issuer::new(Arc::new(keys::software("p256-anchor")), Algorithm::Es256, None);
    let ends = NOW.plus(Duration::from_secs(3_000));
    let mut claims = Claims::new("device-7", Secret::new("nonce"), NOW, ends);
    claims.issuer = Some("mdm".to_owned());
    claims.audience = Some(AUDIENCE.to_owned());
    claims.device_name = Some("phone".to_owned());
    mdm.unwrap().mint(&claims).unwrap()
}

fn certificate_id(serial: &str) -> CertificateId {
    let octets = serial.as_bytes().chunks(2);
    let octets = octets.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    let serial = SerialNumber::new(&octets.collect::<Vec<u8>>()).unwrap();
    let issuer =
        provider().digest.digest(DigestAlgorithm::Sha256, Pki::shared().ca.spki()).unwrap();
    CertificateId { issuer: Sha256::new(issuer.as_ref().try_into().unwrap()), serial }
}
