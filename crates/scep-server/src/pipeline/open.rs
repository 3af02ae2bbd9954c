//! What opens an envelope: one of our keys, the password that all devices share, or a one-time password. One way, one error
//! (invariant 6).

use std::slice;
use std::sync::Arc;

use scep_proto::server::{Lock, Opened, Rejected, Sealed, Wrapped};
use scep_proto::{FallbackKey, Misbehaviour};
use scep_store::OneTimePassword;
use scep_types::{Certificate, UnixTime};

use super::{Speaker, sealed};
use crate::endpoint::{Inner, Mode};
use crate::{Error, RegistrationAuthority};

/// An envelope, and the one-time passwords that may open it.
pub(super) struct Locked {
    lock: Lock,
    passwords: Vec<OneTimePassword>,
}

/// Finds what opens the envelope, by the openers of all our RAs.
pub(super) fn lock(inner: &Inner, request: Sealed) -> Result<Lock, Box<Rejected>> {
    let ra = &inner.config.authority.ra;
    let ours: Vec<&Certificate> =
        ra.openers().map(|(_, recipient)| &recipient.certificate).collect();
    request.lock(&ours, inner.config.algorithms)
}

/// The RA that the client knows: the one it encrypted to.
pub(super) fn speaker(inner: &Inner, lock: &Lock) -> Speaker {
    let ra = &inner.config.authority.ra;
    let Lock::Key(wrapped) = lock else { return Speaker::Current };
    let opener = ra.openers().nth(wrapped.recipient()).map(|(opener, _)| opener);
    let opens = |earlier: &RegistrationAuthority| {
        opener.is_some_and(|opener| std::ptr::eq(opener, earlier))
    };
    ra.earlier.iter().position(opens).map_or(Speaker::Current, Speaker::Earlier)
}

/// Runs what opens this envelope on a worker; if a password opens it, on one of those that derive keys.
///
/// # Errors
/// [`Error::Overloaded`] if too many wait to derive keys already, and nothing was derived or looked up; the store.
pub(super) async fn run_to_unlock<T: Send + 'static>(
    inner: &Arc<Inner>,
    lock: Lock,
    now: UnixTime,
    work: impl FnOnce(&Inner, Locked) -> T + Send + 'static,
) -> Result<T, Error> {
    let (execution, on_worker) = (&inner.config.host.execution, Arc::clone(inner));
    let asked = sealed::Asked::by(inner, &lock);
    let derives = asked.is_some()
        || matches!((&lock, &inner.config.mode), (Lock::Password(_), Mode::Static(_)));
    let work = move |passwords| work(&on_worker, Locked { lock, passwords });
    if !derives {
        return execution.run(move || work(Vec::new())).await;
    }
    let candidates = async {
        match asked {
            Some(asked) => asked.candidates(inner, now).await,
            None => Ok(Vec::new()),
        }
    };
    execution.derive(candidates, work).await
}

/// Opens the envelope; for a worker, since it takes an RSA operation or the derivation of a key.
///
/// Which modes have passwords that open is no secret, so the others refuse at once: what they do not have is not worth the
/// work of looking for it.
pub(super) fn unlock(inner: &Inner, locked: Locked) -> Result<Opened, Box<Rejected>> {
    let Locked { lock, passwords } = locked;
    let drawn = match inner.random() {
        Ok(drawn) => FallbackKey::new(*drawn),
        Err(error) => return reject(lock, error.into()),
    };
    let (provider, policy) = (inner.provider(), inner.config.algorithms);
    match (lock, &inner.config.mode) {
        (Lock::Key(wrapped), _) => unlock_by_key(inner, wrapped, &drawn),
        (Lock::Password(wrapped), Mode::Static(password)) => {
            wrapped.open_with(slice::from_ref(password), &drawn, provider, policy)
        }
        (Lock::Password(wrapped), Mode::OneTimePassword(settings)) => {
            match sealed::unsealed(inner, settings, &wrapped, &passwords) {
                Ok(candidates) => wrapped.open_with(&candidates, &drawn, provider, policy),
                Err(error) => Err(wrapped.reject(error)),
            }
        }
        (lock, _) => reject(lock, scep_proto::Error::Undecipherable(None)),
    }
}

fn unlock_by_key(
    inner: &Inner,
    wrapped: Wrapped,
    drawn: &FallbackKey,
) -> Result<Opened, Box<Rejected>> {
    let ra = &inner.config.authority.ra;
    let Some((_, opener)) = ra.openers().nth(wrapped.recipient()) else {
        let none_ours = Misbehaviour::NotRecipient { recipients: ra.openers().count() };
        return Err(wrapped.reject(none_ours.into()));
    };
    let fallback = wrapped.fallback(drawn);
    match opener.key.unwrap_key(wrapped.transport(), wrapped.encrypted_key(), &fallback) {
        Ok(key) => wrapped.open_with(&key, inner.provider(), inner.config.algorithms),
        Err(error) => Err(wrapped.reject(error.into())),
    }
}

fn reject(lock: Lock, error: scep_proto::Error) -> Result<Opened, Box<Rejected>> {
    Err(Box::new(Rejected { error, reply: lock.into_reply() }))
}
