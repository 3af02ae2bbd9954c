//! The client's role: requests are built in two steps, and a reply is believed only if it answers them.
//!
//! [`Enrolment`] is the whole way as a machine without I/O; [`build`] and [`Awaiting`] are its parts, for one message.
//!
//! ```text
//! Enrolment::start → Send(GetCACaps) → Send(GetCACert) → [AskTrust] → Sign → Send(PKIOperation)
//!   → Decrypt → Done | Wait → Sign(CertPoll) → Send … | Err
//! ```

mod credentials;
mod enrolment;
mod exchange;
mod persisted;
mod quirks;
mod reply;
mod request;
mod settings;
mod transaction;

pub use credentials::{CsrToBeSigned, SignerToBeSigned, csr, signer_certificate, subject_alt_name};
pub use enrolment::{
    Enrolment, Exchange, Issued, SealedAnswer, State, Step, TrustQuestion, UnsignedRequest, Waiting,
};
pub use exchange::{HttpAnswer, HttpRequest};
pub use quirks::{ServerFamily, ServerQuirk, ServerQuirks};
pub use reply::{Awaiting, CertRep, PasswordSealedReply, ReplyCheck, SealedReply, VerifiedReply};
pub use request::{Algorithms, Payload, RequestSettings, build, build_with_password};
pub use settings::{
    CaTrust, EnrolmentSettings, MethodChoice, PollBy, Polling, Purpose, RenewalMessage, Retries,
    SigningTime, TransactionIdSource, Turn,
};
