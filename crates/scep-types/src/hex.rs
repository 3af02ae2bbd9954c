//! Octets as hexadecimal text.

/// Two lower-case digits for each octet.
#[must_use]
pub fn lower(octets: &[u8]) -> String {
    digits(octets, b"0123456789abcdef")
}

/// Two upper-case digits for each octet, as fingerprints and serial numbers are shown.
#[must_use]
pub fn upper(octets: &[u8]) -> String {
    digits(octets, b"0123456789ABCDEF")
}

fn digits(octets: &[u8], digits: &[u8; 16]) -> String {
    let digit = |value: u8| char::from(digits.get(usize::from(value)).copied().unwrap_or(b'?'));
    let mut text = String::with_capacity(octets.len().saturating_mul(2));
    for octet in octets {
        text.push(digit(octet >> 4));
        text.push(digit(octet & 0xF));
    }
    text
}
