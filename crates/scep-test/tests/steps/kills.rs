//! Nodes that die by kill -9 at each of their steps in turn, and others that begin anew on what they left.

use crate::device::Got;
use crate::node::Flow;
use crate::place::Backend;
use crate::running::Running;
use crate::stage::{Stage, Standing, settle};
use crate::stepped::AtHand;
use crate::steps::{How, Stop};
use crate::table::Table;
use crate::ways::{
    BEFORE_DELIVERY, DELIVER_FIRST, SIGNED, crl, enrolment, failure, outbox, repetition, was_done,
};

/// Who asks first after the restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// The device, which sends its request again.
    Device,
    /// Another CSR on the same challenge, which must get what the device has not got.
    Rival,
}

fn die_at(at: usize) -> Option<Stop> {
    Some(Stop { at, how: How::Die })
}

/// Every way, with nothing in it.
pub(crate) async fn not_at_all(backend: &mut Backend) {
    for flow in [SIGNED, BEFORE_DELIVERY, DELIVER_FIRST] {
        let mut stage = Stage::set(backend.place(), flow).await;
        let mut node = stage.restart();
        let (device, got) = stage.device().go(&node.url()).await;
        let serial = got.serial();
        assert_eq!(node.heard_until_the_answer().steps, enrolment(flow));
        let (_, refused) = stage.rival().go(&node.url()).await;
        assert!(refused.is_refusal(), "{refused:?}");
        stage.finish(node, device, &serial).await;
    }
}

/// A request dies at each of its steps; whoever comes first after the restart gets what is left for it.
async fn requests(backend: &mut Backend, flow: Flow, first: First) {
    let steps = enrolment(flow);
    let mut table = Table::new(format!(
        "{}: a node is killed at a step of an enrolment ({flow:?}); after its restart {first:?} comes first",
        backend.name()
    ));
    for (at, step) in steps.iter().enumerate() {
        let mut stage = Stage::set(backend.place(), flow).await;
        let mut node = stage.node(die_at(at), AtHand::Yes);
        let (device, got) = stage.device().go(&node.url()).await;
        assert!(matches!(got, Got::Nothing), "{step}: {got:?}");
        node.wait_for_its_death();
        assert_eq!(node.journal.steps, steps[..=at]);
        let left = stage.standing_after(&node).await;
        check_left(&left, &steps, at);

        let node = stage.restart();
        let (rival, is_free) = (stage.rival(), left.recorded.is_empty());
        let (owner, got, other, others) = match first {
            First::Device => {
                let (device, got) = device.go(&node.url()).await;
                let (rival, others) = rival.go(&node.url()).await;
                (device, got, rival, others)
            }
            First::Rival => {
                let (rival, rivals) = rival.go(&node.url()).await;
                let (device, devices) = device.go(&node.url()).await;
                match is_free {
                    true => (rival, rivals, device, devices),
                    false => (device, devices, rival, rivals),
                }
            }
        };
        drop(other);
        assert!(others.is_refusal(), "{step}: {others:?}");
        let serial = got.serial();
        assert!(left.recorded.iter().all(|recorded| *recorded == serial), "{step}");
        table.add(step, &left, outcome(is_free, first));
        stage.finish(node, owner, &serial).await;
    }
}

/// A request comes again for a certificate that was recorded and not told of, and dies at each of its steps in turn.
async fn repetitions(backend: &mut Backend) {
    let recorded = enrolment(BEFORE_DELIVERY).iter().position(|step| step == "after commit");
    let steps = repetition();
    let mut table = Table::new(format!(
        "{}: a node is killed at a step of a request that comes again for what was not told of",
        backend.name()
    ));
    for (at, step) in steps.iter().enumerate() {
        let mut stage = Stage::set(backend.place(), BEFORE_DELIVERY).await;
        let mut node = stage.node(recorded.and_then(die_at), AtHand::Yes);
        let (device, _) = stage.device().go(&node.url()).await;
        node.wait_for_its_death();
        let before = stage.standing_after(&node).await;
        assert_eq!((before.recorded.len(), before.told.len()), (1, 0));

        let mut node = stage.node(die_at(at), AtHand::Yes);
        let (device, got) = device.go(&node.url()).await;
        assert!(matches!(got, Got::Nothing), "{step}: {got:?}");
        node.wait_for_its_death();
        assert_eq!(node.journal.steps, steps[..=at]);
        let left = stage.standing_after(&node).await;
        assert_eq!(left.told.len(), usize::from(was_done("the notification", &steps, at)));
        let node = stage.restart();
        let (device, got) = device.go(&node.url()).await;
        assert_eq!(got.serial(), before.recorded[0], "{step}");
        table.add(step, &left, "the device gets that one");
        stage.finish(node, device, &got.serial()).await;
    }
}

/// What a killed node left is what it had done.
fn check_left(left: &Standing, steps: &[String], at: usize) {
    let recorded = usize::from(was_done("commit", steps, at));
    let told = usize::from(was_done("the notification", steps, at));
    let failures = usize::from(was_done("the failure notification", steps, at));
    let found = (left.recorded.len(), left.told.len(), left.failures);
    assert_eq!(found, (recorded, told, failures), "{}", steps[at]);
}

fn outcome(is_free: bool, first: First) -> &'static str {
    match (is_free, first) {
        (true, First::Device) => "the device gets a new one, another CSR none",
        (true, First::Rival) => "another CSR gets one, the device none",
        (false, _) => "the device gets that one, another CSR none",
    }
}

/// Where the CA's key is away, Intune is told of a failure; what dies on the way leaves nothing behind that contradicts it.
async fn failures(backend: &mut Backend) {
    let steps = failure();
    let mut table = Table::new(format!(
        "{}: a node whose CA key is away is killed at a step of an enrolment",
        backend.name()
    ));
    for (at, step) in steps.iter().enumerate() {
        let mut stage = Stage::set(backend.place(), BEFORE_DELIVERY).await;
        let mut node = stage.node(die_at(at), AtHand::No);
        let (device, got) = stage.device().go(&node.url()).await;
        assert!(matches!(got, Got::Nothing), "{step}: {got:?}");
        node.wait_for_its_death();
        assert_eq!(node.journal.steps, steps[..=at]);
        let left = stage.standing_after(&node).await;
        check_left(&left, &steps, at);
        let node = stage.restart();
        let (device, got) = device.go(&node.url()).await;
        table.add(step, &left, "the device is validated again and gets one");
        stage.finish(node, device, &got.serial()).await;
    }
}

/// What was delivered before it was told of is told of, wherever the worker dies that sends it.
async fn outboxes(backend: &mut Backend) {
    let steps = outbox();
    let title = format!("{}: a node is killed at a step of its outbox", backend.name());
    let mut table = Table::new(title);
    for (at, step) in steps.iter().enumerate() {
        let mut stage = Stage::set(backend.place(), DELIVER_FIRST).await;
        let mut node = stage.restart();
        let (device, got) = settle(stage.device(), &node).await;
        node.kill();
        let delivered = stage.standing_after(&node).await;
        assert_eq!((delivered.recorded.len(), delivered.told.len()), (1, 0));

        let mut node = stage.node(die_at(at), AtHand::Yes);
        assert_eq!(node.ask("/outbox"), None, "{step}");
        node.wait_for_its_death();
        assert_eq!(node.journal.steps, steps[..=at]);
        let left = stage.standing_after(&node).await;
        assert_eq!(left.told.len(), usize::from(was_done("the notification", &steps, at)));
        table.add(step, &left, "Intune knows of it in the end");
        let node = stage.restart();
        stage.finish(node, device, &got.serial()).await;
    }
}

/// Each number that a node drew is above all before it, whether its CRL was published or not.
async fn crls(backend: &mut Backend) {
    let steps = crl();
    let title = format!("{}: a node is killed at a step of publishing a CRL", backend.name());
    let mut table = Table::new(title);
    let mut stage = Stage::set(backend.place(), SIGNED).await;
    let mut drawn: Vec<u64> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut node = stage.node(die_at(at), AtHand::Yes);
        assert_eq!(node.ask("/crl"), None, "{step}");
        node.wait_for_its_death();
        assert_eq!(node.journal.steps, steps[..=at]);
        let lost = node.journal.numbers.clone();
        assert_eq!(lost.len(), usize::from(was_done("drawing a CRL number", &steps, at)));
        drawn.extend(&lost);
        let mut node = stage.restart();
        let published = publish(&mut node);
        drawn.push(published);
        table.add(step, format!("drawn {lost:?}"), &format!("the next CRL has {published}"));
    }
    assert!(drawn.is_sorted_by(|earlier, later| earlier < later), "{drawn:?}");
}

fn publish(node: &mut Running) -> u64 {
    let answer = node.ask("/crl").unwrap();
    let number = answer.strip_prefix("done ").unwrap().parse().unwrap();
    assert_eq!(node.heard_until_the_answer().numbers, [number]);
    number
}

/// Everything at which a node of this backend can die.
async fn everywhere(backend: &mut Backend) {
    for flow in [SIGNED, BEFORE_DELIVERY, DELIVER_FIRST] {
        requests(backend, flow, First::Device).await;
    }
    requests(backend, SIGNED, First::Rival).await;
    requests(backend, BEFORE_DELIVERY, First::Rival).await;
    repetitions(backend).await;
    failures(backend).await;
    outboxes(backend).await;
    crls(backend).await;
}

// R-2.4-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_an_enrolment_its_challenge_gives_one_certificate() {
    requests(&mut Backend::sqlite(), SIGNED, First::Device).await;
}

// R-2.4-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_commit_at_any_step_the_challenge_is_as_good_as_before() {
    requests(&mut Backend::sqlite(), SIGNED, First::Rival).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_under_intune_what_is_delivered_was_told_of() {
    requests(&mut Backend::sqlite(), BEFORE_DELIVERY, First::Device).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_a_request_that_comes_again_it_gets_the_certificate_of_before() {
    repetitions(&mut Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_where_intune_is_told_later_it_is_told() {
    requests(&mut Backend::sqlite(), DELIVER_FIRST, First::Device).await;
    outboxes(&mut Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_a_failure_intune_is_not_told_of_one_that_was_none() {
    failures(&mut Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_of_a_crl_its_number_does_not_come_again() {
    crls(&mut Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: postgresql; CI runs it with --ignored"]
async fn on_postgresql_a_node_may_be_killed_at_any_step() {
    everywhere(&mut Backend::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "service: redis; CI runs it with --ignored"]
async fn on_redis_a_node_may_be_killed_at_any_step() {
    everywhere(&mut Backend::redis()).await;
}
