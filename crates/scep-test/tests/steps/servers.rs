//! Databases that crash while a node stands between two steps; the node lives on, and finds its way back.

use crate::device::Got;
use crate::node::Flow;
use crate::place::Backend;
use crate::running::Running;
use crate::stage::{Stage, settle};
use crate::stepped::AtHand;
use crate::steps::{How, Stop};
use crate::table::Table;
use crate::ways::{BEFORE_DELIVERY, DELIVER_FIRST, SIGNED, crl, enrolment, outbox, was_done};

/// The calls around which it crashes: those that change something, and those that lie between them.
const CALLS: [&str; 5] =
    ["begin", "signing for the CA", "commit", "the notification", "settling the notice"];

/// When it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// Before the node goes on: what it had of it is broken.
    AtOnce,
    /// After the node went on and found nobody.
    Later,
}

fn pause_at(at: usize) -> Option<Stop> {
    Some(Stop { at, how: How::Pause })
}

async fn enrolments(backend: &mut Backend, flow: Flow, back: Back) {
    let steps = enrolment(flow);
    let mut table = Table::new(format!(
        "{} crashes while a node stands at a step of an enrolment ({flow:?}), and comes back {back:?}",
        backend.name()
    ));
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| is_around(step)) {
        let mut stage = Stage::set(backend.place(), flow).await;
        let mut node = stage.node(pause_at(at), AtHand::Yes);
        let (device, url) = (stage.device(), node.url());
        let waiting = tokio::spawn(async move { device.go(&url).await });
        node.wait_for_its_pause();
        backend.stop();
        if back == Back::AtOnce {
            backend.restart();
        }
        node.go_on();
        let (device, first) = waiting.await.unwrap();
        if back == Back::Later {
            backend.restart();
        }
        let at_once = matches!(first, Got::Certificate(_));
        let (device, got) = match at_once {
            true => (device, first),
            false => settle(device, &node).await,
        };
        let done = was_done("commit", &steps, at);
        assert!(at_once || !done || back == Back::Later, "{step}: nothing was left to fail");
        let (_, others) = settle(stage.rival(), &node).await;
        assert!(others.is_refusal(), "{step}: {others:?}");
        table.add(
            step,
            if done { "a certificate" } else { "nothing" },
            if at_once { "delivered all the same" } else { "delivered at the retry" },
        );
        stage.finish(node, device, &got.serial()).await;
    }
}

fn is_around(step: &str) -> bool {
    let call = step.strip_prefix("before ").or_else(|| step.strip_prefix("after "));
    call.is_some_and(|call| CALLS.contains(&call))
}

/// Asks for something, and lets the server crash while the node stands at its step.
fn ask_amid_a_crash(backend: &mut Backend, node: &mut Running, path: &'static str) -> String {
    let asked = node.ask_beside(path);
    node.wait_for_its_pause();
    backend.stop();
    backend.restart();
    node.go_on();
    asked.join().unwrap().unwrap()
}

/// What was delivered before it was told of is told of, whenever the server crashes.
async fn outboxes(backend: &mut Backend) {
    let steps = outbox();
    let title = format!("{} crashes while a node stands at a step of its outbox", backend.name());
    let mut table = Table::new(title);
    for (at, step) in steps.iter().enumerate() {
        let mut stage = Stage::set(backend.place(), DELIVER_FIRST).await;
        let mut node = stage.restart();
        let (device, got) = settle(stage.device(), &node).await;
        node.kill();
        assert_eq!(stage.standing_after(&node).await.told.len(), 0);
        let mut node = stage.node(pause_at(at), AtHand::Yes);
        let answer = ask_amid_a_crash(backend, &mut node, "/outbox");
        table.add(step, answer, "Intune knows of it in the end");
        stage.finish(node, device, &got.serial()).await;
    }
}

/// Each number that a node drew is above all before it, whatever the server went through.
async fn crls(backend: &mut Backend) {
    let steps = crl();
    let title = format!("{} crashes while a node stands at a step of a CRL", backend.name());
    let mut table = Table::new(title);
    let mut stage = Stage::set(backend.place(), SIGNED).await;
    let mut drawn: Vec<u64> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut node = stage.node(pause_at(at), AtHand::Yes);
        let answer = ask_amid_a_crash(backend, &mut node, "/crl");
        let published = (0..10).any(|_| node.ask("/crl").unwrap().starts_with("done"));
        assert!(published, "{step}");
        node.kill();
        table.add(step, answer, &format!("drew {:?}", node.journal.numbers));
        drawn.extend(&node.journal.numbers);
    }
    assert!(drawn.is_sorted_by(|earlier, later| earlier < later), "{drawn:?}");
}

async fn everywhere(mut backend: Backend) {
    for flow in [SIGNED, BEFORE_DELIVERY, DELIVER_FIRST] {
        enrolments(&mut backend, flow, Back::AtOnce).await;
    }
    enrolments(&mut backend, BEFORE_DELIVERY, Back::Later).await;
    outboxes(&mut backend).await;
    crls(&mut backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn postgresql_may_crash_at_any_step() {
    everywhere(Backend::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn redis_may_crash_at_any_step() {
    everywhere(Backend::redis()).await;
}
