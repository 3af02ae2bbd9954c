//! Renewal by a certificate we issued: RenewalReq, and PKCSReq signed with one.

use std::time::Duration;

use scep_proto::FailInfo;
use scep_server::{DeviceAllowance, EndpointConfig, RenewalPolicy};
use scep_store::{CertificateId, EnrolmentStore as _, Revocation, SerialNumber, Sha256};
use scep_types::{AlgorithmPolicy, Certificate, DigestAlgorithm, Name, SigningKey as _, oid};

use crate::support::device::{Device, MessageKind, granted, refused};
use crate::support::forge::fail_info;
use crate::support::pki;
use crate::support::server::{PASSWORD, Server, manual, signed, static_password};
use crate::support::{DAY, key, provider};

// R-2.3-06, R-2.3-14, R-2.5-03
#[tokio::test]
async fn a_certificate_we_issued_authorises_its_successor() {
    let (server, device, old) = enrolled(renewing).await;
    let new = granted(device.renewing(&old, "rsa2048-device2").enrol(&server).await);
    assert_eq!(new.subject(), old.subject());
    assert_eq!(new.extension(&oid::SUBJECT_ALT_NAME), old.extension(&oid::SUBJECT_ALT_NAME));
    assert_eq!(new.spki(), key("rsa2048-device2").spki());
    assert_ne!(new.serial(), old.serial());
    assert_eq!(server.last().basis, Some("renewal"));
}

// R-2.3-07, R-3.3.1-05
#[tokio::test]
async fn a_pkcs_req_signed_with_a_certificate_we_issued_is_a_renewal() {
    let (server, device, old) = enrolled(renewing).await;
    let device = device.renewing(&old, "rsa2048-device2").message(MessageKind::Enrol);
    granted(device.enrol(&server).await);
    assert_eq!(server.last().basis, Some("renewal"));
}

// scepclient renews with the transactionID, the key and the CSR of its enrolment.
#[tokio::test]
async fn a_renewal_that_repeats_all_of_its_enrolment_gets_a_new_certificate_and_its_retry_that_one()
{
    let (server, device, _) = enrolled(renewing).await;
    let csr = device.csr();
    let enrolment = device.clone().transaction("one for all");
    let old = granted(enrolment.send(&server, &enrolment.ask_with(&server, &csr)).await);
    let renewal = enrolment.renewing(&old, "rsa2048-device").transaction("one for all");
    let sent = renewal.ask_with(&server, &csr);
    let new = granted(renewal.send(&server, &sent).await);
    assert_ne!(new.serial(), old.serial());
    assert_eq!((server.last().outcome, server.last().basis), ("issued", Some("renewal")));
    for again in [sent, renewal.ask_with(&server, &csr)] {
        assert_eq!(granted(renewal.send(&server, &again).await), new);
        assert_eq!(server.last().outcome, "repeated");
    }
    assert_eq!(server.certificates(), 3);
}

#[tokio::test]
async fn the_same_key_may_be_kept() {
    let (server, device, old) = enrolled(renewing).await;
    granted(device.renewing(&old, "rsa2048-device").enrol(&server).await);
    assert_eq!(server.last().basis, Some("renewal"));
}

#[tokio::test]
async fn the_same_renewal_again_gets_the_same_certificate() {
    let (server, device, old) = enrolled(renewing).await;
    let device = device.renewing(&old, "rsa2048-device2");
    let csr = device.csr();
    let issued = granted(device.send(&server, &device.ask_with(&server, &csr)).await);
    assert_eq!(granted(device.send(&server, &device.ask_with(&server, &csr)).await), issued);
    assert_eq!(server.certificates(), 2);
}

#[tokio::test]
async fn each_mode_renews() {
    for mode in [static_password(), signed(), manual()] {
        let (server, device, old) = enrolled(renewing).await;
        let other = Server::on_store(server.store.clone(), mode, renewing);
        granted(device.renewing(&old, "rsa2048-device2").enrol(&other).await);
    }
}

// R-2.3-10
#[tokio::test]
async fn where_renewal_is_off_a_renewal_req_is_refused_and_a_pkcs_req_judged_by_the_mode() {
    let (server, device, old) = enrolled(|_| ()).await;
    let renewal = device.clone().renewing(&old, "rsa2048-device2");
    assert_fault(&server, &renewal, FailInfo::BAD_REQUEST).await;
    let with_old_certificate = Device { signer: old, ..device }.transaction("again");
    granted(with_old_certificate.enrol(&server).await);
    assert_eq!(server.last().basis, Some("static_password"));
}

// R-7.9-02
#[tokio::test]
async fn a_renewal_signed_with_sha_1_is_a_bad_algorithm_unless_a_policy_takes_it() {
    let (server, device, old) = enrolled(renewing).await;
    let mut device = device.renewing(&old, "rsa2048-device2");
    device.algorithms.digest = DigestAlgorithm::Sha1;
    assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_ALG);
    let legacy = Server::on_store(server.store.clone(), static_password(), |config| {
        renewing(config);
        config.algorithms = AlgorithmPolicy::Legacy;
    });
    granted(device.enrol(&legacy).await);
}

// R-2.4-08
#[tokio::test]
async fn a_renewal_req_signed_with_a_self_signed_certificate_is_refused() {
    let (server, device, _) = enrolled(renewing).await;
    let device = device.message(MessageKind::Renew).transaction("renewal");
    assert_fault(&server, &device, FailInfo::BAD_REQUEST).await;
}

// R-2.3-09
#[tokio::test]
async fn a_certificate_of_another_ca_renews_nothing() {
    let (server, device, _) = enrolled(renewing).await;
    let stranger =
        pki::Template { common_name: "Other CA", key: "rsa2048-signer", ..pki::Template::ca() };
    let leaf = pki::Template { common_name: "phone", key: "rsa2048-device", ..pki::Template::ra() };
    let foreign = leaf.issued_by(&stranger);
    assert_fault(&server, &device.renewing(&foreign, "rsa2048-device2"), FailInfo::BAD_REQUEST)
        .await;
}

#[tokio::test]
async fn a_certificate_that_only_claims_to_be_ours_renews_nothing() {
    let (server, device, old) = enrolled(renewing).await;
    // Same issuer name, made by a stranger's key.
    let impostor = pki::Template { key: "rsa2048-signer", ..pki::Template::ca() };
    let leaf = pki::Template { common_name: "phone", key: "rsa2048-device", ..pki::Template::ra() };
    let forged = leaf.issued_by(&impostor);
    assert_eq!(forged.issuer(), old.issuer());
    assert_fault(&server, &device.renewing(&forged, "rsa2048-device2"), FailInfo::BAD_REQUEST)
        .await;
}

#[tokio::test]
async fn a_certificate_of_ours_without_its_key_renews_nothing() {
    let (server, device, old) = enrolled(renewing).await;
    let thief = Device { key: key("rsa2048-device2"), ..device };
    let thief = thief.renewing(&old, "rsa2048-signer");
    assert_eq!(thief.signer, old);
    let answer = server.post(thief.ask(&server).message).await;
    assert_eq!(fail_info(&answer.body), b"1");
    assert_eq!(server.certificates(), 1);
}

#[tokio::test]
async fn a_certificate_of_another_endpoint_of_the_same_ca_renews_nothing() {
    let (server, device, old) = enrolled(renewing).await;
    let other = Server::on_store(server.store.clone(), static_password(), |config| {
        renewing(config);
        config.name = "other".to_owned();
    });
    assert_fault(&other, &device.renewing(&old, "rsa2048-device2"), FailInfo::BAD_REQUEST).await;
}

// R-2.4-10
#[tokio::test]
async fn an_expired_certificate_renews_within_the_grace_and_not_after() {
    let (strict, device, old) = enrolled(renewing).await;
    let device = device.renewing(&old, "rsa2048-device2");
    let lenient = Server::on_store(strict.store.clone(), static_password(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: DAY * 2 };
    });
    for server in [&strict, &lenient] {
        server.clock.advance(DAY * 31);
    }
    assert_fault(&strict, &device, FailInfo::BAD_REQUEST).await;
    granted(device.clone().transaction("within").enrol(&lenient).await);
    lenient.clock.advance(DAY * 2);
    assert_fault(&lenient, &device.transaction("after"), FailInfo::BAD_REQUEST).await;
}

// R-2.4-10
#[tokio::test]
async fn a_revoked_certificate_renews_nothing_not_even_what_it_renewed_before() {
    let (server, device, old) = enrolled(renewing).await;
    let device = device.renewing(&old, "rsa2048-device2");
    let csr = device.csr();
    granted(device.send(&server, &device.ask_with(&server, &csr)).await);
    let ca = pki::Template::ca().self_signed();
    let issuer = provider().digest.digest(DigestAlgorithm::Sha256, ca.spki()).unwrap();
    let issuer = Sha256::from_digest(&issuer).unwrap();
    let id = CertificateId { issuer, serial: SerialNumber::new(old.serial()).unwrap() };
    let revocation = Revocation { at: crate::support::NOW, reason: 1 };
    server.store.revoke(&id, revocation).await.unwrap();
    let again = device.ask_with(&server, &csr);
    assert_eq!(refused(device.send(&server, &again).await), FailInfo::BAD_REQUEST);
    // Nor does a password help: the certificate counts, not what else is there.
    let with_password = Device { challenge: Some(scep_types::Secret::new(PASSWORD)), ..device };
    let with_password = with_password.message(MessageKind::Enrol).transaction("password");
    assert_fault(&server, &with_password, FailInfo::BAD_REQUEST).await;
}

// R-2.4-11
#[tokio::test]
async fn a_renewal_may_not_change_who_one_is() {
    let (server, device, old) = enrolled(renewing).await;
    let renewal = device.renewing(&old, "rsa2048-device2");
    let other_subject = Name::build(&[(oid::COMMON_NAME, "boss")]);
    let fewer_names = Vec::new();
    let other_names = Device::new("x").dns(&["boss.example"]).extensions;
    let more_names = Device::new("x").dns(&["phone.example", "boss.example"]).extensions;
    assert_fault(
        &server,
        &Device { subject: other_subject, ..renewal.clone() },
        FailInfo::BAD_REQUEST,
    )
    .await;
    for extensions in [fewer_names, other_names, more_names] {
        let device = Device { extensions, ..renewal.clone() };
        assert_fault(&server, &device, FailInfo::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn names_may_come_in_another_order() {
    let server = Server::with_password(renewing);
    let device = Device::new("phone").dns(&["a.example", "b.example"]).challenge(PASSWORD);
    let old = granted(device.enrol(&server).await);
    let extensions = Device::new("x").dns(&["b.example", "a.example"]).extensions;
    granted(Device { extensions, ..device.renewing(&old, "rsa2048-device2") }.enrol(&server).await);
}

#[tokio::test]
async fn renewals_count_against_the_devices_allowance() {
    let (server, device, old) = enrolled(|config| {
        renewing(config);
        config.device_allowance = Some(DeviceAllowance { certificates: 1, window: DAY });
    })
    .await;
    let device = device.renewing(&old, "rsa2048-device2");
    granted(device.clone().transaction("first").enrol(&server).await);
    assert_eq!(refused(device.transaction("second").enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("rate_limited"));
}

fn renewing(config: &mut EndpointConfig) {
    config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
}

/// A server and a device that has a certificate of it.
async fn enrolled(configure: impl FnOnce(&mut EndpointConfig)) -> (Server, Device, Certificate) {
    let server = Server::with_password(configure);
    let device = Device::new("phone").dns(&["phone.example"]).challenge(PASSWORD);
    let old = granted(device.enrol(&server).await);
    (server, device, old)
}

/// The device is refused because of its renewal, and nothing is issued.
async fn assert_fault(server: &Server, device: &Device, expected: FailInfo) {
    let before = server.certificates();
    assert_eq!(refused(device.enrol(server).await), expected);
    assert_eq!(server.last().reason, Some("renewal"));
    assert_eq!(server.certificates(), before);
}
