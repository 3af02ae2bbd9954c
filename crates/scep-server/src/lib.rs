//! A SCEP server (RFC 8894) as a tower service, and the enrolment pipeline behind it, over any store.
//!
//! **Nothing is issued without an authorisation for that very CSR, nothing leaves that was not recorded, and a failure
//! burns nothing.** An [`Endpoint`] is built from checked parts: how requests are authorised ([`Mode`], exactly one), a
//! CA, an RA, profiles and a store. It answers each pkiMessage in one order: verify the signature, find the transaction,
//! open, prove the CSR, bind the keys, authorise, admit, reserve, sign, commit, reply. The peer learns a failInfo; the
//! log and the [`Observer`] learn the [`Error`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use scep_server::{Authority, Endpoint, EndpointConfig, Host, Mode, ScepService, router, serve};
//! use scep_store::EnrolmentStore;
//! use scep_types::{CryptoProvider, Secret, UnixTime};
//!
//! async fn run(
//!     authority: Authority, // CA, RA, profiles
//!     provider: CryptoProvider,
//!     store: Arc<dyn EnrolmentStore>,
//!     password: Secret,
//!     now: UnixTime,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let host = Host::new(provider, store);
//!     let config = EndpointConfig::new("corp", Mode::Static(password), authority, host);
//!     let endpoint = Endpoint::new(config, now)?; // or an error that says what cannot work
//!     let router = router([ScepService::new(endpoint)])?; // merge or nest it into your own
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     serve(listener, router, std::future::pending()).await;
//!     Ok(())
//! }
//! ```
//!
//! *Intune.* [`Mode::Intune`] asks the service for each challenge, recalls before it asks, and lets no certificate leave that
//! the service did not take note of, unless [`NotifyPolicy::DeliverThenNotify`] says so. What is to be told is recorded
//! with the certificate; run an [`OutboxWorker`] beside the endpoint, and a [`RevocationWorker`] with a [`CrlPublisher`]
//! if administrators are to revoke. [`IntuneService`] and [`IntuneRevocation`] say what is asked, whoever carries it;
//! with the feature `intune-client`, `IntuneTenant` does. A [`ComplianceCheck`] may have the last word, in any mode.
//!
//! *One-time passwords.* [`Mode::OneTimePassword`] takes what [`Endpoint::mint_password`] made: random, of letters and
//! digits, for one enrolment, bound to names if whoever mints it says so. The store keeps a salted hash; where no key of the CA or RA
//! can decrypt, also the password, sealed by a [`SealingKey`](scep_types::SealingKey) of the host, to open requests by it.
//!
//! *Rollover.* With [`NextAuthority::Issuing`] an endpoint has two CAs, and a request is under the one it was encrypted to:
//! same mode, same limits, same store, but that CA's key, RA, profiles and CRL ([`CrlPublisher::of_next`]).
//!
//! *Keys.* A key at hand signs on a bounded [`WorkerPool`], never on the threads of the runtime; one elsewhere is a
//! [`Signer`], and what it answers is verified. *Retries.* The same request again (transaction, signer's key, CSR) gets
//! the same certificate in a fresh answer, even if its challenge has ended since. *Overload.* A request that finds no
//! place gets HTTP 503 with Retry-After before any RSA work; so does one that is at work already. [`limited`] puts rates
//! before that. *Change.* A [`HotRouter`] takes other endpoints, profiles, keys and anchors between requests.
#![forbid(unsafe_code)]

mod compliance;
mod crl;
mod decision;
mod endpoint;
mod error;
mod execution;
mod http;
mod intune;
mod moment;
mod one_time;
mod pipeline;
mod signer;

#[cfg(feature = "tls")]
pub use self::http::TlsConfig;
pub use self::http::{
    Clock, ForwardedHeader, HotRouter, Listener, PeerAddress, PeerConnections, Rate, Refusals,
    RequestLimits, ScepService, ServeLimits, SystemClock, TrustedProxies, limited, router, serve,
    serve_with_limits,
};
pub use compliance::{Compliance, ComplianceCheck, ComplianceFault, ComplianceRequest};
pub use crl::{CrlPublisher, crl_router};
pub use decision::{Decision, Observer, Outcome};
pub use endpoint::{
    Authority, CaCertificateShape, CertificateAllowance, CertificateAuthority, DeviceAllowance,
    Endpoint, EndpointConfig, Host, Mode, NextAuthority, QueryPolicy, RecipientKey,
    RegistrationAuthority, RenewalPolicy, ReplyChain, SignerBinding, Warning,
};
pub use error::{Error, Misconfigured, OneTimePasswordFault, PasswordFault, RenewalFault};
pub use execution::{Execution, WorkerPool};
pub use intune::{
    Answered, BackOff, Emptied, FailureReport, IntuneMode, IntuneRevocation, IntuneService,
    NotifyPolicy, OutboxSettings, OutboxWorker, RevocationRound, RevocationSettings,
    RevocationWorker, ServiceError,
};
#[cfg(feature = "intune-client")]
pub use intune::{DeviceCompliance, GracePeriod, IntuneTenant};
pub use one_time::{MAX_SEALED_PASSWORDS, MintedPassword, OneTimePasswords, PasswordOrder};
pub use pipeline::Response;
pub use signer::{Signer, Signing};
