//! Abuse: honest devices enrol all the same, and memory stays bounded. Speeds are printed, not judged; for figures that mean
//! something: `SCEP_ABUSE_FULL=1 cargo test --release -p scepd --test serve abuse -- --nocapture --test-threads 1`.

mod bodies;
mod garbage;
mod slow;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{PASSWORD, Scepd, enrol};

/// How long honest devices needed, one after the other.
#[derive(Default)]
struct Latencies(Vec<Duration>);

impl Latencies {
    /// Enrols a device, which must succeed.
    async fn enrol(&mut self, url: &str, name: &str) {
        let start = Instant::now();
        let enrolled = enrol(url, &format!("{name}-{}", self.0.len()), PASSWORD).await;
        enrolled.unwrap_or_else(|error| panic!("{name}: {error} after {:?}", start.elapsed()));
        self.0.push(start.elapsed());
    }

    async fn enrol_many(&mut self, url: &str, name: &str, devices: usize) {
        for _ in 0..devices {
            self.enrol(url, name).await;
        }
    }

    fn p99(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * 99).div_ceil(100) - 1]
    }

    /// What to print of a time of abuse beside an idle one.
    fn beside(&self, idle: &Self) -> String {
        let (busy, idle) = (self.p99(), idle.p99());
        let ratio = busy.as_secs_f64() / idle.as_secs_f64();
        format!(
            "{} honest enrolments, p99 {busy:.1?} is {ratio:.1} × {idle:.1?} when idle",
            self.0.len()
        )
    }
}

/// An address of loopback that is not the honest devices'.
fn stranger(net: u8, number: usize) -> IpAddr {
    let host = u8::try_from(number).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, net, 0, host))
}

async fn connect(address: SocketAddr, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(address).await
}

/// So many connections, if this program may have as many open files; else the most that a machine with few of them has, and says so.
#[expect(clippy::print_stdout, reason = "a test says how much of it was possible")]
fn room_for(wanted: usize) -> usize {
    const FEW: usize = 2_000;
    const OTHERS: u64 = 1_000;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = wanted as u64 + OTHERS;
    if current.is_none_or(|current| current >= needed) {
        return wanted;
    }
    let raised = Rlimit { current: Some(needed), maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        return wanted;
    }
    println!("only {FEW} connections instead of {wanted}: open files are limited to {maximum:?}");
    let few = Rlimit { current: Some(FEW as u64 + OTHERS), maximum };
    setrlimit(Resource::Nofile, few).unwrap();
    FEW
}

impl Scepd {
    /// Octets of memory that it had at most.
    fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
