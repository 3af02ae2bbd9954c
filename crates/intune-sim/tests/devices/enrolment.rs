use std::time::Duration;

use intune_sim::device::{Family, MethodUse, enrol};
use intune_sim::{AltName, DeviceError, Error, SubjectAttribute};
use scep_proto::CaAnchor;
use scep_test::keys;
use scep_test::pki::{Pki, self_signed};
use scep_types::{Secret, SigningKey};

use crate::support::{FAMILIES, Server, device, policy, provider, simulator, validate};

#[tokio::test]
async fn a_device_of_each_family_enrols_with_a_challenge_of_real_size() {
    let simulator = simulator().await;
    for family in FAMILIES {
        let policy = policy(&simulator);
        let server = Server::start(policy.challenge(), None).await;
        let enrolled = enrol(&device(family), &server.url, &policy).await.unwrap();
        let certificate = &enrolled.certificate;
        assert_eq!(certificate.subject(), &policy.spec().name().unwrap());
        assert_eq!(certificate.spki(), SigningKey::spki(&keys::software("rsa2048-device")));
        assert_eq!(certificate.issuer(), Pki::shared().ca.subject(), "{family}");
        assert_eq!(enrolled.transaction_id.len(), 40);
    }
}

#[tokio::test]
async fn each_family_enrols_by_get_and_by_post() {
    let simulator = simulator().await;
    for family in FAMILIES {
        for (method, name) in [(MethodUse::Get, "GET"), (MethodUse::Post, "POST")] {
            let policy = policy(&simulator);
            let server = Server::start(policy.challenge(), None).await;
            let device = device(family).with_dialect(|dialect| dialect.method = method);
            enrol(&device, &server.url, &policy).await.unwrap();
            assert_eq!(server.asked().last().unwrap().method, name, "{family}");
        }
    }
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_certificate() {
    let simulator = simulator().await;
    for family in FAMILIES {
        let policy = policy(&simulator);
        let server = Server::start(policy.challenge(), None).await;
        let session = device(family).connect(&server.url).await.unwrap();
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        let first = session.send(&request).await.unwrap();
        assert_eq!(session.send(&request).await.unwrap(), first, "{family}");
    }
}

#[tokio::test]
async fn what_each_family_asks_for_is_what_intune_expects() {
    let simulator = simulator().await;
    for family in FAMILIES {
        let policy = policy(&simulator);
        let server = Server::start(policy.challenge(), None).await;
        let session = device(family).connect(&server.url).await.unwrap();
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        assert_eq!(validate(&simulator, request.csr()).await, "Success", "{family}");
    }
}

#[tokio::test]
async fn what_a_device_changes_intune_notices() {
    let simulator = simulator().await;
    for family in FAMILIES {
        let policy = policy(&simulator);
        let tamper = |change: fn(&mut intune_sim::CsrSpec)| {
            let policy = policy.clone().with_spec(change);
            device(family).csr(policy.spec(), Some(policy.challenge())).unwrap()
        };
        let subject = tamper(|spec| {
            spec.subject = SubjectAttribute::parse_all("CN=administrator,O=Contoso").unwrap();
        });
        assert_eq!(validate(&simulator, &subject).await, "SubjectNameMismatch", "{family}");
        let names =
            tamper(|spec| spec.alt_names.push(AltName::Dns("dc.contoso.example".to_owned())));
        assert_eq!(validate(&simulator, &names).await, "SubjectAltNameMismatch", "{family}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_by_its_fail_info() {
    let simulator = simulator().await;
    let server = Server::start(&Secret::new("another"), None).await;
    for family in FAMILIES {
        let refused = enrol(&device(family), &server.url, &policy(&simulator)).await;
        let Err(Error::Device(DeviceError::Refused { fail_info: Some(fail_info) })) = refused
        else {
            panic!("{family}: {refused:?}");
        };
        assert!([1, 2].contains(&fail_info), "{family}: {fail_info}");
    }
}

#[tokio::test]
async fn a_device_that_knows_its_ca_believes_no_other() {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let server = Server::start(policy.challenge(), None).await;
    let anchor = |certificate| CaAnchor::Certificate(Box::new(certificate));
    let known = device(Family::Windows).with_anchor(anchor(Pki::shared().ca.clone()));
    enrol(&known, &server.url, &policy).await.unwrap();
    let other = self_signed("Test CA", &[9], scep_test::pki::Role::Ca, "rsa2048-device2");
    let deceived = device(Family::Windows).with_anchor(anchor(other));
    let refused = enrol(&deceived, &server.url, &policy).await;
    assert!(matches!(refused, Err(Error::Device(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_message() {
    let simulator = simulator().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/scep", listener.local_addr().unwrap());
    drop(listener);
    let device = device(Family::Windows).with_timeout(Duration::from_secs(5));
    let error = enrol(&device, &url, &policy(&simulator)).await.unwrap_err();
    let Error::Device(DeviceError::Unanswered { url: named, .. }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(named, &format!("{url}/pkiclient.exe"));
    assert!(!error.to_string().contains('\n'));
}

#[tokio::test]
async fn an_http_error_is_told_by_its_status() {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let server = Server::start(policy.challenge(), None).await;
    let elsewhere = format!("{}/elsewhere", server.url);
    let refused = enrol(&device(Family::Apple), &elsewhere, &policy).await;
    assert_eq!(refused, Err(DeviceError::Http { status: 404, retry_after: None }.into()));
}

#[test]
fn families_have_names() {
    for family in FAMILIES {
        assert_eq!(family.to_string().parse(), Ok(family));
    }
    assert!("symbian".parse::<Family>().is_err());
}

#[tokio::test]
async fn devices_print_neither_keys_nor_challenges() {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let server = Server::start(policy.challenge(), None).await;
    let session = device(Family::Windows).connect(&server.url).await.unwrap();
    let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
    let printed = format!("{session:?} {:?} {:?}", request.csr(), provider());
    assert!(!printed.contains(policy.challenge().expose()));
    assert!(printed.contains("Windows"));
}
