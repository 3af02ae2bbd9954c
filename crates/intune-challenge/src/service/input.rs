//! Rules for what is about to be sent.

use crate::{Field, InvalidInput};

/// Neither blank nor longer than `limit` characters.
pub(super) fn filled(field: Field, text: &str, limit: usize) -> Result<(), InvalidInput> {
    if text.trim().is_empty() {
        return Err(InvalidInput::Blank(field));
    }
    at_most(field, text, limit)
}

/// At most `limit` characters.
pub(super) fn at_most(field: Field, text: &str, limit: usize) -> Result<(), InvalidInput> {
    if text.chars().nth(limit).is_some() {
        return Err(InvalidInput::TooLong { field, limit });
    }
    Ok(())
}

/// No other octets than these.
pub(super) fn only(
    field: Field,
    text: &str,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), InvalidInput> {
    if text.bytes().all(allowed) { Ok(()) } else { Err(InvalidInput::Characters(field)) }
}
