//! What a CSR says, read once more by `x509-parser`: a name or an extension that only one of two readers sees has split
//! a check from an issuance before.
//!
//! Version and attributes are left out: `x509-parser` demands the attributes field, which some clients omit, and knows
//! fewer string types of a challengePassword than these send.

use x509_parser::cri_attributes::ExtensionRequest;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::oid::Oid;
use crate::{AmbiguousCsr, Error, Extension, Name};

/// Checks that the second reader sees the same attributes in the same RDNs.
///
/// It stops silently in the middle of a name it dislikes, so nothing short of each attribute is compared.
pub(crate) fn sees_name(name: &Name) -> Result<(), Error> {
    let Ok(([], other)) = X509Name::from_der(name.der()) else { return Err(disagree()) };
    let ours = name.attributes().map(|ours| (ours.rdn, Some(ours.oid), ours.value.content));
    let theirs = other.iter_rdn().enumerate().flat_map(|(rdn, members)| {
        members.iter().map(move |theirs| (rdn, read_oid(theirs.attr_type()), theirs.as_slice()))
    });
    if ours.eq(theirs) { Ok(()) } else { Err(disagree()) }
}

/// Checks that the second reader takes the whole SubjectPublicKeyInfo.
pub(crate) fn sees_key(spki: &[u8]) -> Result<(), Error> {
    match SubjectPublicKeyInfo::from_der(spki) {
        Ok(([], other)) if other.raw == spki => Ok(()),
        _ => Err(disagree()),
    }
}

/// Checks that the second reader sees the same extensions in this value of an extensionRequest.
pub(crate) fn sees_extensions(request: &[u8], extensions: &[Extension]) -> Result<(), Error> {
    let Ok(([], other)) = ExtensionRequest::from_der(request) else { return Err(disagree()) };
    let ours = extensions.iter().map(|ours| (Some(ours.oid), ours.critical, &ours.value[..]));
    let theirs = other
        .extensions
        .iter()
        .map(|theirs| (read_oid(&theirs.oid), theirs.critical, theirs.value));
    if ours.eq(theirs) { Ok(()) } else { Err(disagree()) }
}

fn read_oid(oid: &x509_parser::asn1_rs::Oid<'_>) -> Option<Oid> {
    Oid::from_content(oid.as_bytes())
}

fn disagree() -> Error {
    Error::Ambiguous(AmbiguousCsr::ReadersDisagree)
}
