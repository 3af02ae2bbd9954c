//! Operations, and how they are drawn.

use proptest::prelude::*;

use super::reference::{Ask, Counts, Sent};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Begin(Ask),
    /// One of the last requests, perhaps with something changed.
    BeginAgain(usize, Change),
    RecallAgain(usize, Change),
    Recall(Ask),
    Poll(Ask),
    PollAgain(usize, Change),
    Commit {
        attempt: usize,
        serial: u32,
        notice: bool,
    },
    LeaseNotices(usize),
    /// Of one of the last certificates.
    ClaimNotice(usize),
    /// One of the last leases.
    SettleNotice(usize, Sent),
    Pend(usize),
    Reject(usize),
    Release(usize),
    Approve(Ask),
    /// What waits, if anything does.
    ApproveWaiting,
    Deny(Ask),
    DenyWaiting,
    /// Of the key of this challenge, unless there are so many.
    AddPassword(usize, usize),
    WithdrawPassword(usize),
    /// With a password, if it is good.
    Enrol(Ask),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Nothing,
    Transaction(usize),
    Key(u32),
    Csr(u32),
    TransactionAndKey(usize, u32),
}

/// Each one some seconds after the one before.
pub(crate) fn ops() -> impl Strategy<Value = Vec<(i64, Op)>> {
    prop::collection::vec((elapsed(), op()), 1..80)
}

fn ask() -> impl Strategy<Value = Ask> {
    let challenge = prop_oneof![2 => Just(None), 3 => (0..3_usize).prop_map(Some)];
    let flags = (prop::bool::weighted(0.3), counts());
    (0..4_usize, 0..2_u32, 0..3_u32, challenge, flags).prop_map(
        |(transaction, key, csr, challenge, (limited, counts))| Ask {
            transaction,
            key,
            csr,
            challenge,
            limited,
            counts,
        },
    )
}

fn counts() -> impl Strategy<Value = Counts> {
    prop_oneof![
        6 => Just(Counts::Nowhere),
        1 => Just(Counts::Own),
        2 => Just(Counts::Both),
        2 => Just(Counts::All),
    ]
}

/// Mostly operations on what the last ones left.
fn op() -> impl Strategy<Value = Op> {
    let recent = prop_oneof![6 => 0..1_usize, 2 => 1..4_usize];
    let again = (prop_oneof![3 => 0..1_usize, 3 => 1..6_usize], change());
    prop_oneof![
        6 => ask().prop_map(Op::Begin),
        6 => again.clone().prop_map(|(back, change)| Op::BeginAgain(back, change)),
        1 => ask().prop_map(Op::Recall),
        2 => again.clone().prop_map(|(back, change)| Op::RecallAgain(back, change)),
        1 => ask().prop_map(Op::Poll),
        3 => again.prop_map(|(back, change)| Op::PollAgain(back, change)),
        4 => (recent.clone(), 0..40_u32, prop::bool::weighted(0.7))
            .prop_map(|(attempt, serial, notice)| Op::Commit { attempt, serial, notice }),
        3 => (1..4_usize).prop_map(Op::LeaseNotices),
        2 => (0..3_usize).prop_map(Op::ClaimNotice),
        3 => (0..3_usize, sent()).prop_map(|(back, sent)| Op::SettleNotice(back, sent)),
        4 => recent.clone().prop_map(Op::Pend),
        1 => recent.clone().prop_map(Op::Reject),
        2 => recent.prop_map(Op::Release),
        1 => ask().prop_map(Op::Approve),
        3 => Just(Op::ApproveWaiting),
        1 => ask().prop_map(Op::Deny),
        1 => Just(Op::DenyWaiting),
        3 => (0..4_usize, 1..4_usize).prop_map(|(number, most)| Op::AddPassword(number, most)),
        1 => (0..4_usize).prop_map(Op::WithdrawPassword),
        3 => (ask(), 0..4_usize)
            .prop_map(|(ask, number)| Op::Enrol(Ask { challenge: Some(number), ..ask })),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![2 => Just(Sent::Delivered), 3 => Just(Sent::Failed), 1 => Just(Sent::Refused)]
}

fn change() -> impl Strategy<Value = Change> + Clone {
    prop_oneof![
        4 => Just(Change::Nothing),
        1 => (0..4_usize).prop_map(Change::Transaction),
        1 => (0..2_u32).prop_map(Change::Key),
        1 => (0..3_u32).prop_map(Change::Csr),
        1 => (0..4_usize, 0..2_u32).prop_map(|(id, key)| Change::TransactionAndKey(id, key)),
    ]
}

fn elapsed() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..1_i64, 3 => 1..4_i64, 1 => 4..20_i64]
}
