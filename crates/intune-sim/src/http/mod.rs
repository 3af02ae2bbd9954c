//! The service's side of the wire: pure functions from a request to an answer, and the loop that carries both.

mod answer;
mod assertion;
mod bearer;
mod body;
mod control;
mod graph;
mod outage;
mod revocation;
mod route;
mod scep_actions;
mod serve;
mod token;

pub use graph::DiscoveryQuirk;

pub(crate) use serve::{Listening, listen};
