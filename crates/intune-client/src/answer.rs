use std::time::Duration;

use crate::Error;
use crate::service::ActivityId;

/// What a call gave, and what an audit trail wants to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called<A> {
    /// By which Microsoft finds the call, the `client-request-id` of all its requests.
    pub activity_id: ActivityId,
    /// How often the service was asked; tokens and discovery do not count.
    pub attempts: u32,
    /// How long it took, all of it.
    pub duration: Duration,
    /// What it gave.
    pub outcome: A,
}

impl<A> Called<Result<A, Error>> {
    /// Nothing was asked, and there is not even an id.
    pub(crate) fn without_call(error: Error) -> Self {
        let activity_id = ActivityId::from_random([0; 16]);
        Self { activity_id, attempts: 0, duration: Duration::ZERO, outcome: Err(error) }
    }
}
