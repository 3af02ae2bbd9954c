//! What the writer writes is what an independent DER encoder writes.

use der::Encode;
use der::asn1::{Any, BitString, Int, OctetString, SetOfVec};
use scep_types::asn1::{DerWriter, Reader, Tag};

/// Around each length at which the number of length octets changes.
const LENGTHS: [usize; 12] =
    [0, 1, 127, 128, 129, 255, 256, 257, 65_535, 65_536, 65_537, 16_777_216];

#[test]
fn octet_strings_of_every_length_class_equal_the_oracle() {
    for length in LENGTHS {
        let content = vec![0xA5; length];
        let expected = OctetString::new(content.clone()).unwrap().to_der().unwrap();
        let written = DerWriter::encode(|der| der.primitive(Tag::OCTET_STRING, &content));
        assert!(written == expected, "length {length}");
    }
}

#[test]
fn constructed_elements_of_every_length_class_equal_the_oracle() {
    for length in LENGTHS {
        let content = vec![0; length];
        let expected = Any::new(der::Tag::Sequence, content.clone()).unwrap().to_der().unwrap();
        let written = DerWriter::encode(|der| der.sequence(|der| der.raw(&content)));
        assert!(written == expected, "length {length}");
    }
}

#[test]
fn wrapping_strings_equal_the_oracle() {
    for length in LENGTHS {
        let content = vec![0xA5; length];
        let octets = OctetString::new(content.clone()).unwrap().to_der().unwrap();
        assert!(DerWriter::encode(|der| der.octet_string_of(|der| der.raw(&content))) == octets);
        let bits = BitString::from_bytes(&content).unwrap().to_der().unwrap();
        assert!(DerWriter::encode(|der| der.bit_string_of(|der| der.raw(&content))) == bits);
    }
}

#[test]
fn nested_lengths_widen_from_the_inside_out() {
    // Each level crosses a length class only because of the header of the level below.
    for length in 120..=134 {
        let mut expected = vec![0xA5; length];
        for _ in 0..5 {
            expected = Any::new(der::Tag::Sequence, expected).unwrap().to_der().unwrap();
        }
        let written = DerWriter::encode(|der| nest(der, 5, length));
        assert_eq!(written, expected, "length {length}");
    }
}

fn nest(der: &mut DerWriter, levels: usize, length: usize) {
    match levels.checked_sub(1) {
        Some(below) => der.sequence(|der| nest(der, below, length)),
        None => der.raw(&vec![0xA5; length]),
    }
}

#[test]
fn integers_equal_the_oracle() {
    for value in [0, 1, 127, 128, 255, 256, 32_767, 32_768, 0x00FF_FFFF, u64::MAX / 2, u64::MAX] {
        let written = DerWriter::encode(|der| der.unsigned(value));
        assert_eq!(written, value.to_der().unwrap(), "{value}");
    }
}

#[test]
fn integers_from_octets_are_minimal_and_never_negative() {
    for (magnitude, content) in [
        (&[][..], &[0][..]),
        (&[0, 0], &[0]),
        (&[0, 0, 1], &[1]),
        (&[0x7F], &[0x7F]),
        (&[0x80], &[0, 0x80]),
        (&[0, 0, 0xFF, 0], &[0, 0xFF, 0]),
    ] {
        let written = DerWriter::encode(|der| der.unsigned_octets(magnitude));
        assert_eq!(written, Int::new(content).unwrap().to_der().unwrap(), "{magnitude:02x?}");
    }
    let serial = [0xFF; 200];
    let written = DerWriter::encode(|der| der.unsigned_octets(&serial));
    assert_eq!(written[..4], [2, 0x81, 201, 0]);
}

#[test]
fn set_of_members_are_put_into_der_order() {
    let members: Vec<Vec<u8>> = vec![vec![4, 1, 9], vec![2, 1, 7], vec![4, 2, 0, 0], vec![4, 0]];
    let written = DerWriter::encode(|der| der.sorted_set(Tag::SET, members.clone()));
    let mut set = SetOfVec::new();
    for member in &members {
        set.insert(<Any as der::Decode>::from_der(member).unwrap()).unwrap();
    }
    assert_eq!(written, set.to_der().unwrap());
}

#[test]
fn a_set_keeps_the_order_it_is_written_in() {
    let written = DerWriter::encode(|der| {
        der.set(|der| {
            der.unsigned(9_u8);
            der.null();
            der.boolean_true();
        });
    });
    assert_eq!(written, [0x31, 8, 2, 1, 9, 5, 0, 1, 1, 0xFF]);
}

#[test]
fn what_is_written_reads_back_under_der_rules() {
    let oid = scep_types::oid::SHA256;
    let written = DerWriter::encode(|der| {
        der.constructed(Tag::context(3), |der| {
            der.oid(&oid);
            der.bit_string_of(|der| der.raw(b"bits"));
        });
    });
    let mut inner = Reader::der(&written).any().unwrap().open().unwrap();
    assert_eq!(inner.oid(), Ok(oid));
    assert_eq!(inner.bit_string_octets(), Ok(&b"bits"[..]));
    inner.finish().unwrap();
}
