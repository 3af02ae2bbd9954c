//! What the pure functions decide where no backend in memory leads them.

use std::time::Duration;

use scep_store::rate::{self, RateDecision, Slot};
use scep_store::transition::{
    Answer, ChallengeHolder, Decision, Found, Settled, State, Transaction,
};
use scep_store::{DeviceLimit, Sha256, StoreError, Submission};
use scep_types::UnixTime;

fn at(second: i64) -> UnixTime {
    UnixTime::from_secs(second)
}

fn digest(octet: u8) -> Sha256 {
    Sha256::new([octet; 32])
}

fn settled(state: State) -> Transaction {
    let submission = Submission { signer_key: digest(1), csr_info: digest(2) };
    let settled = Settled { submission, state, challenge: Some(digest(9)), ends: at(100) };
    Transaction { settled: Some(settled), hold: None }
}

#[test]
fn only_what_waits_keeps_its_challenge() {
    let other = Submission { signer_key: digest(7), csr_info: digest(8) };
    let asked = |holder: &Transaction| {
        let challenge = Some((&digest(9), ChallengeHolder::Other(holder)));
        Transaction::default().begin(&other, challenge, at(1))
    };
    assert_eq!(asked(&settled(State::Pending)), Decision::Replayed);
    assert_eq!(asked(&settled(State::Approved)), Decision::Replayed);
    assert_eq!(asked(&settled(State::Issued)), Decision::Fresh);
    assert_eq!(settled(State::Pending).keeps_challenge_until(&digest(9)), Some(at(100)));
    assert_eq!(settled(State::Issued).keeps_challenge_until(&digest(9)), None);
}

#[test]
fn an_answer_counts_until_it_ends() {
    let same = Submission { signer_key: digest(1), csr_info: digest(2) };
    let issued = settled(State::Issued);
    let again = Decision::Same(Found::ByTransaction, Answer::Issued);
    assert_eq!(issued.begin(&same, None, at(99)), again);
    assert_eq!(issued.begin(&same, None, at(100)), Decision::Fresh);
}

#[test]
fn a_limit_of_nothing_or_of_no_time_is_no_limit_at_all_and_refused() {
    let limit = |limit, window| DeviceLimit::new(digest(1), limit, Duration::from_secs(window));
    assert!(matches!(limit(0, 60), Err(StoreError::OutOfRange { .. })));
    assert!(matches!(limit(1_001, 60), Err(StoreError::OutOfRange { .. })));
    assert!(matches!(limit(1, 0), Err(StoreError::OutOfRange { .. })));
    assert!(limit(1_000, 1).is_ok());
}

#[test]
fn slots_of_a_clock_that_was_ahead_count() {
    let window = Duration::from_secs(60);
    let limit = DeviceLimit::new(digest(1), 1, window);
    let ahead = Slot::reserved(at(100), at(130), window).settled(window);
    let decided = limit.map(|limit| rate::decide(&[ahead], &limit, at(40)));
    let retry_after = Duration::from_secs(120);
    assert_eq!(decided, Ok(RateDecision::Refuse { retry_after }));
}
