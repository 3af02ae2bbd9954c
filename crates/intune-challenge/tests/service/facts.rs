//! Thumbprints, serial numbers, HRESULTs and descriptions.

use intune_challenge::service::*;
use intune_challenge::{Error, Field, InvalidInput};
use scep_types::DigestAlgorithm;

use crate::support::*;

#[test]
fn a_thumbprint_is_the_sha_1_of_the_certificate_in_upper_case() {
    let certificate = certificate(&[1]);
    let sha1 = provider().digest.digest(DigestAlgorithm::Sha1, certificate.der()).unwrap();
    let thumbprint = Thumbprint::of(&certificate, provider().digest).unwrap().to_string();
    assert_eq!(thumbprint, sha1.to_hex());
    assert_eq!(thumbprint.len(), 40);
    assert!(thumbprint.bytes().all(|octet| b"0123456789ABCDEF".contains(&octet)));
}

#[test]
fn a_serial_number_is_its_integer_without_the_padding() {
    for (content, text) in [
        (&[0x01][..], "01"),
        (&[0x0A, 0xBC], "0ABC"),
        (&[0x00, 0xFF], "FF"),
        (&[0x00, 0x80, 0x00], "8000"),
        (&[0x7F; 20], "7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F7F"),
        (&[0x00], "00"),
    ] {
        assert_eq!(SerialNumber::of(&certificate(content)).to_string(), text);
    }
}

#[test]
fn serial_numbers_are_read_however_others_write_them() {
    let serial = SerialNumber::of(&certificate(&[0x0A, 0xBC, 0x01]));
    for text in ["0ABC01", "abc01", "ABC01", "000000abc01", "0a:bc:01", "0A BC 01", "00:0a:BC:01"] {
        assert_eq!(SerialNumber::parse(text, SerialFormat::UpperHex).as_ref(), Some(&serial));
        assert_eq!(SerialNumber::parse(text, SerialFormat::LowerHex).as_ref(), Some(&serial));
    }
    let decimal = SerialNumber::parse("000703489", SerialFormat::Decimal);
    assert_eq!(decimal.as_ref(), Some(&serial));
}

#[test]
fn what_is_no_serial_number_is_none() {
    for text in ["", " : ", "0xAB", "-1", "xyz", "A-B", "1.0", "\u{FF11}"] {
        assert_eq!(SerialNumber::parse(text, SerialFormat::UpperHex), None, "{text:?}");
    }
    assert_eq!(SerialNumber::parse("AB", SerialFormat::Decimal), None);
    assert_eq!(SerialNumber::parse(&"F".repeat(129), SerialFormat::UpperHex), None);
    assert_eq!(SerialNumber::parse(&"9".repeat(160), SerialFormat::Decimal), None);
    assert_eq!(SerialNumber::parse(&"0".repeat(257), SerialFormat::UpperHex), None);
    assert!(SerialNumber::parse(&"F".repeat(128), SerialFormat::UpperHex).is_some());
}

#[test]
fn hresults_are_those_of_windows() {
    for (hresult, code) in [
        (HResult::FAIL, 0x8000_4005),
        (HResult::UNEXPECTED, 0x8000_FFFF),
        (HResult::INVALID_ARGUMENT, 0x8007_0057),
        (HResult::ACCESS_DENIED, 0x8007_0005),
        (HResult::CA_UNAVAILABLE, 0x8007_06BA),
        (HResult::PROPERTY_EMPTY, 0x8009_4004),
        (HResult::UNSUPPORTED_TEMPLATE, 0x8009_4800),
        (HResult::TEMPLATE_DENIED, 0x8009_4012),
    ] {
        assert_eq!((hresult, hresult.code()), (HResult::new(code), code));
    }
    assert_eq!(HResult::FAIL.to_string(), "0x80004005");
    assert_eq!(HResult::new(1).to_string(), "0x00000001");
}

#[test]
fn a_description_is_cut_at_255_characters() {
    let cut = |text: &str| ErrorDescription::new(text).unwrap().as_str().to_owned();
    assert_eq!(cut(&"x".repeat(255)), "x".repeat(255));
    assert_eq!(cut(&"x".repeat(256)), "x".repeat(255));
    assert_eq!(cut(&"é".repeat(300)), "é".repeat(255));
}

#[test]
fn a_description_is_not_cut_through_a_character() {
    // Two UTF-16 units each: the 128th would be the 256th unit.
    let cut = ErrorDescription::new(&"\u{1F600}".repeat(200)).unwrap();
    assert_eq!(cut.as_str(), "\u{1F600}".repeat(127));
}

#[test]
fn a_description_is_one_line_and_never_blank() {
    assert_eq!(ErrorDescription::new(" a\r\nb\t ").unwrap().as_str(), "a  b");
    for text in ["", "  ", "\n\t", "\u{1}\u{200B}"] {
        let refused = Err(Error::Service(InvalidInput::Blank(Field::ErrorDescription)));
        assert_eq!(ErrorDescription::new(text), refused);
    }
}
