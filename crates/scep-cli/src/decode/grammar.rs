//! The grammar of what SCEP sends, as far as fields have names (RFC 5652, RFC 5280, RFC 2986).

use scep_types::asn1::Tag;
use scep_types::oid::{self, Oid};

use super::kind::Kind;

/// How an element is made up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Without names.
    Any,
    /// A SEQUENCE of fields.
    Sequence(&'static [Field]),
    /// Elements that are all called the same.
    ListOf(&'static str, &'static Self),
    /// A tag around one element.
    Explicit(&'static Self),
    /// ContentInfo (RFC 5652 §3).
    ContentInfo,
    /// Anything that begins with the OID of its type.
    Attribute,
    /// RecipientInfo, one of several by its tag (RFC 5652 §6.2).
    RecipientInfo,
    /// An OCTET STRING that may hold a ContentInfo.
    OctetsOfMessage,
}

/// A field of a SEQUENCE.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// `None` fits any.
    pub(super) tag: Option<Tag>,
    pub(super) shape: Shape,
}

const fn field(name: &'static str, tag: Tag, shape: Shape) -> Field {
    Field { name, tag: Some(tag), shape }
}

const fn any(name: &'static str) -> Field {
    Field { name, tag: None, shape: Shape::Any }
}

impl Kind {
    /// The shape of an element of this kind.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::SignedData | Self::EnvelopedData => Shape::ContentInfo,
            Self::Certificate => CERTIFICATE,
            Self::Csr => CSR,
            Self::Crl => CRL,
            Self::IssuerAndSerial => ISSUER_AND_SERIAL,
            Self::IssuerAndSubject => ISSUER_AND_SUBJECT,
            Self::Unknown => Shape::Any,
        }
    }
}

/// What a ContentInfo of this type holds.
pub(super) fn content_of(content_type: Option<Oid>) -> &'static Shape {
    match content_type {
        Some(oid::ID_SIGNED_DATA) => &SIGNED_DATA,
        Some(oid::ID_ENVELOPED_DATA) => &ENVELOPED_DATA,
        _ => &Shape::Any,
    }
}

pub(super) const CONTENT_INFO: Shape = Shape::ContentInfo;

pub(super) const ATTRIBUTE_VALUES: &[Field] = &[
    field("type", Tag::OBJECT_IDENTIFIER, Shape::Any),
    field("critical", Tag::BOOLEAN, Shape::Any),
    Field { name: "values", tag: None, shape: Shape::ListOf("value", &Shape::Any) },
];

const SIGNED_DATA: Shape = Shape::Sequence(&[
    field("version", Tag::INTEGER, Shape::Any),
    field("digestAlgorithms", Tag::SET, Shape::ListOf("digestAlgorithm", &ALGORITHM)),
    field(
        "encapContentInfo",
        Tag::SEQUENCE,
        Shape::Sequence(&[
            field("eContentType", Tag::OBJECT_IDENTIFIER, Shape::Any),
            field("eContent", Tag::context(0), Shape::Explicit(&Shape::OctetsOfMessage)),
        ]),
    ),
    field("certificates", Tag::context(0), Shape::ListOf("certificate", &CERTIFICATE)),
    field("crls", Tag::context(1), Shape::ListOf("crl", &CRL)),
    field("signerInfos", Tag::SET, Shape::ListOf("signerInfo", &SIGNER_INFO)),
]);

const SIGNER_INFO: Shape = Shape::Sequence(&[
    field("version", Tag::INTEGER, Shape::Any),
    Field { name: "sid", tag: None, shape: ISSUER_AND_SERIAL },
    field("digestAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("signedAttrs", Tag::context(0), Shape::ListOf("attribute", &Shape::Attribute)),
    field("signatureAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("signature", Tag::OCTET_STRING, Shape::Any),
    field("unsignedAttrs", Tag::context(1), Shape::ListOf("attribute", &Shape::Attribute)),
]);

const ENVELOPED_DATA: Shape = Shape::Sequence(&[
    field("version", Tag::INTEGER, Shape::Any),
    field("originatorInfo", Tag::context(0), Shape::Any),
    field("recipientInfos", Tag::SET, Shape::ListOf("recipientInfo", &Shape::RecipientInfo)),
    field(
        "encryptedContentInfo",
        Tag::SEQUENCE,
        Shape::Sequence(&[
            field("contentType", Tag::OBJECT_IDENTIFIER, Shape::Any),
            field("contentEncryptionAlgorithm", Tag::SEQUENCE, ALGORITHM),
            field("encryptedContent", Tag::context(0), Shape::Any),
        ]),
    ),
    field("unprotectedAttrs", Tag::context(1), Shape::ListOf("attribute", &Shape::Attribute)),
]);

/// The fields of the RecipientInfo with this tag.
pub(super) fn recipient_fields(tag: Tag) -> &'static [Field] {
    match tag.context_number() {
        Some(1) => KEY_AGREE,
        Some(3) => PASSWORD,
        _ => KEY_TRANSPORT,
    }
}

const KEY_AGREE: &[Field] = &[
    field("version", Tag::INTEGER, Shape::Any),
    field("originator", Tag::context(0), Shape::Any),
    field("ukm", Tag::context(1), Shape::Any),
    field("keyEncryptionAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("recipientEncryptedKeys", Tag::SEQUENCE, Shape::ListOf("key", &Shape::Any)),
];

const PASSWORD: &[Field] = &[
    field("version", Tag::INTEGER, Shape::Any),
    field("keyDerivationAlgorithm", Tag::context(0), ALGORITHM),
    field("keyEncryptionAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("encryptedKey", Tag::OCTET_STRING, Shape::Any),
];

const KEY_TRANSPORT: &[Field] = &[
    field("version", Tag::INTEGER, Shape::Any),
    Field { name: "rid", tag: None, shape: ISSUER_AND_SERIAL },
    field("keyEncryptionAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("encryptedKey", Tag::OCTET_STRING, Shape::Any),
];

const ISSUER_AND_SERIAL: Shape = Shape::Sequence(&[
    field("issuer", Tag::SEQUENCE, NAME),
    field("serialNumber", Tag::INTEGER, Shape::Any),
]);

const ISSUER_AND_SUBJECT: Shape =
    Shape::Sequence(&[field("issuer", Tag::SEQUENCE, NAME), field("subject", Tag::SEQUENCE, NAME)]);

const ALGORITHM: Shape =
    Shape::Sequence(&[field("algorithm", Tag::OBJECT_IDENTIFIER, Shape::Any), any("parameters")]);

const NAME: Shape = Shape::ListOf("rdn", &Shape::ListOf("attribute", &Shape::Attribute));

const SPKI: Shape = Shape::Sequence(&[
    field("algorithm", Tag::SEQUENCE, ALGORITHM),
    field("subjectPublicKey", Tag::BIT_STRING, Shape::Any),
]);

const CERTIFICATE: Shape = Shape::Sequence(&[
    field(
        "tbsCertificate",
        Tag::SEQUENCE,
        Shape::Sequence(&[
            field("version", Tag::context(0), Shape::Explicit(&Shape::Any)),
            field("serialNumber", Tag::INTEGER, Shape::Any),
            field("signature", Tag::SEQUENCE, ALGORITHM),
            field("issuer", Tag::SEQUENCE, NAME),
            field("validity", Tag::SEQUENCE, Shape::Sequence(&[any("notBefore"), any("notAfter")])),
            field("subject", Tag::SEQUENCE, NAME),
            field("subjectPublicKeyInfo", Tag::SEQUENCE, SPKI),
            field("issuerUniqueID", Tag::context(1), Shape::Any),
            field("subjectUniqueID", Tag::context(2), Shape::Any),
            field(
                "extensions",
                Tag::context(3),
                Shape::Explicit(&Shape::ListOf("extension", &Shape::Attribute)),
            ),
        ]),
    ),
    field("signatureAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("signatureValue", Tag::BIT_STRING, Shape::Any),
]);

const CSR: Shape = Shape::Sequence(&[
    field(
        "certificationRequestInfo",
        Tag::SEQUENCE,
        Shape::Sequence(&[
            field("version", Tag::INTEGER, Shape::Any),
            field("subject", Tag::SEQUENCE, NAME),
            field("subjectPKInfo", Tag::SEQUENCE, SPKI),
            field("attributes", Tag::context(0), Shape::ListOf("attribute", &Shape::Attribute)),
        ]),
    ),
    field("signatureAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("signature", Tag::BIT_STRING, Shape::Any),
]);

const CRL: Shape = Shape::Sequence(&[
    field(
        "tbsCertList",
        Tag::SEQUENCE,
        Shape::Sequence(&[
            field("version", Tag::INTEGER, Shape::Any),
            field("signature", Tag::SEQUENCE, ALGORITHM),
            field("issuer", Tag::SEQUENCE, NAME),
            any("thisUpdate"),
            field("nextUpdate", Tag::UTC_TIME, Shape::Any),
            field("nextUpdate", Tag::GENERALIZED_TIME, Shape::Any),
            field("revokedCertificates", Tag::SEQUENCE, Shape::ListOf("entry", &Shape::Any)),
            field(
                "crlExtensions",
                Tag::context(0),
                Shape::Explicit(&Shape::ListOf("extension", &Shape::Attribute)),
            ),
        ]),
    ),
    field("signatureAlgorithm", Tag::SEQUENCE, ALGORITHM),
    field("signatureValue", Tag::BIT_STRING, Shape::Any),
]);
