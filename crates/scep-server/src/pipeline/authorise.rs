//! Authorisation: the endpoint's one mode, or the certificate that is renewed. What one refuses, the other does not grant.

use std::sync::Arc;

use intune_challenge::signed::Verifier;
use scep_proto::server::Enrolment;
use scep_store::{ChallengeUse, DeviceLimit, Sha256};
use scep_types::{Authorization, Basis, GeneralName, NameAssurance, Secret, UnixTime, VerifiedCsr};
use zeroize::Zeroizing;

use super::one_time::Presented;
use super::renewal::Predecessor;
use crate::endpoint::{Inner, Mode, SignerBinding};
use crate::intune::IntuneMode;
use crate::{Error, OneTimePasswordFault, PasswordFault};

/// What authorises a request.
pub(super) enum Authorised {
    /// Something at hand.
    Now(Box<Warrant>),
    /// The Intune service, if it finds the challenge good.
    ByService {
        /// How it is asked.
        mode: Arc<IntuneMode>,
        /// What makes the challenge unique.
        challenge: Sha256,
    },
    /// A one-time password, if the store has it and it is good.
    ByPassword(Presented),
    /// An operator, if one does.
    ByOperator {
        /// Until when one may.
        until: UnixTime,
    },
}

/// An authorisation and what it uses up.
pub(super) struct Warrant {
    pub(super) authorization: Authorization,
    pub(super) challenge: Option<ChallengeUse>,
    pub(super) device_limit: Option<DeviceLimit>,
    /// For whom a challenge was made, for the log.
    pub(super) device: Option<String>,
}

/// Whether the request can be answered, and comes from the holder of the key it must come from.
///
/// # Errors
/// A refusal for good: no earlier answer changes it.
pub(super) fn check_keys(
    inner: &Inner,
    enrolment: &Enrolment,
    predecessor: Option<&Predecessor>,
) -> Result<(), Error> {
    enrolment.reply.check_encryptable()?;
    match (predecessor, inner.config.signer_binding) {
        // The old key signed the message, the new one the CSR.
        (Some(_), _) | (None, SignerBinding::Any) => Ok(()),
        (None, SignerBinding::SameKey) => Ok(enrolment.check_same_key()?),
    }
}

/// An envelope that a one-time password opened holds that very password, or none: nobody uses up another's with it.
///
/// # Errors
/// A refusal for good.
pub(super) fn check_password(inner: &Inner, enrolment: &Enrolment) -> Result<(), Error> {
    let presented = enrolment.csr.challenge_password();
    match (&inner.config.mode, &enrolment.password, presented) {
        (Mode::OneTimePassword(_), Some(opened), Some(presented)) if opened != presented => {
            Err(OneTimePasswordFault::NotTheOpener.into())
        }
        _ => Ok(()),
    }
}

/// Judges by the predecessor if there is one, else by the mode.
pub(super) fn authorise(
    inner: &Inner,
    csr: &VerifiedCsr,
    predecessor: Option<&Predecessor>,
    now: UnixTime,
) -> Result<Authorised, Error> {
    let warrant = match (predecessor, &inner.config.mode) {
        (Some(predecessor), _) => by_predecessor(inner, csr, predecessor, now)?,
        (None, Mode::Static(password)) => by_password(csr, password)?,
        (None, Mode::OneTimePassword(_)) => {
            return Ok(Authorised::ByPassword(Presented::by(inner, csr)?));
        }
        (None, Mode::Signed(verifier)) => by_challenge(inner, csr, verifier, now)?,
        (None, Mode::Intune(mode)) => {
            let (mode, challenge) = (Arc::clone(mode), opaque_challenge(inner, csr)?);
            return Ok(Authorised::ByService { mode, challenge });
        }
        (None, Mode::Manual { keep }) => {
            return Ok(Authorised::ByOperator { until: now.plus(*keep) });
        }
    };
    Ok(Authorised::Now(Box::new(warrant)))
}

fn by_predecessor(
    inner: &Inner,
    csr: &VerifiedCsr,
    predecessor: &Predecessor,
    now: UnixTime,
) -> Result<Warrant, Error> {
    let authorization = predecessor.authorise(inner, csr, now)?;
    let device = inner.config.device_allowance.map(|_| inner.sha256(&predecessor.identity()));
    let device_limit = device_limit(inner, device.transpose()?)?;
    Ok(Warrant { authorization, challenge: None, device_limit, device: None })
}

fn by_password(csr: &VerifiedCsr, password: &Secret) -> Result<Warrant, Error> {
    let given = csr.challenge_password().ok_or(PasswordFault::Missing)?;
    if given != password {
        return Err(PasswordFault::Wrong.into());
    }
    let names = NameAssurance::SelfAsserted;
    let authorization = Authorization::assertion(csr, Basis::StaticPassword, names);
    Ok(Warrant { authorization, challenge: None, device_limit: None, device: None })
}

fn by_challenge(
    inner: &Inner,
    csr: &VerifiedCsr,
    verifier: &Verifier,
    now: UnixTime,
) -> Result<Warrant, Error> {
    let bound = verifier.check(csr, now)?;
    let challenge =
        ChallengeUse { key: Sha256::new(bound.replay_key()), remember_until: bound.expires() };
    Ok(Warrant {
        authorization: bound.authorization(),
        challenge: Some(challenge),
        device_limit: device_limit(inner, bound.device().map(Sha256::new))?,
        device: bound.claims().subject.clone(),
    })
}

/// What makes an opaque challenge unique; without one the service need not be asked.
fn opaque_challenge(inner: &Inner, csr: &VerifiedCsr) -> Result<Sha256, Error> {
    let challenge = csr.challenge_password().ok_or(Error::NoChallenge)?;
    let text = Zeroizing::new([b"intune: ", challenge.expose().as_bytes()].concat());
    Ok(inner.sha256(&text)?)
}

/// The limit of whoever has these names, which the service compared with the profile.
pub(super) fn device_limit_of_names(
    inner: &Inner,
    csr: &VerifiedCsr,
) -> Result<Option<DeviceLimit>, Error> {
    let names = csr.subject_alt_names().iter().map(GeneralName::der);
    let names: Vec<&[u8]> = names.map(AsRef::as_ref).collect();
    let identity = [&b"intune: "[..], csr.subject().der(), &names.concat()].concat();
    let device = inner.config.device_allowance.map(|_| inner.sha256(&identity)).transpose()?;
    device_limit(inner, device)
}

pub(super) fn device_limit(
    inner: &Inner,
    device: Option<Sha256>,
) -> Result<Option<DeviceLimit>, Error> {
    let (Some(allowance), Some(device)) = (inner.config.device_allowance, device) else {
        return Ok(None);
    };
    Ok(Some(DeviceLimit::new(device, allowance.certificates, allowance.window)?))
}
