//! The two encodings of an ECDSA signature: r‖s in a JWS (RFC 7518 §3.4), DER everywhere else (RFC 3279 §2.2.3).

use scep_types::asn1::{DerWriter, Reader};

/// `Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` of r‖s, each `coordinate_len` octets; `None` for another length.
pub(super) fn der_from_fixed(fixed: &[u8], coordinate_len: usize) -> Option<Vec<u8>> {
    let (r, s) = fixed.split_at_checked(coordinate_len)?;
    if s.len() != coordinate_len {
        return None;
    }
    let mut der = DerWriter::with_capacity(fixed.len().saturating_add(16));
    der.sequence(|der| {
        der.unsigned_octets(r);
        der.unsigned_octets(s);
    });
    Some(der.into_vec())
}

/// r‖s of a DER signature; `None` if it is none or a number is longer than `coordinate_len` octets.
pub(super) fn fixed_from_der(der: &[u8], coordinate_len: usize) -> Option<Vec<u8>> {
    let mut outer = Reader::der(der);
    let mut numbers = outer.sequence().ok()?;
    let mut fixed = Vec::with_capacity(coordinate_len.saturating_mul(2));
    for _ in 0..2 {
        let number = numbers.integer().ok()?;
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        let padding = coordinate_len.checked_sub(digits.len())?;
        fixed.resize(fixed.len().saturating_add(padding), 0);
        fixed.extend_from_slice(digits);
    }
    numbers.finish().ok()?;
    outer.finish().ok()?;
    Some(fixed)
}
