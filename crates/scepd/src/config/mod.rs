//! `scepd.toml`: read, checked, and explained where it is wrong.

mod check;
mod check_intune;
mod check_next;
mod document;
pub(crate) mod endpoint;
pub(crate) mod files;
pub(crate) mod intune;
pub(crate) mod key;
pub(crate) mod mistake;
pub(crate) mod model;
mod sealing;
pub(crate) mod store;
pub(crate) mod store_url;
pub(crate) mod values;

pub(crate) use check_intune::is_loopback;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use mistake::Findings;
use model::Config;

/// A commented configuration, all of it.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// A file that was read, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What could be read; of use only where there are no mistakes.
    pub(crate) config: Option<Config>,
    pub(crate) findings: Findings,
}

impl Loaded {
    /// Reads a configuration and finds what is wrong with it alone; what it names is not looked at.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration {}", file.display()))?;
        let mut findings = Findings::new(file, text);
        let config = document::read(&mut findings);
        if let Some(config) = &config {
            check::check(config, &mut findings);
        }
        Ok(Self { config, findings })
    }
}

/// The schema of a configuration, JSON Schema 2020-12.
pub(crate) fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}
