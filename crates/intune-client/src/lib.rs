//! Microsoft Intune's SCEP service, called.
//!
//! [`intune_challenge::service`] knows what the service understands; this crate carries it there: tokens,
//! discovery, repeats within a budget, proxies. A [`Client`] serves many requests and many tenants; a [`Tenant`] keeps its
//! own tokens and places. Secrets, tokens and challenges are in no log, error or `Debug`.
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")]
//! # mod example {
//! use intune_client::service::{Application, Cloud, Enrolment, Settings, Validated};
//! use intune_client::{
//!     Client, ClientSettings, CredentialFile, Error, HttpSettings, ReqwestTransport, Tenant,
//! };
//! use scep_types::{Certificate, CryptoProvider};
//!
//! type Problem = Box<dyn std::error::Error>;
//!
//! /// Once, for all tenants.
//! fn client(provider: CryptoProvider) -> Result<Client<ReqwestTransport>, Problem> {
//!     let transport = ReqwestTransport::new(&HttpSettings::default())?;
//!     Ok(Client::new(transport, provider, ClientSettings::default()))
//! }
//!
//! /// Once for each tenant.
//! fn tenant() -> Result<Tenant, Problem> {
//!     let application = Application::new("contoso.example", "00000000-1111-2222-3333-444444444444")?;
//!     let secret = CredentialFile::secret("/run/secrets/intune"); // read again for each token
//!     Ok(Tenant::new(application, secret, Settings::new(Cloud::Global, "AcmeScep/1.2.3")?))
//! }
//!
//! /// For each request. What is not `Ok` is not issued, and not handed out.
//! async fn enrol(
//!     client: &Client<ReqwestTransport>,
//!     tenant: &Tenant,
//!     enrolment: &Enrolment, // the transactionID, and the CSR as received
//!     issue: impl Fn(&Validated) -> Certificate, // yours; `Validated::authorization` entitles to it
//! ) -> Result<Certificate, Error> {
//!     let validated = client.validate(tenant, enrolment).await.outcome?;
//!     let certificate = issue(&validated);
//!     client.notify_success(tenant, enrolment, &certificate).await.outcome?;
//!     Ok(certificate)
//! }
//! # }
//! ```
//!
//! Before the first request, [`Client::check`] says in sentences what an administrator still has to do.
//! `docs/intune-sdk.md` in the repository is the guide for makers of SCEP servers.
#![forbid(unsafe_code)]

mod action;
mod answer;
mod cache;
mod call;
mod client;
mod clock;
mod credential;
mod doctor;
mod error;
mod hosts;
mod perform;
mod settings;
mod supply;
mod tenant;
mod transport;

pub use answer::Called;
pub use client::Client;
pub use clock::{Clock, SystemClock};
pub use credential::{
    CertificateCredential, Credential, CredentialError, CredentialFile, CredentialFuture,
    CredentialSource,
};
pub use doctor::{Finding, Severity};
pub use error::Error;
pub use hosts::{BearerHosts, Loopback};
pub use intune_challenge::service;
pub use settings::{ClientSettings, Retries};
pub use tenant::Tenant;
pub use transport::{Cause, Transport, TransportError, TransportFailure};
#[cfg(feature = "reqwest")]
pub use transport::{ExplicitProxy, HttpSettings, Proxy, ReqwestTransport, Roots, SetupError};

/// What the guide shows compiles, and what it claims to run does.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../../../docs/intune-sdk.md")]
struct Guide;
