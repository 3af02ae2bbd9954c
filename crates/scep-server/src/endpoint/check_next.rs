//! What makes it impossible that a CA takes over.

use scep_ca::Incompatibility;
use scep_types::{BasicConstraints, Certificate, CryptoProvider, KeyUsage, UnixTime};

use super::check::{Warning, check_certificates, check_issuance, check_keys, is_issued_by};
use super::{Authority, EndpointConfig, NextAuthority};
use crate::Misconfigured;

/// Checks the next CA as the endpoint's own is, at the moment it begins if that is to come.
pub(super) fn check(
    next: &NextAuthority,
    config: &EndpointConfig,
    now: UnixTime,
) -> Result<Vec<Warning>, Misconfigured> {
    match next {
        NextAuthority::Announced { ca, ra } => {
            check_announced(ca, ra, &config.host.provider, now)?;
            Ok(Vec::new())
        }
        NextAuthority::Issuing(authority) => check_issuing(authority, config, now),
    }
}

/// It is a CA, is not over, and issued its RA.
fn check_announced(
    ca: &Certificate,
    ra: &[Certificate],
    provider: &CryptoProvider,
    now: UnixTime,
) -> Result<(), Misconfigured> {
    let lacks_usage = ca.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::KEY_CERT_SIGN));
    if ca.basic_constraints() != BasicConstraints::Ca {
        return Err(Misconfigured::NextCa(Incompatibility::NotCa));
    }
    if lacks_usage {
        return Err(Misconfigured::NextCa(Incompatibility::LacksKeyCertSign));
    }
    check_end(ca, now)?;
    match ra.iter().position(|ra| !is_issued_by(ra, ca, provider)) {
        Some(position) => Err(Misconfigured::NextRa(position)),
        None => Ok(()),
    }
}

/// All that a CA must be that issues, told apart from the endpoint's own by whom requests are encrypted to.
fn check_issuing(
    next: &Authority,
    config: &EndpointConfig,
    now: UnixTime,
) -> Result<Vec<Warning>, Misconfigured> {
    let ca = next.ca.issuer.certificate();
    check_end(ca, now)?;
    if ca.spki() == config.authority.ca.issuer.certificate().spki() {
        return Err(Misconfigured::NextSameKey);
    }
    if next.ra.recipients.is_empty() {
        return Err(Misconfigured::NextNoRecipient);
    }
    let begun = now.max(ca.validity().not_before);
    let within = |error| Misconfigured::Next(Box::new(error));
    check_keys(next).map_err(within)?;
    check_issuance(next, &config.host.provider, begun).map_err(within)?;
    check_distinct(next, &config.authority)?;
    let warnings = check_certificates(next, begun).map_err(within)?;
    Ok(warnings.into_iter().map(of_next).collect())
}

fn check_end(ca: &Certificate, now: UnixTime) -> Result<(), Misconfigured> {
    if ca.validity().not_after < now {
        return Err(Misconfigured::NextCa(Incompatibility::NotValid(now)));
    }
    Ok(())
}

/// A recipient is named by issuer and serial number alone, and both CAs may have the same name.
fn check_distinct(next: &Authority, current: &Authority) -> Result<(), Misconfigured> {
    let same = |one: &Certificate, other: &Certificate| {
        one.serial() == other.serial() && one.issuer().matches(other.issuer())
    };
    let shared = |(_, of_next): &(_, &super::RecipientKey)| {
        current.ra.openers().any(|(_, ours)| same(&of_next.certificate, &ours.certificate))
    };
    if next.ra.openers().any(|opener| shared(&opener)) {
        return Err(Misconfigured::NextSameRecipient);
    }
    Ok(())
}

const fn of_next(warning: Warning) -> Warning {
    match warning {
        Warning::Certificate { role, found } => Warning::NextCertificate { role, found },
        other => other,
    }
}
