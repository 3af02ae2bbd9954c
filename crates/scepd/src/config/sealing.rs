//! Keys that seal what the store keeps: 32 random octets, in hexadecimal or base64.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use scep_crypto::aws_lc_rs::Aes256GcmKey;
use zeroize::Zeroizing;

use super::files::Files;
use super::mistake::Fault;
use super::values::SecretSource;

type Octets = Zeroizing<[u8; Aes256GcmKey::OCTETS]>;

impl Files {
    /// The sealing key of this source, which is read like any other secret.
    pub(crate) fn sealing_key(&self, source: &SecretSource) -> Result<Aes256GcmKey, Fault> {
        let text = self.private(source)?;
        let octets = octets(text.trim()).filter(|octets| !is_one_octet(octets));
        let key = octets.and_then(|octets| Aes256GcmKey::new(&octets).ok());
        key.ok_or_else(|| {
            let what = format!("no sealing key in {}: it has 32 random octets", self.name(source));
            Fault::new(what, "make one: openssl rand -hex 32 (hexadecimal and base64 are read)")
        })
    }
}

fn octets(text: &str) -> Option<Octets> {
    let mut octets = Octets::default();
    if text.len() == 2 * Aes256GcmKey::OCTETS {
        for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            *octet = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        }
        return Some(octets);
    }
    let engine = if text.ends_with('=') { BASE64_STANDARD } else { BASE64_STANDARD_NO_PAD };
    let decoded = Zeroizing::new(engine.decode(text).ok()?);
    octets.copy_from_slice(<&[u8; Aes256GcmKey::OCTETS]>::try_from(decoded.as_slice()).ok()?);
    Some(octets)
}

/// Such as zeros: somebody's placeholder.
fn is_one_octet(octets: &[u8; Aes256GcmKey::OCTETS]) -> bool {
    octets.iter().all(|octet| Some(octet) == octets.first())
}
