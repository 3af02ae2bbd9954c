//! What is asked of a store.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use scep_types::UnixTime;

use crate::StoreError;
use crate::allowance::Allowance;
use crate::answer::LimitScope;
use crate::error::{Argument, length, within};
use crate::ids::{RequestId, Sha256};

/// How long a reservation is held and how long its answer is remembered; settings of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    lease: Duration,
    replay_window: Duration,
}

impl Terms {
    /// A `lease` that outlasts any issuance, and a `replay_window` that outlasts a client's retries; whole seconds count.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a lease of less than a second.
    pub fn new(lease: Duration, replay_window: Duration) -> Result<Self, StoreError> {
        within(Argument::Lease, lease.as_secs(), 1, u64::MAX)?;
        Ok(Self { lease, replay_window })
    }

    /// How long a reservation is held: from that moment on another may take it over.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// How long the same request gets the same answer, counted from the answer.
    #[must_use]
    pub const fn replay_window(&self) -> Duration {
        self.replay_window
    }
}

/// A request that was verified, authorised and admitted, and is to be reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Begin {
    /// Which request.
    pub request: RequestId,
    /// For how long.
    pub terms: Terms,
    /// The one-time challenge it uses, if it uses one.
    pub challenge: Option<ChallengeUse>,
    /// The rate it counts against, if any.
    pub device_limit: Option<DeviceLimit>,
    /// What its endpoint may issue, if that has a limit.
    pub endpoint_allowance: Option<Allowance>,
    /// What all endpoints of the store may issue together, if that has a limit.
    pub global_allowance: Option<Allowance>,
}

impl Begin {
    /// A request without challenge and rate limit.
    #[must_use]
    pub const fn new(request: RequestId, terms: Terms) -> Self {
        Self {
            request,
            terms,
            challenge: None,
            device_limit: None,
            endpoint_allowance: None,
            global_allowance: None,
        }
    }

    /// Uses a challenge.
    #[must_use]
    pub fn with_challenge(self, challenge: ChallengeUse) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    /// Counts against a device's limit.
    #[must_use]
    pub fn with_device_limit(self, limit: DeviceLimit) -> Self {
        Self { device_limit: Some(limit), ..self }
    }

    /// Counts against what its endpoint may issue.
    #[must_use]
    pub fn with_endpoint_allowance(self, allowance: Allowance) -> Self {
        Self { endpoint_allowance: Some(allowance), ..self }
    }

    /// Counts against what all endpoints may issue together.
    #[must_use]
    pub fn with_global_allowance(self, allowance: Allowance) -> Self {
        Self { global_allowance: Some(allowance), ..self }
    }

    /// Its allowances, the narrowest first.
    pub(crate) fn allowances(&self) -> impl Iterator<Item = (LimitScope, &Allowance)> {
        let endpoint = self.endpoint_allowance.iter().map(|own| (LimitScope::Endpoint, own));
        endpoint.chain(self.global_allowance.iter().map(|own| (LimitScope::Global, own)))
    }
}

/// A challenge that may be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeUse {
    /// What makes it unique, over all endpoints of the store: SHA-256 of issuer and nonce, of a password's id, of an opaque text.
    pub key: Sha256,
    /// The last moment at which the challenge could still be accepted: its own expiry plus the tolerance.
    pub remember_until: UnixTime,
}

/// At most `limit` certificates for one device within any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLimit {
    key: Sha256,
    limit: u32,
    window: Duration,
}

impl DeviceLimit {
    /// Certificates a limit may allow; each one costs room.
    pub const MAX_LIMIT: u32 = 1_000;

    /// The limit of the device that `key` stands for; one key always comes with one window.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for a limit of none or more than 1,000, or a window of less than a second: whoever
    /// wants no limit gives none.
    pub fn new(key: Sha256, limit: u32, window: Duration) -> Result<Self, StoreError> {
        within(Argument::DeviceLimit, limit.into(), 1, Self::MAX_LIMIT.into())?;
        within(Argument::DeviceWindow, window.as_secs(), 1, u64::MAX)?;
        Ok(Self { key, limit, window })
    }

    /// The device, over all endpoints of the store unless the digest covers the endpoint too.
    #[must_use]
    pub const fn key(&self) -> Sha256 {
        self.key
    }

    /// How many.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// In how long.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }
}

/// A request that is to wait for an operator.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewPending {
    /// The CSR, DER.
    pub csr: Bytes,
    /// When it is forgotten if nobody decides.
    pub expires: UnixTime,
}

impl NewPending {
    /// Octets a CSR may have.
    pub const MAX_CSR: usize = 64 * 1024;

    /// A copy of `csr`, so that nothing keeps the message it came in.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] for none or more than 64 KiB.
    pub fn new(csr: &[u8], expires: UnixTime) -> Result<Self, StoreError> {
        length(Argument::Csr, csr, Self::MAX_CSR)?;
        Ok(Self { csr: Bytes::copy_from_slice(csr), expires })
    }
}

/// Without the CSR, which may hold a challengePassword.
impl fmt::Debug for NewPending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { csr, expires } = self;
        f.debug_struct("NewPending")
            .field("csr_octets", &csr.len())
            .field("expires", expires)
            .finish()
    }
}

/// A refusal that a later poll is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// The failInfo the peer sees (RFC 8894 §3.2.1.4).
    pub fail_info: u8,
}

/// A reservation: the right, and the only one, to settle one request until its lease ends.
///
/// It is used up by [`commit`], [`pend`], [`reject`] or [`release`]; one that is dropped instead stands until its lease
/// ends, as if the node that held it had died.
///
/// [`commit`]: crate::EnrolmentStore::commit
/// [`pend`]: crate::EnrolmentStore::pend
/// [`reject`]: crate::EnrolmentStore::reject
/// [`release`]: crate::EnrolmentStore::release
#[derive(Debug, PartialEq, Eq)]
#[must_use = "settle it or release it, otherwise the request is blocked until the lease ends"]
pub struct Reservation {
    id: u64,
    generation: u64,
}

impl Reservation {
    /// For backends: the `generation` is new each time the record `id` is reserved, so that it fences off earlier holders.
    pub const fn new(id: u64, generation: u64) -> Self {
        Self { id, generation }
    }

    /// Which record.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Which reservation of it.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}
