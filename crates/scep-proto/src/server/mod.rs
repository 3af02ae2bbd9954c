//! The server's role: a request becomes exactly what it may become, and is answered once.
//!
//! ```text
//! Request::parse → PkiOperation(bytes) → Unverified::parse → verify → Verified::{Poll, Sealed}
//!   Sealed → open(recipients), or lock → Lock::{Key, Password} → open_with(key, or passwords) → Opened::{Enrol, Renew, GetCert, GetCrl} → … → Reply → succeed | pend | fail → ToBeSigned
//! ```
//!
//! A request from first to last, of a host that issues to whoever it likes:
//!
//! ```no_run
//! use scep_proto::server::{Lock, Opened, Rejected, Reply, ReplySettings, Unverified, Verified};
//! use scep_proto::{FailInfo, FallbackKey, MessageRandom, ToBeSigned};
//! use scep_types::{AlgorithmPolicy, Certificate, Csr, DecryptionKey, Secret};
//!
//! struct Host {
//!     ra: Certificate,
//!     key: Box<dyn DecryptionKey>,
//!     issue: fn(&Csr) -> Option<Certificate>,
//!     passwords: fn(&scep_proto::TransactionId, &Certificate) -> Vec<Secret>,
//! }
//!
//! fn answer(
//!     host: &Host,
//!     message: Vec<u8>,
//!     (fallback, random): (&FallbackKey, &MessageRandom),
//!     settings: ReplySettings<'_>,
//! ) -> Result<ToBeSigned, scep_proto::Error> {
//!     let unverified = Unverified::parse(message)?; // HTTP 400: there is no transactionID to answer under
//!     match open(host, unverified, fallback, settings) {
//!         Ok(Opened::Enrol(enrolment)) if enrolment.reply.check_encryptable().is_ok() => {
//!             match (host.issue)(&enrolment.csr) {
//!                 Some(issued) => enrolment.reply.succeed(&[issued.der()], random, settings),
//!                 None => enrolment.reply.pend(random, settings),
//!             }
//!         }
//!         Ok(Opened::Enrol(other) | Opened::Renew(other)) => refuse(other.reply, random, settings),
//!         Ok(Opened::GetCert(query) | Opened::GetCrl(query)) => refuse(query.reply, random, settings),
//!         Err(rejected) => {
//!             let Rejected { error, reply } = *rejected; // the error is for the log
//!             reply.fail(FailInfo::from(&error), None, random, settings)
//!         }
//!     }
//! }
//!
//! fn open(
//!     host: &Host,
//!     unverified: Unverified,
//!     fallback: &FallbackKey,
//!     settings: ReplySettings<'_>,
//! ) -> Result<Opened, Box<Rejected>> {
//!     let (provider, policy) = (settings.provider, AlgorithmPolicy::Modern);
//!     let sealed = match unverified.verify(provider, policy)? {
//!         Verified::Sealed(sealed) => sealed,
//!         Verified::Poll(poll) => {
//!             // A host that keeps transactions answers from them.
//!             let error = scep_proto::Unsupported::Operation.into();
//!             return Err(Box::new(Rejected { error, reply: poll.reply }));
//!         }
//!     };
//!     match sealed.lock(&[&host.ra], policy)? {
//!         Lock::Key(wrapped) => {
//!             let fallback = wrapped.fallback(fallback);
//!             let (transport, encrypted) = (wrapped.transport(), wrapped.encrypted_key());
//!             match host.key.unwrap_key(transport, encrypted, &fallback) {
//!                 Ok(key) => wrapped.open_with(&key, provider, policy),
//!                 Err(error) => Err(wrapped.reject(error.into())),
//!             }
//!         }
//!         Lock::Password(wrapped) => {
//!             let candidates = (host.passwords)(wrapped.transaction_id(), wrapped.signer());
//!             wrapped.open_with(&candidates, fallback, provider, policy)
//!         }
//!     }
//! }
//!
//! fn refuse(
//!     reply: Reply,
//!     random: &MessageRandom,
//!     settings: ReplySettings<'_>,
//! ) -> Result<ToBeSigned, scep_proto::Error> {
//!     reply.fail(FailInfo::BAD_REQUEST, None, random, settings)
//! }
//! ```

mod family;
mod lock;
mod opened;
mod reply;
mod sealed;

pub use family::{
    CaAnswer, ClientFamily, ClientNeeds, RenewalForm, ReplyCertificates, SignerKey, Unmet,
};
pub use lock::{Lock, PasswordWrapped, Wrapped};
pub use opened::{Enrolment, Opened, Query};
pub use reply::{Reply, ReplySettings};
pub use sealed::{Poll, Recipient, Rejected, Sealed, SealedKind, Unverified, Verified};
