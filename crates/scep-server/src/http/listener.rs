use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::net::TcpListener;

use super::client::subscriber;
use super::limit::Refusals;

/// A socket that connections are accepted from, and on what terms.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) peers: Option<PeerConnections>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::TlsConfig>,
}

impl Listener {
    /// Plain HTTP, and any number of connections from one address.
    #[must_use]
    pub fn new(socket: TcpListener) -> Self {
        Self {
            socket,
            peers: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Bounds the connections from one address.
    #[must_use]
    pub fn with_peers(self, peers: PeerConnections) -> Self {
        Self { peers: Some(peers), ..self }
    }

    /// Speaks TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: super::TlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket)
    }
}

/// A bound on the connections from one address at a time; an IPv6 /64 is one. Clones share it, and so may listeners.
#[derive(Clone)]
pub struct PeerConnections(Arc<Inner>);

struct Inner {
    most: usize,
    exempt: Vec<IpNet>,
    refusals: Arc<Refusals>,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts until it is dropped.
pub(super) struct Counted {
    from: Option<(PeerConnections, IpAddr)>,
}

impl PeerConnections {
    /// At most `most` from each address, but any number from `exempt` networks, which are those of proxies.
    #[must_use]
    pub fn new(most: usize, exempt: Vec<IpNet>, refusals: Arc<Refusals>) -> Self {
        Self(Arc::new(Inner { most, exempt, refusals, counts: Mutex::default() }))
    }

    /// Counts one more, or refuses it.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        if self.0.exempt.iter().any(|network| network.contains(&address)) {
            return Some(Counted { from: None });
        }
        let subscriber = subscriber(address);
        let mut counts = self.counts();
        let count = counts.entry(subscriber).or_default();
        if *count >= self.0.most {
            self.0.refusals.count_connection();
            return None;
        }
        *count = count.saturating_add(1);
        Some(Counted { from: Some((self.clone(), subscriber)) })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((peers, subscriber)) = self.from.take() else { return };
        let mut counts = peers.counts();
        match counts.get_mut(&subscriber) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                counts.remove(&subscriber);
            }
        }
    }
}

impl fmt::Debug for PeerConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnections").field("most", &self.0.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_no_more_until_one_ends() {
        let refusals = Arc::new(Refusals::default());
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let peers = PeerConnections::new(2, proxies, Arc::clone(&refusals));
        let admit = |address: &str| peers.admit(address.parse().unwrap());
        let first = admit("192.0.2.1");
        let second = admit("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(admit("192.0.2.1").is_none());
        assert_eq!(refusals.connections(), 1);
        assert!(admit("192.0.2.2").is_some(), "another address");
        drop(first);
        assert!(admit("192.0.2.1").is_some());
        drop(second);
        assert!(peers.counts().is_empty(), "what ended is not kept");
        let proxied: Vec<_> = (0..9).map(|_| admit("10.1.2.3")).collect();
        assert!(proxied.iter().all(Option::is_some));
    }
}
