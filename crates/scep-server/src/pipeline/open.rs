//! What opens an envelope: one of our keys, the password that all devices share, or a one-time password. One way, one error
//! (invariant 6).
//!
//! Here it is found out, too, which of the endpoint's CAs a request is for; nothing after it asks again.

use std::slice;
use std::sync::Arc;

use scep_proto::server::{Lock, Opened, Rejected, Sealed, Wrapped};
use scep_proto::{FallbackKey, Misbehaviour};
use scep_store::OneTimePassword;
use scep_types::{Certificate, DecryptionKey, UnixTime};

use super::{Speaker, sealed};
use crate::endpoint::{Inner, Mode};
use crate::{Error, RecipientKey};

/// An envelope that is closed, and all that follows from whom it was encrypted to.
pub(super) struct Locked {
    pub(super) lock: Lock,
    /// The CA that it is for (RFC 8894 §5.1): the current one, unless it was encrypted to the next.
    pub(super) under: Arc<Inner>,
    /// The RA that the client knows: the one it encrypted to.
    pub(super) speaker: Speaker,
    /// What opens it, if no password does.
    key: Option<Arc<dyn DecryptionKey>>,
    /// The one-time passwords that may open it; they are looked up once a worker is there to try them.
    passwords: Vec<OneTimePassword>,
}

/// A key that opens envelopes, and whose it is.
struct Opener<'a> {
    under: &'a Arc<Inner>,
    speaker: Speaker,
    recipient: &'a RecipientKey,
}

/// Finds what opens the envelope, by the openers of all our RAs, and of the next CA's.
pub(super) fn lock(inner: &Arc<Inner>, request: Sealed) -> Result<Locked, Box<Rejected>> {
    let openers: Vec<_> = inner.generations().flat_map(Opener::of).collect();
    let lock = find(inner, &openers, request)?;
    let opener = match &lock {
        Lock::Key(wrapped) => openers.get(wrapped.recipient()),
        Lock::Password(_) => None, // which names no CA
    };
    Ok(match opener {
        Some(Opener { under, speaker, recipient }) => {
            let (under, key) = (Arc::clone(under), Some(Arc::clone(&recipient.key)));
            Locked { lock, under, speaker: *speaker, key, passwords: Vec::new() }
        }
        None => Locked {
            lock,
            under: Arc::clone(inner),
            speaker: Speaker::Current,
            key: None,
            passwords: Vec::new(),
        },
    })
}

fn find(inner: &Inner, openers: &[Opener<'_>], request: Sealed) -> Result<Lock, Box<Rejected>> {
    let ours: Vec<&Certificate> = openers.iter().map(Opener::certificate).collect();
    let policy = inner.config.algorithms;
    if inner.successor().is_none() {
        return request.lock(&ours, policy);
    }
    // What none of them is named by may still name a certificate that the current RA had before.
    request.clone().lock(&ours, policy).or_else(|_| {
        let current: Vec<_> =
            inner.config.authority.ra.openers().map(|(_, opener)| &opener.certificate).collect();
        request.lock(&current, policy)
    })
}

impl<'a> Opener<'a> {
    fn of(under: &'a Arc<Inner>) -> impl Iterator<Item = Self> {
        let speakers = std::iter::once(Speaker::Current).chain((0..).map(Speaker::Earlier));
        under.config.authority.ra.all().zip(speakers).flat_map(move |(ra, speaker)| {
            ra.recipients.iter().map(move |recipient| Self { under, speaker, recipient })
        })
    }

    fn certificate(&self) -> &'a Certificate {
        &self.recipient.certificate
    }
}

/// Runs what opens this envelope on a worker; if a password opens it, on one of those that derive keys.
///
/// # Errors
/// [`Error::Overloaded`] if too many wait to derive keys already, and nothing was derived or looked up; the store.
pub(super) async fn run_to_unlock<T: Send + 'static>(
    inner: &Arc<Inner>,
    mut request: Locked,
    now: UnixTime,
    work: impl FnOnce(&Inner, Locked) -> T + Send + 'static,
) -> Result<T, Error> {
    let (execution, on_worker) = (&inner.config.host.execution, Arc::clone(inner));
    let asked = sealed::Asked::by(inner, &request.lock);
    let derives = asked.is_some()
        || matches!((&request.lock, &inner.config.mode), (Lock::Password(_), Mode::Static(_)));
    if !derives {
        return execution.run(move || work(&on_worker, request)).await;
    }
    let candidates = async {
        match asked {
            Some(asked) => asked.candidates(inner, now).await,
            None => Ok(Vec::new()),
        }
    };
    let work = move |passwords| {
        request.passwords = passwords;
        work(&on_worker, request)
    };
    execution.derive(candidates, work).await
}

/// Opens the envelope; for a worker, since it takes an RSA operation or the derivation of a key.
///
/// Which modes have passwords that open is no secret, so the others refuse at once: what they do not have is not worth the
/// work of looking for it.
pub(super) fn unlock(inner: &Inner, request: Locked) -> Result<Opened, Box<Rejected>> {
    let Locked { lock, key, passwords, .. } = request;
    let drawn = match inner.random() {
        Ok(drawn) => FallbackKey::new(*drawn),
        Err(error) => return reject(lock, error.into()),
    };
    let (provider, policy) = (inner.provider(), inner.config.algorithms);
    match (lock, &inner.config.mode) {
        (Lock::Key(wrapped), _) => unlock_by_key(inner, wrapped, key.as_deref(), &drawn),
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
    key: Option<&dyn DecryptionKey>,
    drawn: &FallbackKey,
) -> Result<Opened, Box<Rejected>> {
    let Some(key) = key else {
        return Err(wrapped.reject(Misbehaviour::NotRecipient { recipients: 1 }.into()));
    };
    let fallback = wrapped.fallback(drawn);
    match key.unwrap_key(wrapped.transport(), wrapped.encrypted_key(), &fallback) {
        Ok(key) => wrapped.open_with(&key, inner.provider(), inner.config.algorithms),
        Err(error) => Err(wrapped.reject(error.into())),
    }
}

fn reject(lock: Lock, error: scep_proto::Error) -> Result<Opened, Box<Rejected>> {
    Err(Box::new(Rejected { error, reply: lock.into_reply() }))
}
