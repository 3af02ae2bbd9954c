//! GetCert and GetCRL, both roles (RFC 8894 §4.5 and §4.6).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Awaiting, CertRep, Payload, ReplyCheck};
use scep_proto::server::{Opened, Query};
use scep_proto::{
    ApiMisuse, Crl, Error, FailInfo, FallbackKey, Misbehaviour, PkiStatus, Refusal, Unsupported,
};
use scep_test::pki::{Pki, Role};
use scep_test::requests::{Draft, Sent, random};
use scep_types::{AlgorithmPolicy, Certificate, Name};

use crate::support::{MODERN, authenticated, current, device, next};

fn own() -> Certificate {
    current().issue("device", &[0x21], Role::Device, device().csr.spki())
}

fn ask(payload: Payload<'_>) -> Sent {
    device().send(payload, &Draft::default(), &current().ra)
}

fn get_cert() -> Sent {
    let own = own();
    ask(Payload::GetCert { issuer: own.issuer(), serial: own.serial() })
}

fn get_crl() -> Sent {
    let own = own();
    ask(Payload::GetCrl { issuer: own.issuer(), serial: own.serial() })
}

fn query(message: &Bytes) -> Query {
    match current().open(message, MODERN) {
        Ok(Opened::GetCert(query) | Opened::GetCrl(query)) => query,
        other => panic!("a query: {other:?}"),
    }
}

fn receive(awaiting: &Awaiting, reply: Bytes) -> CertRep {
    let (key, provider) = (&*device().opening_key, &provider());
    let check = ReplyCheck { ca: &authenticated(current()), key, provider, policy: MODERN };
    awaiting.receive(reply, check, &FallbackKey::new([3; 32])).unwrap()
}

fn found(sent: &Sent, certificates: &[&Certificate]) -> CertRep {
    let provider = provider();
    let settings = current().reply_settings(&provider);
    let certificates: Vec<&[u8]> = certificates.iter().map(|c| c.der().as_ref()).collect();
    let reply = query(&sent.message).reply.succeed(&certificates, &random(5), settings).unwrap();
    receive(&sent.awaiting, current().sign_reply(reply))
}

fn crl(sent: &Sent, crl: &[u8]) -> CertRep {
    let provider = provider();
    let settings = current().reply_settings(&provider);
    let reply = query(&sent.message).reply.succeed_with_crl(crl, &random(5), settings).unwrap();
    receive(&sent.awaiting, current().sign_reply(reply))
}

fn into_crl(reply: CertRep, issuer: &Name) -> Result<Crl, Error> {
    reply.into_crl(issuer, &authenticated(current()), &provider(), MODERN)
}

// R-4.5.1-01, R-2.6-01
#[test]
fn get_cert_brings_the_certificate_that_was_asked_for() {
    let (sent, own) = (get_cert(), own());
    assert!(query(&sent.message).asks_for(&own));
    assert!(!query(&sent.message).asks_for(&current().ra));
    let reply = found(&sent, &[&current().ca, &own]);
    assert_eq!(reply.into_certificate(own.issuer(), own.serial()), Ok(own.clone()));
    let reply = found(&sent, &[&current().ca]);
    let other = reply.into_certificate(own.issuer(), own.serial());
    assert_eq!(other, Err(Error::Misbehaved(Misbehaviour::NotWhatWasAsked)));
}

// R-4.5.1-01
#[test]
fn no_query_is_ever_pending() {
    let provider = provider();
    let settings = current().reply_settings(&provider);
    for sent in [get_cert(), get_crl()] {
        let refused = query(&sent.message).reply.pend(&random(5), settings).unwrap_err();
        assert_eq!(refused, Error::ApiMisuse(ApiMisuse::PendingQuery));
    }
    let own = own();
    let pending = Error::Misbehaved(Misbehaviour::UnexpectedStatus(PkiStatus::PENDING));
    assert_eq!(CertRep::Pending.into_certificate(own.issuer(), &[]), Err(pending.clone()));
    assert_eq!(into_crl(CertRep::Pending, own.issuer()), Err(pending));
}

// R-4.5.1-01, R-3.2.1.4-08
#[test]
fn what_is_not_there_is_bad_cert_id() {
    let provider = provider();
    let settings = current().reply_settings(&provider);
    let own = own();
    for sent in [get_cert(), get_crl()] {
        let reply = query(&sent.message).reply;
        let reply = reply.fail(FailInfo::BAD_CERT_ID, None, &random(5), settings).unwrap();
        let reply = receive(&sent.awaiting, current().sign_reply(reply));
        let refusal = Refusal { fail_info: Some(FailInfo::BAD_CERT_ID), text: None };
        let refused = reply.clone().into_certificate(own.issuer(), own.serial());
        assert_eq!(refused, Err(Error::Refused(refusal.clone())));
        assert_eq!(into_crl(reply, own.issuer()), Err(Error::Refused(refusal)));
    }
}

// R-4.6.1-01
#[test]
fn get_crl_brings_one_crl_that_the_ca_signed() {
    let (sent, own) = (get_crl(), own());
    let der = current().crl();
    let CertRep::Success { certificates, crls } = crl(&sent, &der) else { panic!("granted") };
    assert_eq!((certificates, crls.len()), (Vec::new(), 1));
    let found = into_crl(crl(&sent, &der), own.issuer()).unwrap();
    assert_eq!(found.der().to_vec(), der);
    assert!(found.issuer().matches(current().ca.subject()));
    assert_eq!(found.this_update().to_string(), "2026-11-01T00:00:00Z");
}

// R-4.6.1-01
#[test]
fn two_crls_or_none_are_not_what_was_asked_for() {
    let der = Bytes::from(current().crl());
    for crls in [vec![], vec![der.clone(), der]] {
        let reply = CertRep::Success { certificates: Vec::new(), crls };
        let refused = into_crl(reply, own().issuer());
        assert_eq!(refused, Err(Error::Misbehaved(Misbehaviour::NotWhatWasAsked)));
    }
}

#[test]
fn a_crl_of_another_key_or_another_name_is_not_believed() {
    let sent = get_crl();
    let untrusted = Err(Error::Misbehaved(Misbehaviour::UntrustedCrl));
    assert_eq!(into_crl(crl(&sent, &next().crl()), own().issuer()), untrusted);
    let mut changed = current().crl();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(into_crl(crl(&sent, &changed), own().issuer()), untrusted);
    let stranger = device().signer.subject();
    let refused = into_crl(crl(&sent, &current().crl()), stranger);
    assert_eq!(refused, Err(Error::Misbehaved(Misbehaviour::NotWhatWasAsked)));
    assert!(into_crl(crl(&sent, &[0x30, 0]), own().issuer()).is_err());
}

// R-4.6.1-02
#[test]
fn a_crl_is_found_by_the_issuer_of_a_certificate_or_by_the_cas_own() {
    let ca = &current().ca;
    let by_own = ask(Payload::GetCrl { issuer: ca.issuer(), serial: ca.serial() });
    for message in [get_crl().message, by_own.message] {
        assert!(query(&message).asks_for_crl_of(ca));
    }
    let stranger = device().signer.subject();
    let other = ask(Payload::GetCrl { issuer: stranger, serial: ca.serial() });
    assert!(!query(&other.message).asks_for_crl_of(ca));
    // Below a root, the CA's own certificate has the root's name as issuer, with the CA's serial number.
    let below = Pki::shared().issue("Issuing CA", &[0x44], Role::CaAndRa, next().ca.spki());
    let by_own = ask(Payload::GetCrl { issuer: below.issuer(), serial: below.serial() });
    assert!(query(&by_own.message).asks_for_crl_of(&below));
    let by_another = ask(Payload::GetCrl { issuer: below.issuer(), serial: &[0x45] });
    assert!(!query(&by_another.message).asks_for_crl_of(&below));
}

#[test]
fn a_crl_is_verified_by_the_policy() {
    let found = Crl::parse(current().crl()).unwrap();
    let (spki, provider) = (current().ca.spki(), provider());
    assert_eq!(found.verify(spki, provider.verify, AlgorithmPolicy::Modern), Ok(()));
    let mut weak = current().crl();
    // sha256WithRSAEncryption becomes sha1WithRSAEncryption outside the signed part.
    let at = weak.windows(9).rposition(|w| w == [0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 11]);
    weak[at.unwrap() + 8] = 5;
    let refused = Crl::parse(weak).unwrap().verify(spki, provider.verify, MODERN);
    assert_eq!(refused, Err(Unsupported::Digest(scep_types::DigestAlgorithm::Sha1).into()));
}
