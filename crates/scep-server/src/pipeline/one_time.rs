//! The mode of one-time passwords: looked up in the store, then judged on a worker like any other authorisation.
//!
//! Whether there is such a password, and which of its conditions fails, changes neither the answer nor the work. That it
//! is used once is the ledger's affair: the reservation names it as its challenge.

use std::sync::Arc;

use scep_store::{
    BoundName, ChallengeUse, DeviceLimit, DeviceName, OneTimePassword, PasswordBinding, PasswordId,
    PasswordVerifier, Sha256,
};
use scep_types::{Authorization, Basis, NameAssurance, Secret, UnixTime, VerifiedCsr};

use super::authorise::{Warrant, device_limit};
use super::issue::Issuance;
use crate::endpoint::Inner;
use crate::one_time::{Parts, hash, key, match_names};
use crate::{Error, OneTimePasswordFault};

/// What a CSR presents as a one-time password, and where the store would have it.
pub(super) struct Presented {
    key: Sha256,
    text: Secret,
}

/// What a good password allows, and uses up.
pub(super) struct Allowed {
    pub(super) id: PasswordId,
    pub(super) issuance: Box<Issuance>,
    pub(super) challenge: Option<ChallengeUse>,
    pub(super) device_limit: Option<DeviceLimit>,
    pub(super) device: Option<String>,
}

impl Presented {
    pub(super) fn by(inner: &Inner, csr: &VerifiedCsr) -> Result<Self, Error> {
        let text = csr.challenge_password().ok_or(OneTimePasswordFault::Missing)?;
        Ok(Self { key: key(inner, Parts::of(text).id)?, text: text.clone() })
    }

    /// Looks it up and judges it; what it allows is not reserved yet.
    pub(super) async fn judge(
        self,
        inner: &Arc<Inner>,
        csr: &VerifiedCsr,
        now: UnixTime,
    ) -> Result<Allowed, Error> {
        let found = inner.config.host.store.password(&self.key).await?;
        let csr = csr.clone();
        let judge = move |inner: &Inner| {
            let warrant = by_one_time_password(inner, &csr, &self, found.as_ref(), now)?;
            let Warrant { authorization, challenge, device_limit, device } = warrant;
            let admitted = inner.admit(&csr, authorization, now)?;
            let named = device.as_deref().and_then(DeviceName::of);
            let issuance = Box::new(Issuance { device: named, ..Issuance::of(admitted) });
            let id = found.ok_or(OneTimePasswordFault::Unknown)?.facts.id;
            Ok(Allowed { id, issuance, challenge, device_limit, device })
        };
        inner.run(judge).await?
    }
}

fn by_one_time_password(
    inner: &Inner,
    csr: &VerifiedCsr,
    presented: &Presented,
    found: Option<&OneTimePassword>,
    now: UnixTime,
) -> Result<Warrant, Error> {
    // One that is not there has the hash of nothing: it is compared with all the same.
    let nobodys = PasswordVerifier { salt: [0; 16], hash: Sha256::new([0; 32]) };
    let expected = found.map_or(nobodys, |found| found.verifier);
    let hash = hash(inner, &expected.salt, Parts::of(&presented.text).secret)?;
    let is_right = PasswordVerifier { salt: expected.salt, hash } == expected;

    let password = found.ok_or(OneTimePasswordFault::Unknown)?;
    check(inner, password, is_right, now)?;
    let OneTimePassword { key, facts, .. } = password;
    let names = check_names(csr, password)?;
    let device = device(&facts.binding);
    let limited = device.filter(|_| inner.config.device_allowance.is_some());
    let limited = limited.map(|name| [b"one-time password: device ", name.as_bytes()].concat());
    let limited = limited.map(|device| inner.sha256(&device)).transpose()?;
    let basis = Basis::OneTimePassword(facts.id.as_str().to_owned());
    Ok(Warrant {
        authorization: Authorization::assertion(csr, basis, names),
        challenge: Some(ChallengeUse { key: *key, remember_until: facts.expires }),
        device_limit: device_limit(inner, limited)?,
        device: device.map(str::to_owned),
    })
}

fn check(
    inner: &Inner,
    password: &OneTimePassword,
    is_right: bool,
    now: UnixTime,
) -> Result<(), OneTimePasswordFault> {
    let facts = &password.facts;
    let id = facts.id.clone();
    if !is_right {
        return Err(OneTimePasswordFault::WrongSecret { id });
    }
    if facts.endpoint != inner.id {
        return Err(OneTimePasswordFault::OtherEndpoint { id, endpoint: facts.endpoint.clone() });
    }
    if let Some(at) = password.withdrawn {
        return Err(OneTimePasswordFault::Withdrawn { id, at });
    }
    if facts.expires <= now {
        return Err(OneTimePasswordFault::Expired { id, at: facts.expires });
    }
    Ok(())
}

/// Names that were compared are vouched for; a password that is bound to none lets the requester choose them.
fn check_names(
    csr: &VerifiedCsr,
    password: &OneTimePassword,
) -> Result<NameAssurance, OneTimePasswordFault> {
    let facts = &password.facts;
    if facts.binding.names().is_empty() {
        return Ok(NameAssurance::SelfAsserted);
    }
    let matched = match_names(&facts.binding, csr);
    matched.map_err(|mismatch| {
        let id = facts.id.clone();
        OneTimePasswordFault::OtherNames { id, mismatch }
    })?;
    Ok(NameAssurance::Vouched)
}

/// The label of the device that a password is bound to.
fn device(binding: &PasswordBinding) -> Option<&str> {
    binding.names().iter().find_map(|name| match name {
        BoundName::CommonName(label) => Some(label.as_str()),
        _ => None,
    })
}
