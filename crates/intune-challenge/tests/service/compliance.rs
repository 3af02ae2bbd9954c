//! Device compliance, as Graph tells it.

use intune_challenge::Csr;
use intune_challenge::service::*;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{GeneralName, GeneralNameValue, Name, SigningKey as _};

use crate::support::{ACTIVITY, NOW, TOKEN, answer, key, ok, settings, token};

const DEVICE: &str = "0f6c1f2e-aaaa-4bbb-8ccc-0123456789ab";

fn device() -> ManagedDeviceId {
    ManagedDeviceId::parse(DEVICE).unwrap()
}

fn read(response: &HttpResponse) -> Result<ComplianceState, Failure> {
    ComplianceQuery::new(&settings(), &device()).read(response, NOW)
}

fn state(state: &str) -> HttpResponse {
    ok(format!(r#"{{"@odata.context":"…","id":"{DEVICE}","complianceState":"{state}"}}"#))
}

/// A CSR with these URIs as subjectAltNames.
fn csr(uris: &[&str]) -> Csr {
    let name = |uri: &&str| GeneralName::new(GeneralNameValue::Uri((*uri).to_owned())).unwrap();
    let names: Vec<GeneralName> = uris.iter().map(name).collect();
    let value = DerWriter::encode(|der| {
        der.sequence(|der| names.iter().for_each(|name| der.raw(name.der())));
    });
    let extension_request = |der: &mut DerWriter| {
        der.oid(&oid::EXTENSION_REQUEST);
        der.set(|der| {
            der.sequence(|der| {
                der.sequence(|der| {
                    der.oid(&oid::SUBJECT_ALT_NAME);
                    der.primitive(Tag::OCTET_STRING, &value);
                });
            });
        });
    };
    let der = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.unsigned(0_u8);
                der.raw(Name::build(&[(oid::COMMON_NAME, "device-1")]).der());
                der.raw(key("p256-device").spki());
                der.constructed(Tag::context(0), |der| {
                    if !names.is_empty() {
                        der.sequence(extension_request);
                    }
                });
            });
            der.sequence(|der| der.oid(&oid::ECDSA_WITH_SHA256));
            der.primitive(Tag::BIT_STRING, &[0, 0]);
        });
    });
    Csr::parse(der).unwrap()
}

#[test]
fn the_request_goes_to_graph_with_the_token_for_it() {
    let request = ComplianceQuery::new(&settings(), &device()).to_http(&token(), ACTIVITY);
    let expected =
        format!("https://graph.microsoft.com/v1.0/deviceManagement/managedDevices/{DEVICE}");
    assert_eq!((request.method(), request.url()), (Method::Get, expected.as_str()));
    let bearer = format!("Bearer {TOKEN}");
    assert!(request.headers().any(|header| header == ("Authorization", bearer.as_str())));
    assert!(!format!("{request:?}").contains(TOKEN));
}

#[test]
fn only_what_graph_calls_compliant_is() {
    assert_eq!(read(&state("compliant")), Ok(ComplianceState::Compliant));
    assert_eq!(read(&state("inGracePeriod")), Ok(ComplianceState::InGracePeriod));
    for other in ["noncompliant", "Compliant", "conflict", "error", "configManager", "unknown", ""]
    {
        let read = read(&state(other)).unwrap();
        assert!(matches!(&read, ComplianceState::Other(_)), "{other}");
        assert_eq!(read.to_string(), other);
    }
    assert_eq!(read(&answer(404, "{}")), Ok(ComplianceState::NotManaged));
}

#[test]
fn an_answer_about_another_device_or_about_none_decides_nothing() {
    for body in [
        r#"{"id":"ffffffff-aaaa-4bbb-8ccc-0123456789ab","complianceState":"compliant"}"#,
        r#"{"complianceState":"compliant"}"#,
        &format!(r#"{{"id":"{DEVICE}"}}"#),
        &format!(r#"{{"id":"{DEVICE}","complianceState":null}}"#),
        r#"{"value":[]}"#,
        "compliant",
    ] {
        assert_eq!(read(&ok(body)).unwrap_err().label(), "unavailable", "{body}");
    }
    assert_eq!(read(&answer(500, "")).unwrap_err().label(), "unavailable");
    for (status, hint) in [(401, Hint::GraphTokenRefused), (403, Hint::DevicePermission)] {
        let Failure::Misconfigured(problem) = read(&answer(status, "")).unwrap_err() else {
            panic!("{status}")
        };
        assert_eq!(problem.hint, hint);
    }
}

#[test]
fn a_device_id_is_a_guid_and_nothing_that_changes_a_path() {
    assert_eq!(ManagedDeviceId::parse(&DEVICE.to_uppercase()), Some(device()));
    for text in ["", "device-1", "../me", &DEVICE[1..], &format!("{DEVICE}0"), &"-".repeat(36)] {
        assert_eq!(ManagedDeviceId::parse(text), None, "{text}");
    }
}

#[test]
fn a_csr_names_its_device_by_one_uri() {
    let uri = format!("IntuneDeviceId://{DEVICE}");
    let sid = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-512";
    assert_eq!(ManagedDeviceId::of(&csr(&[sid, &uri])), Some(device()));
    assert_eq!(ManagedDeviceId::of(&csr(&[&uri.to_lowercase(), &uri])), Some(device()));
    let other = "IntuneDeviceId://ffffffff-aaaa-4bbb-8ccc-0123456789ab";
    for uris in [&[][..], &[sid], &[other, &uri], &["IntuneDeviceId://device-1"], &["https://x"]] {
        assert_eq!(ManagedDeviceId::of(&csr(uris)), None, "{uris:?}");
    }
}
