//! Lost answers, GET and POST, and HTTP statuses.

use std::time::Duration;

use scep_proto::client::{MethodChoice, Retries};
use scep_proto::http::{Method, PKI_MESSAGE};
use scep_proto::{Error, Unfinished};

use crate::server::{Act, Server};
use crate::support::{Host, device, pki, settings};

#[test]
fn a_lost_answer_is_asked_for_with_the_very_same_message() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut server = Server::new(pki, [Act::Silence, Act::Http(503, "busy"), Act::Succeed]);
    let mut settings = settings(pki);
    settings.retries = Retries { attempts: 3, interval: Duration::from_secs(5) };
    host.drive(&device, settings, &mut server).unwrap();
    assert_eq!(server.seen.len(), 3);
    assert!(server.seen.iter().all(|seen| *seen == server.seen[0]));
    assert_eq!(host.waits, [Duration::from_secs(5); 2]);
}

// R-5.2-01
#[test]
fn starting_anew_is_a_new_transaction() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut settings = settings(pki);
    settings.retries.attempts = 1;
    let mut server = Server::new(pki, [Act::Silence, Act::Succeed]);
    host.drive(&device, settings.clone(), &mut server).unwrap_err();
    host.drive(&device, settings, &mut server).unwrap();
    assert_ne!(server.seen[0].transaction_id, server.seen[1].transaction_id);
}

#[test]
fn after_enough_attempts_there_is_no_answer() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Silence, Act::Silence]);
    let mut settings = settings(pki);
    settings.retries.attempts = 2;
    let ended = Host::new().drive(&device, settings, &mut server).unwrap_err();
    assert_eq!(ended, Error::Unfinished(Unfinished::NoAnswer { attempts: 2 }));
}

// R-4.1-03, R-4.1-04, R-4.3-02
#[test]
fn post_where_it_is_offered_and_get_elsewhere() {
    let (pki, device) = (pki(), device());
    let cases = [
        (MethodChoice::Auto, "AES\nPOSTPKIOperation", Method::Post),
        (MethodChoice::Auto, "AES", Method::Get),
        (MethodChoice::Post, "", Method::Post),
        (MethodChoice::Get, "SCEPStandard", Method::Get),
    ];
    for (choice, capabilities, method) in cases {
        let mut host = Host::new();
        let mut settings = settings(pki);
        settings.method = choice;
        let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(capabilities);
        host.drive(&device, settings, &mut server).unwrap();
        let request = &host.requests[2];
        assert_eq!(request.method, method);
        match method {
            Method::Post => {
                assert_eq!(request.query, "operation=PKIOperation");
                assert_eq!(request.content_type, Some(PKI_MESSAGE));
            }
            Method::Get => {
                assert!(request.query.starts_with("operation=PKIOperation&message=MI"));
                assert!(!request.query.contains(['+', '/', ' ', '\n']));
                assert!(request.body.is_empty() && request.content_type.is_none());
            }
        }
    }
}

// R-4.3-07, R-4.1-07
#[test]
fn the_other_method_is_tried_once_with_the_same_message() {
    let (pki, device) = (pki(), device());
    let cases = [
        ("SCEPStandard", Act::Http(200, ""), [Method::Post, Method::Get]),
        ("SCEPStandard", Act::Http(405, "no POST here"), [Method::Post, Method::Get]),
        ("AES", Act::Http(414, "too long"), [Method::Get, Method::Post]),
    ];
    for (capabilities, first, methods) in cases {
        let mut server = Server::new(pki, [first, Act::Succeed]).with_capabilities(capabilities);
        Host::new().drive(&device, settings(pki), &mut server).unwrap();
        let used: Vec<_> = server.seen.iter().map(|seen| seen.method).collect();
        assert_eq!(used, methods);
        assert_eq!(server.seen[0].message, server.seen[1].message);
    }
}

#[test]
fn a_method_that_was_settled_stays() {
    let (pki, device) = (pki(), device());
    let cases = [
        (MethodChoice::Post, Act::Http(200, ""), Unfinished::EmptyAnswer),
        (MethodChoice::Get, Act::Http(414, ""), Unfinished::HttpStatus(414)),
    ];
    for (choice, act, expected) in cases {
        let mut settings = settings(pki);
        settings.method = choice;
        let mut server = Server::new(pki, [act]);
        let ended = Host::new().drive(&device, settings, &mut server).unwrap_err();
        assert_eq!(ended, Error::Unfinished(expected));
        assert_eq!(server.seen.len(), 1);
    }
}

#[test]
fn an_http_error_with_a_page_is_an_http_error() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Http(404, "<html>Not Found</html>")]);
    let ended = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(ended, Error::Unfinished(Unfinished::HttpStatus(404)));
}

#[test]
fn a_page_with_status_200_is_malformed() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, [Act::Http(200, "<html>Welcome</html>")]);
    let ended = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert!(matches!(ended, Error::Malformed(_)), "{ended:?}");
}
