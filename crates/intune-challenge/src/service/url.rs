use std::fmt;

use crate::{Error, Field, InvalidInput};

/// Characters a URL may have.
const MAX_URL: usize = 2048;

/// The address of a service, checked: scheme, host, maybe a port, maybe a path; no user, query or fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl {
    text: String,
    host: String,
    origin_len: usize,
}

/// Whether tokens may go over plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UrlPolicy {
    /// https only.
    #[default]
    HttpsOnly,
    /// http too, for a simulator on the same machine.
    HttpForTests,
}

impl ServiceUrl {
    /// Checks an address; slashes at its end do not count.
    ///
    /// # Errors
    /// [`InvalidInput::Url`].
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, Error> {
        Self::read(text, policy).ok_or(InvalidInput::Url(Field::Url).into())
    }

    pub(super) fn read(text: &str, policy: UrlPolicy) -> Option<Self> {
        let text = text.trim_end_matches('/');
        if text.len() > MAX_URL || !text.bytes().all(is_allowed) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        let is_http = scheme.eq_ignore_ascii_case("http");
        let may_be_called = is_https || (is_http && policy == UrlPolicy::HttpForTests);
        if !may_be_called {
            return None;
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let origin_len = scheme.len().saturating_add(3).saturating_add(authority.len());
        let host = host(authority)?.to_ascii_lowercase();
        Some(Self { text: text.to_owned(), host, origin_len })
    }

    /// The host in lower case, without port; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The whole, without slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether scheme, host and port are the same.
    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        self.origin().eq_ignore_ascii_case(other.origin())
    }

    /// `{self}/{suffix}`.
    pub(super) fn join(&self, suffix: &str) -> String {
        format!("{}/{suffix}", self.text)
    }

    fn origin(&self) -> &str {
        self.text.get(..self.origin_len).unwrap_or_default()
    }
}

fn is_allowed(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"\"<>\\^`{|}?#@".contains(&octet)
}

fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of a bare IPv6 address is inside the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok().then_some(v6)?,
        None => host,
    };
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-.:".contains(&octet);
    let is_host = !host.is_empty() && host.bytes().all(is_name);
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (is_host && is_port).then_some(host)
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
