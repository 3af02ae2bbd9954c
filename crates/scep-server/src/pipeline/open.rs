//! What opens an envelope: one of our keys, or the password that all devices share. One way, one error (invariant 6).

use std::slice;
use std::sync::Arc;

use scep_proto::server::{Lock, Opened, Rejected, Sealed, Wrapped};
use scep_proto::{FallbackKey, Misbehaviour};
use scep_types::Certificate;

use super::Speaker;
use crate::endpoint::{Inner, Mode};
use crate::{Error, RegistrationAuthority};

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
/// [`Error::Overloaded`] if too many wait to derive keys already, and nothing was derived.
pub(super) async fn run_to_unlock<T: Send + 'static>(
    inner: &Arc<Inner>,
    lock: Lock,
    work: impl FnOnce(&Inner, Lock) -> T + Send + 'static,
) -> Result<T, Error> {
    let derives = matches!((&lock, &inner.config.mode), (Lock::Password(_), Mode::Static(_)));
    let (execution, inner) = (inner.config.host.execution.clone(), Arc::clone(inner));
    let work = move || work(&inner, lock);
    if derives { execution.derive(work).await } else { execution.run(work).await }
}

/// Opens the envelope; for a worker, since it takes an RSA operation or the derivation of a key.
///
/// That only [`Mode::Static`] has a password is no secret, so the others refuse at once: what they do not have is not
/// worth the work of looking for it.
pub(super) fn unlock(inner: &Inner, lock: Lock) -> Result<Opened, Box<Rejected>> {
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
