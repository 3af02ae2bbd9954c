use std::fmt;

use bytes::Bytes;
use scep_types::Secret;
use zeroize::Zeroizing;

use super::{ActivityId, Setting, Settings};

/// Octets that the body of an answer may have; a transport need not read more.
pub const MAX_BODY: usize = 1024 * 1024;

/// A request as data: send it as it is, over TLS, and follow no redirect.
///
/// Headers and body hold secrets: they are zeroized when the last clone is dropped, and never printed.
#[derive(Clone)]
pub struct HttpRequest {
    method: Method,
    url: String,
    headers: Vec<(&'static str, Secret)>,
    body: Bytes,
}

/// How it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST.
    Post,
}

/// What came back, whatever its status.
///
/// The answer to a token request holds the token: `Debug` prints no body, and whoever made it may zeroize it.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The value of the header `Retry-After`, if there was one.
    pub retry_after: Option<String>,
    /// The body, as far as it was read: one octet more than [`MAX_BODY`] is enough to have it refused.
    pub body: Bytes,
}

impl HttpRequest {
    /// A request with the headers that all have in common.
    pub(super) fn new(
        method: Method,
        url: String,
        settings: &Settings,
        activity_id: ActivityId,
    ) -> Self {
        let caller = settings.get(Setting::CallerInfo);
        let headers = vec![
            ("Accept", Secret::new("application/json")),
            ("client-request-id", Secret::new(activity_id.to_string())),
            ("User-Agent", Secret::new(caller)),
            // Microsoft's Java library sends it under this name.
            ("UserAgent", Secret::new(caller)),
        ];
        Self { method, url, headers, body: Bytes::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: Secret) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn body_of(self, media_type: &str, body: Zeroizing<Vec<u8>>) -> Self {
        let request = self.header("Content-Type", Secret::new(media_type));
        Self { body: Bytes::from_owner(body), ..request }
    }

    /// How to send it.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Where to; it holds no secret.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Names and values of all headers but `Host` and `Content-Length`; visible ASCII and inner spaces only.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.expose()))
    }

    /// The body, empty for GET.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

impl Method {
    /// `GET` or `POST`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl HttpResponse {
    /// A response without `Retry-After`.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, retry_after: None, body: body.into() }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, headers, body } = self;
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("HttpRequest")
            .field("method", method)
            .field("url", url)
            .field("headers", &names)
            .field("body_octets", &body.len())
            .finish()
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, retry_after, body } = self;
        f.debug_struct("HttpResponse")
            .field("status", status)
            .field("retry_after", retry_after)
            .field("body_octets", &body.len())
            .finish()
    }
}
