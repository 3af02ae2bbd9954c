use bytes::Bytes;
use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::{AlgorithmPolicy, Certificate, CryptoProvider, Name, SignatureScheme};

use crate::error::{AnswerFault, Error};

/// Verifies that a CRL is of this issuer and signed by its key (RFC 5280 §5.1); says nothing about its age.
///
/// ```text
/// CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue BIT STRING }
/// ```
///
/// # Errors
/// [`AnswerFault::CrlIssuer`], [`AnswerFault::CrlSignature`], or what is malformed or not allowed.
pub(crate) fn verify_crl(
    crl: &Bytes,
    issuer: &Certificate,
    provider: &CryptoProvider,
    policy: AlgorithmPolicy,
) -> Result<(), Error> {
    let parts = read(crl).map_err(scep_proto::Error::from)?;
    if !Name::parse(crl.slice_ref(parts.issuer))?.matches(issuer.subject()) {
        return Err(AnswerFault::CrlIssuer.into());
    }
    let scheme = SignatureScheme::read(&mut Reader::ber(parts.algorithm))?;
    if let Some(digest) = scheme.digest().filter(|digest| !policy.allows_digest(*digest)) {
        return Err(scep_types::Error::DigestNotAllowed { digest }.into());
    }
    let verdict = provider.verify.verify(scheme, issuer.spki(), parts.tbs, parts.signature);
    verdict.map_err(|error| match error {
        scep_types::CryptoError::InvalidSignature => AnswerFault::CrlSignature.into(),
        other => other.into(),
    })
}

struct Parts<'a> {
    tbs: &'a [u8],
    issuer: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

fn read(crl: &[u8]) -> Result<Parts<'_>, Asn1Error> {
    let mut outer = Reader::ber(crl);
    let mut list = outer.sequence()?;
    outer.finish()?;
    let tbs = list.expect(Tag::SEQUENCE)?;
    let algorithm = list.expect(Tag::SEQUENCE)?.raw;
    let signature = list.bit_string_octets()?;
    list.finish()?;
    let mut fields = tbs.open()?;
    fields.optional(Tag::INTEGER)?;
    fields.sequence()?; // the signature algorithm once more
    let issuer = fields.expect(Tag::SEQUENCE)?.raw;
    Ok(Parts { tbs: tbs.raw, issuer, algorithm, signature })
}
