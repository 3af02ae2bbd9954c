//! successNotification and failureNotification on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intune_challenge::service::*;
use intune_challenge::{Error, Field, InvalidInput};
use scep_types::DigestAlgorithm;
use scep_types::oid::COMMON_NAME;

use crate::support::*;

fn success() -> SuccessNotification {
    SuccessNotification::new(&enrolment(), &certificate(&[0x00, 0xB7, 0x01]), provider().digest)
        .unwrap()
}

fn base64() -> String {
    STANDARD.encode(enrolment().csr().der())
}

fn sha1_of(serial: &[u8]) -> String {
    provider().digest.digest(DigestAlgorithm::Sha1, certificate(serial).der()).unwrap().to_hex()
}

/// The notification's members without certificateRequest and thumbprint.
fn rest(settings: &Settings, notification: &SuccessNotification) -> String {
    let request = send(settings, |call| notification.to_http(call));
    let (_, rest) = body(&request).split_once(r#""certificateSerialNumber""#).unwrap();
    rest.to_owned()
}

#[test]
fn a_success_notification_has_the_body_that_the_service_expects() {
    let request = send(&settings(), |call| success().to_http(call));
    assert_eq!(request.url(), format!("{VALIDATION}/ScepActions/successNotification"));
    assert_eq!(header(&request, "api-version"), Some("2018-02-20"));
    let (csr, thumbprint) = (base64(), sha1_of(&[0x00, 0xB7, 0x01]));
    assert_eq!(
        body(&request),
        format!(
            r#"{{"notification":{{"transactionId":"A1B2C3","certificateRequest":"{csr}","certificateThumbprint":"{thumbprint}","certificateSerialNumber":"B701","certificateExpirationDateUtc":"2027-01-31T12:34:56.000Z","issuingCertificateAuthority":"O=Contoso,CN=Issuing CA","callerInfo":"AcmeScep/1.2.3"}}}}"#
        )
    );
}

#[test]
fn a_failure_notification_has_the_body_that_the_service_expects() {
    let description = ErrorDescription::new("the \"CA\" is away").unwrap();
    let notification = FailureNotification::new(&enrolment(), HResult::FAIL, description);
    let request = send(&settings(), |call| notification.to_http(call));
    assert_eq!(request.url(), format!("{VALIDATION}/ScepActions/failureNotification"));
    assert_eq!(header(&request, "api-version"), Some("2018-02-20"));
    assert_eq!(
        body(&request),
        format!(
            r#"{{"notification":{{"transactionId":"A1B2C3","certificateRequest":"{}","hResult":2147500037,"errorDescription":"the \"CA\" is away","callerInfo":"AcmeScep/1.2.3"}}}}"#,
            base64()
        )
    );
}

#[test]
fn members_that_came_later_are_omitted_null_or_empty_without_value() {
    let end = |absent| rest(&settings().with_notification_absent(absent), &success());
    assert!(end(Absent::Omitted).ends_with(r#""callerInfo":"AcmeScep/1.2.3"}}"#));
    assert!(
        end(Absent::Null).ends_with(r#","caConfiguration":null,"certificateAuthority":null}}"#)
    );
    assert!(end(Absent::Empty).ends_with(r#","caConfiguration":"","certificateAuthority":""}}"#));
}

#[test]
fn members_that_came_later_are_written_with_a_value_whatever_the_setting() {
    let notification = success()
        .with_ca_configuration("profile-7")
        .unwrap()
        .with_certificate_authority("ca.example")
        .unwrap();
    for absent in [Absent::Omitted, Absent::Null, Absent::Empty] {
        let end = rest(&settings().with_notification_absent(absent), &notification);
        let expected = r#","caConfiguration":"profile-7","certificateAuthority":"ca.example"}}"#;
        assert!(end.ends_with(expected), "{end}");
    }
}

#[test]
fn the_issuing_authority_can_be_another_text() {
    let named = success().with_issuing_authority("Issuing CA").unwrap();
    assert!(rest(&settings(), &named).contains(r#""issuingCertificateAuthority":"Issuing CA","#));
    let blank = success().with_issuing_authority(" ");
    assert_eq!(blank, Err(InvalidInput::Blank(Field::IssuingAuthority).into()));
}

#[test]
fn the_serial_number_is_written_as_set() {
    let start = |format| rest(&settings().with_serial_format(format), &success());
    assert!(start(SerialFormat::UpperHex).starts_with(r#":"B701","#));
    assert!(start(SerialFormat::LowerHex).starts_with(r#":"b701","#));
    assert!(start(SerialFormat::Decimal).starts_with(r#":"46849","#));
}

#[test]
fn a_certificate_with_another_key_is_not_notified() {
    let other = certificate_for("rsa2048-device", &[1], &[(COMMON_NAME, "CA")]);
    let refused = SuccessNotification::new(&enrolment(), &other, provider().digest);
    assert_eq!(refused, Err(Error::Service(InvalidInput::OtherKey)));
}

#[test]
fn a_certificate_without_issuer_is_not_notified() {
    let other = certificate_for("p256-device", &[1], &[]);
    let refused = SuccessNotification::new(&enrolment(), &other, provider().digest);
    assert_eq!(refused, Err(InvalidInput::Blank(Field::IssuingAuthority).into()));
}

#[test]
fn validation_and_notifications_are_about_the_same_enrolment() {
    let outcome = outcome(&ok(r#"{"code":"Success"}"#));
    let validated = outcome.into_result().unwrap();
    let about = |request: HttpRequest| {
        let text = body(&request).to_owned();
        let (_, rest) = text.split_once(r#":{"#).unwrap();
        let end = rest.match_indices("\",\"").nth(1).unwrap().0;
        rest.get(..end).unwrap().to_owned()
    };
    let settings = settings();
    let validation = about(send(&settings, |call| enrolment().validate(call)));
    let issued =
        SuccessNotification::new(validated.enrolment(), &certificate(&[5]), provider().digest);
    let failed = FailureNotification::new(
        validated.enrolment(),
        HResult::UNEXPECTED,
        ErrorDescription::new("x").unwrap(),
    );
    assert!(validation.starts_with(r#""transactionId":"A1B2C3","certificateRequest":"#));
    assert_eq!(about(send(&settings, |call| issued.clone().unwrap().to_http(call))), validation);
    assert_eq!(about(send(&settings, |call| failed.to_http(call))), validation);
}
