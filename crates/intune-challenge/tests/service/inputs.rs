//! What is refused before anything is sent.

use std::time::Duration;

use intune_challenge::service::*;
use intune_challenge::{Error, Field, InvalidInput, Secret};

use crate::support::*;

fn blank<T>(field: Field) -> Result<T, Error> {
    Err(InvalidInput::Blank(field).into())
}

// library test 4.3-23, 29
#[test]
fn a_transaction_has_an_id() {
    for text in ["", " ", "\n"] {
        assert_eq!(TransactionId::new(text), blank(Field::TransactionId));
    }
    let limit = 1024;
    let long = InvalidInput::TooLong { field: Field::TransactionId, limit };
    assert_eq!(TransactionId::new("x".repeat(1025)), Err(long.into()));
    assert_eq!(TransactionId::new("é".repeat(1024)).unwrap().as_str().chars().count(), 1024);
}

// library test 4.3-17, 18, 33
#[test]
fn what_an_application_needs_is_there() {
    assert_eq!(Application::new("", "id"), blank(Field::Tenant));
    assert_eq!(Application::new("contoso.example", " "), blank(Field::ClientId));
    assert_eq!(Settings::new(Cloud::Global, ""), blank(Field::Setting(Setting::CallerInfo)));
    let (settings, application, empty) = (settings(), application(), Secret::new(""));
    for credential in [TokenCredential::Secret(&empty), TokenCredential::Assertion(&empty)] {
        let request = TokenRequest::new(&settings, &application, Audience::Graph, credential);
        assert_eq!(request.unwrap_err(), InvalidInput::Blank(Field::Credential).into());
    }
}

#[test]
fn a_tenant_cannot_lead_out_of_its_url() {
    for tenant in ["a/b", "..%2f", "a?b", "a#b", "a b", "a\r\nb", "ten\u{e4}nt", "a@b", "a:b"] {
        let refused = InvalidInput::Characters(Field::Tenant);
        assert_eq!(Application::new(tenant, "id"), Err(refused.into()), "{tenant:?}");
    }
    let long = InvalidInput::TooLong { field: Field::ClientId, limit: 255 };
    assert_eq!(Application::new("t", &"x".repeat(256)), Err(long.into()));
}

#[test]
fn a_token_can_stand_in_a_header() {
    for text in ["a b", "a\r\nX: y", "t\u{f6}ken"] {
        let refused = AccessToken::new(Secret::new(text), Duration::ZERO);
        assert_eq!(refused, Err(InvalidInput::Characters(Field::Credential).into()));
    }
}

#[test]
fn an_address_is_https_and_nothing_but_scheme_host_port_and_path() {
    for text in [
        "http://fef.example",
        "ftp://fef.example",
        "//fef.example",
        "fef.example",
        "https://",
        "",
        "https:///path",
        "https://user@fef.example",
        "https://user:pass@fef.example",
        "https://fef.example?x",
        "https://fef.example/#x",
        "https://fef.example/a b",
        "https://fef.example:port",
        "https://fef.example:99999",
        "https://f\u{e4}f.example",
        "https://[::1",
        "https://[1.2.3.4]",
        "https://fef.example\\@evil.example",
        "https://fef.example/\r\n",
    ] {
        let refused = InvalidInput::Url(Field::Url);
        assert_eq!(ServiceUrl::parse(text, UrlPolicy::HttpsOnly), Err(refused.into()), "{text:?}");
    }
}

#[test]
fn the_host_of_an_address_is_known() {
    for (text, host) in [
        ("https://FEF.Example/a", "fef.example"),
        ("HTTPS://fef.example:8443/a/b", "fef.example"),
        ("https://[::1]:8443", "::1"),
        ("https://10.0.0.1", "10.0.0.1"),
    ] {
        assert_eq!(ServiceUrl::parse(text, UrlPolicy::HttpsOnly).unwrap().host(), host);
    }
    let local = ServiceUrl::parse("http://127.0.0.1:8080/", UrlPolicy::HttpForTests).unwrap();
    assert_eq!((local.host(), local.to_string().as_str()), ("127.0.0.1", "http://127.0.0.1:8080"));
}

#[test]
fn each_error_says_what_is_wrong() {
    for (error, text) in [
        (InvalidInput::Blank(Field::Tenant), "Intune service: tenant is blank"),
        (
            InvalidInput::OutOfRange { field: Field::MaxRequests, found: 501, least: 1, most: 500 },
            "Intune service: maxRequests is 501, not 1 to 500",
        ),
        (
            InvalidInput::Unset(Setting::IntuneScope),
            "Intune service: intune_scope must be set for this cloud",
        ),
    ] {
        let error = Error::from(error);
        assert_eq!((error.to_string().as_str(), error.label()), (text, "malformed"));
    }
}
