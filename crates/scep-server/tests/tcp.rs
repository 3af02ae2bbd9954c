//! Over a real socket: what only the server can get wrong.

use std::net::SocketAddr;
use std::time::Duration;

use scep_proto::http::encode_message;
use scep_server::{ServeLimits, serve, serve_with_limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::device::{Device, granted};
use crate::support::server::{Answer, PASSWORD, Server, static_password};

// R-4.1-10
#[tokio::test]
async fn http_1_0_without_host_is_served() {
    let running = Running::start(Server::new(static_password())).await;
    let answer = running.talk(b"GET /scep?operation=GetCACaps HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.to_lowercase().contains("content-length: "));
    assert!(answer.ends_with("SCEPStandard\n"));
}

#[tokio::test]
async fn a_client_that_closes_its_side_once_it_has_asked_is_answered() {
    let running = Running::start(Server::new(static_password())).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /scep?operation=GetCACaps HTTP/1.0\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn the_absolute_form_of_a_proxy_is_served() {
    let running = Running::start(Server::new(static_password())).await;
    let request = b"GET http://ca.example/scep?operation=GetCACaps HTTP/1.1\r\nHost: ca.example\r\nConnection: close\r\n\r\n";
    assert!(running.talk(request).await.starts_with("HTTP/1.1 200"));
}

// R-4.1-06
#[tokio::test]
async fn a_request_target_may_have_65_534_octets_and_no_more() {
    let server = Server::new(static_password());
    let device = Device::new("phone").challenge(PASSWORD);
    let sent = device.ask(&server);
    let message = encode_message(&sent.message);
    let running = Running::start(server).await;
    let target = |octets: usize| {
        let query = format!("/scep?operation=PKIOperation&message={message}&x=");
        format!("{query}{}", "y".repeat(octets - query.len()))
    };
    let request =
        |target: String| format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for octets in [10_000, 65_534] {
        let answer = running.talk_bytes(request(target(octets)).as_bytes()).await;
        granted(device.read(&running.server, &sent, &answer));
    }
    let answer = running.talk(request(target(65_535)).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
}

// R-4.1-06
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_chunked_or_lied_about() {
    let running = Running::start(Server::new(static_password())).await;
    let announced = "POST /scep HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n";
    assert!(running.talk(announced.as_bytes()).await.starts_with("HTTP/1.1 413"));
    let mut chunked =
        b"POST /scep HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..9 {
        chunked.extend_from_slice(b"8000\r\n");
        chunked.extend_from_slice(&[0x30; 0x8000]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert!(running.talk(&chunked).await.starts_with("HTTP/1.1 413"));
    // It says 4 octets and sends more: 4 are read, and what follows is no request.
    let lie = "POST /scep HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcdefgh\r\n\r\n";
    let answer = running.talk(lie.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains(" 200 "), "{answer}");
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_given_up() {
    let limits = |limits: &mut ServeLimits| limits.head_timeout = Duration::from_millis(200);
    let running = Running::start_with(Server::new(static_password()), limits).await;
    let mut silent = running.connect().await;
    assert_eq!(read_all(&mut silent).await, "");
    let mut slow = running.connect().await;
    slow.write_all(b"GET /scep?operation=GetCACaps HTTP/1.1\r\nHost:").await.unwrap();
    let answer = read_all(&mut slow).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_is_idle_after_an_answer_is_closed() {
    let limits = |limits: &mut ServeLimits| limits.head_timeout = Duration::from_millis(200);
    let running = Running::start_with(Server::new(static_password()), limits).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /scep?operation=GetCACaps HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_given_up() {
    let mut server = Server::new(static_password());
    server.service = server.service.with_body_timeout(Duration::from_millis(200));
    let running = Running::start(server).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"POST /scep HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        .await
        .unwrap();
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let limits = |limits: &mut ServeLimits| limits.connections = 1;
    let running = Running::start_with(Server::new(static_password()), limits).await;
    let mut first = running.connect().await;
    first.write_all(b"GET /scep?operation=GetCACaps HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut octet = [0; 12];
    first.read_exact(&mut octet).await.unwrap();
    let mut second = running.connect().await;
    second.write_all(b"GET /scep?operation=GetCACaps HTTP/1.0\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), second.read_u8()).await;
    assert!(early.is_err(), "the second was served while the first was open");
    drop(first);
    assert_eq!(read_all(&mut second).await.get(..12), Some("HTTP/1.0 200"));
}

#[tokio::test]
async fn a_shutdown_lets_requests_finish_and_closes_the_socket() {
    let mut running = Running::start(Server::new(static_password())).await;
    let mut stream = running.connect().await;
    let head =
        "POST /scep HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    running.shutdown.take().unwrap().send(()).unwrap();
    stream.write_all(b"abc").await.unwrap();
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 400"));
    running.task.await.unwrap();
    TcpStream::connect(running.address).await.unwrap_err();
}

struct Running {
    server: Server,
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, stop) = oneshot::channel::<()>();
        let stop = async { stop.await.unwrap_or_default() };
        let task = tokio::spawn(serve(listener, server.router(), stop));
        Self { server, address, shutdown: Some(shutdown), task }
    }

    async fn start_with(server: Server, configure: impl FnOnce(&mut ServeLimits)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, stop) = oneshot::channel::<()>();
        let stop = async { stop.await.unwrap_or_default() };
        let mut limits = ServeLimits::default();
        configure(&mut limits);
        let task = tokio::spawn(serve_with_limits(listener, server.router(), limits, stop));
        Self { server, address, shutdown: Some(shutdown), task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends octets, and reads until the server closes.
    async fn talk(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may have answered and closed before it has read all.
        let _ = stream.write_all(request).await;
        read_all(&mut stream).await
    }

    async fn talk_bytes(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        Answer {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: answer[end + 4..].to_vec().into(),
        }
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A reset after the answer is how some of these must end.
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("nobody closed");
    String::from_utf8_lossy(&answer).into_owned()
}
