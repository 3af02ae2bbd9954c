//! The last look at bytes about to be signed, through another parser and against what they were made from.
//!
//! What is signed cannot be taken back, so nothing here trusts the writer: each field and extension must have its
//! reason in what was admitted.

mod certificate;
mod crl;
mod form;
#[cfg(test)]
mod tests;

use scep_types::UnixTime;
use scep_types::oid::Oid;
use x509_parser::extensions::X509Extension;
use x509_parser::time::ASN1Time;

use crate::{LintFinding, Serial};

pub(crate) use certificate::certificate;
pub(crate) use crl::{ExpectedCrl, crl};

/// Checks that no extension stands twice (RFC 5280 §4.2).
fn all_once(extensions: &[X509Extension<'_>]) -> Result<(), LintFinding> {
    for (index, extension) in extensions.iter().enumerate() {
        if extensions.iter().skip(index + 1).any(|other| other.oid == extension.oid) {
            return Err(LintFinding::RepeatedExtension(our_oid(extension)?));
        }
    }
    Ok(())
}

/// Whether these content octets are that serial number, positive and not too long (RFC 5280 §4.1.2.2).
fn is_serial(content: &[u8], expected: Serial) -> bool {
    let positive = content.first().is_some_and(|first| first & 0x80 == 0);
    let not_zero = content.iter().any(|octet| *octet != 0);
    content == expected.content() && positive && not_zero && content.len() <= Serial::MAX_OCTETS
}

fn our_oid(read: &X509Extension<'_>) -> Result<Oid, LintFinding> {
    Oid::from_content(read.oid.as_bytes()).ok_or(LintFinding::Unreadable)
}

fn time(read: ASN1Time) -> UnixTime {
    UnixTime::from_secs(read.timestamp())
}

fn first_failure(checks: &[(bool, LintFinding)]) -> Result<(), LintFinding> {
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, finding)) => Err(*finding),
        None => Ok(()),
    }
}
