//! Laws that hold for all answers, serial numbers and descriptions.

use intune_challenge::Secret;
use intune_challenge::service::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// JSON of any shape, with the names that are looked at among its names.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("code"),
        Just("Code"),
        Just("errorDescription"),
        Just("error"),
        Just("value"),
        Just("message"),
        Just("Message"),
        Just("RetryAfter"),
        Just("access_token"),
        Just("expires_in"),
        Just("providerName"),
        Just("uri"),
        Just("@odata.nextLink"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("Success")),
        Just(json!("ChallengeExpired")),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        any_json().prop_map(|json| json.to_string().into_bytes()),
    ]
}

fn response() -> impl Strategy<Value = HttpResponse> {
    let retry_after = prop::option::of("[ -~]{0,30}");
    (prop_oneof![Just(200_u16), any::<u16>()], retry_after, body()).prop_map(
        |(status, retry_after, body)| HttpResponse {
            retry_after,
            ..HttpResponse::new(status, body)
        },
    )
}

/// Whether another reader sees a code of success.
fn says_success(response: &HttpResponse) -> bool {
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    let code = json.as_ref().and_then(|json| json.get("code")).and_then(Value::as_str);
    let is_success = (200..300).contains(&response.status);
    is_success && code.is_some_and(|code| code.eq_ignore_ascii_case("success"))
}

proptest! {
    #[test]
    fn any_answer_is_an_outcome_and_valid_only_if_its_code_is_success(response in response()) {
        let outcome = outcome(&response);
        let printed = format!("{outcome:?}");
        prop_assert!(!printed.contains(CHALLENGE));
        if let Outcome::Valid(validated) = outcome {
            prop_assert!(says_success(&response));
            prop_assert!(validated.authorization().covers(enrolment().csr()));
        }
        let noted = Notified::from_http(&enrolment(), &response, ACTIVITY, NOW);
        prop_assert!(noted.is_err() || says_success(&response));
    }

    #[test]
    fn any_answer_can_be_read_as_any_other(response in response()) {
        let (settings, application) = (settings(), application());
        let secret = Secret::new(CLIENT_SECRET);
        let credential = TokenCredential::Secret(&secret);
        let token =
            TokenRequest::new(&settings, &application, Audience::Graph, credential).unwrap();
        let is_success = (200..300).contains(&response.status);
        prop_assert!(is_success || token.read(&response, NOW).is_err());
        prop_assert!(is_success || Discovery::new(&settings).read(&response, NOW).is_err());
        prop_assert!(is_success || RevocationDownload::read(&response, NOW).is_err());
        prop_assert!(is_success || RevocationUpload::read(&response, NOW).is_err());
    }

    #[test]
    fn a_serial_number_comes_back_as_it_went(
        octets in prop::collection::vec(any::<u8>(), 0..=20),
        format in prop_oneof![
            Just(SerialFormat::UpperHex), Just(SerialFormat::LowerHex), Just(SerialFormat::Decimal),
        ],
    ) {
        let serial = SerialNumber::from_octets(&octets);
        let text = serial.to_text(format);
        prop_assert_eq!(SerialNumber::parse(&text, format), Some(serial.clone()));
        prop_assert_eq!(SerialNumber::parse(&format!("00{text}"), format), Some(serial.clone()));
        if format != SerialFormat::Decimal {
            prop_assert_eq!(text.len() % 2, 0);
            let digits: String = serial.octets().iter().map(|o| format!("{o:02x}")).collect();
            let expected = if digits.is_empty() { "00".to_owned() } else { digits };
            prop_assert_eq!(text.to_lowercase(), expected);
        }
    }

    #[test]
    fn a_description_is_a_beginning_of_at_most_255_characters(text in "\\PC{1,400}") {
        if let Ok(description) = ErrorDescription::new(&text) {
            let cut = description.as_str();
            prop_assert!(cut.encode_utf16().count() <= 255);
            prop_assert!(!cut.trim().is_empty());
            let same = cut.chars().zip(text.trim().chars());
            prop_assert!(same.into_iter().all(|(cut, given)| cut == given || cut == ' '));
            let next = text.trim().chars().nth(cut.chars().count());
            let units = cut.encode_utf16().count();
            let ends_where_it_must = next.is_none_or(|next| units + next.len_utf16() > 255);
            prop_assert!(ends_where_it_must);
        } else {
            prop_assert!(!text.chars().any(char::is_alphanumeric));
        }
    }

    #[test]
    fn a_request_is_json_whatever_the_transaction_id(text in "\\PC{0,50}[^\\s]") {
        let enrolment = enrolment_of(&text);
        let request = send(&settings(), |call| enrolment.validate(call));
        let json: Value = serde_json::from_slice(request.body()).unwrap();
        prop_assert_eq!(&json["request"]["transactionId"], &json!(text));
    }
}
