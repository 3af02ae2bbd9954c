use std::time::{Duration, Instant};

use anyhow::{Context, Result};
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
    /// Allocations of one operation, the median; those of C code are not seen.
    pub allocs: u64,
    /// Octets allocated by one operation, the median.
    pub bytes: u64,
    /// The ratio it should reach; not for machines.
    #[serde(skip)]
    pub target: Option<f64>,
    /// The nanoseconds it may take, whatever the floor; not for machines.
    #[serde(skip)]
    pub target_ns: Option<f64>,
    /// The allocations it may make; not for machines.
    #[serde(skip)]
    pub target_allocs: Option<u64>,
}

/// An operation and its floor.
pub struct Bench<'a> {
    name: &'a str,
    operation: &'a mut dyn FnMut() -> Result<()>,
    floor: &'a mut dyn FnMut() -> Result<()>,
    target: Option<f64>,
    target_ns: Option<f64>,
    target_allocs: Option<u64>,
}

impl<'a> Bench<'a> {
    /// Measures one `operation`, whatever must be fresh for it made outside, beside its raw operations; without targets.
    pub fn new(
        name: &'a str,
        operation: &'a mut dyn FnMut() -> Result<()>,
        floor: &'a mut dyn FnMut() -> Result<()>,
    ) -> Self {
        Self { name, operation, floor, target: None, target_ns: None, target_allocs: None }
    }

    /// The same with a ratio it should reach.
    #[must_use]
    pub fn within(self, ratio: f64) -> Self {
        Self { target: Some(ratio), ..self }
    }

    /// The same with the nanoseconds it may take.
    #[must_use]
    pub fn within_ns(self, nanoseconds: f64) -> Self {
        Self { target_ns: Some(nanoseconds), ..self }
    }

    /// The same with the allocations it may make.
    #[must_use]
    pub fn within_allocs(self, allocations: u64) -> Self {
        Self { target_allocs: Some(allocations), ..self }
    }
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

/// One round.
struct Round {
    operation: f64,
    floor: f64,
    allocations: u64,
    octets: u64,
}

impl Bench<'_> {
    /// How often the operation runs.
    pub const RUNS: usize = ROUNDS + WARM_UP;

    /// Runs operation and floor in turn.
    ///
    /// # Errors
    /// The first of either: what fails is not measured.
    pub fn run(self) -> Result<Row> {
        let mut rounds = Vec::with_capacity(Self::RUNS);
        for _ in 0..Self::RUNS {
            rounds.push(round(self.operation, self.floor).with_context(|| self.name.to_owned())?);
        }
        let rounds = rounds.get(WARM_UP..).unwrap_or_default();
        let each = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        let count = |figure: fn(&Round) -> u64| middle(rounds.iter().map(figure).collect());
        Ok(Row {
            name: self.name.to_owned(),
            ns: each(|round| round.operation),
            floor_ns: each(|round| round.floor),
            ratio: each(|round| round.operation / round.floor),
            allocs: count(|round| round.allocations),
            bytes: count(|round| round.octets),
            target: self.target,
            target_ns: self.target_ns,
            target_allocs: self.target_allocs,
        })
    }
}

fn round(
    operation: &mut dyn FnMut() -> Result<()>,
    floor: &mut dyn FnMut() -> Result<()>,
) -> Result<Round> {
    let (allocations, octets) = allocations::so_far();
    let operation = timed(operation)?;
    let (allocations_after, octets_after) = allocations::so_far();
    Ok(Round {
        operation: nanoseconds(operation),
        floor: nanoseconds(timed(floor)?),
        allocations: allocations_after - allocations,
        octets: octets_after - octets,
    })
}

fn timed(run: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn middle(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
