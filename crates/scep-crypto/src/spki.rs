use scep_types::asn1::{Asn1Error, DerWriter, Reader, Tag};
use scep_types::{CryptoError, KeyKind, spki_key_kind};

use crate::private_key::KeyAlgorithm;

/// The kind of key in a SubjectPublicKeyInfo, and the key itself, which is the form that both backends take:
/// `RSAPublicKey`, an elliptic curve point, or the 32 octets of an Ed25519 key.
pub(crate) fn split(spki: &[u8]) -> Result<(KeyKind, &[u8]), CryptoError> {
    let kind = spki_key_kind(spki).map_err(|_| CryptoError::InvalidKey)?;
    let key = key_octets(spki).map_err(|_| CryptoError::InvalidKey)?;
    Ok((kind, key))
}

/// The SubjectPublicKeyInfo around a key.
pub(crate) fn join(algorithm: KeyAlgorithm, key: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            algorithm.write(der);
            der.bit_string_of(|der| der.raw(key));
        });
    })
}

fn key_octets(spki: &[u8]) -> Result<&[u8], Asn1Error> {
    let mut info = Reader::der(spki).sequence()?;
    info.expect(Tag::SEQUENCE)?;
    info.bit_string_octets()
}
