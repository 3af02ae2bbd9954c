//! From when to when a certificate is valid.

use std::time::Duration;

use scep_ca::{Error, IssuerDefect, Profile, ProfileConfig, ProfileDefect, RequestedValidity};
use scep_types::asn1::Tag;
use scep_types::oid;
use scep_types::{Certificate, UnixTime, Validity};

use crate::support::{Ca, DAY, NOW, Request, YEAR, attribute, config, provider, serial, vouched};

const MINUTE: Duration = Duration::from_secs(60);

fn ca_valid(not_before: UnixTime, not_after: UnixTime) -> Ca {
    Ca { validity: Validity { not_before, not_after }, ..Ca::new() }
}

// R-5280-06
#[test]
fn no_certificate_outlives_its_issuer() {
    let ends = NOW.plus(DAY * 30);
    let ca = ca_valid(NOW.minus(YEAR), ends);
    let certificate = Request::new().issue_from(&ca, config()).unwrap();
    assert_eq!(certificate.validity().not_after, ends);
}

// R-5280-06
#[test]
fn not_before_is_back_dated_but_not_before_the_issuers() {
    let certificate = Request::new().issue(config()).unwrap();
    assert_eq!(certificate.validity().not_before, NOW.minus(MINUTE * 10));

    let starts = NOW.minus(MINUTE);
    let ca = ca_valid(starts, NOW.plus(YEAR));
    let certificate = Request::new().issue_from(&ca, config()).unwrap();
    assert_eq!(certificate.validity().not_before, starts);
}

#[test]
fn an_issuer_that_is_not_valid_issues_nothing() {
    let ca = ca_valid(NOW.minus(YEAR), NOW.plus(DAY));
    let csr = Request::new().verified();
    let profile = Profile::new(config()).unwrap();
    for at in [NOW.plus(DAY * 2), NOW.minus(YEAR * 2)] {
        let admitted = profile.admit(&csr, vouched(&csr), at).unwrap();
        let refused = admitted.prepare(serial(1), &ca.issuer(), provider().digest).unwrap_err();
        assert_eq!(refused, Error::UnusableIssuer(IssuerDefect::NotValid(at)));
    }
}

/// A Windows attribute with these name/value pairs.
fn wish(pairs: &[(&str, &str)]) -> Request {
    let bmp = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    let attributes = pairs.iter().map(|(name, value)| {
        attribute(&oid::MS_ENROLLMENT_NAME_VALUE_PAIR, |der| {
            der.sequence(|der| {
                der.primitive(Tag::BMP_STRING, &bmp(name));
                der.primitive(Tag::BMP_STRING, &bmp(value));
            });
        })
    });
    Request { attributes: attributes.collect(), ..Request::new() }
}

fn period(period: &str, units: &str) -> Request {
    wish(&[("ValidityPeriod", period), ("ValidityPeriodUnits", units)])
}

fn honouring() -> ProfileConfig {
    let mut config = config();
    config.requested_validity = RequestedValidity::Honour { min: DAY * 5, max: YEAR * 2 };
    config
}

fn not_after(request: &Request, config: ProfileConfig) -> UnixTime {
    request.issue(config).map(|certificate: Certificate| certificate.validity().not_after).unwrap()
}

#[test]
fn windows_wish_is_honoured_within_bounds() {
    for (unit, units, expected) in [
        ("Days", "30", NOW.plus(DAY * 30)),
        ("Weeks", "3", NOW.plus(DAY * 21)),
        ("Hours", "240", NOW.plus(DAY * 10)),
        ("Months", "1", NOW.plus(DAY * 30)), // to 21 December
        ("Months", "3", NOW.plus(DAY * 92)), // to 21 February
        ("Years", "1", NOW.plus(YEAR)),
        ("years", " 1 ", NOW.plus(YEAR)),
    ] {
        assert_eq!(not_after(&period(unit, units), honouring()), expected, "{units} {unit}");
    }
}

#[test]
fn windows_wish_beyond_the_bounds_is_moved_into_them() {
    for (unit, units, expected) in [
        ("Days", "1", NOW.plus(DAY * 5)),
        ("Years", "5", NOW.plus(YEAR * 2)),
        ("Years", "1000000", NOW.plus(YEAR * 2)),
        ("Months", "1000000", NOW.plus(YEAR * 2)),
    ] {
        assert_eq!(not_after(&period(unit, units), honouring()), expected, "{units} {unit}");
    }
}

#[test]
fn windows_wish_is_capped_by_the_issuer_too() {
    let ends = NOW.plus(DAY * 10);
    let ca = ca_valid(NOW.minus(YEAR), ends);
    let certificate = period("Years", "1").issue_from(&ca, honouring()).unwrap();
    assert_eq!(certificate.validity().not_after, ends);
}

#[test]
fn windows_wish_is_ignored_unless_the_profile_honours_it() {
    assert_eq!(not_after(&period("Days", "30"), config()), NOW.plus(DAY * 90));
}

#[test]
fn a_wish_that_cannot_be_read_leaves_the_profiles_validity() {
    let (name, units) = ("ValidityPeriod", "ValidityPeriodUnits");
    let malformed = Request {
        attributes: vec![attribute(&oid::MS_ENROLLMENT_NAME_VALUE_PAIR, |der| der.null())],
        ..Request::new()
    };
    for request in [
        malformed,
        wish(&[]),
        wish(&[(name, "Years")]),
        wish(&[(units, "1")]),
        wish(&[(name, "Years"), (units, "1"), (units, "2")]),
        wish(&[(name, "Years"), (name, "Days"), (units, "1")]),
        period("Fortnights", "1"),
        period("1", "Years"), // swapped, as seen from Android
        period("Years", "0"),
        period("Years", "-1"),
        period("Years", "1.5"),
        period("Years", "1000001"),
        period("Years", "99999999999999999999"),
        period("", ""),
    ] {
        assert_eq!(not_after(&request, honouring()), NOW.plus(DAY * 90));
    }
}

#[test]
fn impossible_durations_are_no_profile() {
    let century = DAY * 36_525;
    for validity in [Duration::ZERO, Duration::from_millis(10), century + DAY, Duration::MAX] {
        let defect = Error::InvalidProfile(ProfileDefect::Validity(validity));
        assert_eq!(Profile::new(ProfileConfig::new(validity)).unwrap_err(), defect);
    }
    for (min, max) in [(Duration::ZERO, DAY), (DAY * 2, DAY), (DAY, Duration::MAX)] {
        let mut config = config();
        config.requested_validity = RequestedValidity::Honour { min, max };
        let defect = Error::InvalidProfile(ProfileDefect::RequestedValidity { min, max });
        assert_eq!(Profile::new(config).unwrap_err(), defect);
    }
    let mut config = config();
    config.backdate = DAY * 8;
    let defect = Error::InvalidProfile(ProfileDefect::Backdate(DAY * 8));
    assert_eq!(Profile::new(config).unwrap_err(), defect);
}
