//! The admin API: JSON over HTTP on its own loopback listener, for bearer tokens with roles; and Prometheus metrics.

mod answer;
mod certificates;
pub(crate) mod command;
mod events;
mod metrics;
mod page;
mod passwords;
mod pending;
mod revoke;
mod routes;
pub(crate) mod tokens;

pub(super) use routes::router;
