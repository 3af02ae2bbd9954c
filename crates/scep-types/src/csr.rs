use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::asn1::{Asn1Error, Reader, Tag, Tlv};
use crate::name::directory_string;
use crate::oid::{self, Oid};
use crate::second_reader;
use crate::{
    AlgorithmPolicy, AmbiguousCsr, Error, GeneralName, KeyKind, KeyUsage, Name, Secret,
    SignatureScheme, SignatureVerifier, Structure, spki_key_kind,
};

/// Octets a CSR may have; Windows with an Intune challenge sends 5.5 kB.
const MAX_OCTETS: usize = 64 * 1024;
/// Attributes a CSR may have.
const MAX_ATTRIBUTES: usize = 64;
/// Extensions a CSR may ask for.
const MAX_EXTENSIONS: usize = 64;
/// Octets a challengePassword may have. The bound of 255 in RFC 2985 is not enforced: Intune's have about 5,000.
const MAX_CHALLENGE: usize = 16 * 1024;

/// A PKCS #10 certification request, parsed once (RFC 2986).
///
/// Everything that two readers could see in two ways is refused here: repeated attributes or extensions, several values,
/// several extensionRequests, truncated names. Raw octets are kept; what is matched is what is issued. Clones share them.
///
/// ```text
/// CertificationRequest ::= SEQUENCE { certificationRequestInfo, signatureAlgorithm, signature BIT STRING }
/// CertificationRequestInfo ::= SEQUENCE { version INTEGER, subject Name, subjectPKInfo, attributes [0] IMPLICIT SET OF }
/// ```
#[derive(Clone)]
pub struct Csr(Arc<Inner>);

struct Inner {
    der: Bytes,
    info: Bytes,
    subject: Name,
    spki: Bytes,
    key_kind: KeyKind,
    signature_algorithm: Bytes,
    signature: Bytes,
    attributes: Vec<CsrAttribute>,
    challenge: Option<ChallengePassword>,
    extensions: Vec<Extension>,
    subject_alt_names: Vec<GeneralName>,
    key_usage: Option<KeyUsage>,
}

/// One attribute of a CSR.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrAttribute {
    /// Its type.
    pub oid: Oid,
    /// The content of its SET of values, DER.
    pub values: Bytes,
}

/// One requested extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its type.
    pub oid: Oid,
    /// Whether it is asked for as critical.
    pub critical: bool,
    /// The content of its extnValue OCTET STRING.
    pub value: Bytes,
}

/// A challengePassword: zeroized, never printed, compared in constant time (RFC 2985 §5.4.1).
pub type ChallengePassword = Secret;

/// One of Windows' enrolment name/value pairs, such as `ValidityPeriod` = `Years`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentPair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Csr {
    /// Parses a CSR. The signature is not verified: [`Csr::verify`] does.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Ambiguous`] or [`Error::TooMany`].
    pub fn parse(der: impl Into<Bytes>) -> Result<Self, Error> {
        let der = der.into();
        at_most(der.len(), MAX_OCTETS, Structure::Octets)?;
        let mut outer = Reader::der(&der);
        let mut request = outer.sequence()?;
        outer.finish()?;
        let info = request.expect(Tag::SEQUENCE)?;
        let algorithm = request.expect(Tag::SEQUENCE)?;
        let signature = request.bit_string_octets()?;
        request.finish()?;

        let mut fields = info.open()?;
        fields.integer()?; // version: 0, but Apple has sent 2
        let subject = fields.expect(Tag::SEQUENCE)?.raw;
        let spki = fields.expect(Tag::SEQUENCE)?.raw;
        let attributes = match fields.optional(Tag::context(0))? {
            Some(set) => read_attributes(&der, &mut set.open()?)?,
            None => Vec::new(),
        };
        fields.finish()?;

        let extensions = requested_extensions(&attributes)?;
        let subject_alt_names = match find(&extensions, &oid::SUBJECT_ALT_NAME) {
            Some(extension) => GeneralName::parse_all(&extension.value)?,
            None => Vec::new(),
        };
        let key_usage = find(&extensions, &oid::KEY_USAGE)
            .map(|extension| KeyUsage::from_extension(&extension.value))
            .transpose()?;
        let inner = Inner {
            info: der.slice_ref(info.raw),
            subject: Name::parse(der.slice_ref(subject))?,
            spki: der.slice_ref(spki),
            key_kind: spki_key_kind(spki)?,
            signature_algorithm: der.slice_ref(algorithm.raw),
            signature: der.slice_ref(signature),
            challenge: read_challenge(&attributes)?,
            attributes,
            extensions,
            subject_alt_names,
            key_usage,
            der,
        };
        second_reader::sees_name(&inner.subject)?;
        second_reader::sees_key(&inner.spki)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Verifies the CSR's own signature, the proof that its sender holds the private key (RFC 2986 §4.2).
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`], [`Error::DigestNotAllowed`] or [`Error::Crypto`].
    pub fn verify(
        &self,
        verifier: &dyn SignatureVerifier,
        policy: AlgorithmPolicy,
    ) -> Result<VerifiedCsr, Error> {
        let scheme = SignatureScheme::read(&mut Reader::der(&self.0.signature_algorithm))?;
        if let Some(digest) = scheme.digest().filter(|digest| !policy.allows_digest(*digest)) {
            return Err(Error::DigestNotAllowed { digest });
        }
        verifier.verify(scheme, &self.0.spki, &self.0.info, &self.0.signature)?;
        Ok(VerifiedCsr(self.clone()))
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.0.der
    }

    /// The CertificationRequestInfo as received: what the signature covers, and what stays the same when a retry is
    /// signed anew.
    #[must_use]
    pub fn info(&self) -> &Bytes {
        &self.0.info
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &Bytes {
        &self.0.spki
    }

    /// The kind of public key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.0.key_kind
    }

    /// The challengePassword, or `None` if it is absent or empty.
    #[must_use]
    pub fn challenge_password(&self) -> Option<&ChallengePassword> {
        self.0.challenge.as_ref()
    }

    /// All attributes, in the order of the encoding.
    #[must_use]
    pub fn attributes(&self) -> &[CsrAttribute] {
        &self.0.attributes
    }

    /// All requested extensions, in the order of the encoding.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// The requested extension of this type.
    #[must_use]
    pub fn extension(&self, oid: &Oid) -> Option<&Extension> {
        find(&self.0.extensions, oid)
    }

    /// The requested subjectAltNames, in the order of the encoding.
    #[must_use]
    pub fn subject_alt_names(&self) -> &[GeneralName] {
        &self.0.subject_alt_names
    }

    /// The requested keyUsage.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.key_usage
    }

    /// The requested extended key usages; empty if none are asked for.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the extension is not `SEQUENCE OF OBJECT IDENTIFIER`.
    pub fn extended_key_usages(&self) -> Result<Vec<Oid>, Error> {
        let Some(extension) = self.extension(&oid::EXTENDED_KEY_USAGE) else {
            return Ok(Vec::new());
        };
        let mut list = Reader::der(&extension.value).sequence()?;
        let mut usages = Vec::new();
        while !list.is_empty() {
            usages.push(list.oid()?);
        }
        Ok(usages)
    }

    /// Windows' enrolment name/value pairs (1.3.6.1.4.1.311.13.2.1); one attribute may hold several or stand several times.
    ///
    /// # Errors
    /// [`Error::Malformed`] if one is not `SEQUENCE { BMPString, BMPString }`.
    pub fn enrollment_pairs(&self) -> Result<Vec<EnrollmentPair>, Error> {
        let mut pairs = Vec::new();
        for attribute in &self.0.attributes {
            if attribute.oid != oid::MS_ENROLLMENT_NAME_VALUE_PAIR {
                continue;
            }
            let mut values = Reader::der(&attribute.values);
            while !values.is_empty() {
                let mut pair = values.sequence()?;
                let (name, value) = (pair.any()?, pair.any()?);
                pair.finish()?;
                let (name, value) = (directory_string(&name), directory_string(&value));
                pairs.push(EnrollmentPair { name: name.into_owned(), value: value.into_owned() });
            }
        }
        Ok(pairs)
    }
}

/// Two CSRs are the same if their DER is.
impl PartialEq for Csr {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Csr {}

impl fmt::Debug for Csr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csr")
            .field("subject", &self.0.subject)
            .field("subject_alt_names", &self.0.subject_alt_names)
            .field("key", &self.0.key_kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CsrAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be the challenge.
        let Self { oid, values: _ } = self;
        write!(f, "CsrAttribute({oid})")
    }
}

/// A CSR whose signature was verified: the sender holds the private key. Only [`Csr::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCsr(Csr);

impl Deref for VerifiedCsr {
    type Target = Csr;

    fn deref(&self) -> &Csr {
        &self.0
    }
}

fn at_most(found: usize, limit: usize, structure: Structure) -> Result<(), Error> {
    if found > limit { Err(Error::TooMany { structure, found, limit }) } else { Ok(()) }
}

fn find<'a>(extensions: &'a [Extension], oid: &Oid) -> Option<&'a Extension> {
    extensions.iter().find(|extension| extension.oid == *oid)
}

/// `Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }`
fn read_attributes(der: &Bytes, list: &mut Reader<'_>) -> Result<Vec<CsrAttribute>, Error> {
    let mut attributes: Vec<CsrAttribute> = Vec::new();
    while !list.is_empty() {
        at_most(attributes.len().saturating_add(1), MAX_ATTRIBUTES, Structure::Attributes)?;
        let mut attribute = list.sequence()?;
        let oid = attribute.oid()?;
        let values = attribute.expect(Tag::SET)?;
        attribute.finish()?;
        values.open()?;
        // Windows sends one name/value pair an attribute, so this one alone may repeat.
        let repeats = attributes.iter().any(|other| other.oid == oid);
        if repeats && oid != oid::MS_ENROLLMENT_NAME_VALUE_PAIR {
            return Err(Error::Ambiguous(AmbiguousCsr::RepeatedAttribute(oid)));
        }
        attributes.push(CsrAttribute { oid, values: der.slice_ref(values.content) });
    }
    Ok(attributes)
}

/// The only value of an attribute that must have exactly one.
fn single_value(attribute: &CsrAttribute) -> Result<Tlv<'_>, Error> {
    let mut reader = Reader::der(&attribute.values);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(reader.any()?);
    }
    match values.as_slice() {
        [value] => Ok(*value),
        other => Err(Error::Ambiguous(AmbiguousCsr::AttributeValues {
            attribute: attribute.oid,
            values: other.len(),
        })),
    }
}

fn read_challenge(attributes: &[CsrAttribute]) -> Result<Option<ChallengePassword>, Error> {
    let Some(attribute) =
        attributes.iter().find(|attribute| attribute.oid == oid::CHALLENGE_PASSWORD)
    else {
        return Ok(None);
    };
    let value = single_value(attribute)?;
    at_most(value.content.len(), MAX_CHALLENGE, Structure::ChallengeOctets)?;
    match value.tag {
        Tag::PRINTABLE_STRING
        | Tag::UTF8_STRING
        | Tag::IA5_STRING
        | Tag::T61_STRING
        | Tag::BMP_STRING
        | Tag::UNIVERSAL_STRING => {
            value.primitive()?;
            // The alphabet of a PrintableString is not checked: Windows does not keep to it either.
            let challenge = Secret::new(directory_string(&value));
            Ok(Some(challenge).filter(|challenge| !challenge.is_empty()))
        }
        found => Err(Asn1Error::UnexpectedTag { expected: Tag::PRINTABLE_STRING, found }.into()),
    }
}

/// The extensions of the one extensionRequest, in whichever of its three attributes it comes.
fn requested_extensions(attributes: &[CsrAttribute]) -> Result<Vec<Extension>, Error> {
    const FORMS: [Oid; 3] =
        [oid::EXTENSION_REQUEST, oid::MS_CERT_EXTENSIONS, oid::VERISIGN_EXTENSION_REQUEST];
    let mut requests = attributes.iter().filter(|attribute| FORMS.contains(&attribute.oid));
    let Some(request) = requests.next() else { return Ok(Vec::new()) };
    if let Some(second) = requests.next() {
        return Err(Error::Ambiguous(AmbiguousCsr::RepeatedAttribute(second.oid)));
    }
    let value = single_value(request)?;
    let mut list = Reader::der(value.raw).sequence()?;
    let mut extensions: Vec<Extension> = Vec::new();
    while !list.is_empty() {
        at_most(extensions.len().saturating_add(1), MAX_EXTENSIONS, Structure::Extensions)?;
        let extension = read_extension(&request.values, &mut list)?;
        if find(&extensions, &extension.oid).is_some() {
            return Err(Error::Ambiguous(AmbiguousCsr::RepeatedExtension(extension.oid)));
        }
        extensions.push(extension);
    }
    second_reader::sees_extensions(value.raw, &extensions)?;
    Ok(extensions)
}

/// `Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`
fn read_extension(owner: &Bytes, list: &mut Reader<'_>) -> Result<Extension, Error> {
    let mut extension = list.sequence()?;
    let oid = extension.oid()?;
    let critical = match extension.optional(Tag::BOOLEAN)? {
        Some(flag) => matches!(flag.primitive()?, [octet] if *octet != 0),
        None => false,
    };
    let value = extension.expect(Tag::OCTET_STRING)?.primitive()?;
    extension.finish()?;
    Ok(Extension { oid, critical, value: owner.slice_ref(value) })
}
