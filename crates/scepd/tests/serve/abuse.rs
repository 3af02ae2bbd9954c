//! Abuse: honest devices enrol all the same, and memory stays bounded. Speeds are printed, not judged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{PASSWORD, Place, STATIC, Scepd, enrol};

/// Connections that send half a head and nothing more.
const SLOW: usize = 10_000;
/// Connections that one address may have by the configuration of this test.
const PER_ADDRESS: usize = 50;
/// Enrolments of honest devices.
const HONEST: usize = 40;
/// Octets of memory that scepd may have had at most: about 20 KiB for each slow connection, and what it needs anyway.
const MOST_MEMORY: u64 = 300 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_connections_and_garbage_keep_no_honest_device_from_enrolling() {
    make_room();
    let place = Place::new(STATIC);
    let limits = format!(
        "[limits]\nhead-timeout = \"10m\"\nconnections-per-address = {PER_ADDRESS}\n\
         per-address = {{ requests = 50, per = \"1s\", burst = 200 }}\n[admin]"
    );
    place.replace("[admin]", &limits);
    let token = place.token("monitor", "viewer");
    let scepd = place.serve();
    let address: SocketAddr = scepd.address().parse().unwrap();
    let mut idle = Vec::new();
    enrol_timed(scepd.url(), "idle", &mut idle).await;

    let mut slow = Vec::new();
    for number in 0..SLOW {
        slow.push(half_a_head(address, stranger(1, number / PER_ADDRESS)).await);
    }
    let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let garbage: Vec<_> = (0..8)
        .map(|number| {
            let (url, done, sent) = (scepd.url().to_owned(), done.clone(), sent.clone());
            tokio::spawn(async move { garbage(&url, stranger(9, number), &done, &sent).await })
        })
        .collect();
    let (start, mut busy) = (Instant::now(), Vec::new());
    enrol_timed(scepd.url(), "busy", &mut busy).await;
    let lasted = start.elapsed();
    done.store(true, Ordering::Relaxed);
    for task in garbage {
        task.await.unwrap();
    }

    let memory = scepd.most_memory();
    let counters = scepd.get("/api/v1/counters", &token).await;
    println!(
        "{SLOW} slow connections, {} garbage requests in {lasted:?}, {HONEST} honest enrolments: \
         slowest {:?} against {:?} when idle, {} MiB at most; {}",
        sent.load(Ordering::Relaxed),
        busy.iter().max().unwrap(),
        idle.iter().max().unwrap(),
        memory >> 20,
        counters["refused_unseen"],
    );
    assert!(memory < MOST_MEMORY, "{memory} octets");
    assert!(sent.load(Ordering::Relaxed) > 0);
    assert!(counters["refused_unseen"]["by_address"].as_u64().unwrap() > 0);
    assert_eq!(counters["refused_unseen"]["connections"], 0, "all slow ones were let in");
    drop(slow);
}

async fn enrol_timed(url: &str, name: &str, times: &mut Vec<Duration>) {
    for number in 0..HONEST {
        let start = Instant::now();
        enrol(url, &format!("{name}-{number}"), PASSWORD).await.unwrap();
        times.push(start.elapsed());
    }
}

/// An address of loopback that is not the honest devices'.
fn stranger(net: u8, number: usize) -> IpAddr {
    let host = u8::try_from(number).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, net, 0, host))
}

async fn half_a_head(address: SocketAddr, from: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
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

/// This program, too, needs a descriptor for each connection.
fn make_room() {
    let wanted = SLOW as u64 + 1_000;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        raised.unwrap_or_else(|error| panic!("this test needs {wanted} open files: {error}"));
    }
}

impl Scepd {
    /// Octets of memory that it had at most.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
