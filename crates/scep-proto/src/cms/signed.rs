use std::borrow::Cow;

use bytes::Bytes;
use scep_types::asn1::{DerWriter, Limits, Reader, Tag, Tlv, survey};
use scep_types::oid::{self, Oid};
use scep_types::{AlgorithmPolicy, Certificate, CryptoError, CryptoProvider, DigestAlgorithm};
use scep_types::{SignatureScheme, VerifyingKey};

use super::{IssuerAndSerial, open_content_info};
use crate::attributes::Attributes;
use crate::error::{Error, Misbehaviour, Unsupported};
use crate::inspect::Identifier;

/// Certificates a message may carry: signer, RA pair and a chain.
pub(crate) const MAX_CERTIFICATES: usize = 16;

/// SignedData as received (RFC 5652 §5.1), nothing verified.
///
/// ```text
/// SignedData ::= SEQUENCE { version, digestAlgorithms SET, encapContentInfo, certificates [0] IMPLICIT OPTIONAL,
///                           crls [1] IMPLICIT OPTIONAL, signerInfos SET OF SignerInfo }
/// EncapsulatedContentInfo ::= SEQUENCE { eContentType, eContent [0] EXPLICIT OCTET STRING OPTIONAL }
/// ```
#[derive(Debug, Clone)]
pub(crate) struct SignedData {
    pub(crate) content_type: Oid,
    /// The octets of eContent, segments joined; empty if absent.
    pub(crate) content: Bytes,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) crls: Vec<Bytes>,
    pub(crate) signers: Vec<SignerInfo>,
}

/// SignerInfo as received (RFC 5652 §5.3).
///
/// ```text
/// SignerInfo ::= SEQUENCE { version, sid, digestAlgorithm, signedAttrs [0] IMPLICIT OPTIONAL, signatureAlgorithm,
///                           signature OCTET STRING, unsignedAttrs [1] IMPLICIT OPTIONAL }
/// ```
#[derive(Debug, Clone)]
pub(crate) struct SignerInfo {
    sid: SignerId,
    digest_algorithm: Bytes,
    /// The content of the signedAttrs, without tag and length.
    signed_attributes: Bytes,
    pub(crate) attributes: Attributes,
    signature_algorithm: Bytes,
    signature: Bytes,
}

#[derive(Debug, Clone)]
enum SignerId {
    IssuerAndSerial(IssuerAndSerial),
    KeyIdentifier(Bytes),
}

impl SignedData {
    /// Reads a ContentInfo with SignedData; zero octets and line ends after it are tolerated.
    pub(crate) fn parse(message: &Bytes) -> Result<Self, Error> {
        let end = survey(message, Limits::MESSAGE)?;
        let (message_only, padding) = message.split_at_checked(end).unwrap_or_default();
        if padding.iter().any(|octet| !matches!(octet, 0 | b'\r' | b'\n')) {
            Reader::ber(padding).finish()?;
        }
        let content = open_content_info(&mut Reader::ber(message_only), oid::ID_SIGNED_DATA)?;
        Self::read(message, &content)
    }

    fn read(owner: &Bytes, content: &Tlv<'_>) -> Result<Self, Error> {
        let mut fields = content.open()?;
        fields.integer()?; // version: 1 or 3, and nothing depends on it
        fields.expect(Tag::SET)?; // digestAlgorithms: each signer names its own
        let (content_type, content) = read_encapsulated(owner, &mut fields)?;
        let certificates = match fields.optional(Tag::context(0))? {
            Some(set) => read_certificate_set(owner, &set)?,
            None => Vec::new(),
        };
        let mut crls = Vec::new();
        if let Some(set) = fields.optional(Tag::context(1))? {
            let mut list = set.open()?;
            while !list.is_empty() {
                crls.push(owner.slice_ref(list.any()?.raw));
            }
        }
        let mut infos = fields.set()?;
        let mut signers = Vec::with_capacity(1);
        while !infos.is_empty() {
            signers.push(SignerInfo::read(owner, &mut infos)?);
        }
        Ok(Self { content_type, content, certificates, crls, signers })
    }

    /// The only SignerInfo.
    pub(crate) fn signer(&self) -> Result<&SignerInfo, Error> {
        match self.signers.as_slice() {
            [signer] => Ok(signer),
            other => Err(Misbehaviour::SignerCount(other.len()).into()),
        }
    }
}

impl SignerInfo {
    fn read(owner: &Bytes, infos: &mut Reader<'_>) -> Result<Self, Error> {
        let mut fields = infos.sequence()?;
        fields.integer()?;
        let sid = match fields.any()? {
            tlv if tlv.tag == Tag::SEQUENCE => {
                SignerId::IssuerAndSerial(IssuerAndSerial::read(owner, &tlv)?)
            }
            tlv => SignerId::KeyIdentifier(joined(owner, tlv.octets()?)),
        };
        let digest_algorithm = fields.expect(Tag::SEQUENCE)?.raw;
        let attributes = fields.optional(Tag::context(0))?;
        let signed_attributes = attributes.map(|set| set.content).unwrap_or_default();
        let attributes = match attributes {
            Some(set) => Attributes::read(owner, &mut set.open()?)?,
            None => Attributes::default(),
        };
        let signature_algorithm = fields.expect(Tag::SEQUENCE)?.raw;
        let signature = joined(owner, fields.octet_string()?);
        fields.optional(Tag::context(1))?; // unsignedAttrs: whatever they say, nobody vouches for it
        fields.finish()?;
        Ok(Self {
            sid,
            digest_algorithm: owner.slice_ref(digest_algorithm),
            signed_attributes: owner.slice_ref(signed_attributes),
            attributes,
            signature_algorithm: owner.slice_ref(signature_algorithm),
            signature,
        })
    }

    pub(crate) fn identifier(&self) -> Identifier {
        match &self.sid {
            SignerId::IssuerAndSerial(id) => id.to_identifier(),
            SignerId::KeyIdentifier(id) => Identifier::KeyIdentifier(id.clone()),
        }
    }

    /// The digest algorithm, if we know it.
    pub(crate) fn digest(&self) -> Result<DigestAlgorithm, Error> {
        Ok(DigestAlgorithm::read(&mut Reader::ber(&self.digest_algorithm))?)
    }

    /// The signature scheme, if it and the digest are known and admitted.
    pub(crate) fn scheme(&self, policy: AlgorithmPolicy) -> Result<SignatureScheme, Error> {
        let digest = self.digest()?;
        if !policy.allows_digest(digest) {
            return Err(Unsupported::Digest(digest).into());
        }
        let mut algorithm = Reader::ber(&self.signature_algorithm);
        Ok(SignatureScheme::read_signer_info(&mut algorithm, digest)?)
    }

    /// The first of `certificates` that the sid names.
    pub(crate) fn find<'a>(
        &self,
        certificates: impl IntoIterator<Item = &'a Certificate>,
    ) -> Option<&'a Certificate> {
        certificates.into_iter().find(|certificate| match &self.sid {
            SignerId::IssuerAndSerial(id) => id.names(certificate),
            SignerId::KeyIdentifier(id) => {
                certificate.subject_key_identifier().as_ref() == Some(id)
            }
        })
    }

    /// Verifies contentType, messageDigest and the signature (RFC 5652 §5.4 and §5.6); the key it verified with.
    pub(crate) fn verify(
        &self,
        content_type: Oid,
        content: &[u8],
        signer: &Certificate,
        scheme: SignatureScheme,
        provider: &CryptoProvider,
    ) -> Result<Box<dyn VerifyingKey>, Error> {
        if self.attributes.content_type()? != Some(content_type) {
            return Err(Misbehaviour::ContentTypeMismatch.into());
        }
        let digest = provider.digest.digest(self.digest()?, content)?;
        if self.attributes.message_digest()?.as_deref() != Some(digest.as_ref()) {
            return Err(Misbehaviour::DigestMismatch.into());
        }
        let key = provider.verify.verifying_key(scheme, signer.spki())?;
        self.verify_signature(&*key)?;
        Ok(key)
    }

    /// Verifies over the attributes in the order received and, failing that, in DER order: OpenSSL signs the one,
    /// Bouncy Castle the other, and both are in the field.
    fn verify_signature(&self, key: &dyn VerifyingKey) -> Result<(), Error> {
        let received = as_set(&self.signed_attributes);
        match key.verify(&received, &self.signature) {
            Err(CryptoError::InvalidSignature) => {}
            other => return Ok(other?),
        }
        let sorted = self.sorted_attributes()?;
        if sorted == received {
            return Err(Misbehaviour::SignatureInvalid.into());
        }
        key.verify(&sorted, &self.signature).map_err(|error| match error {
            CryptoError::InvalidSignature => Misbehaviour::SignatureInvalid.into(),
            other => other.into(),
        })
    }

    fn sorted_attributes(&self) -> Result<Vec<u8>, Error> {
        let mut reader = Reader::ber(&self.signed_attributes);
        let mut members = Vec::new();
        while !reader.is_empty() {
            members.push(reader.any()?.raw.to_vec());
        }
        Ok(DerWriter::encode(|der| der.sorted_set(Tag::SET, members)))
    }
}

/// The attributes with the SET tag they are signed under, instead of the `[0]` they are sent under.
fn as_set(content: &[u8]) -> Vec<u8> {
    let mut der = DerWriter::with_capacity(content.len().saturating_add(8));
    der.set(|der| der.raw(content));
    der.into_vec()
}

fn read_encapsulated(owner: &Bytes, fields: &mut Reader<'_>) -> Result<(Oid, Bytes), Error> {
    let mut encapsulated = fields.sequence()?;
    let content_type = encapsulated.oid()?;
    let content = match encapsulated.optional(Tag::context(0))? {
        Some(explicit) => {
            let mut explicit = explicit.open()?;
            let content = joined(owner, explicit.octet_string()?);
            explicit.finish()?;
            content
        }
        None => Bytes::new(),
    };
    encapsulated.finish()?;
    Ok((content_type, content))
}

/// The plain certificates of a `CertificateSet`; other choices, and what is no certificate, are skipped.
fn read_certificate_set(owner: &Bytes, set: &Tlv<'_>) -> Result<Vec<Certificate>, Error> {
    let mut list = set.open()?;
    let (mut certificates, mut found) = (Vec::with_capacity(2), 0_usize);
    while !list.is_empty() {
        let choice = list.any()?;
        found = found.saturating_add(1);
        if found > MAX_CERTIFICATES {
            let limit = MAX_CERTIFICATES;
            return Err(Misbehaviour::TooManyCertificates { found, limit }.into());
        }
        if choice.tag == Tag::SEQUENCE {
            certificates.extend(Certificate::parse(owner.slice_ref(choice.raw)));
        }
    }
    Ok(certificates)
}

/// Octets of a string: a slice of `owner` if they are one, a buffer of their own if segments were joined.
pub(super) fn joined(owner: &Bytes, octets: Cow<'_, [u8]>) -> Bytes {
    match octets {
        Cow::Borrowed(slice) => owner.slice_ref(slice),
        Cow::Owned(buffer) => Bytes::from(buffer),
    }
}
