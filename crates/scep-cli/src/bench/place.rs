use std::net::{IpAddr, SocketAddr};

/// Whether a URL plainly names this machine. Whatever is not plain does not: a yes is asked for it.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = match authority.parse::<SocketAddr>() {
        Ok(address) => Some(address.ip()),
        Err(_) => bare.parse::<IpAddr>().ok(),
    };
    address.map_or_else(|| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_plainly_names_this_machine_is_loopback() {
        for url in [
            "http://127.0.0.1/scep",
            "http://127.3.2.1:8894",
            "https://localhost:8443/scep?x=1",
            "http://LOCALHOST",
            "http://[::1]:8894/scep",
            "http://[::1]/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://192.0.2.1/scep",
            "http://scep.example/127.0.0.1",
            "http://localhost.example/",
            "http://127.0.0.1@scep.example/",
            "http://127.0.0.1.example/",
            "http://2130706433/",
            "http://[2001:db8::1]:80/",
            "127.0.0.1",
            "http://",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
