//! When to ask again: seconds or a date (RFC 9110 §10.2.3).

use std::time::Duration;

use scep_types::UnixTime;
use scep_types::asn1::{DerWriter, Reader, Tag};

/// The longest wait that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long to wait from `now` on, a day at most; `None` for what is neither seconds nor a date.
pub(super) fn retry_after(value: &str, now: UnixTime) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit());
    let seconds = if is_number {
        value.parse().unwrap_or(u64::MAX)
    } else {
        let until = http_date(value)?.as_secs().saturating_sub(now.as_secs());
        u64::try_from(until).unwrap_or_default()
    };
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// A date in one of the three forms of RFC 9110 §5.6.7.
fn http_date(text: &str) -> Option<UnixTime> {
    let parts: Vec<_> =
        text.split([' ', ',', '-']).filter(|part| !part.is_empty()).take(7).collect();
    let (day, month, year, time) = match *parts.as_slice() {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    let mut year: u16 = year.parse().ok()?;
    if year < 100 {
        year = year.checked_add(if year < 70 { 2000 } else { 1900 })?;
    }
    let mut hms = time.split(':').map(|two| two.parse::<u8>().ok());
    let (hour, minute, second) = (hms.next()??, hms.next()??, hms.next()??);
    if hms.next().is_some() {
        return None;
    }
    let day: u8 = day.parse().ok()?;
    // The same moment as GeneralizedTime, which has a reader already.
    let digits = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    let mut der = DerWriter::new();
    der.primitive(Tag::GENERALIZED_TIME, digits.as_bytes());
    UnixTime::read(&mut Reader::der(&der.into_vec())).ok()
}
