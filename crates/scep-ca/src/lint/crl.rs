use scep_types::asn1::DerWriter;
use scep_types::{UnixTime, oid};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::{RevokedCertificate as ReadEntry, TbsCertList};
use x509_parser::x509::X509Version;

use crate::{Issuer, LintFinding, RevocationReason, RevokedCertificate};

use super::{all_once, first_failure, form, is_serial, our_oid, time};

/// What a TBSCertList must say.
pub(crate) struct ExpectedCrl<'a> {
    pub(crate) revoked: &'a [RevokedCertificate],
    pub(crate) issuer: &'a Issuer,
    pub(crate) number: u64,
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
}

/// Checks a TBSCertList.
pub(crate) fn crl(tbs: &[u8], expected: &ExpectedCrl<'_>) -> Result<(), LintFinding> {
    let algorithm = form::crl(tbs).map_err(|_| LintFinding::Unreadable)?;
    let Ok(([], read)) = TbsCertList::from_der(tbs) else {
        return Err(LintFinding::Unreadable);
    };
    let issuer = expected.issuer.certificate().subject().der();
    let entries = read.revoked_certificates.iter().zip(expected.revoked);
    let same_count = read.revoked_certificates.len() == expected.revoked.len();
    let next_update = read.next_update.map(time);
    first_failure(&[
        (read.version == Some(X509Version::V2), LintFinding::Version),
        (algorithm == expected.issuer.algorithm(), LintFinding::SignatureAlgorithm),
        (read.issuer.as_raw() == issuer, LintFinding::Issuer),
        (time(read.this_update) == expected.this_update, LintFinding::Validity),
        (next_update == Some(expected.next_update), LintFinding::Validity),
        (same_count, LintFinding::Revoked),
    ])?;
    for (read, expected) in entries {
        first_failure(&[(is_entry(read, expected), LintFinding::Revoked)])?;
    }
    crl_extensions(read.extensions(), expected)
}

fn is_entry(read: &ReadEntry<'_>, expected: &RevokedCertificate) -> bool {
    let code = expected.reason.code();
    let reason = match (expected.reason, read.extensions()) {
        (RevocationReason::Unspecified, []) => true,
        (RevocationReason::Unspecified, _) => false,
        (_, [only]) => match only.parsed_extension() {
            ParsedExtension::ReasonCode(read) => {
                !only.critical && read.0 == code && only.value == [0x0A, 1, code]
            }
            _ => false,
        },
        _ => false,
    };
    reason
        && is_serial(read.raw_serial(), expected.serial)
        && time(read.revocation_date) == expected.revoked_at
}

/// Exactly an authorityKeyIdentifier and a CRL number, neither critical (RFC 5280 §5.2).
fn crl_extensions(
    extensions: &[X509Extension<'_>],
    expected: &ExpectedCrl<'_>,
) -> Result<(), LintFinding> {
    all_once(extensions)?;
    for extension in extensions {
        let oid = our_oid(extension)?;
        let right = match (oid, extension.parsed_extension()) {
            (oid::AUTHORITY_KEY_IDENTIFIER, ParsedExtension::AuthorityKeyIdentifier(_)) => {
                !extension.critical && extension.value == expected.issuer.authority_key_identifier()
            }
            (oid::CRL_NUMBER, ParsedExtension::CRLNumber(number)) => {
                !extension.critical
                    && number.to_bytes_be() == magnitude(expected.number)
                    && extension.value == DerWriter::encode(|der| der.unsigned(expected.number))
            }
            _ => return Err(LintFinding::UnexpectedExtension(oid)),
        };
        first_failure(&[(right, LintFinding::WrongExtension(oid))])?;
    }
    let needed = [oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_NUMBER];
    let missing = needed
        .iter()
        .find(|oid| !extensions.iter().any(|extension| extension.oid.as_bytes() == oid.content()));
    missing.map_or(Ok(()), |oid| Err(LintFinding::MissingExtension(*oid)))
}

/// Big-endian octets without leading zeros; one zero for zero.
fn magnitude(number: u64) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count().min(octets.len() - 1);
    octets.into_iter().skip(zeros).collect()
}
