//! Limits answer before any RSA work, and proxies are believed only where they are trusted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::{PASSWORD, Place, STATIC, enrol, http, message};

/// One request in a day after the burst, so that no test depends on how fast it runs.
fn place(limits: &str) -> Place {
    let place = Place::new(STATIC);
    place.replace("[admin]", &format!("[limits]\n{limits}\n[admin]"));
    place
}

/// A POST that would cost an RSA operation if it were looked at.
async fn post(url: &str, client: Option<(&'static str, &str)>) -> reqwest::Response {
    let mut request = http().post(format!("{url}?operation=PKIOperation")).body("not a message");
    if let Some((header, value)) = client {
        request = request.header(header, value);
    }
    request.send().await.unwrap()
}

fn seconds_to_wait(answer: &reqwest::Response) -> u64 {
    answer.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_address_that_asks_too_often_gets_429_before_anything_is_looked_at() {
    let place = place("per-address = { requests = 1, per = \"1d\", burst = 4 }");
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap(); // three requests
    assert_eq!(post(scepd.url(), None).await.status(), StatusCode::BAD_REQUEST); // the fourth
    let decided = scepd.decided(&token).await;
    assert_eq!(decided, 2, "one issued, one unreadable");
    for _ in 0..5 {
        let answer = post(scepd.url(), None).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(seconds_to_wait(&answer) > 3600);
    }
    assert_eq!(scepd.decided(&token).await, decided, "nothing was decided about them");
    let metrics = scepd.ask("GET", "/metrics", Some(&token), "").await.1;
    assert!(metrics.contains("scep_refused_unseen_total{by=\"address\"} 5"), "{metrics}");
}

#[tokio::test]
async fn all_together_get_503_before_anything_is_looked_at() {
    let place = place("global = { requests = 1, per = \"1d\", burst = 3 }");
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let answer = post(scepd.url(), None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(seconds_to_wait(&answer) > 3600);
    assert_eq!(scepd.decided(&token).await, 1);
    let counters = scepd.get("/api/v1/counters", &token).await;
    assert_eq!(counters["refused_unseen"]["by_all"], 1);
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_has_a_limit_of_its_own() {
    let place = place(
        "per-address = { requests = 1, per = \"1d\", burst = 1 }\n\
         trusted-proxies = { networks = [\"127.0.0.0/8\"], header = \"x-forwarded-for\" }",
    );
    let scepd = place.serve();
    let status = async |value| post(scepd.url(), Some(("x-forwarded-for", value))).await.status();
    assert_eq!(status("192.0.2.1").await, StatusCode::BAD_REQUEST);
    assert_eq!(status("192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("192.0.2.2").await, StatusCode::BAD_REQUEST);
    // What a client puts before its address changes nothing.
    assert_eq!(status("203.0.113.9, 192.0.2.2").await, StatusCode::TOO_MANY_REQUESTS);
    // The other header is a client's own invention.
    let forwarded = Some(("forwarded", "for=192.0.2.3"));
    assert_eq!(post(scepd.url(), forwarded).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(post(scepd.url(), forwarded).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_stranger_names_nobody_else() {
    let scepd = place("per-address = { requests = 1, per = \"1d\", burst = 1 }");
    let scepd = scepd.serve();
    let status = async |value| post(scepd.url(), Some(("x-forwarded-for", value))).await.status();
    assert_eq!(status("192.0.2.1").await, StatusCode::BAD_REQUEST);
    assert_eq!(status("192.0.2.2").await, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let scepd = place("connections-per-address = 2");
    let scepd = scepd.serve();
    let connect = || {
        let stream = TcpStream::connect(scepd.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    };
    let ask = |stream: &mut TcpStream| {
        let request = b"GET /scep/devices?operation=GetCACaps HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut answer = [0; 12];
        stream.write_all(request).and_then(|()| stream.read_exact(&mut answer)).map(|()| answer)
    };
    let (mut first, mut second) = (connect(), connect());
    assert_eq!(&ask(&mut first).unwrap(), b"HTTP/1.1 200");
    assert_eq!(&ask(&mut second).unwrap(), b"HTTP/1.1 200");
    assert!(ask(&mut connect()).is_err(), "the third is closed unseen");
    drop(first);
    // The server notices soon; until then it closes more.
    let again = (0..3000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        ask(&mut connect()).is_ok()
    });
    assert!(again);
}

#[tokio::test]
async fn when_an_allowance_is_used_up_devices_are_told_to_come_again_and_a_reload_raises_it() {
    for (setting, reason) in [
        ("renewal = { allow = { grace = \"0s\" } }\nALLOWANCE", "endpoint_allowance"),
        ("[limits]\nALLOWANCE\n[admin]", "global_allowance"),
    ] {
        let place = Place::new(STATIC);
        let token = place.token("monitor", "viewer");
        let before = if reason == "global_allowance" {
            "[admin]"
        } else {
            "renewal = { allow = { grace = \"0s\" } }"
        };
        let allowance = "allowance = { certificates = 1, window = \"1d\" }";
        place.replace(before, &setting.replace("ALLOWANCE", allowance));
        let mut scepd = place.serve();
        enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
        let second = message(scepd.url(), "tablet", PASSWORD).await;
        let url = format!("{}?operation=PKIOperation", scepd.url());
        let answer = http().post(&url).body(second.clone()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(seconds_to_wait(&answer) > 3600);
        let counters = scepd.get("/api/v1/counters", &token).await;
        assert!(counters.to_string().contains(reason), "{counters:#}");
        place.replace("certificates = 1,", "certificates = 2,");
        scepd.hang_up("reloaded");
        assert!(!scepd.log().contains("takes effect at the next start"));
        let answer = http().post(&url).body(second).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
