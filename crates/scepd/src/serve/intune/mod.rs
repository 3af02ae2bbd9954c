//! The mode `intune`: whom the endpoint calls, what works beside it, and whether it is set up right.

mod caller;
mod credential;
pub(crate) mod doctor;
mod mode;
mod workers;

pub(crate) use mode::{Intune, build};
pub(super) use workers::{Workers, empty, publish};
