use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;
use scep_types::{Authorization, Csr, GeneralName, GeneralNameValue, NameAssurance};

use crate::{Error, Refusal, SidExtension, SidUri};

/// Before the SID in a strong mapping URI (KB5014754).
const URI_PREFIX: &str = "tag:microsoft.com,2022-09-14:sid:";
/// The name space of such URIs, compared without case: a reader more lenient than we are is kept out too.
const URI_SPACE: &str = "tag:microsoft.com";
/// Sub-authorities a SID may have (MS-DTYP §2.4.2).
const MAX_SUB_AUTHORITIES: usize = 15;

/// A Windows security identifier as text, `S-1-5-21-…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sid(String);

impl Sid {
    /// The SID of the extension that goes into the certificate, if the profile adds one.
    pub(crate) fn decide(
        policy: SidExtension,
        csr: &Csr,
        authorization: &Authorization,
    ) -> Result<Option<Self>, Error> {
        if policy == SidExtension::Never || authorization.names() != NameAssurance::Vouched {
            return Ok(None);
        }
        let uris: Vec<_> =
            csr.subject_alt_names().iter().filter(|name| is_strong_mapping(name)).collect();
        match uris.as_slice() {
            [] => Ok(None),
            [uri] => Self::from_uri(uri)
                .map(Some)
                .ok_or_else(|| Error::Refused(Refusal::MalformedSid((*uri).clone()))),
            several => Err(Error::Refused(Refusal::SeveralSids(several.len()))),
        }
    }

    fn from_uri(name: &GeneralName) -> Option<Self> {
        let GeneralNameValue::Uri(uri) = name.value() else { return None };
        let text = uri.strip_prefix(URI_PREFIX)?;
        is_sid(text).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of szOID_NTDS_CA_SECURITY_EXT.
    ///
    /// ```text
    /// SEQUENCE { [0] IMPLICIT SEQUENCE { 1.3.6.1.4.1.311.25.2.1, [0] EXPLICIT OCTET STRING } }
    /// ```
    pub(crate) fn to_extension(&self) -> Vec<u8> {
        DerWriter::encode(|der| {
            der.sequence(|der| {
                der.constructed(Tag::context(0), |der| {
                    der.oid(&oid::MS_NTDS_OBJECTSID);
                    der.constructed(Tag::context(0), |der| {
                        der.primitive(Tag::OCTET_STRING, self.0.as_bytes());
                    });
                });
            });
        })
    }
}

/// Refuses a strong mapping URI that the requester chose, unless the profile wants it.
pub(crate) fn check_assurance(
    policy: SidUri,
    name: &GeneralName,
    authorization: &Authorization,
) -> Result<(), Error> {
    let vouched = authorization.names() == NameAssurance::Vouched;
    if vouched || policy == SidUri::AsAnyUri || !is_strong_mapping(name) {
        return Ok(());
    }
    Err(Error::Refused(Refusal::UnvouchedSidUri(name.clone())))
}

fn is_strong_mapping(name: &GeneralName) -> bool {
    match name.value() {
        GeneralNameValue::Uri(uri) => {
            uri.get(..URI_SPACE.len()).is_some_and(|start| start.eq_ignore_ascii_case(URI_SPACE))
        }
        _ => false,
    }
}

/// `S-1-`, an identifier authority and sub-authorities, all decimal (MS-DTYP §2.4.2.1).
fn is_sid(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("S-1-") else { return false };
    let decimal = |number: &str, max: u64| {
        let digits = number.bytes().all(|octet| octet.is_ascii_digit());
        let minimal = number == "0" || !number.starts_with('0');
        digits && minimal && number.parse::<u64>().is_ok_and(|value| value <= max)
    };
    let mut parts = numbers.split('-');
    let authority = parts.next().is_some_and(|number| decimal(number, (1 << 48) - 1));
    let mut subs = 0_usize;
    let all = parts.all(|number| {
        subs = subs.saturating_add(1);
        decimal(number, u64::from(u32::MAX))
    });
    authority && all && (1..=MAX_SUB_AUTHORITIES).contains(&subs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_sids_are_sids() {
        for sid in ["S-1-5-18", "S-1-5-21-1004336348-1177238915-682003330-512", "S-1-0-0"] {
            assert!(is_sid(sid), "{sid}");
        }
        let long = format!("S-1-5{}", "-1".repeat(16));
        for not in [
            "",
            "S-1-",
            "S-1-5",
            "S-2-5-18",
            "s-1-5-18",
            "S-1-5-18-",
            "S-1-5--18",
            "S-1-5-018",
            "S-1-5-4294967296",
            "S-1-5-+1",
            "S-1-281474976710656-1",
            "S-1-5-18\0",
            &long,
        ] {
            assert!(!is_sid(not), "{not}");
        }
    }
}
