//! Connections that send half a head and nothing more.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Latencies, connect, room_for, stranger};
use crate::support::{Place, STATIC};

/// Slow connections.
const SLOW: usize = 10_000;
/// Connections that one address may have by the configuration of this test.
const PER_ADDRESS: usize = 50;
/// Enrolments of honest devices.
const HONEST: usize = 40;
/// Octets of memory that scepd may have had at most: about 20 KiB for each slow connection, and what it needs anyway.
const MOST_MEMORY: u64 = 300 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_connections_and_garbage_keep_no_honest_device_from_enrolling() {
    let connections = room_for(SLOW);
    let place = Place::new(STATIC);
    let limits = format!(
        "[limits]\nhead-timeout = \"10m\"\nconnections-per-address = {PER_ADDRESS}\n\
         per-address = {{ requests = 50, per = \"1s\", burst = 200 }}\n[admin]"
    );
    place.replace("[admin]", &limits);
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    let address: SocketAddr = scepd.address().parse().unwrap();
    let mut idle = Latencies::default();
    idle.enrol_many(scepd.url(), "idle", HONEST).await;

    let mut slow = Vec::new();
    for number in 0..connections {
        slow.push(half_a_head(address, stranger(1, number / PER_ADDRESS)).await);
    }
    let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let garbage: Vec<_> = (0..8)
        .map(|number| {
            let (url, done, sent) = (scepd.url().to_owned(), done.clone(), sent.clone());
            tokio::spawn(async move { garbage(&url, stranger(2, number), &done, &sent).await })
        })
        .collect();
    let mut busy = Latencies::default();
    busy.enrol_many(scepd.url(), "busy", HONEST).await;
    done.store(true, Ordering::Relaxed);
    for task in garbage {
        task.await.unwrap();
    }

    let memory = scepd.most_memory();
    let counters = scepd.get("/api/v1/counters", &token).await;
    println!(
        "{connections} slow connections, {} garbage requests: {}; {} MiB at most; {}",
        sent.load(Ordering::Relaxed),
        busy.beside(&idle),
        memory >> 20,
        counters["refused_unseen"],
    );
    assert!(memory < MOST_MEMORY, "{memory} octets");
    assert!(sent.load(Ordering::Relaxed) > 0);
    assert!(counters["refused_unseen"]["by_address"].as_u64().unwrap() > 0);
    assert_eq!(counters["refused_unseen"]["connections"], 0, "all slow ones were let in");
    drop(slow);
}

async fn half_a_head(address: SocketAddr, from: IpAddr) -> TcpStream {
    let mut stream = connect(address, from).await.unwrap();
    stream.write_all(b"POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost:").await.unwrap();
    stream
}

/// Sends what is no message, as fast as it is answered.
async fn garbage(url: &str, from: IpAddr, done: &AtomicBool, sent: &AtomicU64) {
    let client = reqwest::Client::builder().no_proxy().local_address(from).build().unwrap();
    let body = vec![0x30; 2_000];
    while !done.load(Ordering::Relaxed) {
        let request = client.post(format!("{url}?operation=PKIOperation")).body(body.clone());
        if request.send().await.is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}
