//! The reader takes the BER that real peers send, refuses the rest with an error, and never panics.

use scep_types::asn1::{Asn1Error, Limits, Reader, Tag, survey};

/// `SEQUENCE { INTEGER 5, OCTET STRING "abcd" }` in three encodings.
const DER: &[u8] = &[0x30, 9, 2, 1, 5, 4, 4, b'a', b'b', b'c', b'd'];
const INDEFINITE: &[u8] =
    &[0x30, 0x80, 2, 1, 5, 0x24, 0x80, 4, 1, b'a', 4, 3, b'b', b'c', b'd', 0, 0, 0, 0];
const NON_MINIMAL: &[u8] =
    &[0x30, 0x82, 0, 13, 2, 0x81, 1, 5, 4, 0x83, 0, 0, 4, b'a', b'b', b'c', b'd'];

fn read_sample(input: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Asn1Error> {
    let mut outer = Reader::ber(input);
    let mut sequence = outer.sequence()?;
    outer.finish()?;
    let integer = sequence.integer()?.to_vec();
    let octets = sequence.octet_string()?.into_owned();
    sequence.finish()?;
    Ok((integer, octets))
}

fn limits(depth: usize, elements: usize) -> Limits {
    let mut limits = Limits::MESSAGE;
    limits.size = usize::MAX;
    limits.depth = depth;
    limits.elements = elements;
    limits
}

#[test]
fn definite_indefinite_and_non_minimal_encodings_read_alike() {
    for input in [DER, INDEFINITE, NON_MINIMAL] {
        assert_eq!(read_sample(input), Ok((vec![5], b"abcd".to_vec())), "{input:02x?}");
        assert_eq!(survey(input, Limits::MESSAGE), Ok(input.len()));
    }
}

#[test]
fn der_rules_refuse_indefinite_and_non_minimal_lengths() {
    assert!(Reader::der(DER).sequence().is_ok());
    for input in [INDEFINITE, NON_MINIMAL] {
        assert_eq!(Reader::der(input).any(), Err(Asn1Error::InvalidLength));
    }
}

#[test]
fn der_rules_refuse_segmented_strings() {
    let segmented = [0x24, 3, 4, 1, b'a'];
    assert_eq!(Reader::ber(&segmented).octet_string().unwrap().as_ref(), b"a");
    let refused = Reader::der(&segmented).octet_string();
    assert_eq!(refused, Err(Asn1Error::WrongForm { tag: Tag::OCTET_STRING }));
}

#[test]
fn every_proper_prefix_is_an_error() {
    for input in [DER, INDEFINITE, NON_MINIMAL] {
        for end in 0..input.len() {
            let prefix = &input[..end];
            assert!(read_sample(prefix).is_err(), "{prefix:02x?}");
            assert!(survey(prefix, Limits::MESSAGE).is_err(), "{prefix:02x?}");
        }
    }
}

#[test]
fn trailing_octets_are_counted_and_refused() {
    let input = [DER, &[0, 0]].concat();
    assert_eq!(read_sample(&input), Err(Asn1Error::TrailingData { octets: 2 }));
    // A survey tells where the element ends; its caller decides whether more may follow.
    assert_eq!(survey(&input, Limits::MESSAGE), Ok(DER.len()));
}

#[test]
fn raw_keeps_the_element_as_received() {
    let input = [INDEFINITE, &[5, 0]].concat();
    let mut reader = Reader::ber(&input);
    let sequence = reader.any().unwrap();
    assert_eq!(sequence.raw, INDEFINITE);
    assert_eq!(sequence.content, &INDEFINITE[2..INDEFINITE.len() - 2]);
    assert_eq!(reader.rest(), [5, 0]);
}

#[test]
fn end_of_contents_closes_only_the_innermost_indefinite_element() {
    let nested = [0x30, 0x80, 0x30, 0x80, 5, 0, 0, 0, 2, 1, 7, 0, 0];
    let mut outer = Reader::ber(&nested).sequence().unwrap();
    let mut inner = outer.sequence().unwrap();
    assert_eq!(inner.any().unwrap().tag, Tag::NULL);
    inner.finish().unwrap();
    assert_eq!(outer.integer(), Ok(&[7][..]));
    outer.finish().unwrap();
}

#[test]
fn end_of_contents_inside_a_definite_element_closes_nothing_outside() {
    // SEQUENCE (indefinite) { SEQUENCE (definite) { 00 00 }, INTEGER 7 }
    let input = [0x30, 0x80, 0x30, 2, 0, 0, 2, 1, 7, 0, 0];
    assert_eq!(survey(&input, Limits::MESSAGE), Ok(input.len()));
    let mut outer = Reader::ber(&input).sequence().unwrap();
    assert_eq!(outer.any().unwrap().raw, [0x30, 2, 0, 0]);
    assert_eq!(outer.integer(), Ok(&[7][..]));
}

#[test]
fn end_of_contents_must_be_exactly_two_zero_octets() {
    // X.690 §8.1.5; a longer form would leave reader and surveyor at different ends.
    let padded = [0x30, 0x80, 2, 1, 5, 0, 0x81, 0];
    assert!(matches!(survey(&padded, Limits::MESSAGE), Err(Asn1Error::Truncated { .. })));
    assert!(Reader::ber(&padded).any().is_err());
}

#[test]
fn an_indefinite_length_cannot_outlive_its_definite_parent() {
    let input = [0x30, 4, 0x30, 0x80, 5, 0, 0, 0];
    assert!(matches!(survey(&input, Limits::MESSAGE), Err(Asn1Error::Truncated { .. })));
    let mut parent = Reader::ber(&input).sequence().unwrap();
    assert!(matches!(parent.any(), Err(Asn1Error::Truncated { .. })));
}

#[test]
fn a_child_cannot_reach_beyond_its_parent() {
    let input = [0x30, 3, 4, 5, 1, 2, 3, 4, 5];
    let expected = Asn1Error::Truncated { needed: 5, available: 1 };
    assert_eq!(survey(&input, Limits::MESSAGE), Err(expected));
    assert_eq!(Reader::ber(&input).sequence().unwrap().any(), Err(expected));
}

#[test]
fn primitive_elements_cannot_have_an_indefinite_length() {
    let input = [4, 0x80, 0, 0];
    assert_eq!(survey(&input, Limits::MESSAGE), Err(Asn1Error::InvalidLength));
    assert_eq!(Reader::ber(&input).any(), Err(Asn1Error::InvalidLength));
}

#[test]
fn lengths_that_no_machine_can_hold_are_refused() {
    let reserved = [0x30, 0xFF];
    assert_eq!(Reader::ber(&reserved).any(), Err(Asn1Error::InvalidLength));
    let overflowing = [4, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Reader::ber(&overflowing).any(), Err(Asn1Error::InvalidLength));
    let largest = [4, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    assert!(Reader::ber(&largest).any().is_err());
    assert!(survey(&largest, Limits::MESSAGE).is_err());
    // 126 length octets, all but the last zero, are legal BER.
    let padded = [&[4, 0x80 | 126][..], &[0; 125], &[1, 0xAA]].concat();
    assert_eq!(Reader::ber(&padded).octet_string().unwrap().as_ref(), [0xAA]);
}

#[test]
fn tag_numbers_above_30_are_refused() {
    assert_eq!(Reader::ber(&[0x1F, 0x1F, 0]).any(), Err(Asn1Error::HighTagNumber));
    assert_eq!(survey(&[0xBF, 0x81, 1, 0], Limits::MESSAGE), Err(Asn1Error::HighTagNumber));
}

#[test]
fn another_element_is_named_in_the_error() {
    let expected = Asn1Error::UnexpectedTag { expected: Tag::SEQUENCE, found: Tag::NULL };
    assert_eq!(Reader::ber(&[5, 0]).sequence().unwrap_err(), expected);
    assert_eq!(expected.to_string(), "expected SEQUENCE, found NULL");
    assert!(matches!(Reader::ber(&[]).sequence(), Err(Asn1Error::Truncated { .. })));
}

#[test]
fn optional_takes_only_the_element_asked_for() {
    let mut reader = Reader::der(&[5, 0]);
    assert_eq!(reader.optional(Tag::INTEGER), Ok(None));
    assert_eq!(reader.optional(Tag::NULL).unwrap().unwrap().tag, Tag::NULL);
    assert_eq!(reader.optional(Tag::NULL), Ok(None));
}

#[test]
fn the_wrong_form_is_refused() {
    let primitive_sequence = [0x10, 0];
    let error = Asn1Error::WrongForm { tag: Tag::SEQUENCE };
    assert_eq!(Reader::ber(&primitive_sequence).sequence().unwrap_err(), error);
    let constructed_integer = [0x22, 3, 2, 1, 5];
    let error = Asn1Error::WrongForm { tag: Tag::INTEGER };
    assert_eq!(Reader::ber(&constructed_integer).integer(), Err(error));
}

#[test]
fn values_of_no_type_are_refused() {
    assert_eq!(Reader::ber(&[2, 0]).integer(), Err(Asn1Error::InvalidValue { tag: Tag::INTEGER }));
    for bits in [&[3, 0][..], &[3, 2, 1, 0xFE]] {
        let refused = Reader::ber(bits).bit_string_octets();
        assert_eq!(refused, Err(Asn1Error::InvalidValue { tag: Tag::BIT_STRING }));
    }
}

#[test]
fn only_octet_strings_may_be_segments() {
    let input = [0x24, 3, 2, 1, 5];
    let error = Asn1Error::UnexpectedTag { expected: Tag::OCTET_STRING, found: Tag::INTEGER };
    assert_eq!(Reader::ber(&input).octet_string(), Err(error));
}

#[test]
fn implicitly_tagged_segments_are_joined() {
    // [0] IMPLICIT OCTET STRING, as OpenSSL streams encryptedContent.
    let input = [0xA0, 0x80, 4, 2, 1, 2, 0x24, 3, 4, 1, 3, 0, 0];
    let content = Reader::ber(&input).expect(Tag::context(0)).unwrap();
    assert_eq!(content.octets().unwrap().as_ref(), [1, 2, 3]);
}

#[test]
fn an_empty_segmented_string_is_empty() {
    for input in [&[0x24, 0][..], &[0x24, 0x80, 0, 0]] {
        assert_eq!(Reader::ber(input).octet_string().unwrap().as_ref(), b"");
    }
}

#[test]
fn two_hundred_thousand_levels_are_too_deep() {
    let indefinite: Vec<u8> = [0x30, 0x80].repeat(200_000);
    let deep = limits(24, usize::MAX);
    assert_eq!(survey(&indefinite, deep), Err(Asn1Error::TooDeep { limit: 24 }));
    assert_eq!(Reader::ber(&indefinite).any(), Err(Asn1Error::TooDeep { limit: 24 }));

    let mut definite = Vec::new();
    for level in (0..200_000_u32).rev() {
        definite.extend_from_slice(&[0x30, 0x83]);
        definite.extend_from_slice(&(level * 5).to_be_bytes()[1..]);
    }
    assert_eq!(survey(&definite, deep), Err(Asn1Error::TooDeep { limit: 24 }));
}

#[test]
fn deeply_nested_segments_are_too_deep_even_without_a_survey() {
    // Definite lengths, so nothing but the joining of segments ever descends.
    let mut nested = Vec::new();
    for level in (0..30_000_u32).rev() {
        nested.extend_from_slice(&[0x24, 0x84]);
        nested.extend_from_slice(&(level * 6 + 3).to_be_bytes());
    }
    nested.extend_from_slice(&[4, 1, 0xAA]);
    assert!(matches!(Reader::ber(&nested).octet_string(), Err(Asn1Error::TooDeep { .. })));
}

#[test]
fn the_depth_limit_itself_is_still_allowed() {
    let nested = |levels: usize| {
        let mut input = [0x30, 0x80].repeat(levels);
        input.extend(vec![0; levels * 2]);
        input
    };
    assert_eq!(survey(&nested(24), Limits::MESSAGE), Ok(96));
    let too_deep = Err(Asn1Error::TooDeep { limit: 24 });
    assert_eq!(survey(&nested(25), Limits::MESSAGE), too_deep);
}

#[test]
fn a_hundred_thousand_segments_are_too_many_elements() {
    let mut input = vec![0x24, 0x80];
    input.extend([4, 1, 0xAA].repeat(100_000));
    input.extend([0, 0]);
    let expected = Err(Asn1Error::TooManyElements { limit: 8_192 });
    assert_eq!(survey(&input, limits(24, 8_192)), expected);
}

#[test]
fn the_element_limit_itself_is_still_allowed() {
    let input = [0x30, 6, 5, 0, 5, 0, 5, 0];
    assert_eq!(survey(&input, limits(24, 4)), Ok(8));
    assert_eq!(survey(&input, limits(24, 3)), Err(Asn1Error::TooManyElements { limit: 3 }));
}

#[test]
fn oversized_input_is_refused_before_it_is_walked() {
    let input = vec![0xFF; Limits::MESSAGE.size + 1];
    let expected = Asn1Error::TooLarge { size: input.len(), limit: Limits::MESSAGE.size };
    assert_eq!(survey(&input, Limits::MESSAGE), Err(expected));
}

#[test]
fn a_survey_counts_each_element_once() {
    // Linear work, stated without a clock: n elements pass with a limit of n and fail with n - 1.
    for count in [1_usize, 10, 1_000, 50_000] {
        let mut input = vec![0x30, 0x80];
        input.extend([0x30, 0x80, 0, 0].repeat(count));
        input.extend([0, 0]);
        let elements = 2 + 2 * count; // the outer pair, and a pair for each child
        assert_eq!(survey(&input, limits(2, elements)), Ok(input.len()));
        let too_many = Err(Asn1Error::TooManyElements { limit: elements - 1 });
        assert_eq!(survey(&input, limits(2, elements - 1)), too_many);
    }
}

#[test]
fn tags_name_themselves() {
    for (octet, name) in [
        (0x30, "SEQUENCE"),
        (0x0C, "UTF8String"),
        (0xA3, "[3]"),
        (0x1D, "[UNIVERSAL 29]"),
        (0x42, "[APPLICATION 2]"),
        (0xC1, "[PRIVATE 1]"),
    ] {
        assert_eq!(Tag::from_identifier(octet).to_string(), name);
    }
    assert_eq!(Tag::context(3).context_number(), Some(3));
    assert_eq!(Tag::SEQUENCE.context_number(), None);
}
