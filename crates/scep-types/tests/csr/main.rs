//! CSRs: what real clients send is read, what two readers could read in two ways is refused.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod builder;
mod challenge;
mod extensions;
mod hostile;
mod proof;
mod shape;
