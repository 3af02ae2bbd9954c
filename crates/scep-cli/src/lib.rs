//! The command `scep`: a SCEP client, and a diagnosis of what SCEP peers say.
//!
//! The program is [`run`] on a parsed [`Cli`]; [`decode`] makes a readable tree of whatever SCEP sends. `probe` looks a server
//! over, `conformance` runs the rules of RFC 8894 against it, `bench` puts it under load.
#![forbid(unsafe_code)]

pub mod decode;

mod answer;
mod bench;
mod choices;
mod cli;
mod commands;
mod conformance;
mod error;
mod files;
mod output;
mod probe;
mod secret;
mod subject;
mod trust;

pub use cli::Cli;
pub use commands::run;
pub use conformance::Level;
pub use error::{Error, FileProblem, Query, Usage};
