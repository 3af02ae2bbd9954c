//! What a server shows to anyone who asks, and which devices can do with it. No certificate is requested.

mod collect;
mod facts;
mod families;
mod hashes;
mod report;

pub(crate) use collect::collect;
pub(crate) use report::{json, text};
