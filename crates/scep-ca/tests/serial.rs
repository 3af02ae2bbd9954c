//! Serial numbers.

use std::collections::HashSet;

use scep_ca::{Error, Misuse, Serial};

use crate::support::{Request, config, provider, serial};

// R-5280-02
#[test]
fn a_hundred_thousand_serials_are_positive_distinct_and_at_most_20_octets() {
    let mut seen = HashSet::new();
    let mut random = vec![0; 100_000 * Serial::RANDOM_OCTETS];
    provider().random.fill(&mut random).unwrap();
    for octets in random.chunks_exact(Serial::RANDOM_OCTETS) {
        let serial = Serial::from_random(octets.try_into().unwrap());
        let content = serial.content();
        assert_eq!(content[0] & 0x80, 0);
        assert!(content.len() <= 20);
        assert!(content.iter().any(|octet| *octet != 0));
        assert_eq!(Serial::from_content(content), Ok(serial));
        assert!(seen.insert(serial));
    }
}

// R-5280-02
#[test]
fn extreme_random_octets_make_serials_too() {
    for octet in [0, 0x7F, 0x80, 0xFF] {
        let serial = Serial::from_random([octet; Serial::RANDOM_OCTETS]);
        assert_eq!(serial.content().len(), 17);
        assert_eq!(Serial::from_content(serial.content()), Ok(serial));
        assert!(serial.content().ends_with(&[octet; Serial::RANDOM_OCTETS]));
    }
}

#[test]
fn only_minimal_positive_integers_of_at_most_20_octets_are_serials() {
    for good in [&[1][..], &[0, 0x80], &[0x7F; 20]] {
        assert_eq!(Serial::from_content(good).unwrap().content(), good);
    }
    for bad in [&[][..], &[0], &[0x80], &[0xFF; 20], &[0, 1], &[0, 0], &[1; 21]] {
        assert_eq!(Serial::from_content(bad), Err(Error::ApiMisuse(Misuse::Serial)), "{bad:?}");
    }
}

#[test]
fn a_serial_prints_as_the_certificate_prints_it() {
    let certificate = Request::new().issue(config()).unwrap();
    assert_eq!(certificate.serial(), serial(1).content());
    assert_eq!(certificate.serial_hex(), serial(1).to_string());
    assert_eq!(Serial::from_content(&[0, 0x80, 0x0A]).unwrap().to_string(), "800A");
}
