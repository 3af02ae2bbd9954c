//! What the answer to a validation or a notification means.

use intune_challenge::PeerFailure;
use intune_challenge::service::*;
use scep_types::{Basis, NameAssurance};

use crate::support::*;

/// As Microsoft's service writes it.
const SUCCESS: &str = r#"{"@odata.context":"https://fef.msub06.manage.microsoft.com/RACerts/StatelessScepRequestValidationService/2d0ab01a-0000-0000-0000-000000000000/$metadata#microsoft.management.services.scepRequestValidationService.api.scepActionResult","code":"Success","errorDescription":""}"#;

fn result(code: &str, description: &str) -> HttpResponse {
    ok(serde_json::json!({ "code": code, "errorDescription": description }).to_string())
}

fn denied(response: &HttpResponse) -> Denial {
    match outcome(response) {
        Outcome::Denied(denial) => denial,
        other => panic!("{other:?}"),
    }
}

fn problem(body: &str) -> MalformedAnswer {
    match outcome(&ok(body)) {
        Outcome::Unavailable(Unavailable {
            kind: UnavailableKind::Malformed { status: 200, problem },
            ..
        }) => problem,
        other => panic!("{other:?}"),
    }
}

// library test 4.3-01, 09
#[test]
fn success_is_an_authorisation_for_this_csr_and_no_other() {
    let Outcome::Valid(validated) = outcome(&ok(SUCCESS)) else { panic!() };
    let authorization = validated.authorization();
    assert!(authorization.covers(enrolment().csr()));
    assert!(!authorization.covers(&csr(Some("another challenge"))));
    assert_eq!(authorization.basis(), &Basis::IntuneService);
    assert_eq!(authorization.names(), NameAssurance::Vouched);
    assert_eq!(validated.activity_id(), ACTIVITY);
    assert_eq!(validated.enrolment(), &enrolment());
}

// library test 4.3-02, 10
#[test]
fn each_code_denies_under_its_name_with_a_label_and_a_fail_info_of_its_own() {
    let mut labels = std::collections::BTreeSet::new();
    for code in KnownCode::ALL {
        let denial = denied(&result(code.name(), "why"));
        assert_eq!(denial.code, Code::Known(*code));
        assert_eq!(denial.code.name(), code.name());
        assert_eq!((denial.description.as_str(), denial.activity_id), ("why", ACTIVITY));
        let expected = match code {
            KnownCode::ChallengeExpired => PeerFailure::BadTime,
            _ => PeerFailure::BadRequest,
        };
        assert_eq!(denial.code.failure(), expected);
        assert!(labels.insert(denial.code.label()));
        assert!(!code.meaning().is_empty());
    }
    // 24 of Microsoft's enumeration without Success, and one that its service sends all the same.
    assert_eq!(labels.len(), 25);
    assert_eq!(PeerFailure::BadTime.code(), 3);
}

#[test]
fn the_names_are_those_of_microsofts_enumeration() {
    let names: Vec<_> = KnownCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(
        names,
        [
            "Unknown",
            "CertificateRequestDecodingFailed",
            "ChallengePasswordMissing",
            "ChallengeDeserializationError",
            "ChallengeDecryptionError",
            "ChallengeDecodingError",
            "ChallengeInvalidTimestamp",
            "ChallengeExpired",
            "SubjectNameMissing",
            "SubjectNameMismatch",
            "SubjectAltNameMissing",
            "SubjectAltNameMismatch",
            "KeyUsageMismatch",
            "KeyLengthMismatch",
            "EnhancedKeyUsageMissing",
            "EnhancedKeyUsageMismatch",
            "AadKeyIdentifierListMissing",
            "RegisteredKeyMismatch",
            "SigningCertThumbprintMismatch",
            "ScepProfileNoLongerTargetedToTheClient",
            "SignatureValidationFailed",
            "BadCertificateRequestIdInChallenge",
            "BadDeviceIdInChallenge",
            "BadUserIdInChallenge",
            "BadTenantIdInChallenge",
        ]
    );
}

#[test]
fn an_unknown_code_denies_and_keeps_its_name() {
    let denial = denied(&result("ChallengeTooShiny", ""));
    assert_eq!((denial.code.name(), denial.code.label()), ("ChallengeTooShiny", "other"));
    assert!(matches!(denial.code, Code::Other(_)));
    assert_eq!(denial.code.failure(), PeerFailure::BadRequest);
    assert_eq!(denied(&result(&"x ".repeat(5_000), "")).code.name().chars().count(), 128);
}

#[test]
fn success_is_compared_without_regard_to_case_and_with_regard_to_everything_else() {
    for code in ["Success", "success", "SUCCESS"] {
        assert_eq!(outcome(&result(code, "")).label(), "valid");
    }
    for code in ["1", "0", "Success ", " Success", "Succes", "Successful", "\u{17F}uccess", "true"]
    {
        assert_eq!(outcome(&result(code, "")).label(), "denied", "{code}");
    }
}

#[test]
fn what_is_no_text_is_no_code() {
    for body in [
        "{}",
        r#"{"code":null}"#,
        r#"{"code":1}"#,
        r#"{"code":true}"#,
        r#"{"code":["Success"]}"#,
        r#"{"code":{"Success":"Success"}}"#,
        r#"{"code":""}"#,
        r#"{"Code":"Success"}"#,
        r#"{"value":{"code":"Success"}}"#,
    ] {
        assert_eq!(problem(body), MalformedAnswer::Member("code"), "{body}");
    }
}

#[test]
fn a_repeated_member_is_refused_wherever_it_stands() {
    for body in [
        r#"{"code":"Success","code":"ChallengeExpired"}"#,
        r#"{"code":"ChallengeExpired","code":"Success"}"#,
        r#"{"code":"Success","code":"Success"}"#,
        r#"{"code":"Success","Code":"ChallengeExpired"}"#,
        r#"{"code":"Success","\u0063ode":"Success"}"#,
        r#"{"code":"Success","x":{"y":1,"y":2}}"#,
    ] {
        assert_eq!(problem(body), MalformedAnswer::DuplicateMember, "{body}");
    }
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for body in [
        "",
        "null",
        "\"Success\"",
        "[]",
        r#"[{"code":"Success"}]"#,
        "<html>",
        "{",
        r#"{"code":"Success"} x"#,
        r#"{"code":"Success"}{"code":"Success"}"#,
        r#"{"code":"Success",}"#,
        r#"{'code':'Success'}"#,
        "{\"code\":\"Success\u{1}\"}",
    ] {
        assert_eq!(problem(body), MalformedAnswer::NotAnObject, "{body}");
    }
    assert_eq!(
        outcome(&HttpResponse::new(200, b"{\"code\":\"Success\xFF\"}".as_slice())).label(),
        "unavailable"
    );
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    assert_eq!(outcome(&ok(format!("\u{FEFF}{SUCCESS}"))).label(), "valid");
}

#[test]
fn an_absent_description_and_null_are_empty() {
    for body in [r#"{"code":"Unknown"}"#, r#"{"code":"Unknown","errorDescription":null}"#] {
        assert!(denied(&ok(body)).description.is_empty());
    }
    let body = r#"{"code":"Success","errorDescription":7}"#;
    assert_eq!(problem(body), MalformedAnswer::Member("errorDescription"));
}

#[test]
fn what_is_too_large_too_deep_or_too_much_is_refused() {
    let limit = MAX_BODY;
    let large = format!(r#"{{"code":"Success","x":"{}"}}"#, "x".repeat(limit));
    assert_eq!(problem(&large), MalformedAnswer::TooLarge { limit });
    let deep = format!(r#"{{"code":"Success","x":{}1{}}}"#, "[".repeat(16), "]".repeat(16));
    assert_eq!(problem(&deep), MalformedAnswer::TooDeep { limit: 16 });
    let many = format!(r#"{{"code":"Success","x":[0{}]}}"#, ",0".repeat(70_000));
    assert_eq!(problem(&many), MalformedAnswer::TooManyValues { limit: 65_536 });
}

#[test]
fn success_counts_only_with_a_status_of_success() {
    for status in 0..=999 {
        let label = outcome(&answer(status, SUCCESS)).label();
        assert_eq!(label == "valid", (200..300).contains(&status), "{status}");
    }
}

#[test]
fn an_expired_challenge_is_told_in_microsofts_words() {
    let text = "SCEP challenge has expired.SCEP Challenge has expired. challengeExpInterval=60, challengeExpiration=10/21/2024 09:55:33, challengeCreation=10/21/2024 08:55:33";
    let denial = denied(&result("ChallengeExpired", text));
    assert_eq!(denial.to_string(), format!("ChallengeExpired: {text} (activity {ACTIVITY_TEXT})"));
}

#[test]
fn a_challenge_of_another_tenant_is_explained_to_the_administrator() {
    let text = "Failed to parse the tenant id in the challenge.tenantId in challenge does not match tenantId from security token.";
    let denial = denied(&result("BadTenantIdInChallenge", text));
    assert_eq!(denial.hint(), Some(Hint::WrongTenant));
    assert!(Hint::WrongTenant.to_string().contains("another tenant"));
    assert_eq!(denied(&result("ChallengeExpired", "")).hint(), None);
}

#[test]
fn a_description_is_bounded_and_printable() {
    let text = format!("a\r\nb\u{202E}c {}", "word ".repeat(1_000));
    let denial = denied(&result("Unknown", &text));
    assert!(denial.description.as_str().starts_with("a  b c word word"));
    assert_eq!(denial.description.as_str().chars().count(), 1024);
}

// library test 4.3-11, 12, 13, 14
#[test]
fn a_notification_is_noted_or_denied_like_a_validation() {
    let noted = |response| Notified::from_http(&enrolment(), &response, ACTIVITY, NOW);
    assert!(noted(ok(SUCCESS)).is_ok());
    let refused = noted(result("ChallengeDecryptionError", "")).unwrap_err();
    let Failure::Denied(denial) = &refused else { panic!("{refused:?}") };
    assert_eq!(denial.code, Code::Known(KnownCode::ChallengeDecryptionError));
    assert_eq!(refused.label(), "denied");
}
