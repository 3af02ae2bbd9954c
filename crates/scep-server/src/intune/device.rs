//! Device compliance, as Microsoft Graph tells it.

use async_trait::async_trait;
use intune_challenge::service::{ComplianceState, ManagedDeviceId};
use intune_client::{Client, Tenant, Transport};
use scep_store::Cause;

use crate::{Compliance, ComplianceCheck, ComplianceRequest};

/// Lets only devices have certificates that Intune says are compliant.
///
/// Which device it is says the CSR, by the subjectAltName `IntuneDeviceId://{{DeviceId}}` of the SCEP profile; one that
/// names none is denied. That is worth as much as the names of the CSR are: use it where the service, or a signed
/// challenge, vouches for them. The application needs the permission DeviceManagementManagedDevices.Read.All of Graph.
#[derive(Debug)]
pub struct DeviceCompliance<T> {
    client: Client<T>,
    tenant: Tenant,
    grace: GracePeriod,
}

/// Whether a device that does not comply, and has time to, counts as one that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GracePeriod {
    /// It does not.
    #[default]
    Denied,
    /// It does, as for Conditional Access.
    Allowed,
}

impl<T: Transport> DeviceCompliance<T> {
    /// The devices of this tenant; those in their grace period are denied.
    #[must_use]
    pub const fn new(client: Client<T>, tenant: Tenant) -> Self {
        Self { client, tenant, grace: GracePeriod::Denied }
    }

    /// Another way with grace periods.
    #[must_use]
    pub fn with_grace(self, grace: GracePeriod) -> Self {
        Self { grace, ..self }
    }
}

#[async_trait]
impl<T: Transport> ComplianceCheck for DeviceCompliance<T> {
    async fn check(&self, request: ComplianceRequest<'_>) -> Result<Compliance, Cause> {
        let Some(device) = ManagedDeviceId::of(request.csr) else {
            let reason = "the CSR names no device by IntuneDeviceId://".to_owned();
            return Ok(Compliance::NotCompliant { reason });
        };
        let called = self.client.compliance(&self.tenant, &device).await;
        Ok(match (called.outcome.map_err(Cause::new)?, self.grace) {
            (ComplianceState::Compliant, _)
            | (ComplianceState::InGracePeriod, GracePeriod::Allowed) => Compliance::Compliant,
            (state, _) => {
                let reason = format!("device {device}: {state} (activity {})", called.activity_id);
                Compliance::NotCompliant { reason }
            }
        })
    }
}
