//! Where a certificate must come from to renew: of each that does not, nothing comes, whatever the mode and the message.

use std::sync::Arc;
use std::time::Duration;

use scep_server::{EndpointConfig, Mode, RenewalPolicy, SignerBinding};
use scep_store::{
    CertificateId, EnrolmentStore as _, MemoryStore, Revocation, SerialNumber, Sha256,
};
use scep_types::{Certificate, DigestAlgorithm, Name, oid};

use crate::next_ca;
use crate::support::device::{Device, MessageKind, granted};
use crate::support::forge::fail_info;
use crate::support::intune::{Intune, intune};
use crate::support::pki::{self, Template};
use crate::support::server::{PASSWORD, Server, signed, static_password};
use crate::support::{DAY, NOW, key, provider};

/// What was issued by the endpoint `test` before anyone comes to renew, and how the endpoint goes on.
struct World {
    store: Arc<MemoryStore>,
    mode: Mode,
    /// Why the mode refuses whoever has nothing for it.
    by_mode: &'static str,
    renewal: RenewalPolicy,
    /// Whether the endpoint `test` has a next CA that issues already.
    takes_over: TakesOver,
    device: Device,
    own: Certificate,
    revoked: Certificate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TakesOver {
    Nobody,
    Next,
}

/// What someone comes with to which server, and as what its PKCSReq is judged; its RenewalReq can be nothing else than it says.
type Row = (&'static str, JudgedAs, fn(&World) -> (Server, Device));

/// What a PKCSReq is that is signed with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JudgedAs {
    /// A request of the endpoint's mode, which it has nothing for.
    Enrolment,
    /// A renewal.
    Renewal,
    /// Nothing: its signature is not good.
    Forgery,
}
use JudgedAs::{Enrolment, Forgery, Renewal};

const ROWS: &[Row] = &[
    ("a certificate of another CA", Enrolment, |world| {
        let stranger =
            Template { common_name: "Other CA", key: "rsa2048-signer", ..Template::ca() };
        world.comes_with(&leaf().issued_by(&stranger))
    }),
    ("a certificate of another CA of the same name", Enrolment, |world| {
        world.comes_with(&leaf().issued_by(&namesake()))
    }),
    ("one of another CA of the same name, with the serial number of ours", Enrolment, |world| {
        world.comes_with(&leaf().issued_by_as(&namesake(), world.own.serial()))
    }),
    ("a certificate of our CA that was issued elsewhere", Enrolment, |world| {
        world.comes_with(&leaf().issued_by(&Template::ca()))
    }),
    ("a certificate of the next CA that was issued elsewhere", Enrolment, |world| {
        world.comes_with(&leaf().issued_by(&next_ca::ca()))
    }),
    ("one of the next CA, with the serial number of ours", Enrolment, |world| {
        world.comes_with(&leaf().issued_by_as(&next_ca::ca(), world.own.serial()))
    }),
    ("a certificate of another CA of the next one's name", Enrolment, |world| {
        let namesake = Template { key: "rsa2048-anchor", ..next_ca::ca() };
        world.comes_with(&leaf().issued_by(&namesake))
    }),
    ("a certificate of its own making", Enrolment, |world| {
        (world.server(|_| ()), Device { challenge: None, ..world.device.clone() })
    }),
    ("a certificate of ours at another endpoint of the same CA", Enrolment, |world| {
        let other = world.server(|config| config.name = "other".to_owned());
        (other, world.renewing(&world.own))
    }),
    ("a certificate of ours at an endpoint of another CA", Enrolment, |world| {
        let ca = Template { common_name: "Other CA", key: "rsa2048-signer", ..Template::ca() };
        let other = world.server(|config| {
            config.authority = pki::with_ra(&ca, &Template::ra());
        });
        (other, world.renewing(&world.own))
    }),
    ("a certificate of ours at an endpoint of another CA of the same name", Enrolment, |world| {
        let other = world.server(|config| {
            config.authority = pki::with_ra(&namesake(), &Template::ra());
        });
        (other, world.renewing(&world.own))
    }),
    ("a certificate of ours that was revoked", Renewal, |world| world.comes_with(&world.revoked)),
    ("a certificate of ours that has expired", Renewal, |world| {
        let (server, device) = world.comes_with(&world.own);
        server.clock.advance(DAY * 31);
        (server, device)
    }),
    ("a certificate of ours that does not hold yet", Renewal, |world| {
        let (server, device) = world.comes_with(&world.own);
        server.clock.go_back(DAY * 2);
        (server, device)
    }),
    ("a certificate of ours without its key", Forgery, |world| {
        let thief = Device { key: key("rsa2048-device2"), ..world.device.clone() };
        (world.server(|_| ()), thief.renewing(&world.own, "rsa2048-signer"))
    }),
    ("a certificate of ours, for another subject", Renewal, |world| {
        let (server, device) = world.comes_with(&world.own);
        (server, Device { subject: Name::build(&[(oid::COMMON_NAME, "boss")]), ..device })
    }),
    ("a certificate of ours, for another subjectAltName", Renewal, |world| {
        world.comes_for(&["boss.example"])
    }),
    ("a certificate of ours, for one subjectAltName more", Renewal, |world| {
        world.comes_for(&["phone.example", "boss.example"])
    }),
    ("a certificate of ours, for no subjectAltName", Renewal, |world| {
        let (server, device) = world.comes_with(&world.own);
        (server, Device { extensions: Vec::new(), ..device })
    }),
];

const RENEWS: RenewalPolicy = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };

/// What Intune's endpoint takes as little as all of that.
const GOOD: Row = ("a good certificate of ours", Renewal, |world| world.comes_with(&world.own));

// R-2.3-09, R-2.4-08, R-2.4-10, R-2.4-11
#[tokio::test]
async fn what_did_not_come_from_here_or_is_not_good_any_more_renews_nothing() {
    for (mode, by_mode) in [(static_password(), "password"), (signed(), "malformed")] {
        let world = World::of(mode, by_mode, RENEWS).await;
        for row in ROWS {
            world.gets_nothing(row).await;
        }
        let (server, device) = GOOD.2(&world);
        granted(device.transaction("good").enrol(&server).await);
    }
}

// R-5.1-01, R-2.3-09
#[tokio::test]
async fn nor_does_it_under_the_next_ca_by_a_message_to_either() {
    for (mode, by_mode) in [(static_password(), "password"), (signed(), "malformed")] {
        let world = World { takes_over: TakesOver::Next, ..World::of(mode, by_mode, RENEWS).await };
        for row in ROWS {
            world.gets_nothing(row).await;
        }
        let (server, device) = GOOD.2(&world);
        for (ca, id) in next_ca::both(&server).await.iter().zip(["current", "next"]) {
            let new = granted(device.clone().transaction(id).enrol_at(&server, ca).await);
            assert_eq!(new.issuer(), ca.issuer().subject());
        }
    }
}

#[tokio::test]
async fn no_certificate_renews_under_intune_and_the_service_is_not_asked() {
    let service = Intune::new();
    for takes_over in [TakesOver::Nobody, TakesOver::Next] {
        let world = World::of(intune(&service), "challenge_missing", RenewalPolicy::Deny).await;
        let world = World { takes_over, ..world };
        for row in ROWS.iter().chain([&GOOD]) {
            world.gets_nothing(row).await;
        }
    }
    assert_eq!(service.counts(), [0, 0, 0]);
}

fn leaf() -> Template {
    Template { common_name: "phone", key: "rsa2048-device", ..Template::ra() }
}

fn namesake() -> Template {
    Template { key: "rsa2048-signer", ..Template::ca() }
}

impl World {
    /// Enrolled by password, so that there is something to renew in each mode.
    async fn of(mode: Mode, by_mode: &'static str, renewal: RenewalPolicy) -> Self {
        let enrolling = Server::with_password(|_| ());
        let device = Device::new("phone").dns(&["phone.example"]).challenge(PASSWORD);
        let own = granted(device.enrol(&enrolling).await);
        let revoked = granted(device.clone().transaction("revoked").enrol(&enrolling).await);
        let ca = Template::ca().self_signed();
        let issuer = provider().digest.digest(DigestAlgorithm::Sha256, ca.spki()).unwrap();
        let issuer = Sha256::from_digest(&issuer).unwrap();
        let id = CertificateId { issuer, serial: SerialNumber::new(revoked.serial()).unwrap() };
        enrolling.store.revoke(&id, Revocation { at: NOW, reason: 1 }).await.unwrap();
        let takes_over = TakesOver::Nobody;
        Self { store: enrolling.store, mode, by_mode, renewal, takes_over, device, own, revoked }
    }

    fn server(&self, configure: impl FnOnce(&mut EndpointConfig)) -> Server {
        Server::on_store(self.store.clone(), self.mode.clone(), |config| {
            config.renewal = self.renewal;
            config.signer_binding = SignerBinding::Any; // nothing else is to stop a PKCSReq
            if self.takes_over == TakesOver::Next {
                config.next = Some(next_ca::next());
            }
            configure(config);
        })
    }

    /// The device, which asks for another key by this certificate.
    fn renewing(&self, certificate: &Certificate) -> Device {
        self.device.clone().renewing(certificate, "rsa2048-device2")
    }

    fn comes_with(&self, certificate: &Certificate) -> (Server, Device) {
        (self.server(|_| ()), self.renewing(certificate))
    }

    fn comes_for(&self, names: &[&str]) -> (Server, Device) {
        let (server, device) = self.comes_with(&self.own);
        (server, Device { extensions: Device::new("x").dns(names).extensions, ..device })
    }

    /// Refused by RenewalReq and by PKCSReq, and nothing is issued.
    async fn gets_nothing(&self, (what, judged_as, comes): &Row) {
        let before = self.store.usage().unwrap().certificates;
        let asked: &[usize] = match self.takes_over {
            TakesOver::Nobody => &[0],
            TakesOver::Next => &[0, 1],
        };
        let messages = [(MessageKind::Renew, "renewal"), (MessageKind::Enrol, "enrolment")];
        for (asked, (message, id)) in asked.iter().flat_map(|ca| messages.map(|kind| (*ca, kind))) {
            let (server, device) = comes(self);
            let device = device.message(message).transaction(&format!("{id} {asked}"));
            let ca = match asked {
                0 => server.ca(),
                _ => server.next_ca().await.ca().clone(),
            };
            let answer = server.post(device.ask_ca(&ca, &device.csr()).message).await;
            let last = server.last();
            assert_eq!((answer.status.as_u16(), last.outcome), (200, "refused"), "{what}");
            let reason = self.reason(message, *judged_as);
            assert_eq!(last.reason, Some(reason), "{what} by {message:?}");
            let expected = if *judged_as == Forgery { b"1" } else { b"2" };
            assert_eq!(fail_info(&answer.body), expected, "{what} by {message:?}");
            assert_eq!(self.store.usage().unwrap().certificates, before, "{what}");
        }
    }

    fn reason(&self, message: MessageKind, judged_as: JudgedAs) -> &'static str {
        let renews = self.renewal != RenewalPolicy::Deny;
        match (message, judged_as) {
            (_, Forgery) => "message_check",
            (MessageKind::Renew, _) => "renewal",
            (_, Renewal) if renews => "renewal",
            _ => self.by_mode,
        }
    }
}
