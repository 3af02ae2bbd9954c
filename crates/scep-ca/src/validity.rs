use std::time::Duration;

use scep_types::{Csr, UnixTime, Validity};

use crate::{Error, IssuerDefect, ProfileConfig, ProfileDefect, RequestedValidity};

const DAY: Duration = Duration::from_secs(86_400);
/// The longest validity that can be configured.
const CENTURY: Duration = DAY.saturating_mul(36_525);
/// The farthest that notBefore can be back-dated.
const WEEK: Duration = DAY.saturating_mul(7);
/// The largest number of units read from a CSR; more than any bound lets through.
const MAX_UNITS: u32 = 1_000_000;

pub(crate) fn check_config(config: &ProfileConfig) -> Result<(), ProfileDefect> {
    if config.validity < Duration::from_secs(1) || config.validity > CENTURY {
        return Err(ProfileDefect::Validity(config.validity));
    }
    if config.backdate > WEEK {
        return Err(ProfileDefect::Backdate(config.backdate));
    }
    match config.requested_validity {
        RequestedValidity::Honour { min, max }
            if min < Duration::from_secs(1) || min > max || max > CENTURY =>
        {
            Err(ProfileDefect::RequestedValidity { min, max })
        }
        _ => Ok(()),
    }
}

/// From when to when the profile would have the certificate valid; the issuer may cut it.
pub(crate) fn decide(config: &ProfileConfig, csr: &Csr, now: UnixTime) -> Validity {
    let wish = match config.requested_validity {
        RequestedValidity::Ignore => None,
        RequestedValidity::Honour { min, max } => {
            requested(csr, now).map(|wish| wish.clamp(now.plus(min), now.plus(max)))
        }
    };
    Validity {
        not_before: now.minus(config.backdate),
        not_after: wish.unwrap_or_else(|| now.plus(config.validity)),
    }
}

/// The part of `wished` in which the issuer is valid too, of which `now` must be a moment.
pub(crate) fn within(issuer: Validity, wished: Validity, now: UnixTime) -> Result<Validity, Error> {
    if !issuer.contains(now) {
        return Err(Error::UnusableIssuer(IssuerDefect::NotValid(now)));
    }
    Ok(Validity {
        not_before: wished.not_before.max(issuer.not_before),
        not_after: wished.not_after.min(issuer.not_after),
    })
}

/// The notAfter that Windows' pairs wish for, or `None` unless both are there once and well-formed.
fn requested(csr: &Csr, now: UnixTime) -> Option<UnixTime> {
    let pairs = csr.enrollment_pairs().ok()?;
    let only = |name: &str| {
        let mut values = pairs.iter().filter(|pair| pair.name.eq_ignore_ascii_case(name));
        let value = values.next()?;
        values.next().is_none().then_some(value.value.trim())
    };
    let period = only("ValidityPeriod")?.to_ascii_lowercase();
    let units: u32 = only("ValidityPeriodUnits")?.parse().ok()?;
    if units == 0 || units > MAX_UNITS {
        return None;
    }
    match period.as_str() {
        "years" => Some(now.plus_months(units.saturating_mul(12))),
        "months" => Some(now.plus_months(units)),
        "weeks" => Some(now.plus(WEEK.saturating_mul(units))),
        "days" => Some(now.plus(DAY.saturating_mul(units))),
        "hours" => Some(now.plus(Duration::from_secs(3_600).saturating_mul(units))),
        _ => None,
    }
}
