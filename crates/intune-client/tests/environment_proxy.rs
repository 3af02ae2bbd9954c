//! The proxy that the environment names, seen from a process that has such an environment.
//!
//! Without the test harness: a process cannot change its own environment safely, so this program starts itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use intune_client::service::{
    ActivityId, Application, Audience, Cloud, HttpRequest, Setting, Settings, TokenCredential,
    TokenRequest, UrlPolicy,
};
use intune_client::{HttpSettings, ReqwestTransport, Roots, Transport};
use scep_types::Secret;

/// In the environment of the process that is started: where it sends a request to.
const TARGET: &str = "INTUNE_CLIENT_TEST_TARGET";

fn main() {
    match std::env::var(TARGET) {
        Ok(target) => send(&target),
        Err(_) => {
            https_goes_through_the_proxy_of_the_environment();
            what_no_proxy_names_goes_straight();
        }
    }
}

fn https_goes_through_the_proxy_of_the_environment() {
    let (proxy, seen) = listener();
    let proxy = format!("http://user:word@{proxy}");
    start(&[("HTTPS_PROXY", &proxy)], "https://login.example.invalid");
    let head = seen.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(head[0].starts_with("CONNECT login.example.invalid:443 "), "{head:?}");
    assert!(
        head.iter()
            .any(|line| line.eq_ignore_ascii_case("proxy-authorization: basic dXNlcjp3b3Jk")),
        "{head:?}"
    );
}

fn what_no_proxy_names_goes_straight() {
    let ((proxy, seen_by_proxy), (peer, seen_by_peer)) = (listener(), listener());
    let proxy = format!("http://{proxy}");
    let variables =
        [("HTTPS_PROXY", proxy.as_str()), ("HTTP_PROXY", &proxy), ("NO_PROXY", "127.0.0.0/8")];
    start(&variables, &format!("http://{peer}"));
    let head = seen_by_peer.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(head[0].starts_with("POST /tenant/"), "{head:?}");
    assert!(seen_by_proxy.try_recv().is_err());
}

/// Starts this program with these variables and no other word about proxies, and waits for its end.
fn start(variables: &[(&str, &str)], target: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    let status = command.envs(variables.iter().copied()).env(TARGET, target).status().unwrap();
    assert!(status.success());
}

/// Tells the head of each request that comes, and answers none.
fn listener() -> (std::net::SocketAddr, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let lines = BufReader::new(&connection).lines().map(Result::unwrap);
            tell.send(lines.take_while(|line| !line.is_empty()).collect()).unwrap();
            // Whoever asked may be gone by now.
            connection.write_all(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n").ok();
        }
    });
    (address, told)
}

fn send(target: &str) {
    let root = rcgen::generate_simple_self_signed(["unused".to_owned()]).unwrap();
    let roots = Roots::Only(root.cert.pem());
    let transport =
        ReqwestTransport::new(&HttpSettings { roots, ..HttpSettings::default() }).unwrap();
    let request = request(target);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What came is for the listener to say.
    drop(runtime.block_on(transport.send(&request)));
}

/// A request for a token to this place.
fn request(place: &str) -> HttpRequest {
    let settings = Settings::new(Cloud::Global, "Test/1.0").unwrap();
    let settings = settings.with_url_policy(UrlPolicy::HttpForTests);
    let settings = settings.with(Setting::Login, place).unwrap();
    let application = Application::new("tenant", "client").unwrap();
    let secret = Secret::new("secret");
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Intune, credential);
    request.unwrap().to_http(ActivityId::from_random([7; 16]))
}
