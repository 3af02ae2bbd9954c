//! The server's role: a request becomes exactly what it may become, and is answered once.
//!
//! ```text
//! Request::parse → PkiOperation(bytes) → Unverified::parse → verify → Verified::{Poll, Sealed}
//!   Sealed → open(recipients) → Opened::{Enrol, Renew, GetCert, GetCrl} → … → Reply → succeed | pend | fail → ToBeSigned
//! ```

mod opened;
mod reply;
mod sealed;

pub use opened::{Enrolment, Opened, Query};
pub use reply::{Reply, ReplySettings};
pub use sealed::{Poll, Recipient, Rejected, Sealed, SealedKind, Unverified, Verified, Wrapped};
