//! Garbage at a steady rate, from so many addresses that no limit keeps it out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use super::{Latencies, connect, stranger};
use crate::support::{PASSWORD, Place, STATIC, message};

/// Addresses that send garbage, each 50 times a second, which the limits of this test allow: 5,000 requests a second.
const SENDERS: usize = 100;
const INTERVAL: Duration = Duration::from_millis(20);
/// Enrolments of honest devices while nobody sends garbage.
const IDLE: usize = 100;
/// Octets of memory that scepd may have had at most.
const MOST_MEMORY: u64 = 150 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_at_5_000_requests_a_second_keeps_no_honest_device_from_enrolling() {
    let place = Place::new(STATIC);
    let limits = "[limits]\nper-address = { requests = 1000, per = \"1s\", burst = 1000 }\n[admin]";
    place.replace("[admin]", limits);
    let scepd = place.serve();
    let address: SocketAddr = scepd.address().parse().unwrap();
    let message = message(scepd.url(), "captured", PASSWORD).await;
    let mut idle = Latencies::default();
    idle.enrol_many(scepd.url(), "idle", IDLE).await;

    let (start, end) = (Instant::now(), Instant::now() + duration());
    let kinds = [vec![0x30; 2_000], message[..message.len() / 2].to_vec(), Vec::new()];
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let request = post(&kinds[number % kinds.len()]);
            let from = stranger(9, number);
            tokio::spawn(async move { send_until(end, address, from, &request).await })
        })
        .collect();
    let mut busy = Latencies::default();
    while Instant::now() < end {
        busy.enrol(scepd.url(), "busy").await;
    }
    let mut statuses = BTreeMap::new();
    for sender in senders {
        for (status, count) in sender.await.unwrap() {
            *statuses.entry(status).or_insert(0) += count;
        }
    }
    let (sent, memory): (u64, _) = (statuses.values().sum(), scepd.most_memory());
    println!(
        "{:.0} garbage requests a second, answered {statuses:?}: {}; {} MiB at most",
        sent as f64 / start.elapsed().as_secs_f64(),
        busy.beside(&idle),
        memory >> 20,
    );
    assert!(statuses.get("400").is_some_and(|count| *count > 0), "{statuses:?}");
    assert!(statuses.keys().all(|status| matches!(status.as_str(), "400" | "503")), "{statuses:?}");
    assert!(memory < MOST_MEMORY, "{memory} octets");
}

/// Five seconds, or half a minute where all of it is asked for.
fn duration() -> Duration {
    let is_full = std::env::var_os("SCEP_ABUSE_FULL").is_some_and(|full| full != "0");
    Duration::from_secs(if is_full { 30 } else { 5 })
}

fn post(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends at its rate, catching up where it fell behind; the statuses of the answers.
async fn send_until(
    end: Instant,
    address: SocketAddr,
    from: IpAddr,
    request: &[u8],
) -> BTreeMap<String, u64> {
    let mut pace = tokio::time::interval(INTERVAL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut statuses, mut connection) = (BTreeMap::new(), None);
    while Instant::now() < end {
        pace.tick().await;
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => connect(address, from).await.unwrap(),
        };
        // A connection that was closed is opened anew for the next one.
        if let Some(status) = exchange(&mut stream, request).await {
            *statuses.entry(status).or_insert(0) += 1;
            connection = Some(stream);
        }
    }
    statuses
}

/// The status of the answer, read whole.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<String> {
    stream.write_all(request).await.ok()?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
        }
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ")?.1;
        if body.len() >= length.split("\r\n").next()?.parse().ok()? {
            return head.split(' ').nth(1).map(str::to_owned);
        }
    }
}
