//! What an endpoint, and all of them together, may issue.

use scep_store::{Allowance, Begin};

use super::config::{CertificateAllowance, EndpointConfig};
use super::sha256;
use crate::{Error, Misconfigured};

/// As the store counts them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowances {
    endpoint: Option<Allowance>,
    global: Option<Allowance>,
}

impl Allowances {
    pub(super) fn of(config: &EndpointConfig) -> Result<Self, Error> {
        let own = format!("allowance of endpoint {}", config.name);
        Ok(Self {
            endpoint: allowance(config, config.allowance, &own)?,
            global: allowance(config, config.host.allowance, "allowance of all endpoints")?,
        })
    }

    /// The same request, counted.
    pub(crate) fn count(&self, begin: Begin) -> Begin {
        let begin = match self.endpoint {
            Some(allowance) => begin.with_endpoint_allowance(allowance),
            None => begin,
        };
        match self.global {
            Some(allowance) => begin.with_global_allowance(allowance),
            None => begin,
        }
    }
}

fn allowance(
    config: &EndpointConfig,
    wanted: Option<CertificateAllowance>,
    whose: &str,
) -> Result<Option<Allowance>, Error> {
    let Some(CertificateAllowance { certificates, window }) = wanted else { return Ok(None) };
    let key = sha256(&config.host.provider, whose.as_bytes())?;
    let allowance = Allowance::new(key, certificates, window);
    Ok(Some(allowance.map_err(Misconfigured::Allowance)?))
}
