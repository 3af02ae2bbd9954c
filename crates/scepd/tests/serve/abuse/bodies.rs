//! Bodies that are too large, never end, or hardly come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Latencies, connect, stranger};
use crate::support::{Place, STATIC};

/// Peers of each kind.
const PEERS: usize = 40;
/// Enrolments of honest devices.
const HONEST: usize = 40;
/// Octets of memory that scepd may have had at most: 256 KiB for each body, and what it needs anyway.
const MOST_MEMORY: u64 = 200 * 1024 * 1024;

/// How a body does harm.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// 10 GB, as announced.
    Oversize,
    /// Chunk after chunk.
    Endless,
    /// An octet now and then.
    Trickle,
}

impl Harm {
    fn head(self) -> &'static [u8] {
        match self {
            Self::Oversize => b"POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n",
            Self::Endless => b"POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            Self::Trickle => b"POST /scep/devices?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
        }
    }

    fn piece(self) -> Vec<u8> {
        match self {
            Self::Oversize => vec![0x30; 0x8000],
            Self::Endless => [b"8000\r\n", vec![0x30; 0x8000].as_slice(), b"\r\n"].concat(),
            Self::Trickle => vec![0x30],
        }
    }

    fn pause(self) -> Duration {
        match self {
            Self::Oversize | Self::Endless => Duration::ZERO,
            Self::Trickle => Duration::from_millis(50),
        }
    }
}

/// What the harmful peers did.
#[derive(Default)]
struct Done {
    stop: AtomicBool,
    octets: AtomicU64,
    cut_off: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_without_end_cost_no_memory_and_keep_no_honest_device_from_enrolling() {
    let place = Place::new(STATIC);
    // Each cut connection comes again at once, and none of this test is about rates.
    let limits = "[limits]\nbody-timeout = \"1s\"\n\
         per-address = { requests = 100000, per = \"1s\", burst = 100000 }\n[admin]";
    place.replace("[admin]", limits);
    let scepd = place.serve();
    let address: SocketAddr = scepd.address().parse().unwrap();
    let mut idle = Latencies::default();
    idle.enrol_many(scepd.url(), "idle", HONEST).await;

    let done: [Arc<Done>; 3] = Default::default();
    let peers: Vec<_> = [Harm::Oversize, Harm::Endless, Harm::Trickle]
        .into_iter()
        .zip(&done)
        .zip(5..)
        .flat_map(|((harm, done), net)| (0..PEERS).map(move |peer| (harm, done.clone(), net, peer)))
        .map(|(harm, done, net, peer)| {
            tokio::spawn(async move {
                while !done.stop.load(Ordering::Relaxed) {
                    let stream = connect(address, stranger(net, peer)).await.unwrap();
                    pour(harm, stream, &done).await;
                }
            })
        })
        .collect();
    let mut busy = Latencies::default();
    busy.enrol_many(scepd.url(), "busy", HONEST).await;
    let all_were_cut_off = || done.iter().all(|done| done.cut_off.load(Ordering::Relaxed) > 0);
    for _ in 0..600 {
        if all_were_cut_off() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(all_were_cut_off(), "each kind of body is given up");
    done.iter().for_each(|done| done.stop.store(true, Ordering::Relaxed));
    for peer in peers {
        peer.await.unwrap();
    }
    let memory = scepd.most_memory();
    let told: Vec<_> = done.iter().map(|done| (&done.cut_off, &done.octets)).collect();
    println!(
        "bodies cut off and octets sent, oversize, endless, trickling: {told:?}: {}; {} MiB at most",
        busy.beside(&idle),
        memory >> 20,
    );
    assert!(memory < MOST_MEMORY, "{memory} octets");
}

/// Sends pieces until the server has enough of them.
async fn pour(harm: Harm, mut stream: TcpStream, done: &Done) {
    let piece = harm.piece();
    let mut poured = stream.write_all(harm.head()).await;
    while poured.is_ok() {
        if done.stop.load(Ordering::Relaxed) {
            return;
        }
        poured = stream.write_all(&piece).await;
        done.octets.fetch_add(piece.len() as u64, Ordering::Relaxed);
        tokio::time::sleep(harm.pause()).await;
    }
    done.cut_off.fetch_add(1, Ordering::Relaxed);
}
