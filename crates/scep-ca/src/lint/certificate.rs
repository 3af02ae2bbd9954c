use scep_types::asn1::{Asn1Error, Reader};
use scep_types::oid::{self, Oid};
use scep_types::{GeneralNameValue, KeyUsage};
use x509_parser::certificate::{TbsCertificate, TbsCertificateParser};
use x509_parser::extensions::{
    BasicConstraints, GeneralName as ReadName, KeyUsage as ReadKeyUsage, SubjectAlternativeName,
    X509Extension,
};
use x509_parser::nom::Parser;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::{all_once, first_failure, form, is_serial, our_oid, time};
use crate::LintFinding;
use crate::certificate::Particulars;
use crate::extension::{self, Criticality};

/// Checks a TBSCertificate.
pub(crate) fn certificate(tbs: &[u8], expected: &Particulars<'_>) -> Result<(), LintFinding> {
    let algorithm = form::certificate(tbs).map_err(|_| LintFinding::Unreadable)?;
    let mut parser = TbsCertificateParser::new().with_deep_parse_extensions(false);
    let Ok(([], read)) = parser.parse(tbs) else {
        return Err(LintFinding::Unreadable);
    };
    if algorithm != expected.issuer.algorithm() {
        return Err(LintFinding::SignatureAlgorithm);
    }
    fields(&read, expected)?;
    validity(&read, expected)?;
    let extensions = read.extensions();
    all_once(extensions)?;
    extensions.iter().try_for_each(|extension| justified(extension, expected))?;
    complete(extensions, expected)
}

fn fields(read: &TbsCertificate<'_>, expected: &Particulars<'_>) -> Result<(), LintFinding> {
    let csr = expected.admitted.csr();
    let issuer = expected.issuer.certificate();
    let checks = [
        (read.version == X509Version::V3, LintFinding::Version),
        (is_serial(read.raw_serial(), expected.serial), LintFinding::Serial),
        (read.issuer.as_raw() == issuer.subject().der(), LintFinding::Issuer),
        (read.subject.as_raw() == csr.subject().der(), LintFinding::Subject),
        (read.subject_pki.raw == csr.spki(), LintFinding::PublicKey),
        (read.subject_pki.raw != issuer.spki(), LintFinding::PublicKey),
        (read.issuer_uid.is_none() && read.subject_uid.is_none(), LintFinding::UniqueId),
    ];
    first_failure(&checks)
}

fn validity(read: &TbsCertificate<'_>, expected: &Particulars<'_>) -> Result<(), LintFinding> {
    let bounds = expected.issuer.certificate().validity();
    let not_before = time(read.validity.not_before);
    let not_after = time(read.validity.not_after);
    let decided =
        not_before == expected.validity.not_before && not_after == expected.validity.not_after;
    let within = bounds.not_before <= not_before && not_after <= bounds.not_after;
    first_failure(&[(decided && within && not_before <= not_after, LintFinding::Validity)])
}

/// Checks that the extension has its reason, and says what was decided.
fn justified(read: &X509Extension<'_>, expected: &Particulars<'_>) -> Result<(), LintFinding> {
    let admitted = expected.admitted;
    let oid = our_oid(read)?;
    let right = match oid {
        oid::AUTHORITY_KEY_IDENTIFIER => {
            !read.critical && read.value == expected.issuer.authority_key_identifier()
        }
        oid::SUBJECT_KEY_IDENTIFIER => {
            let octets = read.value.strip_prefix(&OCTET_STRING_OF_20);
            !read.critical && octets == Some(&expected.key_identifier)
        }
        oid::KEY_USAGE => read.critical && is_key_usage(read.value, admitted.key_usage()),
        oid::BASIC_CONSTRAINTS => read.critical && is_end_entity(read.value),
        oid::EXTENDED_KEY_USAGE => {
            !read.critical && is_list_of(read.value, admitted.extended_key_usages()) == Ok(true)
        }
        oid::SUBJECT_ALT_NAME => {
            read.critical == (expected.san_criticality() == Criticality::Critical)
                && are_the_names(read.value, expected) == Ok(true)
        }
        oid::MS_NTDS_CA_SECURITY_EXT => !read.critical && is_derived_sid(read.value, expected),
        other => return is_of_the_profile(other, read, expected),
    };
    first_failure(&[(right, LintFinding::WrongExtension(oid))])
}

/// Checks that it is one of the profile's constant extensions, or one that it copies from the CSR.
fn is_of_the_profile(
    oid: Oid,
    read: &X509Extension<'_>,
    expected: &Particulars<'_>,
) -> Result<(), LintFinding> {
    let admitted = expected.admitted;
    let constant = admitted.constant_extensions().iter().find(|(constant, _)| *constant == oid);
    let copied = admitted.copied_extensions().find(|copied| copied.oid == oid);
    let right = match (constant, copied) {
        (Some((_, value)), None) => !read.critical && read.value == value,
        (None, Some(copied)) => {
            let same = read.value == copied.value && read.critical == copied.critical;
            same && !extension::is_forbidden(&oid)
        }
        _ => return Err(LintFinding::UnexpectedExtension(oid)),
    };
    first_failure(&[(right, LintFinding::WrongExtension(oid))])
}

/// Checks that no extension is missing.
fn complete(
    extensions: &[X509Extension<'_>],
    expected: &Particulars<'_>,
) -> Result<(), LintFinding> {
    let admitted = expected.admitted;
    let named = admitted.subject_alt_names().next().is_some();
    let always = [
        (oid::AUTHORITY_KEY_IDENTIFIER, true),
        (oid::SUBJECT_KEY_IDENTIFIER, true),
        (oid::KEY_USAGE, true),
        (oid::EXTENDED_KEY_USAGE, !admitted.extended_key_usages().is_empty()),
        (oid::SUBJECT_ALT_NAME, named || admitted.csr().subject().is_empty()),
        (oid::MS_NTDS_CA_SECURITY_EXT, admitted.sid().is_some()),
    ];
    let needed = always.into_iter().filter(|(_, needed)| *needed).map(|(oid, _)| oid);
    let constant = admitted.constant_extensions().iter().map(|(oid, _)| *oid);
    let copied = admitted.copied_extensions().map(|copied| copied.oid);
    for oid in needed.chain(constant).chain(copied) {
        if !extensions.iter().any(|extension| extension.oid.as_bytes() == oid.content()) {
            return Err(LintFinding::MissingExtension(oid));
        }
    }
    Ok(())
}

/// Whether it says these bits in their only DER form, and none of them is an authority's.
fn is_key_usage(value: &[u8], decided: KeyUsage) -> bool {
    let Ok(([], read)) = ReadKeyUsage::from_der(value) else { return false };
    value == decided.to_extension() && !(read.key_cert_sign() || read.crl_sign() || read.flags == 0)
}

/// Whether cA is FALSE by default and there is no pathLenConstraint (RFC 5280 §4.2.1.9).
fn is_end_entity(value: &[u8]) -> bool {
    let Ok(([], read)) = BasicConstraints::from_der(value) else { return false };
    value == EMPTY_SEQUENCE && !read.ca && read.path_len_constraint.is_none()
}

/// Whether this is `SEQUENCE OF OBJECT IDENTIFIER` with exactly these.
fn is_list_of(value: &[u8], expected: &[Oid]) -> Result<bool, Asn1Error> {
    let mut outer = Reader::der(value);
    let mut list = outer.sequence()?;
    outer.finish()?;
    for oid in expected {
        if list.oid()? != *oid {
            return Ok(false);
        }
    }
    Ok(list.is_empty())
}

/// Whether these are the names admitted, each octet by octet one of the CSR's, and read as the same types.
fn are_the_names(value: &[u8], expected: &Particulars<'_>) -> Result<bool, Asn1Error> {
    let Ok(([], read)) = SubjectAlternativeName::from_der(value) else { return Ok(false) };
    let mut outer = Reader::der(value);
    let mut list = outer.sequence()?;
    outer.finish()?;
    let mut read = read.general_names.iter();
    for name in expected.admitted.subject_alt_names() {
        let raw = list.any()?.raw;
        if raw != name.der() || !read.next().is_some_and(|read| same_type(name.value(), read)) {
            return Ok(false);
        }
    }
    Ok(list.is_empty() && read.next().is_none())
}

fn same_type(ours: &GeneralNameValue, theirs: &ReadName<'_>) -> bool {
    match (ours, theirs) {
        (GeneralNameValue::Dns(ours), ReadName::DNSName(theirs))
        | (GeneralNameValue::Rfc822(ours), ReadName::RFC822Name(theirs))
        | (GeneralNameValue::Uri(ours), ReadName::URI(theirs)) => ours == theirs,
        (GeneralNameValue::Ip(_), ReadName::IPAddress(_))
        | (GeneralNameValue::Directory, ReadName::DirectoryName(_))
        | (GeneralNameValue::RegisteredId, ReadName::RegisteredID(_)) => true,
        (GeneralNameValue::Upn(_), ReadName::OtherName(theirs, _)) => {
            theirs.as_bytes() == oid::MS_UPN.content()
        }
        (GeneralNameValue::OtherName(ours), ReadName::OtherName(theirs, _)) => {
            theirs.as_bytes() == ours.content()
        }
        _ => false,
    }
}

/// Whether this is the SID extension for the SID at the end of a URI that comes into the certificate.
fn is_derived_sid(value: &[u8], expected: &Particulars<'_>) -> bool {
    let Some(sid) = expected.admitted.sid() else { return false };
    let in_a_name = expected.admitted.subject_alt_names().any(|name| match name.value() {
        GeneralNameValue::Uri(uri) => uri.ends_with(sid.as_str()),
        _ => false,
    });
    in_a_name && value == sid.to_extension()
}

/// Header of a subjectKeyIdentifier.
const OCTET_STRING_OF_20: [u8; 2] = [0x04, 20];

/// The value of basicConstraints.
const EMPTY_SEQUENCE: [u8; 2] = [0x30, 0];
