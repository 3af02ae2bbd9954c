//! A certificate of the next CA, before that takes over (RFC 8894 §5.1).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Awaiting, CertRep, ReplyCheck};
use scep_proto::server::{Enrolment, Opened, Recipient, ReplySettings, Verified};
use scep_proto::{Error, FallbackKey, Misbehaviour, NextCa, write_next_ca_certificates};
use scep_test::pki::{NOW, Pki, Role, finish};
use scep_test::requests::{Draft, Sent, random};
use scep_types::{Certificate, DigestAlgorithm, SigningKey};

use crate::support::{MODERN, authenticated, current, device, next};

fn next_ca() -> NextCa {
    let certificates = [&next().ca, &next().ra];
    let (digest, provider) = (DigestAlgorithm::Sha256, provider());
    let unsigned =
        write_next_ca_certificates(&certificates, &current().ca, digest, &provider).unwrap();
    let answer = finish(unsigned, &current().ca_key);
    NextCa::verify(answer, &authenticated(current()), &provider, MODERN).unwrap()
}

/// Opens a request as a server does that is handing over, and says which of the two it is for.
fn open(message: &Bytes) -> (Enrolment, &'static Pki) {
    let recipients =
        [current(), next()].map(|pki| Recipient { certificate: &pki.ra, key: &pki.ra_key });
    let Ok(Verified::Sealed(sealed)) = Pki::verify(message, MODERN) else { panic!("no poll") };
    let fallback = FallbackKey::new([7; 32]);
    let Ok(Opened::Enrol(enrolment)) = sealed.open(&recipients, &fallback, &provider(), MODERN)
    else {
        panic!("an enrolment")
    };
    let issuer = [current(), next()][enrolment.recipient.unwrap()];
    (enrolment, issuer)
}

fn succeed(enrolment: Enrolment, issuer: &Pki, by: (&Certificate, &dyn SigningKey)) -> Bytes {
    let certificate = issuer.issue("device", &[0x31], Role::Device, enrolment.csr.spki());
    let settings = ReplySettings { signer: by.0, provider: &provider(), now: NOW };
    finish(enrolment.reply.succeed(&[certificate.der()], &random(4), settings).unwrap(), by.1)
}

fn receive(awaiting: &Awaiting, reply: Bytes, rollover: bool) -> Result<CertRep, Error> {
    let next_ca = next_ca();
    let ca = if rollover {
        next_ca.for_rollover(&authenticated(current()))
    } else {
        next_ca.ca().clone()
    };
    let (key, provider) = (&*device().opening_key, &provider());
    let check = ReplyCheck { ca: &ca, key, provider, policy: MODERN };
    awaiting.receive(reply, check, &FallbackKey::new([3; 32]))
}

// R-5.1-01
#[test]
fn who_asks_the_next_ca_gets_a_certificate_of_the_next_ca() {
    for (asked, other) in [(current(), next()), (next(), current())] {
        let sent = device().send(
            scep_proto::client::Payload::Enrol(&device().csr),
            &Draft::default(),
            &asked.ra,
        );
        let (enrolment, issuer) = open(&sent.message);
        let certificate = issuer.issue("device", &[0x31], Role::Device, enrolment.csr.spki());
        let verifies = |ca: &Certificate| {
            certificate.verify_signature(ca.spki(), provider().verify, MODERN).is_ok()
        };
        assert!(verifies(&asked.ca) && !verifies(&other.ca));
    }
}

// R-5.1-01, R-5.1-02
#[test]
fn either_of_the_two_may_sign_the_reply() {
    let rollover = next_ca().for_rollover(&authenticated(current()));
    assert_eq!(rollover.encryption(), &next().ra, "requests are for the next one");
    let Sent { message, awaiting } = device().send(
        scep_proto::client::Payload::Enrol(&device().csr),
        &Draft::default(),
        rollover.encryption(),
    );
    for by in [current(), next()] {
        let (enrolment, issuer) = open(&message);
        let reply = succeed(enrolment, issuer, (&by.ra, &by.ra_key));
        let received = receive(&awaiting, reply, true).unwrap();
        let CertRep::Success { certificates, .. } = received else { panic!("{received:?}") };
        assert!(rollover.issued(&certificates[0], &provider()));
        assert!(!authenticated(current()).issued(&certificates[0], &provider()));
    }
    let (enrolment, issuer) = open(&message);
    let reply = succeed(enrolment, issuer, (&current().ra, &current().ra_key));
    let untrusted = Err(Error::Misbehaved(Misbehaviour::UntrustedSigner));
    assert_eq!(receive(&awaiting, reply, false), untrusted, "only while it hands over");
}

// R-5.1-02, R-3.3.2.1-03
#[test]
fn the_current_ca_issues_nothing_to_who_asks_the_next_one() {
    let rollover = next_ca().for_rollover(&authenticated(current()));
    let of_current = current().issue("device", &[0x32], Role::Device, device().csr.spki());
    assert!(!rollover.issued(&of_current, &provider()));
    assert!(!rollover.certificates().contains(&current().ca));
}
