use bytes::Bytes;
use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::{KeyKind, SignatureScheme, SigningKey};

use crate::{Error, Issuer, Misuse};

/// Bytes that passed the lint and the issuer who is to sign them; certificates and CRLs alike.
pub(crate) struct Unsigned {
    pub(crate) bytes: Vec<u8>,
    pub(crate) issuer: Issuer,
}

impl Unsigned {
    /// Puts the signature under the bytes: `SEQUENCE { toBeSigned, signatureAlgorithm, signatureValue BIT STRING }`.
    pub(crate) fn assemble(self, signature: &[u8]) -> Result<Bytes, Error> {
        let scheme = self.issuer.scheme();
        if !has_shape_of(scheme, self.issuer.key_kind(), signature) {
            let octets = signature.len();
            return Err(Error::ApiMisuse(Misuse::Signature { scheme, octets }));
        }
        let mut der = DerWriter::with_capacity(self.bytes.len() + signature.len() + OVERHEAD);
        der.sequence(|der| {
            der.raw(&self.bytes);
            der.raw(self.issuer.algorithm());
            der.bit_string_of(|der| der.raw(signature));
        });
        Ok(der.into_vec().into())
    }

    /// Signs with a key at hand, which must be the issuer's.
    pub(crate) fn sign_with(self, key: &dyn SigningKey) -> Result<Bytes, Error> {
        if key.spki() != self.issuer.certificate().spki() {
            return Err(Error::ApiMisuse(Misuse::KeyOfAnotherIssuer));
        }
        let signature = key.sign(self.issuer.scheme(), &self.bytes)?;
        self.assemble(&signature)
    }
}

/// Whether these octets could be such a signature; a remote key may have answered something else.
fn has_shape_of(scheme: SignatureScheme, key: KeyKind, signature: &[u8]) -> bool {
    match (scheme, key) {
        (SignatureScheme::RsaPkcs1(_) | SignatureScheme::RsaPss(_), KeyKind::Rsa { bits }) => {
            signature.len() == bits.div_ceil(8)
        }
        (SignatureScheme::Ecdsa(_), _) => is_ecdsa_sig_value(signature).is_ok(),
        (SignatureScheme::Ed25519, _) => signature.len() == 64,
        _ => false,
    }
}

/// `ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3).
fn is_ecdsa_sig_value(signature: &[u8]) -> Result<(), Asn1Error> {
    let mut outer = Reader::der(signature);
    let mut value = outer.sequence()?;
    outer.finish()?;
    for _ in 0..2 {
        if value.integer()?.first().is_none_or(|first| first & 0x80 != 0) {
            return Err(Asn1Error::InvalidValue { tag: Tag::INTEGER });
        }
    }
    value.finish()
}

/// Room for headers and the algorithm identifier.
const OVERHEAD: usize = 96;
