//! What every backend must do. Each claim is an `async fn` that gets a store of its own.
//!
//! `conformance!` makes a test of each claim. `all_claims!` hands them over as values, to a backend whose server all tests
//! share.

#![expect(unreachable_pub, reason = "each backend's tests include it as a module")]

pub mod allowances;
pub mod certificates;
pub mod challenges;
pub mod company;
pub mod fixtures;
pub mod journal;
pub mod leases;
pub mod lookup;
pub mod matrix;
pub mod nodes;
pub mod operators;
pub mod outbox;
pub mod passwords;
pub mod races;
pub mod rates;
pub mod room;
pub mod runner;

/// Hands the groups of claims to the macro of this name, after these arguments.
macro_rules! claims {
    ($to:ident $($argument:tt)*) => {
        $to! { $($argument)*
            matrix:
                an_unknown_transaction_is_fresh_and_released_it_is_unknown_again,
                pending_same_key_same_csr_is_pending_and_queued_once,
                pending_same_key_other_csr_supersedes,
                pending_other_key_is_a_conflict_and_changes_nothing,
                issued_same_key_same_csr_gets_the_same_certificate,
                issued_same_request_is_new_when_the_replay_window_has_ended,
                issued_same_key_other_csr_is_new,
                issued_other_key_is_new_and_never_gets_the_old_certificate,
                a_new_request_that_fails_leaves_the_issued_one,
                rejected_requests_are_looked_at_afresh,
                denied_requests_stay_denied_while_remembered,
                a_request_in_progress_makes_its_transaction_busy,
                a_superseding_request_that_fails_leaves_the_pending_one,
                endpoints_do_not_share_transactions,
                any_octets_are_a_transaction_id,
                a_poll_with_another_key_and_an_unknown_id_get_the_same_answer,
                a_poll_gets_what_the_request_would_get,
                a_pending_request_is_forgotten_at_its_expiry,
                recall_answers_the_very_same_request_and_reserves_nothing,
                recall_outlives_the_challenge;
            challenges:
                a_used_challenge_is_a_replay_for_any_other_csr,
                a_used_challenge_gives_a_copy_of_its_csr_the_same_certificate,
                a_challenge_is_used_once_over_all_endpoints,
                the_first_reservation_of_a_challenge_wins,
                a_refused_replay_leaves_no_trace,
                a_released_challenge_is_free_for_any_csr,
                a_rejected_request_gives_its_challenge_back,
                a_challenge_whose_holder_died_is_free_when_the_lease_ends,
                a_pending_request_keeps_its_challenge,
                superseding_ones_own_pending_request_may_use_its_challenge_again,
                superseding_with_another_challenge_frees_the_first,
                a_challenge_is_remembered_until_its_own_end_not_from_its_use,
                a_clock_that_is_set_back_does_not_free_a_used_challenge,
                a_challenge_that_need_not_be_remembered_is_refused,
                a_copy_of_an_approved_csr_is_handed_the_approval_once;
            leases:
                a_lease_ends_at_its_last_second_and_not_before,
                a_holder_may_settle_until_the_lease_ends,
                a_stale_holder_can_do_nothing,
                a_holder_whose_clock_is_behind_loses_to_one_that_took_over,
                a_holder_whose_clock_is_behind_loses_the_challenge_that_was_taken,
                a_holder_whose_clock_is_behind_keeps_what_nobody_took,
                an_approval_survives_a_failed_issuance;
            rates:
                a_window_admits_exactly_its_limit,
                a_lowered_limit_waits_for_all_above_it,
                refused_attempts_do_not_count,
                a_retry_takes_no_slot,
                a_released_request_gives_its_slot_back,
                a_dead_holders_slot_is_free_when_the_lease_ends,
                a_slot_that_another_has_by_now_settles_nothing,
                a_rejected_request_keeps_its_slot,
                an_approved_request_takes_one_slot_in_all,
                devices_are_counted_apart,
                a_rate_limited_request_leaves_its_challenge_free;
            allowances:
                an_endpoint_has_its_allowance_whatever_the_devices,
                all_endpoints_have_one_allowance_together,
                a_refusal_names_its_limit_and_takes_nothing_of_the_others,
                a_released_request_gives_its_allowances_back,
                a_request_that_cannot_be_committed_gives_its_allowances_back,
                a_rejected_request_and_a_retry_take_one_of_an_allowance,
                a_dead_holders_allowance_is_free_when_its_window_is_over,
                an_approved_request_takes_one_of_an_allowance_in_all,
                an_allowance_of_many_is_admitted_exactly_to_racing_tasks;
            operators:
                the_queue_shows_what_waits,
                an_approved_request_is_issued_by_the_first_poll,
                an_approved_request_is_issued_by_the_first_retry,
                an_approval_covers_only_the_csr_that_was_seen,
                the_first_operator_counts,
                an_approval_can_be_withdrawn_until_it_is_used,
                what_does_not_wait_cannot_be_decided;
            certificates:
                a_certificate_is_found_with_its_origin,
                what_was_not_issued_here_is_not_found,
                an_uncommitted_certificate_is_not_known,
                a_serial_number_is_issued_once,
                the_first_revocation_stands,
                each_issuer_has_its_revoked_certificates_in_order,
                crl_numbers_rise_for_each_issuer,
                a_request_for_an_expired_certificate_is_new_but_its_challenge_stays_used;
            lookup:
                certificates_of_a_key_come_newest_first_from_all_endpoints,
                certificates_of_a_device_come_newest_first_whatever_their_keys,
                pages_show_each_of_many_certificates_once,
                an_ended_certificate_is_not_found_and_leaves_its_page_to_others,
                a_found_certificate_says_whether_it_is_revoked;
            journal:
                events_of_a_kind_come_newest_first,
                pages_of_events_show_each_of_many_once,
                an_event_is_forgotten_when_its_time_is_over,
                what_is_out_of_bounds_is_not_recorded,
                racing_nodes_lose_no_event_and_number_each_once;
            outbox:
                a_notice_is_its_recorders_first_and_then_any_senders,
                a_certificate_without_a_notice_has_none,
                without_its_certificate_a_notice_is_not_recorded,
                a_delivered_notice_is_never_sent_again,
                the_same_request_learns_what_became_of_its_notice,
                a_postponed_notice_waits_for_its_time,
                whoever_has_a_reason_may_send_a_notice_before_its_time,
                a_stale_sender_can_neither_postpone_nor_give_up_but_says_what_arrived,
                a_holder_whose_lease_lapsed_may_settle_while_nobody_took_over,
                a_notice_that_was_given_up_is_not_sent,
                a_notice_that_is_over_counts_as_given_up,
                those_due_for_longest_come_first_and_no_more_than_asked_for,
                endpoints_do_not_share_notices,
                revocation_leaves_a_notice_as_it_is,
                racing_senders_never_have_the_same_notice;
            passwords:
                a_password_is_found_as_it_was_kept_and_shows_no_secret,
                a_sealed_password_comes_back_octet_for_octet_and_stays_when_it_is_withdrawn,
                an_endpoint_has_no_more_live_passwords_than_it_may,
                a_used_password_does_not_count_and_serves_its_csr_alone,
                a_withdrawn_password_is_known_as_such_and_does_not_count,
                an_id_is_given_once_and_again_when_its_use_is_forgotten,
                the_most_has_bounds,
                racing_minters_never_exceed_the_most;
            company:
                what_waits_together_is_all_done,
                who_is_refused_spoils_nothing_for_those_beside,
                requests_for_the_same_that_wait_together_are_one,
                who_leaves_takes_nobody_along,
                a_device_that_another_request_counted_meanwhile_counts_both,
                a_denial_meanwhile_outlives_the_release_of_what_superseded_it,
                a_reservation_that_was_taken_over_is_believed_by_nobody;
            races:
                sixty_four_tasks_get_one_reservation_for_each_challenge,
                of_four_csrs_on_one_challenge_exactly_one_wins,
                a_storm_of_duplicates_gets_one_certificate,
                duplicates_of_a_request_get_one_certificate,
                failures_between_duplicates_never_give_two_certificates,
                a_window_admits_exactly_its_limit_to_racing_tasks,
                racing_polls_and_retries_get_one_approval,
                a_lapsed_reservation_has_one_successor,
                crl_numbers_are_never_given_twice;
        }
    };
}

/// The same for the claims about stores that have little room.
macro_rules! room_claims {
    ($to:ident $($argument:tt)*) => {
        $to! { $($argument)*
            room:
                without_room_for_a_challenge_it_refuses_and_forgets_nothing,
                a_reserved_challenge_is_not_forgotten_for_another,
                without_room_for_a_transaction_it_refuses,
                without_room_for_a_device_it_refuses,
                without_room_for_a_certificate_nothing_more_is_signed,
                without_room_in_the_queue_a_request_is_released,
                without_room_for_a_notice_its_certificate_is_not_recorded,
                without_room_for_a_password_it_refuses_until_one_is_forgotten,
                without_room_for_an_issuer_it_numbers_no_crl,
                the_oldest_events_of_a_kind_give_way;
        }
    };
}

/// A test of each claim; the expression makes an empty store.
macro_rules! conformance {
    ($store:expr) => {
        claims! { conformance_tests ($store) }
    };
}

/// The same for the claims about stores that have little room.
macro_rules! room_conformance {
    ($store:expr) => {
        room_claims! { conformance_tests ($store) }
    };
}

macro_rules! conformance_tests {
    (($store:expr) $($group:ident: $($claim:ident),*;)*) => {
        $(
            conformance_tests! { @group ($store) $group: $($claim),* }
        )*
    };
    (@group ($store:expr) $group:ident: $($claim:ident),*) => {
        mod $group {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $claim() {
                    crate::suite::$group::$claim($store).await;
                }
            )*
        }
    };
}

/// All claims by name, for a test that runs them one after the other.
macro_rules! all_claims {
    () => {
        claims! { claim_list () }
    };
}

/// The same for the claims about stores that have little room.
macro_rules! all_room_claims {
    () => {
        room_claims! { claim_list () }
    };
}

macro_rules! claim_list {
    (() $($group:ident: $($claim:ident),*;)*) => {
        [$($((
            stringify!($claim),
            (|store| Box::pin(crate::suite::$group::$claim(store))) as crate::suite::runner::Claim,
        )),*),*]
    };
}
