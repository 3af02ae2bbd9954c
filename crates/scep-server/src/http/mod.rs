//! HTTP: what real devices ask for, in the forms they ask for it (RFC 8894 §4.1).

mod client;
mod clock;
mod hot;
mod limit;
mod listener;
mod pace;
mod router;
mod serve;
mod service;
#[cfg(feature = "tls")]
mod tls;

pub use client::{ForwardedHeader, PeerAddress, TrustedProxies};
pub use clock::{Clock, SystemClock};
pub use hot::HotRouter;
pub use limit::{Rate, Refusals, RequestLimits, limited};
pub use listener::{Listener, PeerConnections};
pub use router::router;
pub use serve::{ServeLimits, serve, serve_with_limits};
pub use service::ScepService;
#[cfg(feature = "tls")]
pub use tls::TlsConfig;
