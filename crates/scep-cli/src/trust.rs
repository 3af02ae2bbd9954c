//! How the CA is known, from the command line.

use scep_proto::CaAnchor;
use scep_proto::client::CaTrust;
use scep_types::DigestAlgorithm;

use crate::cli::TrustArgs;
use crate::error::{Error, Usage};
use crate::files;

/// Which fingerprints are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fingerprints {
    Sha256Only,
    Sha1Too,
}

impl Fingerprints {
    pub(crate) fn allowed(sha1: bool) -> Self {
        if sha1 { Self::Sha1Too } else { Self::Sha256Only }
    }

    /// Reads hexadecimal digits; blanks and colons between them do not count.
    pub(crate) fn parse(self, text: &str) -> Result<CaAnchor, Error> {
        let digits: String =
            text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ':' | '-')).collect();
        let octets = hex(&digits).ok_or(Usage::Fingerprint)?;
        match (octets.len(), self) {
            (32, _) => Ok(CaAnchor::Fingerprint(DigestAlgorithm::Sha256, octets)),
            (20, Self::Sha1Too) => Ok(CaAnchor::Fingerprint(DigestAlgorithm::Sha1, octets)),
            (20, Self::Sha256Only) => Err(Usage::Sha1Fingerprint.into()),
            _ => Err(Usage::Fingerprint.into()),
        }
    }
}

/// What the arguments say about the CA.
pub(crate) fn trust(args: &TrustArgs) -> Result<CaTrust, Error> {
    if let Some(text) = &args.fingerprint {
        let fingerprints = Fingerprints::allowed(args.allow_sha1_fingerprint);
        return Ok(CaTrust::Anchor(fingerprints.parse(text)?));
    }
    if let Some(path) = &args.ca {
        let certificate = files::read_certificate(path)?;
        return Ok(CaTrust::Anchor(CaAnchor::Certificate(Box::new(certificate))));
    }
    if args.trust_unverified {
        return Ok(CaTrust::Anchor(CaAnchor::TrustUnverified));
    }
    Ok(CaTrust::Ask)
}

/// The octets of hexadecimal digits, if there are any and an even number.
pub(crate) fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R-2.2-04
    #[test]
    fn fingerprints_may_be_written_with_colons_blanks_and_any_case() {
        let expected = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, vec![0xAB; 32]);
        for pair in ["ab", "AB:", "Ab ", "aB-"] {
            assert_eq!(Fingerprints::Sha256Only.parse(&pair.repeat(32)).unwrap(), expected);
        }
    }

    // R-2.2-04
    #[test]
    fn a_sha_1_fingerprint_is_taken_only_if_allowed() {
        let text = "00".repeat(20);
        let refused = Fingerprints::Sha256Only.parse(&text).unwrap_err();
        assert_eq!(refused, Error::Usage(Usage::Sha1Fingerprint));
        let taken = Fingerprints::Sha1Too.parse(&text).unwrap();
        assert_eq!(taken, CaAnchor::Fingerprint(DigestAlgorithm::Sha1, vec![0; 20]));
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in ["", "abc", "zz", &"00".repeat(16), &"00".repeat(33), &"é".repeat(64)] {
            let refused = Fingerprints::Sha1Too.parse(text).unwrap_err();
            assert_eq!(refused, Error::Usage(Usage::Fingerprint), "{text}");
        }
    }
}
