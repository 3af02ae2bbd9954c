use std::time::{Duration, Instant};

use serde::Serialize;

use crate::allocations;

/// A figure: an operation beside the sum of the raw operations it cannot do without.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Nanoseconds of the operation, the median.
    pub ns: f64,
    /// Nanoseconds of its raw operations, the median.
    pub floor_ns: f64,
    /// The median of the ratios, each of two neighbours in time.
    pub ratio: f64,
    /// Allocations of one operation.
    pub allocs: u64,
    /// Octets allocated by one operation.
    pub bytes: u64,
    /// The ratio it should reach; not for machines.
    #[serde(skip)]
    pub target: Option<f64>,
    /// The allocations it may make; not for machines.
    #[serde(skip)]
    pub target_allocs: Option<u64>,
}

/// An operation and its floor.
pub struct Bench<'a> {
    /// What is measured.
    pub name: &'a str,
    /// One operation; whatever must be fresh for it is made outside.
    pub operation: &'a mut dyn FnMut(),
    /// Its raw operations.
    pub floor: &'a mut dyn FnMut(),
    /// The ratio it should reach.
    pub target: Option<f64>,
    /// The allocations it may make.
    pub target_allocs: Option<u64>,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Rounds of one operation and one floor, next to each other: a machine that slows down slows both.
const ROUNDS: usize = 400;
/// Rounds that are not counted.
const WARM_UP: usize = 40;

impl Bench<'_> {
    /// Runs operation and floor in turn.
    pub fn run(self) -> Row {
        let mut rounds = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS + WARM_UP {
            let operation = timed(&mut *self.operation);
            let floor = timed(&mut *self.floor);
            if round >= WARM_UP {
                rounds.push((operation, floor));
            }
        }
        let (allocs, bytes) = counted(&mut *self.operation);
        Row {
            name: self.name.to_owned(),
            ns: median(rounds.iter().map(|(operation, _)| nanoseconds(*operation))),
            floor_ns: median(rounds.iter().map(|(_, floor)| nanoseconds(*floor))),
            ratio: median(rounds.iter().map(|(o, f)| nanoseconds(*o) / nanoseconds(*f))),
            allocs,
            bytes,
            target: self.target,
            target_allocs: self.target_allocs,
        }
    }
}

fn timed(run: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn counted(run: &mut dyn FnMut()) -> (u64, u64) {
    let (allocations, octets) = allocations::so_far();
    run();
    let (allocations_after, octets_after) = allocations::so_far();
    (allocations_after - allocations, octets_after - octets)
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
