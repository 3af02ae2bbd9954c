//! Devices that speak SCEP as Windows, Apple and Android do, octet for octet where it was seen.
//!
//! [`enrol`] goes the whole way. Where a test wants to stop in between, [`Device::connect`] asks for capabilities and CA
//! certificates, [`Session::prepare`] writes the request, and [`Session::send`] sends it, as often as one likes.

mod cms;
mod csr;
mod dialect;
mod session;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use scep_proto::CaAnchor;
use scep_types::{CryptoProvider, Csr, DecryptionKey, Secret, SigningKey, UnixTime};

use crate::clock::SimulatedClock;
use crate::error::Error;
use crate::minting::Policy;
use crate::spec::CsrSpec;

pub use dialect::{
    Dialect, Encoding, Family, GetEscaping, MethodUse, Order, SignerStyle, TransactionIdCase,
};
pub use session::{Enrolled, Request, Session};

/// A key that signs and opens answers: RSA.
pub trait DeviceKey: SigningKey + DecryptionKey {}

impl<K: SigningKey + DecryptionKey> DeviceKey for K {}

/// A simulated device.
#[derive(Clone)]
pub struct Device {
    pub(crate) dialect: Dialect,
    pub(crate) key: Arc<dyn DeviceKey>,
    pub(crate) signer_key: Arc<dyn DeviceKey>,
    pub(crate) provider: CryptoProvider,
    pub(crate) anchor: CaAnchor,
    pub(crate) now: UnixTime,
    pub(crate) timeout: Duration,
}

impl Device {
    /// A device with this key, which believes whatever GetCACert says, and whose clock is the system's.
    #[must_use]
    pub fn new(family: Family, key: Arc<dyn DeviceKey>, provider: CryptoProvider) -> Self {
        Self {
            dialect: Dialect::of(family),
            signer_key: Arc::clone(&key),
            key,
            provider,
            anchor: CaAnchor::TrustUnverified,
            now: SimulatedClock::default().now(),
            timeout: Duration::from_secs(60),
        }
    }

    /// Signs messages with another key, as Windows does with one that it throws away.
    #[must_use]
    pub fn with_signer_key(self, signer_key: Arc<dyn DeviceKey>) -> Self {
        Self { signer_key, ..self }
    }

    /// Knows the CA.
    #[must_use]
    pub fn with_anchor(self, anchor: CaAnchor) -> Self {
        Self { anchor, ..self }
    }

    /// Has another clock, which stands.
    #[must_use]
    pub fn with_time(self, now: UnixTime) -> Self {
        Self { now, ..self }
    }

    /// Waits that long for an answer, and no longer.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Speaks otherwise than its family.
    #[must_use]
    pub fn with_dialect(mut self, change: impl FnOnce(&mut Dialect)) -> Self {
        change(&mut self.dialect);
        self
    }

    /// The CSR it would send for what `spec` says.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a spec that cannot be written, [`Error::Crypto`] if the key does not sign.
    pub fn csr(&self, spec: &CsrSpec, challenge: Option<&Secret>) -> Result<Csr, Error> {
        csr::csr(self, spec, challenge)
    }

    /// How it speaks.
    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// Enrols: capabilities and CA certificates in the order of the family, then the request for what the policy says.
///
/// # Errors
/// [`Error::Device`] says what the server did, [`Error::Invalid`] that the policy cannot be followed.
pub async fn enrol(device: &Device, scep_url: &str, policy: &Policy) -> Result<Enrolled, Error> {
    let session = device.connect(scep_url).await?;
    let request = session.prepare(policy.spec(), Some(policy.challenge()))?;
    session.send(&request).await
}
