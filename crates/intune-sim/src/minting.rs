use std::time::Duration;

use scep_types::Secret;
use serde::{Deserialize, Serialize};

use crate::challenge::{Claims, Forgery};
use crate::error::Error;
use crate::ids::guid;
use crate::spec::CsrSpec;
use crate::state::State;

/// How a challenge is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minting {
    /// How long it is taken; Intune says 60 minutes.
    pub lifetime: Duration,
    /// What is wrong with it, if anything.
    pub forgery: Option<Forgery>,
}

/// What the MDM gives a device: its challenge, and what to ask for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    #[serde(with = "as_text")]
    challenge: Secret,
    spec: CsrSpec,
}

impl Policy {
    /// A policy from elsewhere: any challenge at all.
    #[must_use]
    pub fn new(challenge: Secret, spec: CsrSpec) -> Self {
        Self { challenge, spec }
    }

    /// The challengePassword.
    #[must_use]
    pub fn challenge(&self) -> &Secret {
        &self.challenge
    }

    /// What the CSR must look like.
    #[must_use]
    pub fn spec(&self) -> &CsrSpec {
        &self.spec
    }

    /// The same challenge with a CSR that looks otherwise, as a device that cheats would send.
    #[must_use]
    pub fn with_spec(mut self, change: impl FnOnce(&mut CsrSpec)) -> Self {
        change(&mut self.spec);
        self
    }
}

impl Default for Minting {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(60 * 60), forgery: None }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { challenge: _, spec } = self;
        f.debug_struct("Policy").field("spec", spec).finish_non_exhaustive()
    }
}

impl State {
    /// What the device gets with its next policy.
    pub(crate) fn mint(
        &mut self,
        device: &str,
        profile: &str,
        minting: Minting,
    ) -> Result<Policy, Error> {
        let device = self.device(device)?.clone();
        let profile = self.profile(profile)?.clone();
        let tenant = self.tenant(&device.tenant)?.id.clone();
        let spec = profile.resolve(&device)?;
        let request = guid(&self.provider)?;
        self.minted.insert(request.clone());
        let now = self.clock.now();
        let mut claims = Claims {
            request,
            tenant,
            device: device.id.clone(),
            user: device.user.map(|user| user.principal_name),
            profile: profile.id,
            created: now.as_secs(),
            expires: now.plus(minting.lifetime).as_secs(),
            expected: spec.clone(),
        };
        let elsewhere = || "00000000-0000-4000-8000-000000000000".to_owned();
        match minting.forgery {
            Some(Forgery::BackwardTimes) => claims.created = claims.expires.saturating_add(1),
            Some(Forgery::ForeignTenant) => claims.tenant = elsewhere(),
            Some(Forgery::UnknownDevice) => claims.device = elsewhere(),
            Some(Forgery::UnknownUser) => claims.user = Some("nobody@elsewhere.example".to_owned()),
            Some(Forgery::UnknownRequest) => claims.request = elsewhere(),
            _ => {}
        }
        let challenge = self.keys.seal(&claims, minting.forgery)?;
        Ok(Policy { challenge, spec })
    }
}

/// A challenge on its way to a simulated device, which is what JSON is for here.
mod as_text {
    use scep_types::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}
