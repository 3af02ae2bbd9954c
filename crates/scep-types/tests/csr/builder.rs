//! CSRs as peers write them, wrong ones included. Their signatures are not real: parsing does not look at them.

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{Csr, DigestAlgorithm, Error, Name, SignatureScheme};

/// The parts of a CSR.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) version: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    /// `None` leaves the attributes field out.
    pub(crate) attributes: Option<Vec<Vec<u8>>>,
    pub(crate) signature: SignatureScheme,
}

impl Request {
    pub(crate) fn new() -> Self {
        Self {
            version: vec![0],
            subject: Name::build(&[(oid::COMMON_NAME, "device-1")]).der().to_vec(),
            attributes: Some(Vec::new()),
            signature: SignatureScheme::Ecdsa(DigestAlgorithm::Sha256),
        }
    }

    pub(crate) fn subject(mut self, subject: &[u8]) -> Self {
        self.subject = subject.to_vec();
        self
    }

    /// Adds an attribute with these values.
    pub(crate) fn attribute(mut self, oid: Oid, values: &[&[u8]]) -> Self {
        let attribute = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.oid(&oid);
                der.set(|der| values.iter().for_each(|value| der.raw(value)));
            });
        });
        self.attributes.get_or_insert_default().push(attribute);
        self
    }

    /// Adds a challengePassword of this string type.
    pub(crate) fn challenge(self, tag: Tag, text: &[u8]) -> Self {
        self.attribute(oid::CHALLENGE_PASSWORD, &[&string(tag, text)])
    }

    /// Adds an extensionRequest.
    pub(crate) fn extensions(self, extensions: &[(Oid, &[u8])]) -> Self {
        self.attribute(oid::EXTENSION_REQUEST, &[&extension_list(extensions)])
    }

    pub(crate) fn subject_alt_name(self, names: &[u8]) -> Self {
        let value = DerWriter::encode(|der| der.sequence(|der| der.raw(names)));
        self.extensions(&[(oid::SUBJECT_ALT_NAME, &value)])
    }

    pub(crate) fn info(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.primitive(Tag::INTEGER, &self.version);
                der.raw(&self.subject);
                der.raw(&spki());
                if let Some(attributes) = &self.attributes {
                    der.constructed(Tag::context(0), |der| {
                        attributes.iter().for_each(|attribute| der.raw(attribute));
                    });
                }
            });
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.raw(&self.info());
                self.signature.write(der);
                der.bit_string_of(|der| der.raw(b"signature"));
            });
        })
    }

    pub(crate) fn parse(&self) -> Result<Csr, Error> {
        Csr::parse(self.encode())
    }
}

pub(crate) fn spki() -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.oid(&oid::EC_PUBLIC_KEY);
                der.oid(&oid::SECP256R1);
            });
            der.bit_string_of(|der| der.raw(&[4; 65]));
        });
    })
}

pub(crate) fn string(tag: Tag, text: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.primitive(tag, text))
}

/// `SEQUENCE OF Extension`, none critical.
pub(crate) fn extension_list(extensions: &[(Oid, &[u8])]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            for (oid, value) in extensions {
                der.sequence(|der| {
                    der.oid(oid);
                    der.primitive(Tag::OCTET_STRING, value);
                });
            }
        });
    })
}

/// Text in UTF-16, big-endian, as a BMPString holds it.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
