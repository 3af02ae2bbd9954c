use std::time::Duration;

use scep_types::UnixTime;

use super::Claims;
use crate::{Error, Malformed, Misconfigured};

/// When a challenge is taken. Times are whole seconds and stop at the ends of `i64`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeWindow {
    cap: Duration,
    tolerance: Duration,
}

impl TimeWindow {
    /// A tolerance as long as the cap would make the cap mean nothing.
    pub(super) fn new(cap: Duration, tolerance: Duration) -> Result<Self, Misconfigured> {
        if tolerance.as_secs() < cap.as_secs() {
            Ok(Self { cap, tolerance })
        } else {
            Err(Misconfigured::Tolerance { tolerance, cap })
        }
    }

    /// Checks `iat ≤ now + tolerance`, `now − tolerance < exp` and `exp − iat ≤ cap`, in this order, and returns from
    /// when on the challenge is refused as expired.
    ///
    /// Without `iat` the latest that would pass is assumed, without `exp` it is `iat` and the cap.
    pub(super) fn check(&self, claims: &Claims, now: UnixTime) -> Result<UnixTime, Error> {
        let Self { cap, tolerance } = *self;
        let latest_issuance = now.plus(tolerance);
        let issued_at = claims.issued_at.unwrap_or(latest_issuance);
        let latest_end = issued_at.plus(cap);
        let end = match (claims.issued_at, claims.expires) {
            (_, Some(expires)) => expires,
            (Some(_), None) => latest_end,
            (None, None) => return Err(Malformed::Unlimited.into()),
        };
        if issued_at > latest_issuance {
            return Err(Error::NotYetValid { issued_at, now, tolerance });
        }
        if now.minus(tolerance) >= end {
            return Err(Error::Expired { expired: end, now, tolerance });
        }
        if end > latest_end {
            return Err(Error::LifetimeTooLong { expires: end, cap });
        }
        Ok(end.plus(tolerance))
    }
}
