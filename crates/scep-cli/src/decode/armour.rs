//! What stands around the ASN.1.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use scep_proto::http::decode_message;

use super::Error;
use crate::files::pem_blocks;

/// What an armour holds.
pub(super) enum Armoured {
    Der(Bytes),
    /// The label of a private key, which is nobody's business.
    PrivateKey(String),
}

/// Takes the armour off: none (ASN.1 starts with a SEQUENCE), PEM, the query of a GET, or base64.
pub(super) fn open(input: &[u8]) -> Result<Vec<Armoured>, Error> {
    match input.first() {
        None => return Err(Error::Empty),
        Some(0x30) if !is_base64(input) => {
            return Ok(vec![Armoured::Der(Bytes::copy_from_slice(input))]);
        }
        Some(_) => {}
    }
    let text = std::str::from_utf8(input).map_err(|_| Error::NoArmour)?;
    let blocks = pem_blocks(input);
    if !blocks.is_empty() {
        return Ok(blocks
            .into_iter()
            .map(|block| match block.label {
                label if label.contains("PRIVATE KEY") => Armoured::PrivateKey(label),
                _ => Armoured::Der(Bytes::from_owner(block.der)),
            })
            .collect());
    }
    if let Some((_, message)) = text.split_once("message=") {
        let end = message.find(['&', ' ', '"', '\r', '\n']).unwrap_or(message.len());
        let message = message.get(..end).unwrap_or_default();
        let der = decode_message(message).map_err(|_| Error::NoArmour)?;
        return Ok(vec![Armoured::Der(der)]);
    }
    let der = decode_base64(text).ok_or(Error::NoArmour)?;
    Ok(vec![Armoured::Der(der.into())])
}

/// `0` is both the tag of a SEQUENCE and a base64 digit.
fn is_base64(input: &[u8]) -> bool {
    input.iter().all(|octet| {
        octet.is_ascii_alphanumeric()
            || matches!(octet, b'+' | b'/' | b'=' | b'-' | b'_')
            || octet.is_ascii_whitespace()
    })
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let digits: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    LENIENT.decode(digits).ok().filter(|der| !der.is_empty())
}
