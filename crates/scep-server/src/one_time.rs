//! One-time passwords: made here, judged in the pipeline, kept in the store.
//!
//! A password is 32 symbols: an id of 6, by which it is found, and a secret of 26, that is 130 random bits. The symbols are
//! capital letters and digits that are not taken for one another: Windows takes no others, Jamf no more than 32.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use intune_challenge::Mismatch;
use intune_challenge::signed::Claims;
use scep_store::{
    BoundName, MAX_LIVE_PASSWORDS, OneTimePassword, Operator, PasswordBinding, PasswordFacts,
    PasswordId, PasswordVerifier, SealedPassword, Sha256, StoreError, Withdrawn,
};
use scep_types::{CryptoError, Csr, SealingKey, Secret, UnixTime};
use zeroize::Zeroizing;

use crate::endpoint::{Inner, Mode};
use crate::{Endpoint, Error, Misconfigured};

/// 32 of them, so that five random bits are one symbol; without 0, 1, I and O.
const SYMBOLS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Symbols of the id.
const ID: usize = 6;
/// Symbols of all of it.
const ALL: usize = 32;
/// How often another id is drawn; that the first one is taken is rare, so twice in a row it does not happen.
const DRAWS: usize = 4;
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Sealed one-time passwords of one endpoint that may be live at a time: for each request a key is derived from every one.
pub const MAX_SEALED_PASSWORDS: usize = 32;

/// How the one-time passwords of an endpoint are made.
#[derive(Clone)]
#[non_exhaustive]
pub struct OneTimePasswords {
    /// How long one is good unless its order says otherwise, 1 second to 30 days; an hour unless said otherwise.
    pub lifetime: Duration,
    /// How many may wait for being used, 1 to 2,000; 1,000 unless said otherwise. Of sealed ones 1 to
    /// [`MAX_SEALED_PASSWORDS`]; 16 unless said otherwise.
    pub most: usize,
    /// What seals them, so that requests that are encrypted by one can be opened. It is needed where no key of the CA or RA can
    /// decrypt, and refused elsewhere: there the hash is enough.
    pub sealing: Option<Arc<dyn SealingKey>>,
}

impl OneTimePasswords {
    /// For an endpoint without a key that can decrypt.
    #[must_use]
    pub fn sealed(sealing: Arc<dyn SealingKey>) -> Self {
        Self { sealing: Some(sealing), most: 16, ..Self::default() }
    }
}

/// Without the key.
impl fmt::Debug for OneTimePasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lifetime, most, sealing } = self;
        let mut shown = f.debug_struct("OneTimePasswords");
        shown.field("lifetime", lifetime).field("most", most);
        shown.field("sealed", &sealing.is_some()).finish()
    }
}

impl Default for OneTimePasswords {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(60 * 60), most: 1_000, sealing: None }
    }
}

/// An order for a one-time password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordOrder {
    /// Who asks for it.
    pub minted_by: Operator,
    /// How long it is to be good, if not as the endpoint says.
    pub lifetime: Option<Duration>,
    /// The names that it is to be good for, neither more nor fewer; any if there are none.
    pub binding: PasswordBinding,
}

impl PasswordOrder {
    /// For any names, for as long as the endpoint says.
    #[must_use]
    pub fn new(minted_by: Operator) -> Self {
        Self { minted_by, lifetime: None, binding: PasswordBinding::default() }
    }
}

/// A one-time password that was just made: the only time that anyone has it.
#[derive(Clone)]
pub struct MintedPassword {
    /// The password, for the CSR's challengePassword: 32 capital letters and digits.
    pub password: Secret,
    /// What is known of it afterwards.
    pub facts: PasswordFacts,
}

/// Without the password.
impl fmt::Debug for MintedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { password: _, facts } = self;
        f.debug_struct("MintedPassword").field("facts", facts).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Makes a one-time password and keeps its hash in the store; the password, too, where it is sealed.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an endpoint of another mode, or a lifetime of none or more than 30 days.
    /// [`Error::Store`], with [`StoreError::Full`] if as many wait for being used as may; [`Error::Crypto`].
    pub async fn mint_password(
        &self,
        order: PasswordOrder,
        now: UnixTime,
    ) -> Result<MintedPassword, Error> {
        let settings = self.one_time()?;
        let lifetime = order.lifetime.unwrap_or(settings.lifetime);
        check_lifetime(lifetime)?;
        let (inner, mut draws) = (self.inner(), 0..DRAWS);
        loop {
            let (password, kept) = mint(inner, settings, &order, now, lifetime)?;
            let added = inner.config.host.store.add_password(&kept, settings.most, now).await;
            match added {
                Err(StoreError::DuplicatePassword) if draws.next().is_some() => {}
                added => {
                    added?;
                    return Ok(MintedPassword { password, facts: kept.facts });
                }
            }
        }
    }

    /// The one-time passwords that can still be used, without their secrets.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an endpoint of another mode, [`Error::Store`].
    pub async fn passwords(&self, now: UnixTime) -> Result<Vec<PasswordFacts>, Error> {
        self.one_time()?;
        let live = self.inner().config.host.store.list_passwords(self.id(), now).await?;
        Ok(live.into_iter().map(|password| password.facts).collect())
    }

    /// Withdraws a one-time password; the certificate of one that was used stays.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an endpoint of another mode, [`Error::Store`], [`Error::Crypto`].
    pub async fn withdraw_password(
        &self,
        id: &PasswordId,
        now: UnixTime,
    ) -> Result<Withdrawn, Error> {
        self.one_time()?;
        let key = key(self.inner(), id.as_str())?;
        Ok(self.inner().config.host.store.withdraw_password(self.id(), &key, now).await?)
    }

    fn one_time(&self) -> Result<&OneTimePasswords, Misconfigured> {
        match &self.inner().config.mode {
            Mode::OneTimePassword(settings) => Ok(settings),
            _ => Err(Misconfigured::NotOneTime),
        }
    }
}

impl OneTimePasswords {
    /// Refuses what could not be kept.
    pub(crate) fn check(&self) -> Result<(), Misconfigured> {
        let most = self.most;
        check_lifetime(self.lifetime)?;
        match self.sealing {
            None if !(1..=MAX_LIVE_PASSWORDS).contains(&most) => {
                Err(Misconfigured::PasswordCount { most })
            }
            Some(_) if !(1..=MAX_SEALED_PASSWORDS).contains(&most) => {
                Err(Misconfigured::SealedPasswordCount { most })
            }
            _ => Ok(()),
        }
    }
}

fn check_lifetime(lifetime: Duration) -> Result<(), Misconfigured> {
    if (Duration::from_secs(1)..=LONGEST).contains(&lifetime) {
        return Ok(());
    }
    Err(Misconfigured::PasswordLifetime { lifetime })
}

/// A password, and what is kept of it.
fn mint(
    inner: &Inner,
    settings: &OneTimePasswords,
    order: &PasswordOrder,
    now: UnixTime,
    lifetime: Duration,
) -> Result<(Secret, OneTimePassword), Error> {
    let drawn = inner.random::<ALL>()?;
    // A mask of five bits: each symbol is as likely as any other.
    let symbols = drawn.iter().filter_map(|octet| SYMBOLS.get(usize::from(octet & 31)));
    let mut text = String::with_capacity(ALL); // grown, it would leave a copy behind
    text.extend(symbols.map(|symbol| char::from(*symbol)));
    let password = Secret::new(text);
    let Parts { id, secret } = Parts::of(&password);
    let salt = *inner.random::<16>()?;
    let facts = PasswordFacts {
        id: PasswordId::new(id)?,
        endpoint: inner.id.clone(),
        minted_at: now,
        expires: now.plus(lifetime),
        minted_by: order.minted_by.clone(),
        binding: order.binding.clone(),
    };
    let verifier = PasswordVerifier { salt, hash: hash(inner, &salt, secret)? };
    let key = key(inner, id)?;
    let sealed = match &settings.sealing {
        Some(sealing) => {
            Some(SealedPassword::new(&sealing.seal(&context(inner, &key), &password)?)?)
        }
        None => None,
    };
    let kept = OneTimePassword { key, facts, verifier, sealed, withdrawn: None };
    Ok((password, kept))
}

/// The two parts of a text that may be a one-time password.
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl<'a> Parts<'a> {
    /// Of any text; what is too short has an id that no password has.
    pub(crate) fn of(text: &'a Secret) -> Self {
        let (id, secret) = text.expose().split_at_checked(ID).unwrap_or(("", text.expose()));
        Self { id, secret }
    }
}

/// By what a password is found, and its use is remembered.
pub(crate) fn key(inner: &Inner, id: &str) -> Result<Sha256, CryptoError> {
    inner.sha256(&[b"one-time password: ", id.as_bytes()].concat())
}

/// What a sealed password is bound to: its place in the store and its endpoint.
pub(crate) fn context(inner: &Inner, key: &Sha256) -> Vec<u8> {
    [b"one-time password: ", key.octets().as_slice(), inner.id.as_str().as_bytes()].concat()
}

/// What is kept of the secret part.
pub(crate) fn hash(inner: &Inner, salt: &[u8; 16], secret: &str) -> Result<Sha256, CryptoError> {
    inner.sha256(&Zeroizing::new([salt.as_slice(), secret.as_bytes()].concat()))
}

/// Whether the CSR asks for exactly the names of a binding, compared as those of a signed challenge are.
pub(crate) fn match_names(binding: &PasswordBinding, csr: &Csr) -> Result<(), Mismatch> {
    let mut names = Claims::default();
    for name in binding.names() {
        match name.clone() {
            BoundName::CommonName(text) => names.device_name = Some(text),
            BoundName::Dns(text) => names.san_dns.push(text),
            BoundName::Rfc822(text) => names.san_rfc822.push(text),
            BoundName::Upn(text) => names.san_upn.push(text),
            BoundName::Uri(text) => names.san_uri.push(text),
            BoundName::Ip(address) => names.san_ip.push(address),
        }
    }
    names.match_names(csr)
}
