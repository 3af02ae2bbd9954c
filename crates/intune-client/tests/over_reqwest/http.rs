//! What goes out is what was handed in, and what comes back is bounded.

use intune_client::service::{
    ActivityId, Application, Audience, Cloud, HttpRequest, MAX_BODY, Setting, Settings,
    TokenCredential, TokenRequest, UrlPolicy,
};
use intune_client::{
    ExplicitProxy, HttpSettings, Proxy, ReqwestTransport, Roots, SetupError, Transport,
    TransportFailure,
};
use scep_types::Secret;

use crate::peer::Peer;

pub(crate) const SECRET: &str = "kQ8~correct-horse";

/// A request with a secret in it to this place.
pub(crate) fn request(place: &str) -> HttpRequest {
    let settings = Settings::new(Cloud::Global, "Test/1.0").unwrap();
    let settings = settings.with_url_policy(UrlPolicy::HttpForTests);
    let settings = settings.with(Setting::Login, place).unwrap();
    let application = Application::new("tenant", "client").unwrap();
    let secret = Secret::new(SECRET);
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Intune, credential);
    request.unwrap().to_http(ActivityId::from_random([7; 16]))
}

/// Certificates that TLS may trust; plain HTTP needs none, but a machine may have none either.
fn direct() -> HttpSettings {
    let root = rcgen::generate_simple_self_signed(["unused".to_owned()]).unwrap();
    HttpSettings {
        proxy: Proxy::Direct,
        roots: Roots::Only(root.cert.pem()),
        ..HttpSettings::default()
    }
}

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(&direct()).unwrap()
}

async fn failure(peer: &Peer) -> TransportFailure {
    let sent = transport().send(&request(&format!("http://{}", peer.address))).await;
    let error = sent.err().unwrap();
    assert!(!format!("{error} {error:?}").contains(&peer.address.to_string()), "no URL: {error}");
    error.failure
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_and_its_answer_comes_back_as_it_is() {
    let peer =
        Peer::http("HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\nbusy").await;
    let request = request(&format!("http://{}", peer.address));
    let response = transport().send(&request).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (503, &b"busy"[..]));
    assert_eq!(response.retry_after.as_deref(), Some("120"));

    let seen = &peer.seen()[0];
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /tenant/oauth2/v2.0/token HTTP/1.1\r\n"), "{head}");
    for (name, value) in request.headers() {
        let line = format!("\r\n{}: {value}", name.to_ascii_lowercase());
        assert_eq!(
            head.to_ascii_lowercase().matches(&line.to_ascii_lowercase()).count(),
            1,
            "{line}"
        );
    }
    assert!(head.contains("useragent: Test/1.0") && head.contains("user-agent: Test/1.0"));
    assert_eq!(body.as_bytes(), &request.body()[..]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Peer::http("HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}").await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}/", elsewhere.address);
        let answer =
            format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let peer = Peer::http(answer).await;
        let response = transport().send(&request(&format!("http://{}", peer.address))).await;
        assert_eq!(response.unwrap().status, status);
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed_whatever_the_builder_says() {
    let elsewhere = Peer::http("HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}").await;
    let location = format!("http://{}/", elsewhere.address);
    let peer =
        Peer::http(format!("HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
            .await;
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::limited(10));
    let transport = ReqwestTransport::with_builder(builder).unwrap();
    let response = transport.send(&request(&format!("http://{}", peer.address))).await.unwrap();
    assert_eq!(response.status, 307);
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn an_answer_is_bounded_whether_it_says_its_length_or_not() {
    let limit = MAX_BODY;
    let said = Peer::http(format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", limit + 1)).await;
    assert_eq!(failure(&said).await, TransportFailure::TooLarge { limit });
    let head = b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n".to_vec();
    let unsaid = Peer::http([head.clone(), vec![b' '; limit + 1]].concat()).await;
    assert_eq!(failure(&unsaid).await, TransportFailure::TooLarge { limit });
    let largest = Peer::http([head, vec![b' '; limit]].concat()).await;
    let response = transport().send(&request(&format!("http://{}", largest.address))).await;
    assert_eq!(response.unwrap().body.len(), limit);
}

#[tokio::test]
async fn no_connection_and_a_broken_one_are_told_apart() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = transport().send(&request(&format!("http://{nobody}"))).await.err().unwrap();
    assert_eq!(error.failure, TransportFailure::Connect);
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");

    assert_eq!(failure(&Peer::http("").await).await, TransportFailure::Interrupted);
    assert_eq!(
        failure(&Peer::http("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{").await).await,
        TransportFailure::Interrupted
    );
    assert_eq!(
        failure(&Peer::http("SSH-2.0-OpenSSH_9.6\r\n").await).await,
        TransportFailure::Interrupted
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_said_when_it_is_set_up() {
    let explicit = |url: &str, user: &str| {
        let credentials = Some((user.to_owned(), Secret::new(SECRET)));
        let proxy = ExplicitProxy { url: url.to_owned(), credentials, bypass: Vec::new() };
        HttpSettings { proxy: Proxy::Explicit(proxy), ..direct() }
    };
    let refusal = |settings: HttpSettings| ReqwestTransport::new(&settings).err();
    assert_eq!(refusal(explicit("http://", "user")), Some(SetupError::Proxy));
    assert_eq!(refusal(explicit("http://proxy.example:3128", "us:er")), Some(SetupError::Proxy));
    assert_eq!(refusal(explicit("http://proxy.example:3128", "us\ner")), Some(SetupError::Proxy));
    assert_eq!(refusal(explicit("http://proxy.example:3128", "user")), None);
    let roots = Roots::Only("no certificates".to_owned());
    assert_eq!(refusal(HttpSettings { roots, ..direct() }), Some(SetupError::Roots));
    let client_identity = Some(Secret::new("no key"));
    assert_eq!(refusal(HttpSettings { client_identity, ..direct() }), Some(SetupError::Identity));
    let shown = format!("{:?}", explicit("http://me:hidden@proxy.example", "user"));
    assert!(
        shown.contains("user") && !shown.contains(SECRET) && !shown.contains("hidden"),
        "{shown}"
    );
}
