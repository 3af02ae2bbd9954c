use scep_types::oid::{self, Oid};
use scep_types::{Csr, KeyKind, KeyUsage};

use crate::{Error, ExtendedKeyUsagePolicy, KeyUsagePolicy, ProfileDefect, Refusal, Unlisted};

/// What no end entity may be given.
const FORBIDDEN: KeyUsage = KeyUsage::KEY_CERT_SIGN.union(KeyUsage::CRL_SIGN);

impl KeyUsagePolicy {
    pub(crate) fn check_config(&self) -> Result<(), ProfileDefect> {
        let (granted, absent) = match self {
            Self::Fixed(bits) => (*bits, *bits),
            Self::FromCsr { allowed, absent, .. } => (*allowed, *absent),
        };
        if granted.is_empty() || !granted.intersection(FORBIDDEN).is_empty() {
            return Err(ProfileDefect::KeyUsage(granted));
        }
        if absent.is_empty() || !granted.contains(absent) {
            return Err(ProfileDefect::KeyUsage(absent));
        }
        Ok(())
    }

    /// The bits of the certificate, at least one.
    pub(crate) fn decide(&self, csr: &Csr) -> Result<KeyUsage, Error> {
        let granted = match (self, csr.key_usage()) {
            (Self::Fixed(bits), _) => *bits,
            (Self::FromCsr { absent, .. }, None) => *absent,
            (Self::FromCsr { allowed, others, .. }, Some(requested)) => {
                if *others == Unlisted::Refuse && !allowed.contains(requested) {
                    let allowed = *allowed;
                    return Err(Error::Refused(Refusal::KeyUsage { requested, allowed }));
                }
                requested.intersection(*allowed)
            }
        };
        let kind = csr.key_kind();
        // RFC 5280 §4.2.1.3: when the extension appears, at least one bit is set.
        Some(granted.intersection(capabilities(kind)))
            .filter(|bits| !bits.is_empty())
            .ok_or(Error::Refused(Refusal::NoKeyUsage(kind)))
    }
}

/// What a kind of key can do at all (RFC 4055 §1.2, RFC 5480 §3, RFC 8410 §5).
fn capabilities(kind: KeyKind) -> KeyUsage {
    let signs = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::NON_REPUDIATION);
    match kind {
        KeyKind::Rsa { .. } => {
            signs.union(KeyUsage::KEY_ENCIPHERMENT).union(KeyUsage::DATA_ENCIPHERMENT)
        }
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => signs.union(KeyUsage::KEY_AGREEMENT),
        KeyKind::Ed25519 => signs,
        _ => KeyUsage::empty(),
    }
}

impl ExtendedKeyUsagePolicy {
    pub(crate) fn check_config(&self) -> Result<(), ProfileDefect> {
        let (granted, absent) = match self {
            Self::Unrestricted => return Ok(()),
            Self::Fixed(usages) => (usages, usages),
            Self::FromCsr { allowed, absent, .. } => (allowed, absent),
        };
        if granted.is_empty() || absent.is_empty() {
            return Err(ProfileDefect::NoExtendedKeyUsage);
        }
        match absent.iter().find(|usage| !granted.contains(usage)) {
            Some(usage) => Err(ProfileDefect::ExtendedKeyUsage(*usage)),
            None => Ok(()),
        }
    }

    /// The usages of the certificate; none means no extension.
    pub(crate) fn decide(&self, csr: &Csr) -> Result<Vec<Oid>, Error> {
        match self {
            Self::Unrestricted => Ok(Vec::new()),
            Self::Fixed(usages) => Ok(usages.clone()),
            Self::FromCsr { absent, .. } if csr.extension(&oid::EXTENDED_KEY_USAGE).is_none() => {
                Ok(absent.clone())
            }
            Self::FromCsr { allowed, others, .. } => {
                let granted = within(csr.extended_key_usages()?, allowed, *others)?;
                Some(granted)
                    .filter(|usages| !usages.is_empty())
                    .ok_or(Error::Refused(Refusal::NoExtendedKeyUsage))
            }
        }
    }
}

/// The requested usages that are allowed, each once.
fn within(requested: Vec<Oid>, allowed: &[Oid], others: Unlisted) -> Result<Vec<Oid>, Error> {
    let mut granted = Vec::new();
    for usage in requested {
        match (allowed.contains(&usage), others) {
            (true, _) if granted.contains(&usage) => {}
            (true, _) => granted.push(usage),
            (false, Unlisted::Drop) => {}
            (false, Unlisted::Refuse) => {
                return Err(Error::Refused(Refusal::ExtendedKeyUsage(usage)));
            }
        }
    }
    Ok(granted)
}
