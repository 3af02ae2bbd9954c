//! What makes an endpoint impossible, and what makes it a nuisance for some devices.

use std::fmt;
use std::time::Duration;

use scep_ca::{CertificateRole, Incompatibility, incompatibilities};
use scep_proto::server::Unmet;
use scep_store::{NewNotice, NoticeBody, Terms};
use scep_types::{
    AlgorithmPolicy, BasicConstraints, Certificate, CryptoProvider, KeyKind, UnixTime,
};

use super::{
    Authority, CaCertificateShape, EndpointConfig, Mode, RenewalPolicy, SignerBinding, check_next,
};
use crate::{IntuneMode, Misconfigured};

/// What an operator should know about an endpoint that works all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Some devices will not get along with a certificate.
    Certificate {
        /// What the certificate is for.
        role: CertificateRole,
        /// What it has or lacks.
        found: Incompatibility,
    },
    /// So it is with a certificate of the next CA, or of its RA.
    NextCertificate {
        /// What the certificate is for.
        role: CertificateRole,
        /// What it has or lacks.
        found: Incompatibility,
    },
    /// The family of devices it is for cannot use it.
    Family(Unmet),
    /// Algorithms are taken that protect little, or nothing.
    Algorithms(AlgorithmPolicy),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { role, found } => write!(f, "certificate of {role:?}: {found}"),
            Self::NextCertificate { role, found } => {
                write!(f, "the next CA: certificate of {role:?}: {found}")
            }
            Self::Family(unmet) => write!(f, "its devices lack {unmet:?}"),
            Self::Algorithms(AlgorithmPolicy::Modern) => f.write_str("strong algorithms only"),
            Self::Algorithms(AlgorithmPolicy::Legacy) => f.write_str("SHA-1 and 3DES are taken"),
            Self::Algorithms(AlgorithmPolicy::Obsolete) => {
                f.write_str("MD5 and single DES are taken, which protect nothing")
            }
        }
    }
}

/// Checks all that can be checked without a request.
pub(super) fn check(config: &EndpointConfig, now: UnixTime) -> Result<Vec<Warning>, Misconfigured> {
    check_path(&config.path)?;
    check_mode(config)?;
    check_keys(&config.authority)?;
    check_openers(config)?;
    let next = config.next.as_ref().map(|next| check_next::check(next, config, now));
    check_issuance(&config.authority, &config.host.provider, now)?;
    check_shape(config)?;
    let mut warnings = check_certificates(&config.authority, now)?;
    warnings.extend(next.transpose()?.unwrap_or_default());
    if config.algorithms > AlgorithmPolicy::Modern {
        warnings.push(Warning::Algorithms(config.algorithms));
    }
    Ok(warnings)
}

/// `/`, or segments of unreserved characters (RFC 3986 §2.3), so that the path is itself in any router and any URL.
pub(crate) fn check_path(path: &str) -> Result<(), Misconfigured> {
    let unreserved = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(unreserved);
    let segments = path.strip_prefix('/');
    if path == "/" || segments.is_some_and(|segments| segments.split('/').all(is_segment)) {
        return Ok(());
    }
    Err(Misconfigured::Path(path.to_owned()))
}

fn check_mode(config: &EndpointConfig) -> Result<(), Misconfigured> {
    match &config.mode {
        Mode::Static(password) if password.expose().trim().is_empty() => {
            Err(Misconfigured::BlankPassword)
        }
        Mode::OneTimePassword(passwords) => passwords.check(),
        Mode::Manual { keep } if keep.as_secs() == 0 => Err(Misconfigured::NothingKept),
        Mode::Manual { .. } if config.signer_binding == SignerBinding::Any => {
            Err(Misconfigured::ManualWithAnySigner)
        }
        Mode::Intune(_) if config.renewal != RenewalPolicy::Deny => {
            Err(Misconfigured::IntuneRenewal)
        }
        Mode::Intune(mode) => check_intune(mode),
        _ => Ok(()),
    }
}

fn check_intune(mode: &IntuneMode) -> Result<(), Misconfigured> {
    let body = NoticeBody::new(b"a CSR").map_err(Misconfigured::Notices)?;
    NewNotice::new(body, mode.notice_lease, mode.notice_keep).map_err(Misconfigured::Notices)?;
    Terms::new(mode.notice_lease, mode.notice_keep).map_err(Misconfigured::Notices)?;
    if mode.remember_challenge < CHALLENGE_LIFE {
        let remembered = mode.remember_challenge;
        return Err(Misconfigured::ForgetfulChallenges { remembered });
    }
    Ok(())
}

/// How long Intune's challenges are good, by Microsoft's account.
const CHALLENGE_LIFE: Duration = Duration::from_secs(60 * 60);

/// Each private key is that of its certificate, and recipients can decrypt.
pub(super) fn check_keys(authority: &Authority) -> Result<(), Misconfigured> {
    let Authority { ca, ra, .. } = authority;
    if ca.signing.spki() != ca.issuer.certificate().spki() {
        return Err(Misconfigured::Key(CertificateRole::CaBehindRa));
    }
    if ra.all().any(|ra| ra.signing.spki() != ra.certificate.spki()) {
        return Err(Misconfigured::Key(CertificateRole::SigningRa));
    }
    for (position, (_, recipient)) in ra.openers().enumerate() {
        if recipient.key.spki() != recipient.certificate.spki() {
            return Err(Misconfigured::Key(CertificateRole::DecryptingRa));
        }
        if !recipient.certificate.key_kind().is_ok_and(KeyKind::can_encrypt) {
            return Err(Misconfigured::Recipient(position));
        }
    }
    Ok(())
}

/// Something opens requests: a key; or the password that all devices share, or sealed ones, which they use only where they are
/// shown no certificate that they could encrypt to.
fn check_openers(config: &EndpointConfig) -> Result<(), Misconfigured> {
    let is_sealed = match &config.mode {
        Mode::OneTimePassword(passwords) => Some(passwords.sealing.is_some()),
        _ => None,
    };
    if !config.authority.ra.recipients.is_empty() {
        return if is_sealed == Some(true) {
            Err(Misconfigured::NeedlessSealingKey)
        } else {
            Ok(())
        };
    }
    let can_encrypt = |shown: &Certificate| shown.key_kind().is_ok_and(KeyKind::can_encrypt);
    let is_misled = || super::handed_out(config).into_iter().any(can_encrypt);
    match config.mode {
        Mode::OneTimePassword(_) if is_sealed == Some(false) => Err(Misconfigured::NoSealingKey),
        Mode::Static(_) | Mode::OneTimePassword(_) if is_misled() => Err(Misconfigured::NotOpened),
        Mode::Static(_) | Mode::OneTimePassword(_) => Ok(()),
        _ => Err(Misconfigured::NoRecipient),
    }
}

/// The RA that is handed out is the CA or was issued by it, and each certificate of the chain by the next.
pub(super) fn check_issuance(
    authority: &Authority,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Result<(), Misconfigured> {
    let ca = authority.ca.issuer.certificate();
    for (certificate, role) in roles(authority).filter(|(certificate, _)| *certificate != ca) {
        if !is_issued_by(certificate, ca, provider) {
            return Err(Misconfigured::NotIssuedByCa(role));
        }
    }
    let mut below = ca;
    for (position, above) in authority.ca.chain.iter().enumerate() {
        let is_ca = above.basic_constraints() == BasicConstraints::Ca || above.is_self_issued();
        let valid = above.validity().contains(now);
        if !(is_ca && valid && is_issued_by(below, above, provider)) {
            return Err(Misconfigured::Chain(position));
        }
        below = above;
    }
    Ok(())
}

pub(super) fn is_issued_by(
    certificate: &Certificate,
    issuer: &Certificate,
    provider: &CryptoProvider,
) -> bool {
    // The operator's own certificates: how strong their signatures are is told by a warning.
    let policy = AlgorithmPolicy::Legacy;
    certificate.issuer().matches(issuer.subject())
        && certificate.verify_signature(issuer.spki(), provider.verify, policy).is_ok()
}

fn check_shape(config: &EndpointConfig) -> Result<(), Misconfigured> {
    let ca = config.authority.ca.issuer.certificate();
    let has_ra = config.authority.ra.certificates().any(|certificate| certificate != ca);
    match config.ca_certificates {
        CaCertificateShape::SingleCa if has_ra => Err(Misconfigured::HiddenRa),
        CaCertificateShape::RaBundle if !has_ra => Err(Misconfigured::NoRa),
        _ => Ok(()),
    }
}

pub(super) fn check_certificates(
    authority: &Authority,
    now: UnixTime,
) -> Result<Vec<Warning>, Misconfigured> {
    let mut warnings = Vec::new();
    for (certificate, role) in roles(authority) {
        let found = incompatibilities(certificate, role, now).into_iter();
        for found in found.filter(|found| !is_idle(*found, authority)) {
            if is_fatal(found, role, authority) {
                return Err(Misconfigured::Certificate { role, found });
            }
            warnings.push(Warning::Certificate { role, found });
        }
    }
    Ok(warnings)
}

/// What nobody encrypts to need not be able to decrypt.
fn is_idle(found: Incompatibility, authority: &Authority) -> bool {
    found == Incompatibility::LacksKeyEncipherment && authority.ra.recipients.is_empty()
}

/// Each certificate that is handed out, once, with what it is for.
fn roles(authority: &Authority) -> impl Iterator<Item = (&Certificate, CertificateRole)> {
    let Authority { ca, ra, .. } = authority;
    let ca = ca.issuer.certificate();
    let speaks = ra.certificates().any(|certificate| certificate == ca);
    let ca_role = if speaks { CertificateRole::CaAsRa } else { CertificateRole::CaBehindRa };
    let alone = ra.certificates().nth(1).is_none();
    let ra_roles = ra.certificates().enumerate().filter(move |(_, c)| *c != ca);
    std::iter::once((ca, ca_role)).chain(ra_roles.map(move |(position, certificate)| {
        let role = match position {
            0 if alone && !ra.recipients.is_empty() => CertificateRole::Ra,
            0 => CertificateRole::SigningRa,
            _ => CertificateRole::DecryptingRa,
        };
        (certificate, role)
    }))
}

/// RFC 8894 §2.1.2 demands the key usages; without the rest nothing works at all.
fn is_fatal(found: Incompatibility, role: CertificateRole, authority: &Authority) -> bool {
    match found {
        Incompatibility::KeyNotRsa => {
            role != CertificateRole::SigningRa && !authority.ra.recipients.is_empty()
        }
        Incompatibility::NotValid(_)
        | Incompatibility::NotCa
        | Incompatibility::LacksDigitalSignature
        | Incompatibility::LacksKeyEncipherment
        | Incompatibility::LacksKeyCertSign => true,
        _ => false,
    }
}
