use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use indicatif::ProgressBar;
use scep_client::Client;
use scep_proto::client::{HttpAnswer, HttpRequest};
use scep_proto::http::Method;
use tokio::task::JoinSet;

use super::fleet::Fleet;

/// What a device was answered, and after how long.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Its place in the fleet.
    pub(crate) device: usize,
    pub(crate) took: Duration,
    pub(crate) answer: Result<HttpAnswer, scep_client::Error>,
}

/// What the devices have yet to send.
struct Queue {
    messages: Vec<Bytes>,
    next: AtomicUsize,
}

/// Lets the devices enrol, so many at a time; how long that took in all, and what each was answered.
pub(crate) async fn run(
    client: &Client,
    method: Method,
    fleet: &Fleet,
    connections: u32,
    progress: &ProgressBar,
) -> (Duration, Vec<Answered>) {
    let messages = fleet.devices.iter().map(|device| device.message.clone()).collect();
    let queue = Arc::new(Queue { messages, next: AtomicUsize::new(0) });
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..connections {
        let (client, queue, progress) = (client.clone(), Arc::clone(&queue), progress.clone());
        tasks.spawn(async move { enrol_in_turn(&client, method, &queue, &progress).await });
    }
    let answered = tasks.join_all().await;
    (started.elapsed(), answered.into_iter().flatten().collect())
}

/// One device after the other; whether each has a connection of its own is the client's affair.
async fn enrol_in_turn(
    client: &Client,
    method: Method,
    queue: &Queue,
    progress: &ProgressBar,
) -> Vec<Answered> {
    let mut answered = Vec::new();
    loop {
        let device = queue.next.fetch_add(1, Ordering::Relaxed);
        let Some(message) = queue.messages.get(device) else { return answered };
        let request = HttpRequest::pki_operation(message, method);
        let started = Instant::now();
        let answer = client.send(&request).await;
        answered.push(Answered { device, took: started.elapsed(), answer });
        progress.inc(1);
    }
}
