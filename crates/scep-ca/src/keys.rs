use scep_types::asn1::{Asn1Error, Reader};
use scep_types::{Csr, KeyKind};

use crate::{AllowedKeys, EllipticKey, Error, KeyRefusal, ProfileDefect, RsaKeys};

/// Bits an RSA modulus may have at least, whatever is configured: what Intune still offers.
const RSA_FLOOR: usize = 1024;
/// Bits an RSA modulus may have at most: the backends verify no more, and time grows with them.
const RSA_CEILING: usize = 8192;

impl AllowedKeys {
    pub(crate) fn check_config(&self) -> Result<(), ProfileDefect> {
        match self.rsa {
            RsaKeys::Bits { min, max } if min < RSA_FLOOR || max > RSA_CEILING || min > max => {
                Err(ProfileDefect::RsaBits { min, max })
            }
            RsaKeys::Refuse if self.elliptic.is_empty() => Err(ProfileDefect::NoKey),
            _ => Ok(()),
        }
    }

    pub(crate) fn check(&self, csr: &Csr) -> Result<(), Error> {
        let kind = csr.key_kind();
        let elliptic = match kind {
            KeyKind::Rsa { bits } => {
                self.check_rsa(kind, bits)?;
                return check_rsa_numbers(csr.spki());
            }
            KeyKind::P256 => EllipticKey::P256,
            KeyKind::P384 => EllipticKey::P384,
            KeyKind::P521 => EllipticKey::P521,
            KeyKind::Ed25519 => EllipticKey::Ed25519,
            _ => return Err(Error::KeyNotAllowed(KeyRefusal::Kind(kind))),
        };
        if self.elliptic.contains(&elliptic) {
            Ok(())
        } else {
            Err(Error::KeyNotAllowed(KeyRefusal::Kind(kind)))
        }
    }

    fn check_rsa(&self, kind: KeyKind, bits: usize) -> Result<(), Error> {
        match self.rsa {
            RsaKeys::Refuse => Err(Error::KeyNotAllowed(KeyRefusal::Kind(kind))),
            RsaKeys::Bits { min, max } if bits < min || bits > max => {
                Err(Error::KeyNotAllowed(KeyRefusal::RsaBits { bits, min, max }))
            }
            RsaKeys::Bits { .. } => Ok(()),
        }
    }
}

/// A product of two large primes is odd; so is a public exponent, for it has an inverse, and one encrypts nothing.
fn check_rsa_numbers(spki: &[u8]) -> Result<(), Error> {
    let (modulus, exponent) = rsa_numbers(spki).map_err(scep_types::Error::from)?;
    if !is_positive_odd(modulus) {
        return Err(Error::KeyNotAllowed(KeyRefusal::RsaModulus));
    }
    if !is_positive_odd(exponent) || exponent == [1] {
        return Err(Error::KeyNotAllowed(KeyRefusal::RsaExponent));
    }
    Ok(())
}

/// Content octets of modulus and publicExponent (RFC 8017 appendix A.1.1).
fn rsa_numbers(spki: &[u8]) -> Result<(&[u8], &[u8]), Asn1Error> {
    let mut info = Reader::der(spki).sequence()?;
    info.any()?; // algorithm, known to be rsaEncryption
    let mut outer = Reader::der(info.bit_string_octets()?);
    let mut key = outer.sequence()?;
    outer.finish()?;
    let numbers = (key.integer()?, key.integer()?);
    key.finish()?;
    Ok(numbers)
}

/// Whether these content octets of an INTEGER are minimal, positive and odd.
fn is_positive_odd(integer: &[u8]) -> bool {
    let minimal = !matches!(integer, [0, second, ..] if second & 0x80 == 0);
    let positive = integer.first().is_some_and(|first| first & 0x80 == 0);
    let odd = integer.last().is_some_and(|last| last & 1 == 1);
    minimal && positive && odd
}
