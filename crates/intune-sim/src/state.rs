use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use scep_types::{CryptoProvider, UnixTime};

use crate::challenge::ChallengeKeys;
use crate::clock::SimulatedClock;
use crate::config::SimulatorConfig;
use crate::directory::{ManagedDevice, Profile, Tenant};
use crate::error::Error;
use crate::fault::{Faults, Host};
use crate::hosts::OldScaleUnit;
use crate::http::DiscoveryQuirk;
use crate::ids::guid;
use crate::record::{IssuedRecord, RecordedFailure, Records};
use crate::revocation::{RevocationRequest, RevocationState, Revocations};
use crate::urls::Urls;

/// Whether a notification needs a validation before it; what Microsoft's service does is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotificationPolicy {
    /// Any notification with a challenge of ours is taken.
    #[default]
    Lenient,
    /// Only one whose transaction and CSR were validated is; others get `BadCertificateRequestIdInChallenge`.
    AfterValidation,
}

/// All that the service knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) provider: CryptoProvider,
    pub(crate) keys: ChallengeKeys,
    pub(crate) clock: SimulatedClock,
    pub(crate) urls: Urls,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) devices: Vec<ManagedDevice>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) token_lifetime: Duration,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) quirks: BTreeSet<DiscoveryQuirk>,
    pub(crate) notification_policy: NotificationPolicy,
    pub(crate) faults: Faults,
    pub(crate) records: Records,
    /// Ids of the certificate requests that challenges were minted for.
    pub(crate) minted: HashSet<String>,
    /// Digests of what was validated: tenant, transaction, CSR.
    pub(crate) validated: HashSet<String>,
    pub(crate) issued: Vec<IssuedRecord>,
    pub(crate) failures: Vec<RecordedFailure>,
    pub(crate) revocations: Revocations,
    pub(crate) old_units: BTreeMap<String, OldScaleUnit>,
}

/// What an access token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) tenant: String,
    pub(crate) audience: String,
    pub(crate) roles: Vec<String>,
    pub(crate) expires: UnixTime,
}

impl State {
    pub(crate) fn new(
        config: SimulatorConfig,
        at: &BTreeMap<Host, SocketAddr>,
    ) -> Result<Self, Error> {
        let urls = Urls::new(&config, at);
        let mut state = Self {
            provider: config.provider,
            keys: ChallengeKeys::generate(config.provider)?,
            clock: config.clock,
            urls,
            tenants: config.tenants,
            devices: Vec::new(),
            profiles: config.profiles,
            token_lifetime: config.token_lifetime,
            tokens: BTreeMap::new(),
            quirks: config.discovery_quirks.into_iter().collect::<BTreeSet<_>>(),
            notification_policy: config.notification_policy,
            faults: Faults::default(),
            records: Records::new(config.remembered_requests),
            minted: HashSet::new(),
            validated: HashSet::new(),
            issued: Vec::new(),
            failures: Vec::new(),
            revocations: Revocations::default(),
            old_units: BTreeMap::new(),
        };
        state.revocations.cool_down = config.revocation_cool_down;
        for device in config.devices {
            state.put_device(device)?;
        }
        Ok(state)
    }

    pub(crate) fn tenant(&self, name: &str) -> Result<&Tenant, Error> {
        let named = self.tenants.iter().find(|tenant| tenant.is(name));
        named.ok_or_else(|| Error::UnknownTenant(name.to_owned()))
    }

    pub(crate) fn device(&self, id: &str) -> Result<&ManagedDevice, Error> {
        let named = self.devices.iter().find(|device| device.id == id);
        named.ok_or_else(|| Error::UnknownDevice(id.to_owned()))
    }

    pub(crate) fn profile(&self, id: &str) -> Result<&Profile, Error> {
        let named = self.profiles.iter().find(|profile| profile.id == id);
        named.ok_or_else(|| Error::UnknownProfile(id.to_owned()))
    }

    /// Adds a device, or takes it for the one of the same id.
    pub(crate) fn put_device(&mut self, device: ManagedDevice) -> Result<(), Error> {
        self.tenant(&device.tenant)?;
        self.devices.retain(|other| other.id != device.id);
        self.devices.push(device);
        Ok(())
    }

    /// Adds a profile, or takes it for the one of the same id.
    pub(crate) fn put_profile(&mut self, profile: Profile) {
        self.profiles.retain(|other| other.id != profile.id);
        self.profiles.push(profile);
    }

    /// Queues a revocation; returns its requestContext.
    pub(crate) fn request_revocation(
        &mut self,
        serial_number: &str,
        issuer: Option<&str>,
    ) -> Result<String, Error> {
        let notified = self.issued.iter().find(|issued| {
            issued.serial_number == serial_number
                && issuer.is_none_or(|issuer| issued.issuing_certificate_authority == issuer)
        });
        let first = self.tenants.first().map(|tenant| tenant.id.clone()).unwrap_or_default();
        let request = RevocationRequest {
            context: guid(&self.provider)?,
            tenant: notified.map_or(first, |issued| issued.tenant.clone()),
            serial_number: serial_number.to_owned(),
            issuer_name: issuer
                .map(str::to_owned)
                .or_else(|| Some(notified?.issuing_certificate_authority.clone())),
            ca_configuration: notified.and_then(|issued| issued.ca_configuration.clone()),
            downloads: 0,
            state: RevocationState::Open,
        };
        let context = request.context.clone();
        self.revocations.requests.push(request);
        Ok(context)
    }
}
