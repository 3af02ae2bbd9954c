//! A shutdown loses nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::{PASSWORD, Place, STATIC, Scepd, enrol};

/// A request that was begun: its head and the first octets of its body are sent.
fn begin(address: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..body.len() / 2]).unwrap();
    stream
}

#[tokio::test]
async fn a_request_at_work_is_finished_and_a_new_connection_is_not_taken() {
    for signal in ["TERM", "INT"] {
        let place = Place::new(STATIC);
        place.replace("[admin]", "[log]\naudit = { file = \"audit\" }\n[admin]");
        let mut scepd = place.serve();
        enrol(scepd.url(), "before", PASSWORD).await.unwrap();
        let message = crate::support::message(scepd.url(), "at-work", PASSWORD).await;
        let address = scepd.address();
        let mut at_work = begin(&address, &message);
        // It is at work once the server has read its head; a request on a second connection that was answered says so
        // about a server that reads all of them.
        enrol(scepd.url(), "meanwhile", PASSWORD).await.unwrap();
        scepd.signal(signal);
        scepd.wait_for("stopping", 0);
        let refused = (0..3000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(&address).is_err()
        });
        assert!(refused, "the socket is still open");
        at_work.write_all(&message[message.len() / 2..]).unwrap();
        let mut answer = Vec::new();
        at_work.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert!(scepd.ended().success());
        let audit = place.read("audit");
        let issued = audit.lines().filter(|line| line.contains("\"outcome\":\"issued\"")).count();
        assert_eq!(issued, 3, "{audit}");
        assert!(audit.lines().last().unwrap().contains("\"did\":\"stop\""), "{audit}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_end_does_not_hold_the_shutdown_up() {
    let place = Place::new(STATIC);
    place.replace("[admin]", "[limits]\ndrain = \"1s\"\n[admin]");
    let mut scepd = place.serve();
    let _never_ends = begin(&scepd.address(), &[0x30; 1000]);
    enrol(scepd.url(), "meanwhile", PASSWORD).await.unwrap();
    scepd.signal("TERM");
    assert!(scepd.ended().success());
    assert_eq!(scepd.logged("cut off"), 1, "{}", scepd.log());
}

#[test]
fn systemd_is_told_when_it_serves_and_when_it_stops() {
    let place = Place::new(STATIC);
    let socket = place.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("JOURNAL_STREAM", "8:1")];
    let arguments = ["serve", "--config", "scepd.toml"];
    let mut scepd = Scepd::start_with(&place, &arguments, &environment);
    assert_eq!(told(), "READY=1");
    scepd.signal("TERM");
    assert_eq!(told(), "STOPPING=1");
    assert!(scepd.ended().success());
    // The journal writes the time itself.
    assert!(scepd.log().lines().all(|line| line.trim_start().starts_with(char::is_alphabetic)));
    assert!(!scepd.log().contains('\u{1b}'), "no colours");
}
