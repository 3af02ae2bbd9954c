use std::fmt;

use bytes::Bytes;

use crate::asn1::{Reader, Tag, Tlv};
use crate::oid::{self, Oid};
use crate::{
    AlgorithmPolicy, Error, KeyKind, KeyUsage, Name, SignatureScheme, SignatureVerifier, Structure,
    Validity, hex, spki_key_kind,
};

/// Octets a certificate may have.
const MAX_OCTETS: usize = 64 * 1024;
/// Extensions a certificate may have.
const MAX_EXTENSIONS: usize = 64;

/// A certificate as received, read leniently.
///
/// Throw-away signer certificates are seldom RFC 5280 certificates: v1, serials of up to 64 octets, a critical
/// authorityKeyIdentifier, GeneralizedTime before 2050. Only key, issuer, serial, key identifier and validity matter.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    der: Bytes,
    tbs: Bytes,
    serial: Bytes,
    issuer: Name,
    subject: Name,
    spki: Bytes,
    extensions: Bytes,
    signature_algorithm: Bytes,
    signature: Bytes,
    validity: Validity,
}

/// The basicConstraints extension (RFC 5280 §4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasicConstraints {
    /// cA FALSE, or no extension.
    EndEntity,
    /// cA TRUE.
    Ca,
}

impl Certificate {
    /// Parses a certificate.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::TooMany`].
    pub fn parse(der: impl Into<Bytes>) -> Result<Self, Error> {
        let der = der.into();
        if der.len() > MAX_OCTETS {
            let structure = Structure::Octets;
            return Err(Error::TooMany { structure, found: der.len(), limit: MAX_OCTETS });
        }
        let mut outer = Reader::ber(&der);
        let mut certificate = outer.sequence()?;
        outer.finish()?;
        let tbs = certificate.expect(Tag::SEQUENCE)?;
        let algorithm = certificate.expect(Tag::SEQUENCE)?;
        let signature = certificate.bit_string_octets()?;
        certificate.finish()?;

        let mut fields = tbs.open()?;
        fields.optional(Tag::context(0))?; // version; what it claims does not matter
        let serial = fields.integer()?;
        fields.expect(Tag::SEQUENCE)?; // signature algorithm once more
        let issuer = fields.expect(Tag::SEQUENCE)?.raw;
        let validity = Validity::read(&mut fields)?;
        let subject = fields.expect(Tag::SEQUENCE)?.raw;
        let spki = fields.expect(Tag::SEQUENCE)?.raw;
        fields.optional(Tag::context(1))?;
        fields.optional(Tag::context(2))?;
        let extensions = read_extensions(fields.optional(Tag::context(3))?)?;
        fields.finish()?;

        Ok(Self {
            tbs: der.slice_ref(tbs.raw),
            serial: der.slice_ref(serial),
            issuer: Name::parse(der.slice_ref(issuer))?,
            subject: Name::parse(der.slice_ref(subject))?,
            spki: der.slice_ref(spki),
            extensions: der.slice_ref(extensions),
            signature_algorithm: der.slice_ref(algorithm.raw),
            signature: der.slice_ref(signature),
            validity,
            der,
        })
    }

    /// The DER as received.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// Content octets of the serialNumber INTEGER, as received.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The serial number in upper-case hexadecimal, leading zero octets dropped.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        let zeros = self.serial.iter().take_while(|octet| **octet == 0).count();
        let digits = self.serial.get(zeros..).unwrap_or_default();
        hex::upper(digits)
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The validity period.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The kind of public key.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the SubjectPublicKeyInfo is none.
    pub fn key_kind(&self) -> Result<KeyKind, Error> {
        spki_key_kind(&self.spki)
    }

    /// Whether issuer and subject are the same octets.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Verifies the signature with the key in `issuer_spki`. Says nothing about names, validity or extensions.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`], [`Error::DigestNotAllowed`] or [`Error::Crypto`].
    pub fn verify_signature(
        &self,
        issuer_spki: &[u8],
        verifier: &dyn SignatureVerifier,
        policy: AlgorithmPolicy,
    ) -> Result<(), Error> {
        let scheme = SignatureScheme::read(&mut Reader::ber(&self.signature_algorithm))?;
        if let Some(digest) = scheme.digest().filter(|digest| !policy.allows_digest(*digest)) {
            return Err(Error::DigestNotAllowed { digest });
        }
        Ok(verifier.verify(scheme, issuer_spki, &self.tbs, &self.signature)?)
    }

    /// The value of an extension, if there is one: the content of its extnValue OCTET STRING.
    #[must_use]
    pub fn extension(&self, oid: &Oid) -> Option<Bytes> {
        let mut list = Reader::ber(&self.extensions);
        while let Ok(mut extension) = list.sequence() {
            if extension.oid().ok()? == *oid {
                extension.optional(Tag::BOOLEAN).ok()?;
                let value = extension.expect(Tag::OCTET_STRING).ok()?.primitive().ok()?;
                return Some(self.der.slice_ref(value));
            }
        }
        None
    }

    /// The subjectKeyIdentifier, if there is one.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<Bytes> {
        let value = self.extension(&oid::SUBJECT_KEY_IDENTIFIER)?;
        let identifier = Reader::ber(&value).expect(Tag::OCTET_STRING).ok()?.primitive().ok()?;
        Some(value.slice_ref(identifier))
    }

    /// The keyUsage, or `None` if the extension is absent or malformed.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        KeyUsage::from_extension(&self.extension(&oid::KEY_USAGE)?).ok()
    }

    /// The extended key usages, or `None` if the extension is absent; malformed ones count as an empty list.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<Vec<Oid>> {
        let value = self.extension(&oid::EXTENDED_KEY_USAGE)?;
        let mut list = Reader::ber(&value).sequence().unwrap_or(Reader::ber(&[]));
        let mut usages = Vec::new();
        while let Ok(usage) = list.oid() {
            usages.push(usage);
        }
        Some(usages)
    }

    /// The basicConstraints; malformed ones count as an end entity.
    #[must_use]
    pub fn basic_constraints(&self) -> BasicConstraints {
        let ca = || -> Option<bool> {
            let value = self.extension(&oid::BASIC_CONSTRAINTS)?;
            let mut constraints = Reader::ber(&value).sequence().ok()?;
            let flag = constraints.optional(Tag::BOOLEAN).ok()??;
            Some(matches!(flag.content, [octet] if *octet != 0))
        };
        if ca() == Some(true) { BasicConstraints::Ca } else { BasicConstraints::EndEntity }
    }
}

/// The content of `[3] EXPLICIT SEQUENCE OF Extension`, each checked to be one; empty if absent.
fn read_extensions(tagged: Option<Tlv<'_>>) -> Result<&[u8], Error> {
    let Some(tagged) = tagged else { return Ok(&[]) };
    let mut outer = tagged.open()?;
    let sequence = outer.expect(Tag::SEQUENCE)?;
    outer.finish()?;
    let mut list = sequence.open()?;
    let mut found = 0_usize;
    while !list.is_empty() {
        list.sequence()?.oid()?;
        found = found.saturating_add(1);
    }
    if found > MAX_EXTENSIONS {
        return Err(Error::TooMany {
            structure: Structure::Extensions,
            found,
            limit: MAX_EXTENSIONS,
        });
    }
    Ok(sequence.content)
}

impl TryFrom<&[u8]> for Certificate {
    type Error = Error;

    fn try_from(der: &[u8]) -> Result<Self, Error> {
        Self::parse(Bytes::copy_from_slice(der))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("serial", &self.serial_hex())
            .finish_non_exhaustive()
    }
}
