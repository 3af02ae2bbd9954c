use std::fmt;
use std::time::Duration;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::asn1::{Asn1Error, DerWriter, Reader, Tag, Tlv};

/// 0000-01-01T00:00:00Z.
const YEAR_0: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z, which says "never expires" in a certificate (RFC 5280 §4.1.2.5).
const END_OF_YEAR_9999: i64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted. Pure crates take it as an argument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(i64);

impl UnixTime {
    /// From seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// `duration` later, whole seconds; stops at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(seconds(duration)))
    }

    /// `duration` earlier, whole seconds; stops at the beginning of time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(duration)))
    }

    /// `months` calendar months later at the same time of day; the day is cut to the last of a shorter month.
    ///
    /// Stops at the end of the year 9999, the last that ASN.1 can write.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let Ok(at) = OffsetDateTime::from_unix_timestamp(self.0) else { return self };
        let month = u32::from(u8::from(at.month())).saturating_sub(1).saturating_add(months);
        let years = i32::try_from(month / 12).unwrap_or(i32::MAX);
        let year = at.year().saturating_add(years);
        let month = u8::try_from(month % 12).ok().and_then(|month| month.checked_add(1));
        let month = month.and_then(|month| Month::try_from(month).ok());
        let date = month.and_then(|month| {
            (1..=at.day()).rev().find_map(|day| Date::from_calendar_date(year, month, day).ok())
        });
        date.map_or(Self(END_OF_YEAR_9999), |date| Self(at.replace_date(date).unix_timestamp()))
    }

    /// Reads a `Time ::= CHOICE { utcTime, generalTime }` (RFC 5280 §4.1.2.5), either form for any year.
    ///
    /// # Errors
    /// The element is another one or no time; offsets other than `Z` are refused.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let tlv = reader.any()?;
        match tlv.tag {
            Tag::UTC_TIME | Tag::GENERALIZED_TIME => Self::from_tlv(&tlv),
            found => Err(Asn1Error::UnexpectedTag { expected: Tag::UTC_TIME, found }),
        }
    }

    fn from_tlv(tlv: &Tlv<'_>) -> Result<Self, Asn1Error> {
        let invalid = Asn1Error::InvalidValue { tag: tlv.tag };
        let text = tlv.primitive()?.strip_suffix(b"Z").ok_or(invalid)?;
        let (year, rest) = if tlv.tag == Tag::UTC_TIME {
            let (digits, rest) = text.split_at_checked(2).ok_or(invalid)?;
            let year = decimal(digits).ok_or(invalid)?;
            // RFC 5280 §4.1.2.5.1: 50 and above are the twentieth century.
            let century = if year >= 50 { 1900 } else { 2000 };
            (year.saturating_add(century), rest)
        } else {
            let (digits, rest) = text.split_at_checked(4).ok_or(invalid)?;
            (decimal(digits).ok_or(invalid)?, rest)
        };
        civil(year, rest).ok_or(invalid)
    }

    /// Writes UTCTime through 2049 and GeneralizedTime from 2050 (RFC 5280 §4.1.2.5), seconds always, `Z`.
    ///
    /// Times before the year 0 or after 9999 are written as the first or last second of these.
    pub fn write(self, der: &mut DerWriter) {
        let at = self.civil();
        let year = u8::try_from(at.year() % 100).unwrap_or(0);
        let century = u8::try_from(at.year() / 100).unwrap_or(0);
        let pairs =
            [century, year, at.month().into(), at.day(), at.hour(), at.minute(), at.second()];
        let mut text = [b'Z'; 15];
        for (place, pair) in text.chunks_exact_mut(2).zip(pairs) {
            place.copy_from_slice(&[pair / 10, pair % 10].map(|digit| digit.saturating_add(b'0')));
        }
        match text.split_first_chunk::<2>() {
            Some((_, utc)) if (1950..2050).contains(&at.year()) => {
                der.primitive(Tag::UTC_TIME, utc);
            }
            _ => der.primitive(Tag::GENERALIZED_TIME, &text),
        }
    }

    fn civil(self) -> OffsetDateTime {
        let representable = self.0.clamp(YEAR_0, END_OF_YEAR_9999);
        OffsetDateTime::from_unix_timestamp(representable).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil();
        let (date, month) = (at.date(), u8::from(at.month()));
        let (hour, minute, second) = at.to_hms();
        write!(
            f,
            "{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
            date.year(),
            date.day()
        )
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From when to when a certificate is valid, both ends included (RFC 5280 §4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    /// The first moment.
    pub not_before: UnixTime,
    /// The last moment.
    pub not_after: UnixTime,
}

impl Validity {
    /// Whether `now` lies inside.
    #[must_use]
    pub fn contains(&self, now: UnixTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Reads `SEQUENCE { notBefore Time, notAfter Time }`.
    ///
    /// # Errors
    /// It is none.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let mut validity = reader.sequence()?;
        let not_before = UnixTime::read(&mut validity)?;
        let not_after = UnixTime::read(&mut validity)?;
        validity.finish()?;
        Ok(Self { not_before, not_after })
    }

    /// Writes `SEQUENCE { notBefore Time, notAfter Time }`.
    pub fn write(&self, der: &mut DerWriter) {
        der.sequence(|der| {
            self.not_before.write(der);
            self.not_after.write(der);
        });
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn decimal(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0_i32, |value, digit| {
        let digit = char::from(*digit).to_digit(10).and_then(|digit| i32::try_from(digit).ok())?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// `MMDDhhmm[ss[.f…]]` of this year; the fraction is dropped.
fn civil(year: i32, rest: &[u8]) -> Option<UnixTime> {
    let (whole, fraction) = rest.split_at_checked(10).unwrap_or((rest, b""));
    let fraction_is_valid = match fraction {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !matches!(whole.len(), 8 | 10) || !fraction_is_valid {
        return None;
    }
    let mut pairs = [0_u8; 5];
    for (pair, digits) in pairs.iter_mut().zip(whole.chunks(2)) {
        *pair = u8::try_from(decimal(digits)?).ok()?;
    }
    let [month, day, hour, minute, second] = pairs;
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    Some(UnixTime(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp()))
}
