//! HTTP as devices speak it: paths, methods, encodings, headers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request};
use hyper::body::Frame;
use scep_proto::http::encode_message;
use scep_proto::{Capabilities, FailInfo};
use scep_server::{CaCertificateShape, RenewalPolicy, ScepService, router};
use scep_types::AlgorithmPolicy;

use crate::support::device::{Device, granted, refused};
use crate::support::pki;
use crate::support::server::{PASSWORD, Server, static_password};

// R-3.5-01, R-3.5.2-01, R-3.5.2-06, R-3.5.2-08, R-3.5.2-11, R-3.5.2-12
#[tokio::test]
async fn get_ca_caps_lists_what_is_served_a_keyword_a_line() {
    let server = Server::new(static_password());
    let answer = server.get("/scep?operation=GetCACaps").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(
        answer.body,
        "POSTPKIOperation\nSHA-512\nSHA-384\nSHA-256\nAES\nSCEPStandard\n".as_bytes()
    );
}

#[test]
fn capabilities_follow_the_policies() {
    let grace = std::time::Duration::ZERO;
    let server = Server::with_password(|config| {
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace };
        config.algorithms = AlgorithmPolicy::Legacy;
    });
    let capabilities = server.endpoint.capabilities();
    for capability in [Capabilities::RENEWAL, Capabilities::SHA_1, Capabilities::DES3] {
        assert!(capabilities.contains(capability), "{capability:?}");
    }
    assert!(!capabilities.contains(Capabilities::GET_NEXT_CA_CERT));
}

// R-4.2-02, R-3.5.2-17
#[tokio::test]
async fn the_get_operations_ignore_whatever_message_says() {
    let server = Server::new(static_password());
    for operation in ["GetCACert", "GetCACaps"] {
        let expected = server.get(&format!("/scep?operation={operation}")).await.body;
        for message in ["ca1", "*", "", "default", "a%20b"] {
            let target = format!("/scep?operation={operation}&message={message}");
            assert_eq!(server.get(&target).await.body, expected, "{target}");
        }
    }
}

// R-4.2.1.1-01
#[tokio::test]
async fn a_ca_that_is_its_own_ra_hands_out_one_bare_certificate() {
    let server = Server::with_password(|config| config.authority = pki::ca_alone());
    let answer = server.get("/scep?operation=GetCACert").await;
    assert_eq!(answer.header("content-type"), Some("application/x-x509-ca-cert"));
    assert_eq!(answer.body, pki::Template::ca_as_ra().self_signed().der());
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
}

// R-4.2.1.2-01
#[tokio::test]
async fn a_ca_with_an_ra_hands_out_both() {
    let server = Server::new(static_password());
    let answer = server.get("/scep?operation=GetCACert").await;
    assert_eq!(answer.header("content-type"), Some("application/x-x509-ca-ra-cert"));
    let bundle = scep_proto::UnauthenticatedCa::parse(answer.body).unwrap();
    let names: Vec<_> = bundle.certificates().iter().map(|c| c.subject().to_string()).collect();
    assert_eq!(names, ["CN=Test RA", "CN=Test CA"]);
}

#[tokio::test]
async fn a_chain_hands_out_all_certificates_up_to_the_root() {
    let (root, ca) = (
        pki::Template { common_name: "Test Root", key: "rsa2048-anchor", ..pki::Template::ca() },
        pki::Template::ca(),
    );
    let issuing = ca.issued_by(&root);
    let server = Server::with_password(|config| {
        let issuer = scep_ca::Issuer::new(
            issuing.clone(),
            crate::support::provider().digest,
            crate::support::NOW,
        );
        config.authority.ca.issuer = issuer.unwrap();
        config.authority.ca.chain = vec![root.self_signed()];
        config.ca_certificates = CaCertificateShape::Chain;
    });
    let answer = server.get("/scep?operation=GetCACert").await;
    let bundle = scep_proto::UnauthenticatedCa::parse(answer.body).unwrap();
    let names: Vec<_> = bundle.certificates().iter().map(|c| c.subject().to_string()).collect();
    assert_eq!(names, ["CN=Test RA", "CN=Test CA", "CN=Test Root"]);
}

// R-4.7.1-06
#[tokio::test]
async fn there_is_no_next_ca_certificate() {
    let server = Server::new(static_password());
    assert_eq!(server.get("/scep?operation=GetNextCACert").await.status, 404);
}

// R-4.1-02
#[tokio::test]
async fn all_paths_that_devices_make_are_served_and_no_other() {
    let server = Server::with_password(|config| config.path = "/pki/scep".to_owned());
    for path in [
        "",
        "/",
        "/pkiclient.exe",
        "/PKICLIENT.EXE",
        "/PkiClient.exe",
        "/cgi-bin/pkiclient.exe",
        "/CGI-BIN/PKICLIENT.EXE",
    ] {
        let answer = server.get(&format!("/pki/scep{path}?operation=GetCACaps")).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    for path in
        ["/scep", "/pki", "/pki/scep/other", "/pki/scep/pkiclient.exe/x", "/pki/sceppkiclient.exe"]
    {
        let answer = server.get(&format!("{path}?operation=GetCACaps")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_endpoint_may_be_at_the_root() {
    let server = Server::with_password(|config| config.path = "/".to_owned());
    for path in ["/", "/pkiclient.exe", "/cgi-bin/pkiclient.exe"] {
        assert_eq!(server.get(&format!("{path}?operation=GetCACaps")).await.status, 200, "{path}");
    }
    assert_eq!(server.get("/other?operation=GetCACaps").await.status, 404);
}

#[tokio::test]
async fn a_host_nests_the_service_where_it_likes() {
    use tower::ServiceExt as _;
    let server = Server::with_password(|config| config.path = "/pki".to_owned());
    let nested = axum::Router::new()
        .nest("/deep", router([server.service.clone()]).unwrap())
        .nest_service("/elsewhere", server.service.clone())
        .route_service("/pki/{*rest}", server.service.clone());
    for target in ["/deep/pki", "/elsewhere/pkiclient.exe", "/elsewhere", "/pki/pkiclient.exe"] {
        let uri = format!("{target}?operation=GetCACaps");
        let request = Request::builder().uri(&uri).body(Body::empty()).unwrap();
        assert_eq!(nested.clone().oneshot(request).await.unwrap().status(), 200, "{uri}");
    }
}

#[tokio::test]
async fn endpoints_side_by_side_and_one_below_the_other_do_not_meet() {
    let outer = Server::with_password(|config| config.path = "/scep".to_owned());
    let inner = Server::with_password(|config| {
        config.path = "/scep/inner".to_owned();
        config.algorithms = AlgorithmPolicy::Legacy;
    });
    let both = router([outer.service.clone(), inner.service.clone()]).unwrap();
    for (path, legacy) in
        [("/scep", false), ("/scep/inner", true), ("/scep/inner/pkiclient.exe", true)]
    {
        use http_body_util::BodyExt as _;
        use tower::ServiceExt as _;
        let uri = format!("{path}?operation=GetCACaps");
        let request = Request::builder().uri(&uri).body(Body::empty()).unwrap();
        let answer = both.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{uri}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(body.contains("DES3"), legacy, "{uri}");
    }
    let error =
        router([outer.service.clone(), ScepService::new(outer.endpoint.clone())]).unwrap_err();
    assert_eq!(
        error,
        scep_server::Error::Misconfigured(scep_server::Misconfigured::SamePath("/scep".to_owned()))
    );
}

// R-4.1-11, R-4.1-09
#[tokio::test]
async fn unknown_operations_are_bad_requests_and_names_are_compared_without_case() {
    let server = Server::new(static_password());
    for target in ["/scep?operation=Foo", "/scep", "/scep?operation=", "/scep?message=x"] {
        let answer = server.get(target).await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert!(answer.body.len() < 100);
    }
    for target in ["/scep?OPERATION=getcacaps", "/scep?x=1&Operation=GETCACAPS&y"] {
        assert_eq!(server.get(target).await.status, 200, "{target}");
    }
}

// R-4.1-11
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let server = Server::new(static_password());
    for method in [Method::PUT, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder().method(&method).uri("/scep?operation=GetCACaps");
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, POST"));
    }
}

// R-4.1-08
#[tokio::test]
async fn what_differs_from_device_to_device_is_not_cached() {
    let server = Server::new(static_password());
    let caps = server.get("/scep?operation=GetCACaps").await;
    assert_eq!(caps.header("cache-control"), Some("no-store"));
    let sent = Device::new("phone").challenge(PASSWORD).ask(&server);
    let target = format!("/scep?operation=PKIOperation&message={}", encode_message(&sent.message));
    let reply = server.get(&target).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

// R-4.3-05
#[tokio::test]
async fn success_failure_and_pending_are_all_http_200_with_the_bare_media_type() {
    let success = Server::new(static_password());
    let pending = Server::new(crate::support::server::manual());
    let right = Device::new("phone").challenge(PASSWORD);
    let wrong = Device::new("phone").challenge("x");
    for (server, device, outcome) in
        [(&success, &wrong, "refused"), (&success, &right, "issued"), (&pending, &right, "pending")]
    {
        let answer = server.post(device.ask(server).message).await;
        assert_eq!(server.last().outcome, outcome);
        assert_eq!(answer.status, 200, "{outcome}");
        assert_eq!(answer.header("content-type"), Some("application/x-pki-message"));
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
    }
}

// R-4.1-05
#[tokio::test]
async fn a_message_by_get_is_read_in_every_encoding_seen() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&server);
    let standard = STANDARD.encode(&sent.message);
    let wrapped: Vec<_> = standard.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let encodings = [
        encode_message(&sent.message),
        standard.replace('=', "%3D"),
        standard.replace('+', "%20").replace('=', ""),
        URL_SAFE_NO_PAD.encode(&sent.message),
        wrapped.join("%0A"),
        encode_message(&sent.message).replace('%', "%25"),
    ];
    for encoding in encodings {
        for target in [
            format!("/scep?operation=PKIOperation&message={encoding}"),
            format!("/scep?message={encoding}&operation=pkioperation"),
        ] {
            granted(device.read(&server, &sent, &server.get(&target).await));
        }
    }
    assert_eq!(server.certificates(), 1);
}

// R-4.3-03, R-4.3-04, R-4.3-08
#[tokio::test]
async fn a_post_is_read_without_operation_or_content_type_and_in_base64() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&server);
    let base64 = STANDARD.encode(&sent.message);
    let post = |uri: &str, media_type: Option<&str>, body: Bytes| {
        let mut request = Request::builder().method(Method::POST).uri(uri);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        server.send(request.body(Body::from(body)).unwrap())
    };
    for (uri, media_type, body) in [
        ("/scep", None, sent.message.clone()),
        ("/scep/", Some("application/octet-stream"), sent.message.clone()),
        ("/scep/pkiclient.exe?operation=PKIOperation", Some("x"), sent.message.clone()),
        ("/scep?operation=pkioperation", None, Bytes::from(base64)),
    ] {
        granted(device.read(&server, &sent, &post(uri, media_type, body).await));
    }
    let answer = post("/scep?operation=GetCACert", None, sent.message.clone()).await;
    assert_eq!(answer.status, 400);
}

// R-4.3-09, R-3.2-04
#[tokio::test]
async fn what_has_no_transaction_id_is_a_bad_request_in_plain_text() {
    let server = Server::new(static_password());
    for body in [&b""[..], b"hello", &[0x30, 0x80], &[0x30, 3, 2, 1, 1], &[0x30; 5000]] {
        let answer = server.post(Bytes::from_static(body)).await;
        assert_eq!(answer.status, 400, "{body:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(server.last().outcome, "unreadable");
    }
}

// R-4.1-06
#[tokio::test]
async fn a_body_of_more_than_256_kib_is_too_large_whatever_it_says_of_its_length() {
    let server = Server::new(static_password());
    let large = vec![0x30; 256 * 1024 + 1];
    assert_eq!(server.post(Bytes::from(large.clone())).await.status, 413);
    let frames = Frames(large.chunks(10_000).map(Bytes::copy_from_slice).collect());
    let request = Request::builder().method(Method::POST).uri("/scep").body(Body::new(frames));
    let answer = server.send(request.unwrap()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    // As large as it may be, it is read and found to be nothing.
    assert_eq!(server.post(Bytes::from(vec![0x30; 256 * 1024])).await.status, 400);
}

/// A body whose length nobody knows.
struct Frames(VecDeque<Bytes>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

#[tokio::test]
async fn the_answer_by_get_and_by_post_are_of_one_kind() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge("wrong");
    let sent = device.ask(&server);
    let target = format!("/scep?operation=PKIOperation&message={}", encode_message(&sent.message));
    assert_eq!(
        refused(device.read(&server, &sent, &server.get(&target).await)),
        FailInfo::BAD_REQUEST
    );
    assert_eq!(refused(device.send(&server, &sent).await), FailInfo::BAD_REQUEST);
}
