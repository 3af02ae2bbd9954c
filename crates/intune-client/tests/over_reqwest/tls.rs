//! Whom TLS trusts, and the way through a proxy.

use std::sync::Arc;

use intune_client::{
    ExplicitProxy, HttpSettings, Proxy, ReqwestTransport, Roots, Transport, TransportFailure,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use scep_types::Secret;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::http::{SECRET, request};
use crate::peer::Peer;

const WELL: &str = "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}";
const CREDENTIALS: &str = "proxy-user:proxy-Password~1";

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A CA for tests.
fn ca() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server of this CA, which asks for a certificate of it, too, if it is to.
fn server(ca: &Issuer, asks: Asks) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let builder = match asks {
        Asks::Nobody => ServerConfig::builder().with_no_client_auth(),
        Asks::Clients => ServerConfig::builder().with_client_cert_verifier(
            WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap(),
        ),
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

#[derive(Clone, Copy)]
enum Asks {
    Nobody,
    Clients,
}

fn trusting(ca: &Issuer, proxy: Proxy) -> HttpSettings {
    HttpSettings { proxy, roots: Roots::Only(ca.pem()), ..HttpSettings::default() }
}

fn through(proxy: &Peer, credentials: Option<&str>, bypass: Vec<String>) -> Proxy {
    let credentials = credentials.map(|credentials| {
        let (user, password) = credentials.split_once(':').unwrap();
        (user.to_owned(), Secret::new(password))
    });
    Proxy::Explicit(ExplicitProxy { url: format!("http://{}", proxy.address), credentials, bypass })
}

async fn send(settings: &HttpSettings, peer: &Peer) -> Result<u16, TransportFailure> {
    let transport = ReqwestTransport::new(settings).unwrap();
    let sent = transport.send(&request(&format!("https://{}", peer.address))).await;
    sent.map(|response| response.status).map_err(|error| error.failure)
}

#[tokio::test]
async fn only_roots_of_ones_own_are_trusted_if_so_set() {
    let (ours, other) = (ca(), ca());
    let peer = Peer::https(WELL, server(&ours, Asks::Nobody)).await;
    assert_eq!(send(&trusting(&ours, Proxy::Direct), &peer).await, Ok(200));
    assert_eq!(send(&trusting(&other, Proxy::Direct), &peer).await, Err(TransportFailure::Connect));
    assert_eq!(peer.seen().len(), 1, "nothing is sent to a stranger");
}

#[tokio::test]
async fn a_peer_that_asks_for_a_certificate_gets_it() {
    let ca = ca();
    let peer = Peer::https(WELL, server(&ca, Asks::Clients)).await;
    let without = trusting(&ca, Proxy::Direct);
    assert!(send(&without, &peer).await.is_err());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().signed_by(&key, &ca).unwrap();
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let with = HttpSettings { client_identity: Some(Secret::new(pem)), ..without };
    assert_eq!(send(&with, &peer).await, Ok(200));
}

#[tokio::test]
async fn a_proxy_gets_its_credentials_and_nothing_of_the_request() {
    let ca = ca();
    let peer = Peer::https(WELL, server(&ca, Asks::Nobody)).await;
    let proxy = Peer::proxy(CREDENTIALS).await;
    let way = through(&proxy, Some(CREDENTIALS), Vec::new());
    assert_eq!(send(&trusting(&ca, way), &peer).await, Ok(200));

    let [connect] = &proxy.seen()[..] else { panic!("one CONNECT") };
    assert!(connect.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", peer.address)), "{connect}");
    assert!(!connect.contains(SECRET) && !connect.contains("client-request-id"), "{connect}");
    let [request] = &peer.seen()[..] else { panic!("one request") };
    assert!(!request.to_ascii_lowercase().contains("proxy-authorization"), "{request}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_no_connection() {
    let ca = ca();
    let peer = Peer::https(WELL, server(&ca, Asks::Nobody)).await;
    let proxy = Peer::proxy(CREDENTIALS).await;
    for credentials in [None, Some("proxy-user:wrong")] {
        let way = through(&proxy, credentials, Vec::new());
        assert_eq!(send(&trusting(&ca, way), &peer).await, Err(TransportFailure::Connect));
    }
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn what_is_to_go_straight_does_not_go_through_the_proxy() {
    let ca = ca();
    let peer = Peer::https(WELL, server(&ca, Asks::Nobody)).await;
    let proxy = Peer::proxy(CREDENTIALS).await;
    let way = through(&proxy, None, vec!["corp.example".to_owned(), "127.0.0.0/8".to_owned()]);
    assert_eq!(send(&trusting(&ca, way), &peer).await, Ok(200));
    assert!(proxy.seen().is_empty());
}
