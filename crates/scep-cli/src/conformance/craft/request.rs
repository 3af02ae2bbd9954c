use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    CryptoError, DigestAlgorithm, Name, Secret, SignatureScheme, SigningKey, is_printable_string,
};

use super::{Signature, attribute};

/// A PKCS #10 request with these attributes, encoded each; one bit of the signature may be wrong.
pub(crate) fn csr(
    subject: &Name,
    key: &SoftwareKey,
    attributes: &[Vec<u8>],
    signature: Signature,
) -> Result<Vec<u8>, CryptoError> {
    let info = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.unsigned(0_u64);
            der.raw(subject.der());
            der.raw(SigningKey::spki(key));
            der.sorted_set(Tag::context(0), attributes.to_vec());
        });
    });
    signed(&info, key, signature)
}

/// The key identifier of every certificate from [`with_key_identifier`].
pub(super) const KEY_IDENTIFIER: [u8; 20] = *b"twenty octets in all";

/// A self-signed certificate for the years 2000 to 2049 with a subjectKeyIdentifier.
pub(crate) fn with_key_identifier(
    subject: &Name,
    key: &SoftwareKey,
) -> Result<Vec<u8>, CryptoError> {
    let tbs = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.constructed(Tag::context(0), |der| der.unsigned(2_u64));
            der.unsigned(4711_u64);
            SCHEME.write(der);
            der.raw(subject.der());
            der.sequence(|der| {
                der.primitive(Tag::UTC_TIME, b"000101000000Z");
                der.primitive(Tag::UTC_TIME, b"491231235959Z");
            });
            der.raw(subject.der());
            der.raw(SigningKey::spki(key));
            der.constructed(Tag::context(3), |der| {
                der.sequence(|der| {
                    der.sequence(|der| {
                        der.oid(&oid::SUBJECT_KEY_IDENTIFIER);
                        der.octet_string_of(|der| {
                            der.primitive(Tag::OCTET_STRING, &KEY_IDENTIFIER);
                        });
                    });
                });
            });
        });
    });
    signed(&tbs, key, Signature::Good)
}

/// How CSRs and certificates are signed.
const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);

/// `SEQUENCE { toBeSigned, signatureAlgorithm, signature BIT STRING }`
fn signed(
    to_be_signed: &[u8],
    key: &SoftwareKey,
    signature: Signature,
) -> Result<Vec<u8>, CryptoError> {
    let mut value = key.sign(SCHEME, to_be_signed)?;
    if let (Signature::Broken, Some(last)) = (signature, value.last_mut()) {
        *last ^= 1;
    }
    Ok(DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(to_be_signed);
            SCHEME.write(der);
            der.bit_string_of(|der| der.raw(&value));
        });
    }))
}

/// The attribute challengePassword.
pub(crate) fn challenge_password(challenge: &Secret) -> Vec<u8> {
    let text = challenge.expose();
    let tag = if is_printable_string(text) { Tag::PRINTABLE_STRING } else { Tag::UTF8_STRING };
    let value = DerWriter::encode(|der| der.primitive(tag, text.as_bytes()));
    attribute(&(oid::CHALLENGE_PASSWORD, vec![value]))
}

/// The attribute extensionRequest with one extension.
pub(crate) fn extension_request(extension: Oid, value: &[u8]) -> Vec<u8> {
    let extensions = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&extension);
                der.primitive(Tag::OCTET_STRING, value);
            });
        });
    });
    attribute(&(oid::EXTENSION_REQUEST, vec![extensions]))
}
