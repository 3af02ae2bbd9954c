//! Several handles on one database, used in turn: what one node began, the next one settles.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scep_store::EnrolmentStore;
use scep_test::stores::{Front, Fronted};

use super::fixtures::Store;

struct Nodes {
    nodes: Vec<Store>,
    next: AtomicUsize,
    _until_the_end: Box<dyn Any + Send + Sync>,
}

/// These handles as one store; what they need lives as long.
pub fn in_turn(nodes: Vec<Store>, until_the_end: impl Any + Send + Sync) -> Store {
    assert!(!nodes.is_empty());
    let _until_the_end = Box::new(until_the_end);
    Arc::new(Fronted(Nodes { nodes, next: AtomicUsize::new(0), _until_the_end }))
}

impl Front for Nodes {
    fn store(&self) -> &dyn EnrolmentStore {
        self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()].as_ref()
    }
}
