//! Rates of requests: refused unseen, with when to come again.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use scep_server::{PeerAddress, Rate, RequestLimits, limited};
use tower::ServiceExt as _;

use crate::support::device::Device;
use crate::support::server::{PASSWORD, Server, static_password};

/// One a day after the burst: how fast a test runs does not matter.
fn rate(burst: u32) -> Rate {
    let one = NonZeroU32::MIN;
    Rate { requests: one, per: Duration::from_secs(86_400), burst: NonZeroU32::new(burst).unwrap() }
}

fn per_address(burst: u32) -> RequestLimits {
    let mut limits = RequestLimits::default();
    limits.per_address = Some(rate(burst));
    limits
}

async fn post(router: &Router, peer: Option<&str>, body: impl Into<Body>) -> Response<Body> {
    let mut request = Request::post("/scep?operation=PKIOperation").body(body.into()).unwrap();
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(PeerAddress(peer));
    }
    router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_client_over_its_rate_gets_429_and_the_endpoint_never_sees_it() {
    let server = Server::new(static_password());
    let limits = per_address(2);
    let refusals = Arc::clone(&limits.refusals);
    let router = limited(server.router(), limits);
    let message = Device::new("phone").challenge(PASSWORD).ask(&server).message;
    for expected in [200, 200, 429, 429] {
        let answer = post(&router, Some("192.0.2.1:1"), message.clone()).await;
        assert_eq!(answer.status(), expected);
        if expected == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((86_000..=86_401).contains(&wait), "{wait}");
        }
    }
    assert_eq!(server.decisions.0.lock().unwrap().len(), 2);
    assert_eq!((refusals.by_address(), refusals.by_all()), (2, 0));
    let another = post(&router, Some("192.0.2.2:1"), message).await;
    assert_eq!(another.status(), 200);
}

#[tokio::test]
async fn who_is_over_his_own_rate_uses_up_nothing_of_what_all_share() {
    let server = Server::new(static_password());
    let mut limits = per_address(1);
    limits.global = Some(rate(2));
    let router = limited(server.router(), limits);
    let status = async |peer| post(&router, Some(peer), "x").await.status();
    assert_eq!(status("192.0.2.1:1").await, StatusCode::BAD_REQUEST);
    for _ in 0..5 {
        assert_eq!(status("192.0.2.1:1").await, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(status("192.0.2.2:1").await, StatusCode::BAD_REQUEST);
    assert_eq!(status("192.0.2.3:1").await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn requests_of_nobody_known_share_one_rate() {
    let router = limited(Server::new(static_password()).router(), per_address(1));
    assert_eq!(post(&router, None, "x").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(post(&router, None, "x").await.status(), StatusCode::TOO_MANY_REQUESTS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the order of clients, each gets exactly its burst.
    #[test]
    fn each_client_gets_exactly_its_burst(
        burst in 1_u32..5,
        clients in prop::collection::vec(0_u8..4, 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let router = Router::new().fallback(|| async { "ok" });
        let router = limited(router, per_address(burst));
        let mut granted = [0_u32; 4];
        for client in clients {
            let peer = format!("[2001:db8:0:{client}::7]:1");
            let answer = runtime.block_on(post(&router, Some(&peer), "x"));
            let count = &mut granted[usize::from(client)];
            let expected = if *count < burst { 200 } else { 429 };
            prop_assert_eq!(answer.status(), expected);
            *count = (*count + 1).min(burst);
        }
    }
}
