use std::fmt;

use bytes::Bytes;
use scep_types::asn1::{Limits, Reader, Tag, survey};
use scep_types::{AlgorithmPolicy, Name, SignatureScheme, SignatureVerifier, UnixTime};

use crate::error::{Error, Misbehaviour, Unsupported};

/// A CRL as received: who issued it and when, and its signature; the entries are for others to read (RFC 5280 §5.1).
///
/// ```text
/// CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue BIT STRING }
/// TBSCertList ::= SEQUENCE { version INTEGER OPTIONAL, signature AlgorithmIdentifier, issuer Name, thisUpdate Time, .. }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    der: Bytes,
    tbs: Bytes,
    issuer: Name,
    this_update: UnixTime,
    signature_algorithm: Bytes,
    signature: Bytes,
}

impl Crl {
    /// Reads a CRL. Its signature is not verified: [`Crl::verify`] does.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Types`].
    pub fn parse(der: impl Into<Bytes>) -> Result<Self, Error> {
        let der = der.into();
        survey(&der, Limits::MESSAGE)?;
        let mut outer = Reader::ber(&der);
        let mut list = outer.sequence()?;
        outer.finish()?;
        let tbs = list.expect(Tag::SEQUENCE)?;
        let algorithm = list.expect(Tag::SEQUENCE)?.raw;
        let signature = list.bit_string_octets()?;
        list.finish()?;
        let mut fields = tbs.open()?;
        fields.optional(Tag::INTEGER)?; // version: 2, or absent in version 1
        fields.expect(Tag::SEQUENCE)?; // the signature algorithm once more
        let issuer = fields.expect(Tag::SEQUENCE)?.raw;
        Ok(Self {
            tbs: der.slice_ref(tbs.raw),
            issuer: Name::parse(der.slice_ref(issuer))?,
            this_update: UnixTime::read(&mut fields)?,
            signature_algorithm: der.slice_ref(algorithm),
            signature: der.slice_ref(signature),
            der,
        })
    }

    /// The octets as received.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// When it was issued: of two by one issuer, the later is the newer.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Verifies the signature with the key in `issuer_spki`. Says nothing about names and times.
    ///
    /// # Errors
    /// [`Unsupported::Digest`] or [`Unsupported::Algorithm`]; [`Misbehaviour::UntrustedCrl`].
    pub fn verify(
        &self,
        issuer_spki: &[u8],
        verifier: &dyn SignatureVerifier,
        policy: AlgorithmPolicy,
    ) -> Result<(), Error> {
        let scheme = SignatureScheme::read(&mut Reader::ber(&self.signature_algorithm))?;
        if let Some(digest) = scheme.digest().filter(|digest| !policy.allows_digest(*digest)) {
            return Err(Unsupported::Digest(digest).into());
        }
        let verified = verifier.verify(scheme, issuer_spki, &self.tbs, &self.signature);
        verified.map_err(|_| Misbehaviour::UntrustedCrl.into())
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer)
            .field("this_update", &self.this_update)
            .finish_non_exhaustive()
    }
}
