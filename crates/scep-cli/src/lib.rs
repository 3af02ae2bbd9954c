//! The command `scep`: a SCEP client, and a diagnosis of what SCEP peers say.
//!
//! The program is [`run`] on a parsed [`Cli`]; [`decode`] makes a readable tree of whatever SCEP sends.
#![forbid(unsafe_code)]

pub mod decode;

mod choices;
mod cli;
mod commands;
mod error;
mod files;
mod output;
mod secret;
mod subject;
mod trust;

pub use cli::Cli;
pub use commands::run;
pub use error::{Error, FileProblem, Usage};
