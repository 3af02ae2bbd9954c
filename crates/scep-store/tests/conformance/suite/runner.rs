//! Runs all claims within one test, for a backend whose server they share.

use std::pin::Pin;
use std::time::Instant;

use super::fixtures::Store;

pub type Claim = fn(Store) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs each claim on a store of its own, prints what it took, and fails with the names of those that do not hold.
pub async fn check_all(claims: &[(&'static str, Claim)], new_store: impl AsyncFn() -> Store) {
    let mut broken = Vec::new();
    for (name, claim) in claims {
        let began = Instant::now();
        let held = tokio::spawn(claim(new_store().await)).await;
        println!(
            "{name}: {} ms{}",
            began.elapsed().as_millis(),
            if held.is_ok() { "" } else { ", BROKEN" }
        );
        if held.is_err() {
            broken.push(name);
        }
    }
    println!("{} claims", claims.len());
    assert!(broken.is_empty(), "broken: {broken:?}");
}
