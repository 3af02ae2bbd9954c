//! All that follows from a configuration and the files it names, built anew at each reload.

use std::net::{Ipv4Addr, SocketAddr};

use scep_server::Host;
use scep_types::UnixTime;

use super::authorities::Authorities;
pub(crate) use super::authorities::Generated;
pub(crate) use super::endpoints::{Crl, Door, Expiry};
use super::endpoints::{Doors, issuance};
use super::keys::Keys;
use super::tls::{self, Presented};
use crate::config::files::Files;
use crate::config::mistake::Findings;
use crate::config::model::Config;

/// What serves.
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    pub(crate) doors: Vec<Door>,
    pub(crate) listeners: Vec<Listening>,
}

/// An address at which devices are served.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Presented>,
}

impl Assembly {
    /// Reads what the configuration names and builds everything; mistakes and warnings are added to the findings.
    pub(crate) fn new(
        config: &Config,
        mut host: Host,
        generated: Generated,
        now: UnixTime,
        findings: &mut Findings,
    ) -> Self {
        let files = Files::beside(findings.file());
        let state = files.path(&config.state_dir);
        host.allowance = config.limits.allowance.map(issuance);
        let keys = Keys::new(&files);
        let authorities = Authorities { files: &files, keys, state, generated, now };
        let authorities = authorities.all(config, findings);
        let doors = Doors { config, files: &files, authorities, host, now }.all(findings);
        Self { doors, listeners: listeners(config, &files, findings) }
    }
}

fn listeners(config: &Config, files: &Files, findings: &mut Findings) -> Vec<Listening> {
    if config.listener.is_empty() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8894));
        return vec![Listening { address, tls: None }];
    }
    let listeners = config.listener.iter().map(|listener| Listening {
        address: *listener.address.value(),
        tls: listener.tls.as_ref().and_then(|tls| tls::config(tls, files, findings)),
    });
    listeners.collect()
}
