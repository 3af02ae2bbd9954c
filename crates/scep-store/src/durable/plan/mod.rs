//! The verbs, each as a function of the records it concerns: the decisions are those of [`transition`](crate::transition),
//! [`rate`](crate::rate) and [`allowance`](crate::allowance), what is written follows from them.

use scep_types::UnixTime;

mod allowances;
mod asking;
mod holding;
mod operating;
mod outbox;
mod passwords;
mod settling;

pub(crate) use asking::{begin, poll, recall};
pub(crate) use operating::{approve, certificate, deny, revoke};
pub(crate) use outbox::{claim_notice, lease_notice, settle_notice};
pub(crate) use passwords::{add_password, list_passwords, password, withdraw_password};
pub(crate) use settling::{commit, pend, reject, release};

/// The time of verbs that ask for none; nothing ends by it.
const NEVER: UnixTime = UnixTime::from_secs(i64::MIN);
