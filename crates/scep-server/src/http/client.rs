//! Who asks: the peer of the connection, or whom a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

/// The other end of a connection; [`serve`](crate::serve) puts it into the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Proxies whose word about the client's address is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Their networks.
    pub networks: Vec<IpNet>,
    /// The one header that they write. The other is ignored: a client may have invented it.
    pub header: ForwardedHeader,
}

/// The header in which proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl TrustedProxies {
    /// Whether this address is a trusted proxy's.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address nearest to us that is not a trusted proxy's.
    ///
    /// The header is read from its end, where the nearest proxy wrote. What cannot be read ends the search: the last
    /// trusted proxy then stands for its client.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let mut hops = self.hops(headers).into_iter().rev();
        while self.contains(client) {
            match hops.next() {
                Some(Some(before)) => client = before,
                _ => break,
            }
        }
        client
    }

    /// The hops in the order of the header, `None` for one that is no address.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let name = match self.header {
            ForwardedHeader::XForwardedFor => header::HeaderName::from_static("x-forwarded-for"),
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
        let hops = lines.flat_map(|line| line.split(','));
        let hop = |hop: &str| match self.header {
            ForwardedHeader::XForwardedFor => node(hop),
            ForwardedHeader::Forwarded => forwarded_for(hop),
        };
        hops.map(hop).collect()
    }
}

/// Who sent a request; `0.0.0.0` if nobody put a [`PeerAddress`] there, so that all such share one limit.
pub(super) fn client_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    proxies: Option<&TrustedProxies>,
) -> IpAddr {
    let peer = extensions.get::<PeerAddress>().map(|peer| peer.0.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let client = proxies.map_or(peer, |proxies| proxies.client(peer, headers));
    client.to_canonical()
}

/// What counts as one address: a subscriber has an IPv6 /64 at the least.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

/// The `for` of a forwarded-element (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address, which may have a port; IPv6 with one stands in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedHeader, peer: &str, value: &str) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let proxies = TrustedProxies { networks, header };
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", value.parse().unwrap());
        headers.append("forwarded", value.parse().unwrap());
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        client_of(&extensions, &headers, Some(&proxies)).to_string()
    }

    #[test]
    fn the_nearest_address_that_is_no_trusted_proxy_is_the_client() {
        let x = ForwardedHeader::XForwardedFor;
        let forwarded = ForwardedHeader::Forwarded;
        for (header, peer, value, expected) in [
            (x, "192.0.2.1", "198.51.100.7", "192.0.2.1"), // a stranger names nobody
            (x, "10.0.0.1", "198.51.100.7", "198.51.100.7"),
            (x, "::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
            (x, "10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            (x, "10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
            (x, "10.0.0.1", "10.0.0.3", "10.0.0.3"),
            (x, "10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
            (x, "10.0.0.1", "", "10.0.0.1"),
            (forwarded, "10.0.0.1", "for=198.51.100.7;proto=https", "198.51.100.7"),
            (forwarded, "fd00::1", "for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            (forwarded, "10.0.0.1", "for=203.0.113.9, For=\"198.51.100.7\"", "198.51.100.7"),
            (forwarded, "10.0.0.1", "for=198.51.100.7, for=_hidden", "10.0.0.1"),
            (forwarded, "10.0.0.1", "198.51.100.7", "10.0.0.1"),
        ] {
            assert_eq!(client(header, peer, value), expected, "{peer} {value}");
        }
    }

    #[test]
    fn an_ipv6_subscriber_is_a_64() {
        let subscriber = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(subscriber("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(subscriber("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(subscriber("192.0.2.1"), "192.0.2.1");
    }
}
