//! Revocation requests and their results.

use intune_challenge::service::*;
use intune_challenge::{Error, Field, InvalidInput};

use crate::support::*;

const TWO: &str = r#"{"@odata.context":"https://manage.microsoft.com/RACerts/StatelessPkiConnectorService/$metadata#Collection(microsoft.management.services.api.caRevocationRequest)","value":[{"requestContext":"context-1","serialNumber":"0ABC","issuerName":"CN=CA","caConfiguration":"profile-7"},{"RequestContext":"context-2","SerialNumber":"0d","IssuerName":null}]}"#;

fn download(response: &HttpResponse) -> Result<Vec<RevocationRequest>, Failure> {
    RevocationDownload::read(response, NOW)
}

fn upload(response: &HttpResponse) -> Result<(), Failure> {
    RevocationUpload::read(response, NOW)
}

fn member(failure: Failure) -> &'static str {
    match failure {
        Failure::Unavailable(Unavailable {
            kind: UnavailableKind::Malformed { problem: MalformedAnswer::Member(name), .. },
            ..
        }) => name,
        other => panic!("{other:?}"),
    }
}

fn out_of_range(field: Field, found: usize) -> Error {
    InvalidInput::OutOfRange { field, found, least: 1, most: 500 }.into()
}

fn results() -> Vec<RevocationResult> {
    let requests = download(&ok(TWO)).unwrap();
    let description = ErrorDescription::new("no such serial").unwrap();
    let error = RevocationError::CertificateNotFoundError;
    vec![
        RevocationResult::succeeded(&requests[0]),
        RevocationResult::failed(&requests[1], error, description),
    ]
}

#[test]
fn a_download_asks_for_so_many_requests_of_all_issuers() {
    let download = RevocationDownload::new(50, None).unwrap();
    let request = send(&settings(), |call| download.to_http(call));
    assert_eq!(request.method(), Method::Post);
    assert_eq!(
        request.url(),
        format!("{VALIDATION}/CertificateAuthorityRequests/downloadRevocationRequests")
    );
    assert_eq!(header(&request, "api-version"), Some("5019-05-05"));
    assert_eq!(body(&request), r#"{"downloadParameters":{"maxRequests":50,"issuerName":null}}"#);
}

#[test]
fn a_download_asks_for_one_issuer() {
    let download = RevocationDownload::new(1, Some("CN=\"CA\"")).unwrap();
    let request = send(&settings(), |call| download.to_http(call));
    assert_eq!(
        body(&request),
        r#"{"downloadParameters":{"maxRequests":1,"issuerName":"CN=\"CA\""}}"#
    );
}

#[test]
fn an_issuer_without_value_is_written_as_set() {
    let download = RevocationDownload::new(5, None).unwrap();
    let settings = settings().with_issuer_name_absent(Absent::Omitted);
    let request = send(&settings, |call| download.to_http(call));
    assert_eq!(body(&request), r#"{"downloadParameters":{"maxRequests":5}}"#);
}

// library test 4.3-24, 25
#[test]
fn a_download_asks_for_1_to_500_requests() {
    for most in [0, 501, u16::MAX] {
        let refused = RevocationDownload::new(most, None);
        assert_eq!(refused, Err(out_of_range(Field::MaxRequests, usize::from(most))));
    }
    for most in [1, 500] {
        assert!(RevocationDownload::new(most, None).is_ok());
    }
    let blank = RevocationDownload::new(1, Some(" "));
    assert_eq!(blank, Err(InvalidInput::Blank(Field::IssuingAuthority).into()));
}

// library test 4.3-07, 20
#[test]
fn requests_are_read_with_all_their_members() {
    let requests = download(&ok(TWO)).unwrap();
    let members = |request: &RevocationRequest| {
        let RevocationRequest { context, serial_number, issuer_name, ca_configuration, .. } =
            request.clone();
        (context, serial_number, issuer_name, ca_configuration)
    };
    let text = |text: &str| text.to_owned();
    assert_eq!(
        requests.iter().map(members).collect::<Vec<_>>(),
        [
            (text("context-1"), text("0ABC"), Some(text("CN=CA")), Some(text("profile-7"))),
            (text("context-2"), text("0d"), None, None),
        ]
    );
    let serial = requests[0].serial(SerialFormat::UpperHex).unwrap();
    assert_eq!(serial, SerialNumber::of(&certificate(&[0x0A, 0xBC])));
}

#[test]
fn a_serial_number_that_is_none_does_not_harm_the_other_requests() {
    let body = TWO.replace("0ABC", "no number");
    let requests = download(&ok(body)).unwrap();
    assert_eq!(requests[0].serial(SerialFormat::UpperHex), None);
    assert!(requests[1].serial(SerialFormat::UpperHex).is_some());
}

#[test]
fn no_requests_are_normal() {
    assert_eq!(download(&ok(r#"{"value":[]}"#)), Ok(Vec::new()));
}

// library test 4.3-21, 22
#[test]
fn a_download_without_a_list_is_malformed() {
    for body in ["{}", r#"{"value":"x"}"#, r#"{"value":null}"#, r#"{"value":{}}"#] {
        assert_eq!(member(download(&ok(body)).unwrap_err()), "value", "{body}");
    }
    let many = format!(r#"{{"value":[0{}]}}"#, ",0".repeat(500));
    assert_eq!(member(download(&ok(many)).unwrap_err()), "value");
}

#[test]
fn a_request_without_context_or_serial_number_is_malformed() {
    for (item, name) in [
        (r#"{"serialNumber":"1"}"#, "requestContext"),
        (r#"{"requestContext":"","serialNumber":"1"}"#, "requestContext"),
        (r#"{"requestContext":7,"serialNumber":"1"}"#, "requestContext"),
        (r#"{"requestContext":"c"}"#, "serialNumber"),
        (r#"{"requestContext":"c","serialNumber":null}"#, "serialNumber"),
        (r#"{"requestContext":"c","serialNumber":"1","issuerName":7}"#, "issuerName"),
        (r#"{"requestContext":"c","serialNumber":"1","caConfiguration":[]}"#, "caConfiguration"),
        ("7", "value"),
    ] {
        let failure = download(&ok(format!(r#"{{"value":[{item}]}}"#))).unwrap_err();
        assert_eq!(member(failure), name, "{item}");
    }
}

// library test 4.3-08
#[test]
fn results_go_out_with_the_names_of_their_codes() {
    let upload = RevocationUpload::new(results()).unwrap();
    let request = send(&settings(), |call| upload.to_http(call));
    assert_eq!(
        request.url(),
        format!("{VALIDATION}/CertificateAuthorityRequests/uploadRevocationResults")
    );
    assert_eq!(header(&request, "api-version"), Some("5019-05-05"));
    assert_eq!(
        body(&request),
        r#"{"results":[{"requestContext":"context-1","succeeded":true,"errorCode":"None","errorMessage":null},{"requestContext":"context-2","succeeded":false,"errorCode":"CertificateNotFoundError","errorMessage":"no such serial"}]}"#
    );
}

#[test]
fn results_go_out_with_the_numbers_of_their_codes_if_set() {
    let upload = RevocationUpload::new(results()).unwrap();
    let settings = settings().with_error_code_style(ErrorCodeStyle::Number);
    let request = send(&settings, |call| upload.to_http(call));
    assert!(body(&request).contains(r#""succeeded":true,"errorCode":"0","#));
    assert!(body(&request).contains(r#""succeeded":false,"errorCode":"4004","#));
}

// library test 4.3-27, 28
#[test]
fn an_upload_has_1_to_500_results() {
    let one = results().remove(0);
    assert_eq!(RevocationUpload::new(Vec::new()), Err(out_of_range(Field::Results, 0)));
    assert_eq!(RevocationUpload::new(vec![one; 501]), Err(out_of_range(Field::Results, 501)));
}

// library test 4.3-26
#[test]
fn true_is_accepted_as_value_and_as_text() {
    for body in [r#"{"value":true}"#, r#"{"value":"true"}"#, r#"{"value":"True"}"#] {
        assert_eq!(upload(&ok(body)), Ok(()), "{body}");
    }
}

// library test 4.3-30, 31, 32
#[test]
fn everything_else_is_not_accepted() {
    for body in [r#"{"value":false}"#, r#"{"value":"False"}"#] {
        let Err(Failure::Unavailable(failed)) = upload(&ok(body)) else { panic!("{body}") };
        assert_eq!(failed.kind, UnavailableKind::NotAccepted);
    }
    for body in [r#"{"value":"test"}"#, "{}", r#"{"value":1}"#, r#"{"value":null}"#] {
        assert_eq!(member(upload(&ok(body)).unwrap_err()), "value", "{body}");
    }
    assert_eq!(upload(&answer(403, "")), Err(Hint::IntunePermission.into()));
    assert_eq!(download(&answer(503, "")).unwrap_err().label(), "unavailable");
}

#[test]
fn codes_have_microsofts_names_and_numbers() {
    let codes: Vec<_> =
        RevocationError::ALL.iter().map(|error| (error.number(), error.name())).collect();
    assert_eq!(
        codes,
        [
            (4000, "NonRetryableServiceException"),
            (4001, "DataSerializationError"),
            (4002, "ParameterDataInvalidError"),
            (4003, "CryptographyError"),
            (4004, "CertificateNotFoundError"),
            (4005, "ConflictError"),
            (4006, "NotSupportedError"),
            (4007, "PayloadTooLargeError"),
            (4100, "RetryableServiceException"),
            (4101, "ServiceUnavailableException"),
            (4102, "ServiceTooBusyException"),
            (4103, "AuthenticationException"),
        ]
    );
    let retryable: Vec<_> = RevocationError::ALL.iter().map(|error| error.is_retryable()).collect();
    assert_eq!(retryable, [[false; 8].as_slice(), &[true; 4]].concat());
}
