//! A stand-in for Microsoft's half of an Intune SCEP enrolment, and devices that enrol as Windows, Apple and Android do.
//!
//! [`Simulator`] answers as Entra (tokens), Graph (discovery) and Intune (validation, notifications, revocation) on
//! loopback. It mints opaque challenges that only it can open, compares each CSR with the profile behind its challenge,
//! records what it is asked, and fails on request. [`device`] is the other end: it speaks SCEP in the dialect of a family.
//!
//! Nothing here is for production: it is written from what the wire looks like, and shares no code with our client of it.
//!
//! ```no_run
//! use intune_sim::{Endpoint, Error, Fault, Simulator, SimulatorConfig, Times};
//! use scep_types::CryptoProvider;
//!
//! async fn test(provider: CryptoProvider) -> Result<(), Error> {
//!     let simulator = Simulator::start(SimulatorConfig::new(provider)).await?;
//!     let urls = simulator.urls(); // what the server under test is told, with `simulator.credentials()`
//!     println!("{} {}", urls.login, urls.graph);
//!     let policy = simulator.mint_challenge("device-1", "profile-1")?; // what the MDM would give the device
//!     simulator.inject(Endpoint::Validate, Fault::InternalError, Times::N(1));
//!     # drop(policy);
//!     Ok(()) // it stops when it is dropped
//! }
//! ```
#![forbid(unsafe_code)]

pub mod device;

mod challenge;
mod clock;
mod compare;
mod config;
mod directory;
mod error;
mod fault;
mod hosts;
mod http;
mod ids;
mod minting;
mod record;
mod revocation;
mod simulator;
mod spec;
mod state;
mod urls;

pub use challenge::Forgery;
pub use clock::SimulatedClock;
pub use config::SimulatorConfig;
pub use directory::{
    App, ClientSecret, Compliance, FederatedCredential, ManagedDevice, Permission, Profile, Target,
    Tenant, User,
};
pub use error::{DeviceError, Error, InvalidText};
pub use fault::{Endpoint, Fault, Host, Times};
pub use hosts::OldScaleUnit;
pub use http::DiscoveryQuirk;
pub use minting::{Minting, Policy};
pub use record::{IssuedRecord, Received, RecordedFailure};
pub use revocation::{RevocationRequest, RevocationState};
pub use simulator::{Credentials, Simulator};
pub use spec::{AltName, CsrSpec, KeyUsageSpec, SubjectAttribute, ValiditySpec, ValidityUnit};
pub use state::NotificationPolicy;
pub use urls::Urls;
