//! kill -9 of a node at every step between a request and its answer, with the whole pipeline at work, and a restart on the
//! same durable store; and crashes of the database around its steps.
//!
//! Whatever dies where: a device gets exactly one certificate for its challenge, no challenge is used up without one, Intune
//! learns of each certificate that is recorded and of no other, and no CRL number comes again. Clocks stand, leases end
//! when a test says so. `cargo test -p scep-test --test steps -- --show-output` prints what becomes of each step.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the tables of steps are to be seen")]

mod device;
mod kills;
mod node;
mod place;
mod running;
mod servers;
mod stage;
mod stepped;
mod steps;
mod table;
mod ways;

#[test]
fn without_a_kill_each_flow_goes_its_way() {
    node::serve_if_asked(); // nodes are this test in a process of its own
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    runtime.unwrap().block_on(kills::not_at_all(&mut place::Backend::sqlite()));
}
