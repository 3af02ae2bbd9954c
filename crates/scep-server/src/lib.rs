//! A SCEP server as a tower service.
#![forbid(unsafe_code)]

mod decision;
mod endpoint;
mod error;
mod execution;
mod http;
mod pipeline;
mod signer;

pub use decision::{Decision, Observer, Outcome};
pub use endpoint::{
    Authority, CaCertificateShape, CertificateAuthority, DeviceAllowance, Endpoint, EndpointConfig,
    Host, Mode, RecipientKey, RegistrationAuthority, RenewalPolicy, ReplyChain, SignerBinding,
    Warning,
};
pub use error::{Error, Misconfigured, PasswordFault, RenewalFault};
pub use execution::{Execution, WorkerPool};
pub use self::http::{
    Clock, ScepService, ServeLimits, SystemClock, router, serve, serve_with_limits,
};
pub use pipeline::Response;
pub use signer::{Signer, Signing};
