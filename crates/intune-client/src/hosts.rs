use std::net::IpAddr;

use crate::service::ServiceUrl;

/// Where the token for Intune may be sent: discovery says where to, this says whether that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerHosts {
    domains: Vec<String>,
    loopback: Loopback,
}

/// Whether this very machine is a place for tokens, over HTTPS or plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loopback {
    /// As in production.
    #[default]
    Refused,
    /// For tests against a simulator.
    Allowed,
}

/// The domains of Intune's public and national clouds.
impl Default for BearerHosts {
    fn default() -> Self {
        Self::new(["manage.microsoft.com", "manage.microsoft.us", "manage.microsoftonline.cn"])
    }
}

impl BearerHosts {
    /// These domains and what lies below them, over HTTPS.
    #[must_use]
    pub fn new<D: Into<String>>(domains: impl IntoIterator<Item = D>) -> Self {
        let lower = |domain: D| domain.into().to_ascii_lowercase();
        Self { domains: domains.into_iter().map(lower).collect(), loopback: Loopback::Refused }
    }

    /// With this word on the machine itself.
    #[must_use]
    pub fn with_loopback(self, loopback: Loopback) -> Self {
        Self { loopback, ..self }
    }

    /// Whether a token may go to this place.
    #[must_use]
    pub fn admits(&self, place: &ServiceUrl) -> bool {
        let host = place.host();
        if is_loopback(host) {
            return self.loopback == Loopback::Allowed;
        }
        let scheme = place.as_str().split("://").next().unwrap_or_default();
        let is_in = |domain: &String| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        scheme.eq_ignore_ascii_case("https") && self.domains.iter().any(is_in)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
