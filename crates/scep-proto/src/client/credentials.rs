use bytes::Bytes;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{
    Certificate, Csr, Extension, GeneralName, KeyUsage, Name, Secret, SignatureScheme, Validity,
    is_printable_string, spki_key_kind,
};
use zeroize::Zeroizing;

use crate::error::Error;

/// A CSR that only lacks its signature.
#[must_use]
pub struct CsrToBeSigned {
    info: Zeroizing<Vec<u8>>,
    scheme: SignatureScheme,
}

/// A signer's certificate that only lacks its signature.
#[derive(Debug)]
#[must_use]
pub struct SignerToBeSigned {
    tbs: Vec<u8>,
    scheme: SignatureScheme,
}

/// Writes a PKCS #10 request for the key in `spki` (RFC 2986 §4.1).
///
/// The challenge becomes a PrintableString if its alphabet allows, which NDES demands, else a UTF8String.
pub fn csr(
    subject: &Name,
    spki: &[u8],
    challenge: Option<&Secret>,
    extensions: &[Extension],
    scheme: SignatureScheme,
) -> CsrToBeSigned {
    let mut attributes = Vec::new();
    if let Some(challenge) = challenge {
        attributes.push(challenge_password(challenge));
    }
    if !extensions.is_empty() {
        attributes.push(Zeroizing::new(extension_request(extensions)));
    }
    attributes.sort_unstable_by(|one, other| one.as_slice().cmp(other)); // DER order of a SET OF (X.690 §11.6)
    // Room for all of it: a buffer that grows leaves copies of the challenge behind.
    let mut parts: Vec<&[u8]> = attributes.iter().map(|attribute| attribute.as_slice()).collect();
    parts.extend([subject.der(), spki]);
    let mut der = DerWriter::with_room_for(&parts, 64);
    der.sequence(|der| {
        der.unsigned(0_u64);
        der.raw(subject.der());
        der.raw(spki);
        der.constructed(Tag::context(0), |der| {
            attributes.iter().for_each(|attribute| der.raw(attribute));
        });
    });
    CsrToBeSigned { info: Zeroizing::new(der.into_vec()), scheme }
}

/// Writes the self-signed certificate a device without one signs with: same subject and key as the CSR, keyUsage as
/// RFC 8894 §2.3 wants it. `serial` has at most 20 octets, the first below 0x80.
///
/// # Errors
/// [`Error::Malformed`] if `spki` is none.
pub fn signer_certificate(
    subject: &Name,
    spki: &[u8],
    serial: &[u8],
    validity: Validity,
    scheme: SignatureScheme,
) -> Result<SignerToBeSigned, Error> {
    let mut usage = KeyUsage::DIGITAL_SIGNATURE;
    if spki_key_kind(spki)?.can_encrypt() {
        usage = usage.union(KeyUsage::KEY_ENCIPHERMENT);
    }
    let tbs = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.constructed(Tag::context(0), |der| der.unsigned(2_u64));
            der.unsigned_octets(serial);
            scheme.write(der);
            der.raw(subject.der());
            validity.write(der);
            der.raw(subject.der());
            der.raw(spki);
            der.constructed(Tag::context(3), |der| {
                der.sequence(|der| {
                    der.sequence(|der| {
                        der.oid(&oid::KEY_USAGE);
                        der.boolean_true();
                        der.primitive(Tag::OCTET_STRING, &usage.to_extension());
                    });
                });
            });
        });
    });
    Ok(SignerToBeSigned { tbs, scheme })
}

/// A subjectAltName extension to ask for.
#[must_use]
pub fn subject_alt_name(names: &[GeneralName]) -> Extension {
    let value = DerWriter::encode(|der| {
        der.sequence(|der| names.iter().for_each(|name| der.raw(name.der())));
    });
    Extension { oid: oid::SUBJECT_ALT_NAME, critical: false, value: value.into() }
}

impl CsrToBeSigned {
    /// What the signature must cover: the CertificationRequestInfo.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.info
    }

    /// How it must be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The whole CSR.
    ///
    /// # Errors
    /// What [`Csr::parse`] says.
    pub fn finish(self, signature: &[u8]) -> Result<Csr, Error> {
        let csr = Zeroizing::new(signed(&self.info, self.scheme, signature));
        Ok(Csr::parse(Bytes::from_owner(csr))?)
    }
}

impl std::fmt::Debug for CsrToBeSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { info: _, scheme } = self; // the info holds the challenge
        f.debug_struct("CsrToBeSigned").field("scheme", scheme).finish_non_exhaustive()
    }
}

impl SignerToBeSigned {
    /// What the signature must cover: the TBSCertificate.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.tbs
    }

    /// How it must be signed.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The whole certificate.
    ///
    /// # Errors
    /// What [`Certificate::parse`] says.
    pub fn finish(self, signature: &[u8]) -> Result<Certificate, Error> {
        Ok(Certificate::parse(signed(&self.tbs, self.scheme, signature))?)
    }
}

/// `SEQUENCE { toBeSigned, signatureAlgorithm, signature BIT STRING }`
fn signed(to_be_signed: &[u8], scheme: SignatureScheme, signature: &[u8]) -> Vec<u8> {
    let mut der = DerWriter::with_room_for(&[to_be_signed, signature], 128);
    der.sequence(|der| {
        der.raw(to_be_signed);
        scheme.write(der);
        der.bit_string_of(|der| der.raw(signature));
    });
    der.into_vec()
}

fn challenge_password(challenge: &Secret) -> Zeroizing<Vec<u8>> {
    let text = challenge.expose();
    let tag = if is_printable_string(text) { Tag::PRINTABLE_STRING } else { Tag::UTF8_STRING };
    let mut der = DerWriter::with_room_for(&[text.as_bytes()], 64);
    der.sequence(|der| {
        der.oid(&oid::CHALLENGE_PASSWORD);
        der.set(|der| der.primitive(tag, text.as_bytes()));
    });
    Zeroizing::new(der.into_vec())
}

fn extension_request(extensions: &[Extension]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::EXTENSION_REQUEST);
            der.set(|der| {
                der.sequence(|der| extensions.iter().for_each(|e| write_extension(der, e)));
            });
        });
    })
}

fn write_extension(der: &mut DerWriter, extension: &Extension) {
    der.sequence(|der| {
        der.oid(&extension.oid);
        if extension.critical {
            der.boolean_true();
        }
        der.primitive(Tag::OCTET_STRING, &extension.value);
    });
}
