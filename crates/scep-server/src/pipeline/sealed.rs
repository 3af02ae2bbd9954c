//! One-time passwords that open requests, where no key does (RFC 8894 §3.1): which ones it may be, and how they are unsealed.
//!
//! A request does not say by which password it is encrypted. So all are tried that can still be used, of which there are few, and
//! the one that its transaction used up: a device whose answer was lost sends the same again. How many may be tried is a
//! setting; a request of which so many would cost too much is refused before anything is looked up, however few there are.

use scep_proto::server::{Lock, PasswordWrapped};
use scep_store::{OneTimePassword, Polled, TransactionId, TransactionKey};
use scep_types::{Basis, CryptoError, Secret, UnixTime};

use super::issue;
use crate::endpoint::{Inner, Mode};
use crate::one_time::{context, key};
use crate::{Error, OneTimePasswords};

/// A request that a one-time password is to open.
pub(super) struct Asked {
    /// How many may be live.
    most: usize,
    transaction_id: scep_proto::TransactionId,
    signer_key: Vec<u8>,
}

impl Asked {
    /// If the endpoint has such passwords, and they may all be tried.
    pub(super) fn by(inner: &Inner, lock: &Lock) -> Option<Self> {
        let (Lock::Password(wrapped), Mode::OneTimePassword(settings)) = (lock, &inner.config.mode)
        else {
            return None;
        };
        check(settings, wrapped).ok()?;
        Some(Self {
            most: settings.most,
            transaction_id: wrapped.transaction_id().clone(),
            signer_key: wrapped.signer().spki().to_vec(),
        })
    }

    /// The passwords that it may be: at most as many as may be live, and one more.
    pub(super) async fn candidates(
        self,
        inner: &Inner,
        now: UnixTime,
    ) -> Result<Vec<OneTimePassword>, Error> {
        let store = &inner.config.host.store;
        let mut candidates = store.list_passwords(&inner.id, now).await?;
        candidates.retain(|live| live.sealed.is_some()); // others were made when a key opened requests
        candidates.truncate(self.most);
        // Afterwards: one that is used up in between is in one of the two.
        let used = self.used_up(inner, now).await?;
        candidates.extend(used.filter(|used| !candidates.iter().any(|live| live.key == used.key)));
        Ok(candidates)
    }

    /// The one on which this transaction got its certificate.
    async fn used_up(
        &self,
        inner: &Inner,
        now: UnixTime,
    ) -> Result<Option<OneTimePassword>, Error> {
        let store = &inner.config.host.store;
        let transaction_id = TransactionId::new(self.transaction_id.octets())?;
        let transaction = TransactionKey { endpoint: inner.id.clone(), transaction_id };
        let signer_key = inner.sha256(&self.signer_key)?;
        match store.poll(&transaction, &signer_key, inner.terms, now).await? {
            Polled::Issued(issued) => match &issued.certificate.basis {
                Basis::OneTimePassword(id) => Ok(store.password(&key(inner, id)?).await?),
                _ => Ok(None),
            },
            Polled::Approved { reservation, .. } => {
                issue::release(inner, reservation, now).await; // of a time when an operator decided
                Ok(None)
            }
            Polled::Pending | Polled::Rejected(_) | Polled::Unknown => Ok(None),
        }
    }
}

/// The candidates that the sealing key opens; the others let nobody in, and the operator is told.
///
/// # Errors
/// The endpoint has no such passwords, or the request asks for too much work; a key that does not answer.
pub(super) fn unsealed(
    inner: &Inner,
    settings: &OneTimePasswords,
    wrapped: &PasswordWrapped,
    candidates: &[OneTimePassword],
) -> Result<Vec<Secret>, scep_proto::Error> {
    check(settings, wrapped)?;
    let Some(sealing) = &settings.sealing else { return Ok(Vec::new()) };
    let mut passwords = Vec::with_capacity(candidates.len());
    let mut broken = Vec::new();
    for candidate in candidates {
        let Some(sealed) = &candidate.sealed else { continue };
        match sealing.open(&context(inner, &candidate.key), sealed.octets()) {
            Ok(password) => passwords.push(password),
            Err(CryptoError::DecryptionFailed) => broken.push(&candidate.facts.id),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(first) = broken.first() {
        tracing::error!(
            endpoint = %inner.id,
            password = %first,
            others = broken.len().saturating_sub(1),
            "a one-time password does not open: it was sealed by another key or for another endpoint, or changed; withdraw it and make another"
        );
    }
    Ok(passwords)
}

fn check(settings: &OneTimePasswords, wrapped: &PasswordWrapped) -> Result<(), scep_proto::Error> {
    match settings.sealing {
        Some(_) => wrapped.check_candidates(settings.most.saturating_add(1)),
        None => Err(scep_proto::Error::Undecipherable(None)),
    }
}
