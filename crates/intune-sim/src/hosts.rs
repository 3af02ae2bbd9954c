use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use crate::config::SimulatorConfig;
use crate::error::Error;
use crate::fault::Host;
use crate::http::{Listening, listen};
use crate::state::State;

/// What stays behind where a tenant moved away from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OldScaleUnit {
    /// HTTP 404.
    NotFound,
    /// HTTP 410.
    Gone,
    /// HTTP 421.
    Misdirected,
    /// A port that nobody listens on.
    Refused,
}

/// What handle, listeners and control API share.
#[derive(Debug)]
pub(crate) struct Inner {
    state: Mutex<State>,
    hosts: Mutex<BTreeMap<Host, Listening>>,
    /// Hosts that were refused, and where they listened.
    refused: Mutex<BTreeMap<Host, SocketAddr>>,
}

/// In the order of their ports.
const HOSTS: [Host; 5] = [Host::Control, Host::Login, Host::Graph, Host::Service, Host::Elsewhere];

impl Inner {
    /// Listens on all hosts.
    pub(crate) async fn start(config: SimulatorConfig) -> Result<Arc<Self>, Error> {
        let mut listeners = BTreeMap::new();
        for (offset, host) in HOSTS.into_iter().enumerate() {
            let mut address = config.listen;
            if address.port() != 0 {
                let port = u16::try_from(offset).unwrap_or(0).saturating_add(address.port());
                address.set_port(port);
            }
            let listener = TcpListener::bind(address).await?;
            listeners.insert(host, (listener.local_addr()?, listener));
        }
        let addresses = listeners.iter().map(|(host, (address, _))| (*host, *address)).collect();
        let state = State::new(config, &addresses)?;
        let inner = Arc::new(Self {
            state: Mutex::new(state),
            hosts: Mutex::default(),
            refused: Mutex::default(),
        });
        for (host, (_, listener)) in listeners {
            let listening = listen(host, listener, inner.clone())?;
            inner.hosts().insert(host, listening);
        }
        Ok(inner)
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<Host, Listening>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<Host, SocketAddr>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all hosts.
    pub(crate) fn close(&self) {
        self.hosts().clear();
    }

    pub(crate) async fn refuse(&self, host: Host) {
        let listening = self.hosts().remove(&host);
        if let Some(listening) = listening {
            self.refused().insert(host, listening.address);
            listening.close().await;
        }
    }

    pub(crate) async fn restore_all(self: &Arc<Self>) -> Result<(), Error> {
        let refused = std::mem::take(&mut *self.refused());
        for (host, address) in refused {
            let listening = listen(host, TcpListener::bind(address).await?, self.clone())?;
            self.hosts().insert(host, listening);
        }
        Ok(())
    }

    pub(crate) async fn move_scale_unit(
        self: &Arc<Self>,
        tenant: Option<&str>,
        unit: &str,
        old: OldScaleUnit,
    ) -> Result<(), Error> {
        self.with(|state| {
            let named =
                state.tenants.iter_mut().find(|known| tenant.is_none_or(|name| known.is(name)));
            let named =
                named.ok_or_else(|| Error::UnknownTenant(tenant.unwrap_or_default().to_owned()))?;
            let left = std::mem::replace(&mut named.scale_unit, unit.to_owned());
            state.old_units.remove(unit);
            state.old_units.insert(left, old);
            Ok::<_, Error>(())
        })?;
        if old != OldScaleUnit::Refused {
            return Ok(());
        }
        let closing = self.hosts().remove(&Host::Service);
        let ip = closing.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |old| old.address.ip());
        // The new port is bound while the old one is taken, so that they differ.
        let listener = TcpListener::bind(SocketAddr::new(ip, 0)).await?;
        if let Some(closing) = closing {
            closing.close().await;
        }
        let listening = listen(Host::Service, listener, self.clone())?;
        let url = format!("http://{}", listening.address);
        self.with(|state| state.urls.service = url);
        self.hosts().insert(Host::Service, listening);
        Ok(())
    }
}
