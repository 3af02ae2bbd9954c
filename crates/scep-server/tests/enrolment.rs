//! PKCSReq: granted, repeated, refused.

use std::sync::Arc;
use std::time::Duration;

use scep_proto::FailInfo;
use scep_proto::client::CertRep;
use scep_server::{
    CertificateAllowance, DeviceAllowance, Execution, RenewalPolicy, ReplyChain, SignerBinding,
};
use scep_store::{CertificatePage, CertificatesOf, DeviceName, EnrolmentStore as _, Sha256};
use scep_types::{DigestAlgorithm, GeneralName, GeneralNameValue, Name, SigningKey, oid};

use crate::support::device::{Device, MessageKind, challenged, granted, refused, self_signed};
use crate::support::forge::{Forged, attributes_of, envelope_of, fail_info};
use crate::support::pki;
use crate::support::server::{PASSWORD, Server, challenge, challenge_at, signed, static_password};
use crate::support::{DAY, MINUTE, NOW, key, provider};

// R-4.3-01, R-3.2.1.5-02
#[tokio::test]
async fn a_device_with_the_password_gets_a_certificate_for_its_key_and_name() {
    let server = Server::new(static_password());
    let device = Device::new("phone").dns(&["phone.example"]).challenge(PASSWORD);
    let certificate = granted(device.enrol(&server).await);
    assert_eq!(certificate.subject(), &device.subject);
    assert_eq!(certificate.spki(), device.key.spki());
    assert!(server.ca().issued(&certificate, &provider()));
    assert_eq!(server.last().basis, Some("static_password"));
}

#[tokio::test]
async fn a_device_with_a_challenge_bound_to_its_csr_gets_a_certificate() {
    let server = Server::new(signed());
    granted(challenged("phone", "n1").enrol(&server).await);
    let seen = server.last();
    assert_eq!((seen.outcome, seen.basis), ("issued", Some("signed_challenge")));
    assert_eq!(seen.device.as_deref(), Some("device-7"));
    assert_eq!(seen.subject.as_deref(), Some("CN=phone"));
    assert_eq!(seen.transaction_id.as_deref(), Some("tx-phone"));
}

// R-2.4-09, R-2.4-04
#[tokio::test]
async fn wrong_missing_and_near_passwords_get_one_and_the_same_answer() {
    let server = Server::new(static_password());
    let mut answers = Vec::new();
    for password in
        [None, Some("x"), Some("correct horsf"), Some("Correct horse"), Some("correct horse ")]
    {
        let device = Device::new("phone").transaction("same");
        let device = match password {
            Some(password) => device.challenge(password),
            None => device,
        };
        let sent = device.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(refused(device.read(&server, &sent, &answer)), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("password"));
        let fixed = |oid| ![oid::SENDER_NONCE, oid::RECIPIENT_NONCE].contains(&oid);
        let attributes: Vec<_> =
            attributes_of(&answer.body).into_iter().filter(|(oid, _)| fixed(*oid)).collect();
        answers.push(attributes);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.certificates(), 0);
}

// R-2.4-07
#[tokio::test]
async fn a_self_signed_certificate_alone_authorises_nothing() {
    for mode in [static_password(), signed()] {
        let server = Server::new(mode);
        assert_eq!(refused(Device::new("phone").enrol(&server).await), FailInfo::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_refusal_in_one_mode_is_not_saved_by_another() {
    let by_challenge = Server::new(signed());
    let device = Device::new("phone").challenge(PASSWORD);
    assert_eq!(refused(device.enrol(&by_challenge).await), FailInfo::BAD_REQUEST);
    let by_password = Server::new(static_password());
    assert_eq!(refused(challenged("phone", "n1").enrol(&by_password).await), FailInfo::BAD_REQUEST);
}

#[tokio::test]
async fn a_csr_that_asks_for_one_name_more_or_less_than_its_challenge_is_refused() {
    let server = Server::new(signed());
    for names in [&["phone.example", "other.example"][..], &[], &["other.example"]] {
        let minted = challenge("phone", &["phone.example"], "n1");
        let device = Device::new("phone").challenge(minted.expose());
        let device = if names.is_empty() { device } else { device.dns(names) };
        assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("claim_mismatch"));
    }
    // None of them used the challenge up.
    granted(challenged("phone", "n1").enrol(&server).await);
}

// R-7.3-01
#[tokio::test]
async fn a_tampered_and_an_expired_challenge_fail_the_message_check() {
    let server = Server::new(signed());
    let minted = challenge("phone", &[], "n1");
    let tampered = minted.expose().replace('.', ".e");
    let device = Device::new("phone").challenge(tampered);
    let tampered = refused(device.enrol(&server).await);
    assert!([FailInfo::BAD_MESSAGE_CHECK, FailInfo::BAD_REQUEST].contains(&tampered));
    let expired = challenge_at(NOW.minus(MINUTE * 30), "phone", &[], "n2");
    let device = Device::new("phone").challenge(expired.expose());
    assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_MESSAGE_CHECK);
    assert_eq!(server.last().reason, Some("expired"));
}

// R-2.4-03, R-5.2-05, R-5.2-06, R-3.2.1.5-07
#[tokio::test]
async fn the_same_request_again_gets_the_same_certificate_in_a_fresh_answer() {
    let server = Server::new(signed());
    let device = challenged("phone", "n1");
    let csr = device.csr();
    let (first, second) = (device.ask_with(&server, &csr), device.ask_with(&server, &csr));
    assert_ne!(first.message, second.message);
    let answers =
        [server.post(first.message.clone()).await, server.post(second.message.clone()).await];
    let issued = granted(device.read(&server, &first, &answers[0]));
    assert_eq!(granted(device.read(&server, &second, &answers[1])), issued);
    assert_eq!(server.last().outcome, "repeated");
    let nonce = |body| attributes_of(body).into_iter().find(|(oid, _)| *oid == oid::SENDER_NONCE);
    assert_ne!(nonce(&answers[0].body), nonce(&answers[1].body));
    // A captured copy, octet by octet, gives no more.
    assert_eq!(granted(device.send(&server, &first).await), issued);
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
}

// R-7.4-01
#[tokio::test]
async fn a_lost_reply_is_had_again_though_the_challenge_has_expired_since() {
    let server = Server::new(signed());
    let device = challenged("phone", "n1");
    let csr = device.csr();
    let issued = granted(device.send(&server, &device.ask_with(&server, &csr)).await);
    server.clock.advance(MINUTE * 30);
    let again = device.ask_with(&server, &csr);
    assert_eq!(granted(device.send(&server, &again).await), issued);
    server.clock.advance(MINUTE * 31);
    let late = device.ask_with(&server, &csr);
    assert_eq!(refused(device.send(&server, &late).await), FailInfo::BAD_MESSAGE_CHECK);
    assert_eq!((server.last().reason, server.certificates()), (Some("expired"), 1));
}

#[tokio::test]
async fn an_expired_challenge_of_another_key_or_csr_is_not_saved_by_the_transaction() {
    let server = Server::new(signed());
    granted(challenged("phone", "n1").enrol(&server).await);
    server.clock.advance(MINUTE * 30);
    let other_csr = challenged("phone", "n1");
    let other_key = Device {
        signer_key: key("rsa2048-device2"),
        key: key("rsa2048-device2"),
        ..other_csr.clone()
    };
    let other_key = Device { signer: self_signed(&other_key.subject, &other_key.key), ..other_key };
    for device in [other_csr.dns(&["phone.example"]), other_key] {
        assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_MESSAGE_CHECK);
        assert_eq!(server.last().reason, Some("expired"));
    }
}

// R-2.4-02, R-7.3-01
#[tokio::test]
async fn a_second_csr_on_a_used_challenge_is_refused() {
    let server = Server::new(signed());
    let first = challenged("phone", "n1");
    granted(first.enrol(&server).await);
    let second = Device::with_key("phone", key("rsa2048-device2")).transaction("second");
    let second = second.challenge(first.challenge.as_ref().unwrap().expose());
    assert_eq!(refused(second.enrol(&server).await), FailInfo::BAD_MESSAGE_CHECK);
    assert_eq!(server.last().reason, Some("replay"));
    assert_eq!(server.certificates(), 1);
}

// R-2.3-04
#[tokio::test]
async fn the_signer_may_have_another_name_than_the_csr() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let name = Name::build(&[(oid::COMMON_NAME, "6F9619FF-8B86-D011-B42D-00CF4FC964FF")]);
    let device = Device { signer: self_signed(&name, &device.key), ..device };
    granted(device.enrol(&server).await);
}

// R-2.3-05, R-3218-03
#[tokio::test]
async fn a_captured_envelope_wrapped_anew_is_refused_and_uses_nothing_up() {
    let server = Server::new(signed());
    let device = challenged("phone", "n1");
    let sent = device.ask(&server);
    let attacker = Device::with_key("attacker", key("rsa2048-device2"));
    let wrapped = Forged::new(&attacker, 19, &envelope_of(&sent.message)).build();
    let answer = server.post(wrapped).await;
    assert_eq!(server.last().outcome, "refused");
    assert_eq!(fail_info(&answer.body), b"2");
    assert_eq!((server.certificates(), server.challenges()), (0, 0));
    granted(device.send(&server, &sent).await);
}

// R-2.3-05
#[tokio::test]
async fn where_any_signer_will_do_a_wrapped_copy_gets_the_one_certificate_of_its_csr() {
    let server = Server::with(signed(), |config| config.signer_binding = SignerBinding::Any);
    let device = challenged("phone", "n1").signed_by("rsa2048-signer");
    let sent = device.ask(&server);
    let issued = granted(device.send(&server, &sent).await);
    let attacker = Device::with_key("attacker", key("rsa2048-device2"));
    let wrapped = Forged::new(&attacker, 19, &envelope_of(&sent.message)).build();
    server.post(wrapped).await;
    assert_eq!((server.last().outcome, server.certificates()), ("repeated", 1));
    assert_eq!(issued.spki(), device.key.spki());
}

#[tokio::test]
async fn a_throw_away_signer_is_refused_unless_any_will_do() {
    let device = Device::new("phone").challenge(PASSWORD).signed_by("rsa2048-signer");
    let strict = Server::new(static_password());
    assert_eq!(refused(device.enrol(&strict).await), FailInfo::BAD_REQUEST);
    let lenient = Server::with_password(|config| config.signer_binding = SignerBinding::Any);
    granted(device.enrol(&lenient).await);
}

#[tokio::test]
async fn a_name_that_the_profile_does_not_keep_is_a_bad_request() {
    let server = Server::with_password(|config| {
        let mut profile = scep_ca::ProfileConfig::new(DAY);
        profile.subject_alt_names.keep = vec![scep_ca::SanType::Dns];
        config.authority.profiles = scep_ca::Profiles::new(scep_ca::Profile::new(profile).unwrap());
    });
    let name = GeneralName::new(GeneralNameValue::Upn("a@b.example".to_owned())).unwrap();
    let mut device = Device::new("phone").challenge(PASSWORD);
    device.extensions.push(scep_proto::client::subject_alt_name(&[name]));
    assert_eq!(refused(device.enrol(&server).await), FailInfo::BAD_REQUEST);
}

#[tokio::test]
async fn a_device_gets_as_many_certificates_as_it_may_have() {
    let server = Server::with(signed(), |config| {
        let window = DAY;
        config.device_allowance = Some(DeviceAllowance { certificates: 2, window });
    });
    for nonce in ["n1", "n2"] {
        granted(challenged("phone", nonce).transaction(nonce).enrol(&server).await);
    }
    let third = challenged("phone", "n3").transaction("n3");
    assert_eq!(refused(third.enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_eq!(server.last().reason, Some("rate_limited"));
    assert_eq!((server.certificates(), server.challenges()), (2, 2));
}

#[tokio::test]
async fn when_its_allowance_is_used_up_an_endpoint_tells_devices_to_come_again() {
    let allowance = Some(CertificateAllowance { certificates: 2, window: MINUTE });
    let of_endpoint = Server::with(signed(), |config| config.allowance = allowance);
    let of_all = Server::with(signed(), |config| config.host.allowance = allowance);
    for (server, reason) in [(of_endpoint, "endpoint_allowance"), (of_all, "global_allowance")] {
        for (device, nonce) in [("phone", "n1"), ("tablet", "n2")] {
            granted(challenged(device, nonce).transaction(nonce).enrol(&server).await);
            server.clock.advance(Duration::from_secs(20));
        }
        let third = challenged("laptop", "n3").transaction("n3");
        let sent = third.ask(&server);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(answer.status, http::StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("20"));
        let seen = server.last();
        assert_eq!((seen.outcome, seen.reason), ("deferred", Some(reason)));
        assert_eq!((server.certificates(), server.challenges()), (2, 2));
        server.clock.advance(Duration::from_secs(20));
        granted(third.send(&server, &sent).await);
    }
}

#[tokio::test]
async fn a_certificate_is_found_by_its_key_and_by_the_device_of_its_authorisation() {
    let server = Server::with(signed(), |config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
    });
    let first = granted(challenged("phone", "n1").enrol(&server).await);
    server.clock.advance(MINUTE);
    let renewal = Device::new("phone").renewing(&first, "rsa2048-device2").transaction("renewal");
    let second = granted(renewal.enrol(&server).await);
    let page = CertificatePage::newest(10).unwrap();
    let now = NOW.plus(MINUTE);
    let found = async |of| {
        let found = server.store.certificates(&of, &page, now).await.unwrap();
        found.into_iter().map(|issued| issued.certificate.der).collect::<Vec<_>>()
    };
    let device = CertificatesOf::Device(DeviceName::of("device-7").unwrap());
    assert_eq!(found(device).await, [second.der().clone(), first.der().clone()]); // the renewal is for whom the first was
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, second.spki()).unwrap();
    let key = CertificatesOf::Key(Sha256::from_digest(&digest).unwrap());
    assert_eq!(found(key).await, [second.der().clone()]);
}

#[tokio::test]
async fn without_a_device_a_certificate_is_found_by_its_subject() {
    let server = Server::new(static_password());
    let issued = granted(Device::new("phone").challenge(PASSWORD).enrol(&server).await);
    let of = CertificatesOf::Device(DeviceName::of("CN=phone").unwrap());
    let page = CertificatePage::newest(10).unwrap();
    let found = server.store.certificates(&of, &page, NOW).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(&found[0].certificate.der, issued.der());
}

#[tokio::test]
async fn a_transaction_id_used_again_is_a_new_transaction_and_betrays_nothing() {
    let server = Server::new(static_password());
    let first = Device::new("phone").transaction("1").challenge(PASSWORD);
    let issued = granted(first.enrol(&server).await);
    let other = Device::with_key("tablet", key("rsa2048-device2")).transaction("1");
    assert_eq!(refused(other.clone().challenge("x").enrol(&server).await), FailInfo::BAD_REQUEST);
    assert_ne!(granted(other.challenge(PASSWORD).enrol(&server).await), issued);
}

#[tokio::test]
async fn an_answer_carries_the_chain_that_is_configured() {
    for (reply_chain, expected) in
        [(ReplyChain::LeafOnly, 1), (ReplyChain::WithIssuer, 2), (ReplyChain::WithChain, 2)]
    {
        let server = Server::with_password(|config| config.reply_chain = reply_chain);
        let device = Device::new("phone").challenge(PASSWORD);
        let CertRep::Success { certificates, .. } = device.enrol(&server).await else { panic!() };
        assert_eq!(certificates.len(), expected);
        assert_eq!(certificates[0].spki(), device.key.spki());
    }
}

// R-CMS6.2.1-02
#[tokio::test]
async fn a_device_that_keeps_an_older_ra_certificate_is_served() {
    let before = Server::new(static_password());
    let now = Server::with_password(|config| {
        let renewed = pki::Template { key: "rsa2048-signer", ..pki::Template::ra() };
        let older = std::mem::take(&mut config.authority.ra.recipients);
        config.authority.ra = pki::with_ra(&pki::Template::ca(), &renewed).ra;
        config.authority.ra.recipients.extend(older);
    });
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&before);
    granted(device.send(&now, &sent).await);
    let handed_out = now.ca();
    assert_eq!(handed_out.certificates().len(), 2, "the older one is not handed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_is_issued_once() {
    let server = Server::with(signed(), |config| config.host.execution = Execution::default());
    let server = Arc::new(server);
    let device = challenged("phone", "n1");
    let sent = device.ask(&server);
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let (server, message) = (server.clone(), sent.message.clone());
            tokio::spawn(async move { server.post(message).await })
        })
        .collect();
    let mut issued = Vec::new();
    for request in requests {
        let answer = request.await.unwrap();
        match answer.status.as_u16() {
            200 => issued.push(granted(device.read(&server, &sent, &answer))),
            status => assert_eq!(status, 503, "at work already"),
        }
    }
    assert!(!issued.is_empty() && issued.iter().all(|certificate| *certificate == issued[0]));
    assert_eq!((server.certificates(), server.challenges()), (1, 1));
}

// R-3.3.4-02
#[tokio::test]
async fn get_cert_and_get_crl_are_not_offered() {
    let server = Server::new(static_password());
    for message in [MessageKind::GetCert, MessageKind::GetCrl] {
        let reply = Device::new("phone").message(message).enrol(&server).await;
        assert_eq!(refused(reply), FailInfo::BAD_REQUEST);
        assert_eq!(server.last().reason, Some("not_offered"));
    }
}

#[tokio::test]
async fn a_pool_of_workers_enrols_as_well() {
    let server = Server::with(signed(), |config| config.host.execution = Execution::default());
    granted(challenged("phone", "n1").enrol(&server).await);
}
