//! Microsoft Intune: an endpoint whose challenges only its service can judge, and the workers beside it.

#[cfg(feature = "intune-client")]
mod device;
mod failure;
mod mode;
mod notify;
mod revocation;
mod service;
#[cfg(feature = "intune-client")]
mod tenant;
mod worker;

#[cfg(feature = "intune-client")]
pub use device::{DeviceCompliance, GracePeriod};
pub use mode::{BackOff, IntuneMode, NotifyPolicy};
pub use revocation::{IntuneRevocation, RevocationRound, RevocationSettings, RevocationWorker};
pub use service::{Answered, FailureReport, IntuneService, ServiceError};
#[cfg(feature = "intune-client")]
pub use tenant::IntuneTenant;
pub use worker::{Emptied, OutboxSettings, OutboxWorker};

pub(crate) use failure::report_of;
pub(crate) use notify::{Notifier, enrolment};
