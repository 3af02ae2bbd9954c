//! Times read in every form that certificates carry, and are written in the one form of RFC 5280.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::time::Duration;

use proptest::prelude::*;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::{UnixTime, Validity};

const END_OF_2049: i64 = 2_524_607_999;
const YEAR_1950: i64 = -631_152_000;
const END_OF_9999: i64 = 253_402_300_799;

fn read(tag: Tag, text: &str) -> Result<i64, Asn1Error> {
    let der = DerWriter::encode(|der| der.primitive(tag, text.as_bytes()));
    UnixTime::read(&mut Reader::der(&der)).map(UnixTime::as_secs)
}

fn written(secs: i64) -> (Tag, String) {
    let der = DerWriter::encode(|der| UnixTime::from_secs(secs).write(der));
    let element = Reader::der(&der).any().unwrap();
    (element.tag, String::from_utf8(element.content.to_vec()).unwrap())
}

// R-5280-05
#[test]
fn utc_time_ends_with_2049_and_generalized_time_begins_with_2050() {
    let utc = |text: &str| (Tag::UTC_TIME, text.to_owned());
    let generalized = |text: &str| (Tag::GENERALIZED_TIME, text.to_owned());
    assert_eq!(written(END_OF_2049), utc("491231235959Z"));
    assert_eq!(written(END_OF_2049 + 1), generalized("20500101000000Z"));
    assert_eq!(written(YEAR_1950), utc("500101000000Z"));
    assert_eq!(written(YEAR_1950 - 1), generalized("19491231235959Z"));
    assert_eq!(written(0), utc("700101000000Z"));
    assert_eq!(written(951_827_696), utc("000229123456Z"));
}

#[test]
fn two_digit_years_turn_at_50() {
    assert_eq!(read(Tag::UTC_TIME, "491231235959Z"), Ok(END_OF_2049));
    assert_eq!(read(Tag::UTC_TIME, "500101000000Z"), Ok(YEAR_1950));
}

#[test]
fn generalized_time_before_2050_is_read() {
    // certmonger writes it, RFC 5280 forbids it.
    assert_eq!(read(Tag::GENERALIZED_TIME, "20241121060000Z"), Ok(1_732_168_800));
}

#[test]
fn missing_seconds_and_fractions_are_read() {
    assert_eq!(read(Tag::UTC_TIME, "2411210600Z"), Ok(1_732_168_800));
    assert_eq!(read(Tag::GENERALIZED_TIME, "202411210600Z"), Ok(1_732_168_800));
    assert_eq!(read(Tag::GENERALIZED_TIME, "20241121060000.25Z"), Ok(1_732_168_800));
}

#[test]
fn text_that_is_no_time_is_refused() {
    for (tag, text) in [
        (Tag::UTC_TIME, ""),
        (Tag::UTC_TIME, "Z"),
        (Tag::UTC_TIME, "2"),
        (Tag::UTC_TIME, "241121060000"),
        (Tag::UTC_TIME, "241121060000+0100"),
        (Tag::UTC_TIME, "24112106000Z"),
        (Tag::UTC_TIME, "241321060000Z"),
        (Tag::UTC_TIME, "240230060000Z"),
        (Tag::UTC_TIME, "241121246000Z"),
        (Tag::UTC_TIME, "24112106:000Z"),
        (Tag::UTC_TIME, "-41121060000Z"),
        (Tag::GENERALIZED_TIME, "99991231235960Z"),
        (Tag::GENERALIZED_TIME, "20241121060000.Z"),
        (Tag::GENERALIZED_TIME, "20241121060000.2\nZ"),
        (Tag::GENERALIZED_TIME, "202411210600.5Z"),
        (Tag::GENERALIZED_TIME, "２０２４1121060000Z"),
    ] {
        assert_eq!(read(tag, text), Err(Asn1Error::InvalidValue { tag }), "{text:?}");
    }
    let expected = Asn1Error::UnexpectedTag { expected: Tag::UTC_TIME, found: Tag::INTEGER };
    assert_eq!(read(Tag::INTEGER, "241121060000Z"), Err(expected));
}

#[test]
fn times_beyond_the_calendar_stop_at_its_ends() {
    // A certificate that should never expire must not expire in 1970.
    let never = UnixTime::from_secs(0).plus(Duration::MAX);
    assert_eq!(written(never.as_secs()), (Tag::GENERALIZED_TIME, "99991231235959Z".into()));
    assert_eq!(never.to_string(), "9999-12-31T23:59:59Z");
    assert_eq!(written(END_OF_9999), written(i64::MAX));
    assert_eq!(written(i64::MIN), (Tag::GENERALIZED_TIME, "00000101000000Z".into()));
    assert_eq!(UnixTime::from_secs(i64::MIN).minus(Duration::MAX).as_secs(), i64::MIN);
}

#[test]
fn calendar_months_keep_the_day_or_take_the_last_of_the_month() {
    let at = |text: &str| UnixTime::from_secs(read(Tag::GENERALIZED_TIME, text).unwrap());
    for (from, months, to) in [
        ("20261121103000Z", 0, "20261121103000Z"),
        ("20261121103000Z", 1, "20261221103000Z"),
        ("20261121103000Z", 2, "20270121103000Z"),
        ("20261121103000Z", 24, "20281121103000Z"),
        ("20270131000000Z", 1, "20270228000000Z"),
        ("20280131000000Z", 1, "20280229000000Z"),
        ("20280229235959Z", 12, "20290228235959Z"),
        ("20261231000000Z", 12, "20271231000000Z"),
        ("99991201000000Z", 1, "99991231235959Z"),
        ("20261121000000Z", u32::MAX, "99991231235959Z"),
    ] {
        assert_eq!(at(from).plus_months(months), at(to), "{from} + {months}");
    }
    let beyond = UnixTime::from_secs(i64::MAX);
    assert_eq!(beyond.plus_months(1), beyond);
}

#[test]
fn display_is_rfc_3339() {
    assert_eq!(UnixTime::from_secs(1_732_168_800).to_string(), "2024-11-21T06:00:00Z");
    assert_eq!(format!("{:?}", UnixTime::from_secs(-1)), "1969-12-31T23:59:59Z");
}

#[test]
fn both_ends_of_a_validity_are_inside() {
    let at = UnixTime::from_secs;
    let validity = Validity { not_before: at(100), not_after: at(200) };
    assert!(validity.contains(at(100)) && validity.contains(at(200)));
    assert!(!validity.contains(at(99)) && !validity.contains(at(201)));
    let der = DerWriter::encode(|der| validity.write(der));
    assert_eq!(Validity::read(&mut Reader::der(&der)), Ok(validity));
}

#[test]
fn a_validity_has_exactly_two_times() {
    let times = |count: usize| {
        DerWriter::encode(|der| {
            der.sequence(|der| (0..count).for_each(|_| UnixTime::from_secs(0).write(der)));
        })
    };
    assert!(Validity::read(&mut Reader::der(&times(1))).is_err());
    assert!(Validity::read(&mut Reader::der(&times(2))).is_ok());
    assert!(Validity::read(&mut Reader::der(&times(3))).is_err());
}

proptest! {
    #[test]
    fn every_second_of_the_calendar_reads_back(secs in -62_167_219_200..=END_OF_9999) {
        let der = DerWriter::encode(|der| UnixTime::from_secs(secs).write(der));
        prop_assert_eq!(UnixTime::read(&mut Reader::der(&der)), Ok(UnixTime::from_secs(secs)));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[0-9.Z+:-]{0,24}", utc in any::<bool>()) {
        let _ = read(if utc { Tag::UTC_TIME } else { Tag::GENERALIZED_TIME }, &text);
    }
}
