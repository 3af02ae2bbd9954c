use bytes::Bytes;
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, CryptoError, CryptoProvider,
    DigestAlgorithm, KeyTransport, Secret,
};

use super::opened::{self, Opened, OpenedWith};
use super::reply::Reply;
use super::sealed::{Rejected, Sealed, SealedKind};
use crate::attributes::TransactionId;
use crate::cms::{Envelope, PasswordRecipient};
use crate::error::{Error, Misbehaviour};
use crate::random::FallbackKey;

/// What opens an envelope, found without using a key or a password.
#[derive(Debug, Clone)]
#[must_use]
pub enum Lock {
    /// One of our private keys.
    Key(Wrapped),
    /// A password that the sender and we know: the CA's key cannot encrypt (RFC 8894 §3.1).
    Password(PasswordWrapped),
}

/// An envelope that only lacks its content key, for keys that unwrap remotely.
#[derive(Debug, Clone)]
#[must_use]
pub struct Wrapped {
    pub(super) content: Content,
    transport: KeyTransport,
    encrypted_key: Bytes,
    recipient: usize,
}

/// An envelope whose content key is wrapped by a password: the host looks up which it may be.
///
/// Which password it was is nowhere said. By transactionID, signer and source the host finds at most a few candidates;
/// the work for them is bounded, and the same whichever of them fits, or none.
#[derive(Debug, Clone)]
#[must_use]
pub struct PasswordWrapped {
    pub(super) content: Content,
    recipient: PasswordRecipient,
}

/// A request and its encrypted content.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) sealed: Sealed,
    pub(super) envelope: Envelope,
    pub(super) cipher: ContentCipher,
    pub(super) iv: Bytes,
}

impl Sealed {
    /// Finds what opens the envelope: one of our certificates' keys, else a password.
    ///
    /// # Errors
    /// [`Rejected`]: no recipient is ours, or an algorithm is not admitted.
    pub fn lock(
        self,
        ours: &[&Certificate],
        policy: AlgorithmPolicy,
    ) -> Result<Lock, Box<Rejected>> {
        let content = Content::read(self, policy)?;
        match content.envelope.find_recipient(ours) {
            Ok((recipient, index)) => {
                let (transport, encrypted_key) =
                    (recipient.transport(), recipient.encrypted_key.clone());
                match transport {
                    Ok(transport) => Ok(Lock::Key(Wrapped {
                        content,
                        transport,
                        encrypted_key,
                        recipient: index,
                    })),
                    Err(error) => Err(content.sealed.rejected(error)),
                }
            }
            Err(none_ours) => match content.envelope.password_recipient(policy) {
                Ok(Some(recipient)) => Ok(Lock::Password(PasswordWrapped { content, recipient })),
                Ok(None) => Err(content.sealed.rejected(none_ours)),
                Err(error) => Err(content.sealed.rejected(error)),
            },
        }
    }

    /// Finds the wrapped content key that one of our certificates can unwrap, for hosts that know no passwords.
    ///
    /// # Errors
    /// [`Rejected`]: no recipient is ours, or an algorithm is not admitted.
    pub fn wrapped_key(
        self,
        ours: &[&Certificate],
        policy: AlgorithmPolicy,
    ) -> Result<Wrapped, Box<Rejected>> {
        let content = Content::read(self, policy)?;
        let found = content.envelope.find_recipient(ours).and_then(|(recipient, index)| {
            Ok((recipient.transport()?, recipient.encrypted_key.clone(), index))
        });
        match found {
            Ok((transport, encrypted_key, recipient)) => {
                Ok(Wrapped { content, transport, encrypted_key, recipient })
            }
            Err(error) => Err(content.sealed.rejected(error)),
        }
    }
}

impl Lock {
    /// What the envelope must hold.
    #[must_use]
    pub fn kind(&self) -> SealedKind {
        self.sealed().kind()
    }

    /// Who signed. The certificate is not trusted by being there.
    #[must_use]
    pub fn signer(&self) -> &Certificate {
        self.sealed().signer()
    }

    /// Gives up opening it.
    pub fn into_reply(self) -> Reply {
        match self {
            Self::Key(Wrapped { content, .. })
            | Self::Password(PasswordWrapped { content, .. }) => content.sealed.into_reply(),
        }
    }

    fn sealed(&self) -> &Sealed {
        match self {
            Self::Key(Wrapped { content, .. })
            | Self::Password(PasswordWrapped { content, .. }) => &content.sealed,
        }
    }
}

impl Content {
    fn read(mut sealed: Sealed, policy: AlgorithmPolicy) -> Result<Self, Box<Rejected>> {
        match read_envelope(sealed.envelope(), policy) {
            Ok((envelope, cipher, iv)) => {
                sealed.answer_with(cipher);
                Ok(Self { sealed, envelope, cipher, iv })
            }
            Err(error) => Err(sealed.rejected(error)),
        }
    }
}

fn read_envelope(
    envelope: &Bytes,
    policy: AlgorithmPolicy,
) -> Result<(Envelope, ContentCipher, Bytes), Error> {
    if envelope.is_empty() {
        return Err(Misbehaviour::EnvelopeMissing.into());
    }
    let envelope = Envelope::parse(envelope)?;
    let (cipher, iv) = envelope.cipher(policy)?;
    Ok((envelope, cipher, iv))
}

impl Wrapped {
    /// How the content key is wrapped.
    #[must_use]
    pub fn transport(&self) -> KeyTransport {
        self.transport
    }

    /// The wrapped content key.
    #[must_use]
    pub fn encrypted_key(&self) -> &[u8] {
        &self.encrypted_key
    }

    /// Which of our certificates it is for, as an index into the slice given to [`Sealed::lock`].
    #[must_use]
    pub fn recipient(&self) -> usize {
        self.recipient
    }

    /// The key to go on with if unwrapping fails or gives another length (RFC 3218 §2.3.2).
    #[must_use]
    pub fn fallback(&self, drawn: &FallbackKey) -> ContentKey {
        drawn.key(self.content.cipher)
    }

    /// Refuses it because of an error of the host's, such as a key that does not answer.
    #[must_use]
    pub fn reject(self, error: Error) -> Box<Rejected> {
        self.content.sealed.rejected(error)
    }

    /// Decrypts the content and reads what the message type promises.
    ///
    /// # Errors
    /// [`Rejected`] with [`Error::Undecipherable`], whatever went wrong.
    pub fn open_with(
        self,
        key: &ContentKey,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Opened, Box<Rejected>> {
        opened::open(self.content, key, &OpenedWith::Key(self.recipient), provider, policy)
    }
}

impl PasswordWrapped {
    /// The transactionID, by which a host may find the password.
    #[must_use]
    pub fn transaction_id(&self) -> &TransactionId {
        self.content.sealed.transaction_id()
    }

    /// Who signed. The certificate is not trusted by being there.
    #[must_use]
    pub fn signer(&self) -> &Certificate {
        self.content.sealed.signer()
    }

    /// How the key-encryption key is derived from a password: HMAC over this digest, so often.
    #[must_use]
    pub fn derivation(&self) -> (DigestAlgorithm, u32) {
        let (prf, iterations) = self.recipient.derivation();
        (prf, iterations.get())
    }

    /// How many candidates are tried at most: 64, fewer if each one costs much, so that two million iterations are the most
    /// that one message can cause.
    #[must_use]
    pub fn max_candidates(&self) -> usize {
        self.recipient.trials()
    }

    /// Whether so many candidates may be tried for this message; a host that asks before it looks them up does the same for
    /// whoever sent it.
    ///
    /// # Errors
    /// [`Unsupported::Iterations`](crate::Unsupported::Iterations) if each one costs too much for that, or there are more
    /// than 64.
    pub fn check_candidates(&self, candidates: usize) -> Result<(), Error> {
        self.recipient.check_trials(candidates)
    }

    /// Gives up opening it.
    pub fn into_reply(self) -> Reply {
        self.content.sealed.into_reply()
    }

    /// Refuses it because of an error of the host's, such as more work than it wants.
    #[must_use]
    pub fn reject(self, error: Error) -> Box<Rejected> {
        self.content.sealed.rejected(error)
    }

    /// Tries the candidates, all of them up to [`PasswordWrapped::max_candidates`], and goes on with the first that
    /// fits, or with the fallback; without a candidate the work of one is done. Empty passwords are none.
    ///
    /// # Errors
    /// [`Rejected`] with [`Error::Undecipherable`], whatever went wrong; with [`Error::Crypto`] if the provider cannot.
    pub fn open_with(
        self,
        candidates: &[Secret],
        fallback: &FallbackKey,
        provider: &CryptoProvider,
        policy: AlgorithmPolicy,
    ) -> Result<Opened, Box<Rejected>> {
        let Self { content, recipient } = self;
        match try_all(&recipient, candidates, content.cipher, provider) {
            Ok(Some((key, password))) => {
                let with = OpenedWith::Password(password.clone());
                opened::open(content, &key, &with, provider, policy)
            }
            Ok(None) => {
                let key = fallback.key(content.cipher);
                opened::open(content, &key, &OpenedWith::NoPassword, provider, policy)
            }
            Err(error) => Err(content.sealed.rejected(error.into())),
        }
    }
}

/// The content key and the password that gave it; no candidate is left out because another fits.
fn try_all<'a>(
    recipient: &PasswordRecipient,
    candidates: &'a [Secret],
    cipher: ContentCipher,
    provider: &CryptoProvider,
) -> Result<Option<(ContentKey, &'a Secret)>, CryptoError> {
    let mut found = None;
    let mut tried = 0_usize;
    let candidates = candidates.iter().filter(|candidate| !candidate.is_empty());
    for candidate in candidates.take(recipient.trials()) {
        let key = recipient.unwrap(candidate, cipher.key_len(), provider.envelope)?;
        found = found.or(key.map(|key| (key, candidate)));
        tried = tried.saturating_add(1);
    }
    if tried == 0 {
        // Whether there is a password for this transaction is nobody's business; what comes of it does not count.
        let nobodys = Secret::new("nobody's");
        recipient.unwrap(&nobodys, cipher.key_len(), provider.envelope)?;
    }
    Ok(found)
}
