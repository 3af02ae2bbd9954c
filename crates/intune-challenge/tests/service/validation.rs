//! validateRequest on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intune_challenge::service::*;
use intune_challenge::{Error, Malformed};

use crate::support::*;

#[test]
fn the_request_has_the_url_headers_and_body_that_the_service_expects() {
    let request = send(&settings(), |call| enrolment().validate(call));

    assert_eq!(request.method(), Method::Post);
    assert_eq!(request.url(), format!("{VALIDATION}/ScepActions/validateRequest"));
    let headers: Vec<_> = request.headers().collect();
    assert_eq!(
        headers,
        [
            ("Accept", "application/json"),
            ("client-request-id", ACTIVITY_TEXT),
            ("User-Agent", CALLER),
            ("UserAgent", CALLER),
            ("Authorization", format!("Bearer {TOKEN}").as_str()),
            ("api-version", "2018-02-20"),
            ("Content-Type", "application/json; charset=utf-8"),
        ]
    );
    let base64 = STANDARD.encode(csr(Some(CHALLENGE)).der());
    assert_eq!(
        body(&request),
        format!(
            r#"{{"request":{{"transactionId":"A1B2C3","certificateRequest":"{base64}","callerInfo":"AcmeScep/1.2.3"}}}}"#
        )
    );
}

#[test]
fn the_csr_goes_out_as_it_came_in() {
    let request = send(&settings(), |call| enrolment().validate(call));
    let (_, rest) = body(&request).split_once(r#""certificateRequest":""#).unwrap();
    let (base64, _) = rest.split_once('"').unwrap();
    assert_eq!(STANDARD.decode(base64).unwrap(), enrolment().csr().der().as_ref());
}

#[test]
fn a_csr_without_challenge_is_not_an_enrolment() {
    let id = TransactionId::new(TRANSACTION).unwrap();
    assert_eq!(Enrolment::new(id, csr(None)), Err(Error::Malformed(Malformed::Absent)));
}

#[test]
fn texts_are_escaped_and_sent_as_utf_8() {
    let enrolment = enrolment_of("a\"b\\c\n\u{1}é\u{1F600}");
    let request = send(&settings(), |call| enrolment.validate(call));
    assert!(body(&request).starts_with(
        "{\"request\":{\"transactionId\":\"a\\\"b\\\\c\\n\\u0001é\u{1F600}\",\"certificateRequest\":\""
    ));
}

#[test]
fn activity_ids_are_version_4_uuids() {
    let id = ActivityId::from_random([0xFF; 16]).to_string();
    assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(
        ActivityId::from_random([0; 16]).to_string(),
        "00000000-0000-4000-8000-000000000000"
    );
}

#[test]
fn an_address_with_a_slash_at_its_end_means_the_same() {
    let settings = settings();
    let service = ServiceUrl::parse("https://fef.example/a/", UrlPolicy::HttpsOnly).unwrap();
    let token = token();
    let call =
        Call { settings: &settings, service: &service, token: &token, activity_id: ACTIVITY };
    let request = enrolment().validate(&call);
    assert_eq!(request.url(), "https://fef.example/a/ScepActions/validateRequest");
}
