//! PEM bundles of trust anchors (RFC 7468): certificates and public keys, anything else is refused by name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Misconfigured;

/// What a block of a bundle holds, DER.
pub(super) enum Block {
    Certificate(Vec<u8>),
    PublicKey(Vec<u8>),
}

/// The blocks of a bundle in their order; text between them is skipped.
pub(super) fn read(text: &str) -> Result<Vec<Block>, Misconfigured> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = marker(line, "-----BEGIN ") else { continue };
        let malformed = Misconfigured::Pem { block: blocks.len().saturating_add(1) };
        let mut body = String::new();
        loop {
            let line = lines.next().ok_or_else(|| malformed.clone())?;
            match marker(line, "-----END ") {
                Some(end) if end == label => break,
                Some(_) => return Err(malformed),
                None => body.push_str(line),
            }
        }
        let kind = match label {
            "CERTIFICATE" => Block::Certificate,
            "PUBLIC KEY" => Block::PublicKey,
            label if label.ends_with("PRIVATE KEY") => return Err(Misconfigured::PrivateKey),
            label => return Err(Misconfigured::PemLabel { label: label.to_owned() }),
        };
        blocks.push(kind(STANDARD.decode(body).map_err(|_| malformed)?));
    }
    Ok(blocks)
}

fn marker<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}
