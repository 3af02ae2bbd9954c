use reqwest::Url;

use crate::error::UrlError;

/// Where a SCEP server is if nobody says otherwise (RFC 8894 §4.1).
const DEFAULT_PATH: &str = "/cgi-bin/pkiclient.exe";

/// The URL of a SCEP server: path and query as configured, operations to be added to the query.
#[derive(Debug, Clone)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|_| UrlError::Invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        if url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("operation")) {
            return Err(UrlError::Operation);
        }
        if !names_a_path(text) {
            url.set_path(DEFAULT_PATH);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// Whether it is without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL of a request with this query.
    pub(crate) fn with_query(&self, query: &str) -> Url {
        let mut url = self.0.clone();
        match self.0.query() {
            Some(configured) if !configured.is_empty() => {
                url.set_query(Some(&format!("{configured}&{query}")));
            }
            _ => url.set_query(Some(query)),
        }
        url
    }
}

/// Whether there is a `/` after the authority; the parsed URL has one in any case.
fn names_a_path(text: &str) -> bool {
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        ServerUrl::parse(text).unwrap().with_query("operation=GetCACaps").to_string()
    }

    // R-4.1-01
    #[test]
    fn the_default_path_stands_in_for_none() {
        let default = "http://ca.example/cgi-bin/pkiclient.exe?operation=GetCACaps";
        assert_eq!(url("http://ca.example"), default);
        assert_eq!(url("http://ca.example?"), default);
        assert_eq!(url("http://ca.example/"), "http://ca.example/?operation=GetCACaps");
        assert_eq!(url("http://ca.example/a/b/"), "http://ca.example/a/b/?operation=GetCACaps");
        assert_eq!(
            url("https://ca.example:8443"),
            "https://ca.example:8443/cgi-bin/pkiclient.exe?operation=GetCACaps"
        );
    }

    // R-4.1-12
    #[test]
    fn a_configured_query_is_kept() {
        assert_eq!(
            url("http://ca.example/scep?tenant=1&x=%2F"),
            "http://ca.example/scep?tenant=1&x=%2F&operation=GetCACaps"
        );
        assert_eq!(
            url("http://ca.example?tenant=a/b#top"),
            "http://ca.example/cgi-bin/pkiclient.exe?tenant=a/b&operation=GetCACaps"
        );
    }

    #[test]
    fn an_escaped_message_is_not_escaped_again() {
        let server = ServerUrl::parse("http://ca.example/scep").unwrap();
        let query = "operation=PKIOperation&message=MI%2B%2Fa%3D";
        assert_eq!(server.with_query(query).query(), Some(query));
    }

    #[test]
    fn what_is_no_scep_url_is_refused() {
        let cases = [
            ("", UrlError::Invalid),
            ("ca.example/scep", UrlError::Invalid),
            ("ldap://ca.example/", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("http://user:secret@ca.example/", UrlError::Credentials),
            ("http://ca.example/scep?operation=GetCACert", UrlError::Operation),
        ];
        for (text, expected) in cases {
            assert_eq!(ServerUrl::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
