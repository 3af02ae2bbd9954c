use std::fmt;

use bytes::Bytes;

use crate::capabilities::Capabilities;
use crate::http::{Method, PKI_MESSAGE, encode_message};

/// One HTTP request to the SCEP server, as data. The host adds the URL, and `query` to whatever query that has.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// GET or POST.
    pub method: Method,
    /// The query, escaped, without `?`.
    pub query: String,
    /// The Content-Type of the body, if there is one.
    pub content_type: Option<&'static str>,
    /// The body; empty for GET. Send it with a Content-Length: IIS refuses chunks.
    pub body: Bytes,
}

/// What came back: any HTTP status, at most [`MAX_MESSAGE`](crate::http::MAX_MESSAGE) octets of body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The HTTP status code.
    pub status: u16,
    /// The body; its Content-Type does not matter.
    pub body: Bytes,
}

impl HttpRequest {
    /// GetCACaps (RFC 8894 §3.5.1).
    #[must_use]
    pub fn get_ca_caps() -> Self {
        Self::get("operation=GetCACaps".to_owned())
    }

    /// GetCACert; old servers choose among several CAs by an identifier (RFC 8894 §4.2).
    #[must_use]
    pub fn get_ca_cert(ca_identifier: Option<&str>) -> Self {
        let mut query = "operation=GetCACert".to_owned();
        if let Some(identifier) = ca_identifier {
            query.push_str("&message=");
            query.push_str(&percent_encode(identifier));
        }
        Self::get(query)
    }

    /// GetNextCACert (RFC 8894 §4.7). Whatever is no success means that there is no next CA yet.
    #[must_use]
    pub fn get_next_ca_cert() -> Self {
        Self::get("operation=GetNextCACert".to_owned())
    }

    /// PKIOperation with a pkiMessage (RFC 8894 §4.3).
    #[must_use]
    pub fn pki_operation(message: &Bytes, method: Method) -> Self {
        let operation = "operation=PKIOperation".to_owned();
        match method {
            Method::Get => Self::get(format!("{operation}&message={}", encode_message(message))),
            Method::Post => Self {
                method,
                query: operation,
                content_type: Some(PKI_MESSAGE),
                body: message.clone(),
            },
        }
    }

    fn get(query: String) -> Self {
        Self { method: Method::Get, query, content_type: None, body: Bytes::new() }
    }
}

/// The operation and sizes; a message says nothing to a person.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, query, content_type: _, body } = self;
        let operation = query.split('&').next().unwrap_or_default();
        write!(f, "{method:?} {operation} ({} octets of query, ", query.len())?;
        write!(f, "{} of body)", body.len())
    }
}

impl HttpAnswer {
    /// Whether the status is one of success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What an answer to GetCACaps says; nothing if the status is no success (RFC 8894 §3.5.2).
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        if !self.is_success() {
            return Capabilities::empty();
        }
        Capabilities::parse(&String::from_utf8_lossy(&self.body))
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} with {} octets", self.status, self.body.len())
    }
}

/// Escapes everything but unreserved characters (RFC 3986 §2.3).
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, octet| {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(octet));
            }
            _ => escaped.push_str(&format!("%{octet:02X}")),
        }
        escaped
    })
}
