//! Issuance: what was reserved is signed and committed, or released.

use std::sync::Arc;

use scep_ca::{Admitted, Issued, Serial};
use scep_store::{
    CertificateId, DeviceName, NewCertificate, NewNotice, Operator, Rejection, Reservation,
    SerialNumber,
};
use scep_types::{Authorization, Basis, NameAssurance, UnixTime, VerifiedCsr};

use super::Granted;
use super::sign::signed;
use crate::endpoint::Inner;
use crate::error::Answer;
use crate::moment::Moment;
use crate::{Error, compliance};

/// What is to be issued, and what is recorded with it.
pub(super) struct Issuance {
    pub(super) admitted: Admitted,
    /// For whom, if the authorisation says so; else the subject has it.
    pub(super) device: Option<DeviceName>,
    pub(super) notice: Option<NewNotice>,
}

impl Issuance {
    /// Of what is recorded by its subject, and told to nobody.
    pub(super) const fn of(admitted: Admitted) -> Self {
        Self { admitted, device: None, notice: None }
    }
}

/// Signs and commits; whatever goes wrong before the commit burns nothing. A signature that takes longer than the lease is too
/// late: by then the reservation may be another's.
pub(super) async fn issue(
    inner: &Arc<Inner>,
    Issuance { admitted, device, notice }: Issuance,
    reservation: Reservation,
    now: UnixTime,
) -> Result<Granted, Error> {
    let moment = Moment::starting(now);
    let signed = sign(inner, admitted).await;
    let now = moment.now();
    let recorded = signed.and_then(|issued| Ok((record(inner, &issued, device)?, issued)));
    let (record, issued) = match recorded {
        Ok(recorded) => recorded,
        Err(error) => {
            release(inner, reservation, now).await;
            return Err(error);
        }
    };
    // Only a certificate whose commit succeeded may leave.
    inner.config.host.store.commit(reservation, record, notice, now).await?;
    let basis = issued.authorization().basis().clone();
    Ok(Granted::Issued { certificate: issued.into_certificate(), basis })
}

/// Issues what an operator approved, or rejects it if the profile does not admit it or the device does not comply.
///
/// Operators decide about what they see; nobody compared the names with anything.
pub(super) async fn approved(
    inner: &Arc<Inner>,
    csr: &VerifiedCsr,
    operator: &Operator,
    reservation: Reservation,
    now: UnixTime,
) -> Result<Granted, Error> {
    let basis = Basis::Operator(operator.as_str().to_owned());
    let complies = compliance::check(inner, csr, &basis, None).await;
    let authorization = Authorization::assertion(csr, basis, NameAssurance::SelfAsserted);
    let admit = || inner.admit(csr, authorization, now);
    match complies.and_then(|()| Ok(admit()?)) {
        Ok(admitted) => issue(inner, Issuance::of(admitted), reservation, now).await,
        Err(error) => {
            reject(inner, &error, reservation, now).await;
            Err(error)
        }
    }
}

/// Gives a reservation back. If that fails, it ends with its lease, to the same effect.
pub(super) async fn release(inner: &Inner, reservation: Reservation, now: UnixTime) {
    if let Err(error) = inner.config.host.store.release(reservation, now).await {
        tracing::warn!(%error, "a reservation stands until its lease is over");
    }
}

/// Refuses what was reserved for good, so that polls learn it; unless the fault is ours.
pub(super) async fn reject(inner: &Inner, error: &Error, reservation: Reservation, now: UnixTime) {
    let Answer::Failure(fail_info) = error.answer() else {
        return release(inner, reservation, now).await;
    };
    let rejection = Rejection { fail_info: fail_info.number() };
    if let Err(error) = inner.config.host.store.reject(reservation, rejection, now).await {
        tracing::warn!(%error, "a rejection was not recorded");
    }
}

async fn sign(inner: &Arc<Inner>, admitted: Admitted) -> Result<Issued, Error> {
    signed(inner, &inner.config.authority.ca.signing, move |inner| {
        let serial = Serial::from_random(*inner.random()?);
        let issuer = &inner.config.authority.ca.issuer;
        Ok(admitted.prepare(serial, issuer, inner.provider().digest)?)
    })
    .await
}

fn record(
    inner: &Inner,
    issued: &Issued,
    device: Option<DeviceName>,
) -> Result<NewCertificate, Error> {
    let certificate = issued.certificate();
    let serial = SerialNumber::new(certificate.serial())?;
    let device = device.or_else(|| DeviceName::of(&certificate.subject().to_string()));
    let new = NewCertificate::new(
        CertificateId { issuer: inner.issuer_key, serial },
        certificate.der(),
        inner.sha256(certificate.spki())?,
        certificate.validity().not_after,
        issued.authorization().basis().clone(),
    )?;
    Ok(new.with_device(device))
}
