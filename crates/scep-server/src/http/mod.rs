//! HTTP: what real devices ask for, in the forms they ask for it (RFC 8894 §4.1).

mod clock;
mod router;
mod serve;
mod service;

pub use clock::{Clock, SystemClock};
pub use router::router;
pub use serve::{ServeLimits, serve, serve_with_limits};
pub use service::ScepService;
