//! From the settings to the endpoint's mode.

use std::sync::Arc;
use std::time::Duration;

use intune_client::ReqwestTransport;
use scep_server::{
    ComplianceCheck, DeviceCompliance, GracePeriod, IntuneMode as Mode, IntuneTenant, NotifyPolicy,
};
use scep_types::UnixTime;

use super::caller::{Caller, caller};
use crate::config::files::Files;
use crate::config::intune::{GracePeriodName, IntuneMode, NotifyName};
use crate::config::mistake::Findings;
use crate::config::values::Located;
use crate::serve::assembly::Expiry;

/// What an endpoint in the mode `intune` has that others do not.
#[derive(Debug, Clone)]
pub(crate) struct Intune {
    pub(crate) caller: Caller,
    pub(crate) service: Arc<IntuneTenant<ReqwestTransport>>,
    /// How often Intune is asked what to revoke, if it is.
    pub(crate) revocation: Option<Duration>,
}

/// All that follows from the settings of the mode.
pub(crate) struct Built {
    pub(crate) intune: Intune,
    pub(crate) mode: Mode,
    pub(crate) compliance: Option<Arc<dyn ComplianceCheck>>,
    pub(crate) expiry: Option<Expiry>,
}

/// Builds the mode; mistakes are added to the findings.
pub(crate) fn build(
    located: &Located<IntuneMode>,
    files: &Files,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<Built> {
    let settings = located.value();
    let (caller, expiry) = caller(located, files, now, findings)?;
    let Caller { client, tenant } = caller.clone();
    let compliance = settings.compliance.map(|compliance| -> Arc<dyn ComplianceCheck> {
        let grace = match compliance.grace_period {
            GracePeriodName::Denied => GracePeriod::Denied,
            GracePeriodName::Allowed => GracePeriod::Allowed,
        };
        Arc::new(DeviceCompliance::new(client.clone(), tenant.clone()).with_grace(grace))
    });
    let service = Arc::new(IntuneTenant::new(client, tenant));
    let mut mode = Mode::new(service.clone()).with_notify(match settings.notify {
        NotifyName::BeforeDelivery => NotifyPolicy::BeforeDelivery,
        NotifyName::DeliverThenNotify => NotifyPolicy::DeliverThenNotify,
    });
    // It must outlast a call; a minute for twenty seconds.
    mode.notice_lease = settings.budget.value().0.saturating_mul(3);
    let revocation = settings.revocation.as_ref().map(|revocation| revocation.value().every.0);
    Some(Built { intune: Intune { caller, service, revocation }, mode, compliance, expiry })
}
