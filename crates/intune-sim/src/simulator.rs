use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scep_types::{Secret, UnixTime};

use crate::config::SimulatorConfig;
use crate::directory::{App, ManagedDevice, Permission, Profile, Target, Tenant};
use crate::error::Error;
use crate::fault::{Endpoint, Fault, Host, Times};
use crate::hosts::{Inner, OldScaleUnit};
use crate::http::DiscoveryQuirk;
use crate::minting::{Minting, Policy};
use crate::record::{IssuedRecord, Received, RecordedFailure};
use crate::revocation::RevocationRequest;
use crate::state::NotificationPolicy;
use crate::urls::Urls;

/// Entra, Graph and Intune on loopback. It stops when it is dropped.
pub struct Simulator(Arc<Inner>);

/// What the server under test authenticates with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The tenant's id.
    pub tenant: String,
    /// The client id.
    pub client_id: String,
    /// The value of the secret.
    pub client_secret: Secret,
}

impl Simulator {
    /// Starts it within the running tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot listen, [`Error::Crypto`] if no randomness is to be had, [`Error::UnknownTenant`] for a
    /// device of none.
    pub async fn start(config: SimulatorConfig) -> Result<Self, Error> {
        Inner::start(config).await.map(Self)
    }

    /// Where everything is now.
    #[must_use]
    pub fn urls(&self) -> Urls {
        self.0.with(|state| state.urls.clone())
    }

    /// What the server under test authenticates with in the first tenant.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`] if there is no tenant with an app that has a secret.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        self.0.with(|state| {
            let tenant = state.tenants.first();
            let app = tenant.and_then(|tenant| tenant.apps.first());
            let secret = app.and_then(|app| app.secrets.first());
            match (tenant, app, secret) {
                (Some(tenant), Some(app), Some(secret)) => Ok(Credentials {
                    tenant: tenant.id.clone(),
                    client_id: app.client_id.clone(),
                    client_secret: secret.value.clone(),
                }),
                _ => Err(Error::UnknownTenant(String::new())),
            }
        })
    }

    /// What the device gets with its policy: a challenge that is taken for 60 minutes, and what to ask for.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`], [`Error::UnknownProfile`], or [`Error::EmptyVariable`].
    pub fn mint_challenge(&self, device: &str, profile: &str) -> Result<Policy, Error> {
        self.mint_challenge_with(device, profile, Minting::default())
    }

    /// As [`Simulator::mint_challenge`], with another lifetime, or forged.
    ///
    /// # Errors
    /// As [`Simulator::mint_challenge`].
    pub fn mint_challenge_with(
        &self,
        device: &str,
        profile: &str,
        minting: Minting,
    ) -> Result<Policy, Error> {
        self.0.with(|state| state.mint(device, profile, minting))
    }

    /// Makes an endpoint fail; faults of one endpoint happen in the order they were injected.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.0.with(|state| state.faults.add(endpoint, fault, times));
    }

    /// Forgets all faults that did not happen yet. Hosts that were refused stay so.
    pub fn clear_faults(&self) {
        self.0.with(|state| state.faults.clear());
    }

    /// Closes a host's port and its connections: connecting is refused from now on.
    pub async fn refuse(&self, host: Host) {
        self.0.refuse(host).await;
    }

    /// Opens all ports that were closed.
    ///
    /// # Errors
    /// [`Error::Io`] if somebody else took one.
    pub async fn restore(&self) -> Result<(), Error> {
        self.0.restore_all().await
    }

    /// Moves a tenant to another scale unit; without one, the first tenant. Discovery tells the new one.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`], or [`Error::Io`] if no new port is to be had.
    pub async fn move_scale_unit(
        &self,
        tenant: Option<&str>,
        unit: &str,
        old: OldScaleUnit,
    ) -> Result<(), Error> {
        self.0.move_scale_unit(tenant, unit, old).await
    }

    /// No token that was issued is taken any more.
    pub fn expire_tokens(&self) {
        self.0.with(|state| state.tokens.clear());
    }

    /// How long tokens live that are issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.0.with(|state| state.token_lifetime = lifetime);
    }

    /// Moves the service's time.
    pub fn advance(&self, by: Duration) {
        self.0.with(|state| state.clock.advance(by));
    }

    /// What time it is for the service.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.0.with(|state| state.clock.now())
    }

    /// Sets how the list of service endpoints differs from the usual one.
    pub fn set_discovery_quirks(&self, quirks: impl IntoIterator<Item = DiscoveryQuirk>) {
        self.0.with(|state| state.quirks = quirks.into_iter().collect());
    }

    /// Sets whether a notification needs a validation before it.
    pub fn set_notification_policy(&self, policy: NotificationPolicy) {
        self.0.with(|state| state.notification_policy = policy);
    }

    /// Sets what the app of a tenant may do; tokens that it has already stay as they are.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`].
    pub fn set_permissions(
        &self,
        tenant: &str,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Result<(), Error> {
        let permissions: Vec<_> = permissions.into_iter().collect();
        self.change_app(tenant, |app| app.permissions = permissions)
    }

    /// Changes the first app of a tenant: another secret, another certificate.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`].
    pub fn change_app(&self, tenant: &str, change: impl FnOnce(&mut App)) -> Result<(), Error> {
        self.0.with(|state| {
            let named = state.tenants.iter_mut().find(|known| known.is(tenant));
            let app = named.and_then(|known| known.apps.first_mut());
            change(app.ok_or_else(|| Error::UnknownTenant(tenant.to_owned()))?);
            Ok(())
        })
    }

    /// Adds a tenant.
    pub fn put_tenant(&self, tenant: Tenant) {
        self.0.with(|state| {
            state.tenants.retain(|known| known.id != tenant.id);
            state.tenants.push(tenant);
        });
    }

    /// Adds a device, or takes it for the one of the same id.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`].
    pub fn put_device(&self, device: ManagedDevice) -> Result<(), Error> {
        self.0.with(|state| state.put_device(device))
    }

    /// Adds a profile, or takes it for the one of the same id.
    pub fn put_profile(&self, profile: Profile) {
        self.0.with(|state| state.put_profile(profile));
    }

    /// Targets a profile anew.
    ///
    /// # Errors
    /// [`Error::UnknownProfile`].
    pub fn target(&self, profile: &str, target: Target) -> Result<(), Error> {
        self.0.with(|state| {
            let known = state.profiles.iter_mut().find(|known| known.id == profile);
            known.ok_or_else(|| Error::UnknownProfile(profile.to_owned()))?.target = target;
            Ok(())
        })
    }

    /// Asks for a revocation, by the serial number as it was notified; returns the requestContext.
    ///
    /// # Errors
    /// [`Error::Crypto`] if no randomness is to be had.
    pub fn request_revocation(
        &self,
        serial_number: &str,
        issuer: Option<&str>,
    ) -> Result<String, Error> {
        self.0.with(|state| state.request_revocation(serial_number, issuer))
    }

    /// What was received, oldest first, as far as it is remembered.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.0.with(|state| state.records.all())
    }

    /// What one endpoint received, oldest first, as far as it is remembered.
    #[must_use]
    pub fn requests_of(&self, endpoint: Endpoint) -> Vec<Received> {
        let mut requests = self.requests();
        requests.retain(|request| request.endpoint == Some(endpoint));
        requests
    }

    /// Forgets what was received, and all counts.
    pub fn forget_requests(&self) {
        self.0.with(|state| state.records.forget());
    }

    /// How many requests an endpoint received.
    #[must_use]
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.0.with(|state| state.records.count(endpoint))
    }

    /// How many requests of an endpoint were under way at most at one time.
    #[must_use]
    pub fn peak(&self, endpoint: Endpoint) -> u64 {
        self.0.with(|state| state.records.peak(endpoint))
    }

    /// The certificates that were notified.
    #[must_use]
    pub fn issued(&self) -> Vec<IssuedRecord> {
        self.0.with(|state| state.issued.clone())
    }

    /// The failures that were notified.
    #[must_use]
    pub fn failures(&self) -> Vec<RecordedFailure> {
        self.0.with(|state| state.failures.clone())
    }

    /// The revocations that were asked for.
    #[must_use]
    pub fn revocations(&self) -> Vec<RevocationRequest> {
        self.0.with(|state| state.revocations.requests.clone())
    }
}

/// Connections hold the rest: without their tasks it goes, too.
impl Drop for Simulator {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulator").field(&self.urls()).finish()
    }
}
