//! An allowance by sub-windows never admits more than its limit in any window, and never much less.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::time::Duration;

use proptest::prelude::*;
use scep_store::allowance::{Allowance, Counted, decide, give_back, take};
use scep_store::rate::RateDecision;
use scep_store::{Sha256, StoreError};
use scep_types::UnixTime;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn allowance(limit: u32, window: u64) -> Allowance {
    Allowance::new(Sha256::new([1; 32]), limit, Duration::from_secs(window)).unwrap()
}

/// What is done, so many seconds later.
#[derive(Debug, Clone, Copy)]
enum Op {
    Take,
    /// Of those that were taken, the so-many-eth last one.
    GiveBack(usize),
}

fn ops() -> impl Strategy<Value = Vec<(i64, Op)>> {
    let elapsed = prop_oneof![4 => Just(0), 4 => 1..4_i64, 2 => 4..60_i64, 1 => 60..900_i64];
    let op = prop_oneof![5 => Just(Op::Take), 1 => (0..4_usize).prop_map(Op::GiveBack)];
    prop::collection::vec((elapsed, op), 1..200)
}

fn window() -> impl Strategy<Value = u64> {
    prop_oneof![1..100_u64, 100..1_000_u64, Just(60), Just(61), Just(600)]
}

/// How many were taken within the window that ends now, and not given back: a naive reading of the rule.
fn within(taken: &[(i64, UnixTime)], now: i64, window: i64) -> usize {
    taken.iter().filter(|(when, _)| *when > now - window && *when <= now).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_window_has_more_than_the_limit_and_a_refusal_has_a_reason(
        ops in ops(),
        limit in 1..6_u32,
        window in window(),
        begin in -2_000..2_000_i64,
    ) {
        let allowance = allowance(limit, window);
        let span = window as i64;
        let sub_window = window.div_ceil(Allowance::SUB_WINDOWS) as i64;
        let (mut used, mut taken, mut now) = (Vec::new(), Vec::new(), begin);
        for (elapsed, op) in ops {
            now += elapsed;
            match op {
                Op::Take => match decide(&used, &allowance, at(now)) {
                    RateDecision::Admit => {
                        let (after, ends) = take(&used, &allowance, at(now));
                        used = after;
                        taken.push((now, ends));
                        prop_assert!(within(&taken, now, span) <= limit as usize);
                    }
                    RateDecision::Refuse { retry_after } => {
                        // By a window that is longer by a sub-window there is no room.
                        let longer = span + sub_window - 1;
                        prop_assert!(within(&taken, now, longer) >= limit as usize);
                        let soonest = now + retry_after.as_secs() as i64;
                        prop_assert!(soonest > now);
                        prop_assert_eq!(decide(&used, &allowance, at(soonest)), RateDecision::Admit);
                        let before = decide(&used, &allowance, at(soonest - 1));
                        prop_assert_ne!(before, RateDecision::Admit);
                    }
                },
                Op::GiveBack(back) => {
                    if let Some(position) = taken.len().checked_sub(back + 1) {
                        let (_, ends) = taken.remove(position);
                        used = give_back(&used, ends);
                    }
                }
            }
            prop_assert!(used.len() as u64 <= Allowance::SUB_WINDOWS + 2, "{used:?}");
        }
    }
}

#[test]
fn a_window_of_a_minute_is_exact() {
    let allowance = allowance(2, 60);
    let (used, _) = take(&[], &allowance, at(0));
    let (used, _) = take(&used, &allowance, at(10));
    let refused = |second| RateDecision::Refuse { retry_after: Duration::from_secs(second) };
    assert_eq!(decide(&used, &allowance, at(10)), refused(50));
    assert_eq!(decide(&used, &allowance, at(59)), refused(1));
    assert_eq!(decide(&used, &allowance, at(60)), RateDecision::Admit);
}

#[test]
fn a_million_certificates_cost_no_more_than_a_few() {
    let hour = allowance(1_000_000, 3_600);
    let mut used: Vec<Counted> = Vec::new();
    for number in 0..1_000_000_i64 {
        let now = at(number * 3_599 / 1_000_000);
        if number % 50_000 == 0 {
            assert_eq!(decide(&used, &hour, now), RateDecision::Admit);
        }
        used = take(&used, &hour, now).0;
    }
    assert_eq!(used.len(), 60);
    let refused = RateDecision::Refuse { retry_after: Duration::from_secs(60) };
    assert_eq!(decide(&used, &hour, at(3_599)), refused); // until 3,659: the first minute's last second and an hour
    assert_eq!(decide(&used, &hour, at(3_659)), RateDecision::Admit);
}

#[test]
fn what_is_given_back_does_not_count_and_what_ended_is_given_back_to_nobody() {
    let allowance = allowance(1, 60);
    let (used, ends) = take(&[], &allowance, at(0));
    assert_eq!(give_back(&used, ends), []);
    let (later, _) = take(&used, &allowance, at(60));
    assert_eq!(give_back(&later, ends), later);
}

#[test]
fn an_allowance_has_bounds() {
    for (limit, window) in [(0, 60), (1_000_001, 60), (1, 0), (1, u64::MAX)] {
        let refused = Allowance::new(Sha256::new([1; 32]), limit, Duration::from_secs(window));
        assert!(matches!(refused, Err(StoreError::OutOfRange { .. })), "{limit} {window}");
    }
}
