//! HTTP by hand, for what an HTTP library does not send: other methods, HTTP/1.0 without Host.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::row::{NoVerdict, not_tested};

/// Octets of an answer that are read.
const MAX_ANSWER: u64 = 64 * 1024;

/// The host and port, and the target of a request, of a plain URL.
pub(crate) struct Target<'a> {
    authority: &'a str,
    path: &'a str,
}

impl<'a> Target<'a> {
    /// # Errors
    /// A URL with TLS, which is not spoken here.
    pub(crate) fn of(url: &'a str) -> Result<Self, NoVerdict> {
        let Some(rest) = url.strip_prefix("http://") else {
            return not_tested("needs plain HTTP");
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/cgi-bin/pkiclient.exe"),
        };
        Ok(Self { authority, path })
    }

    /// A request line for an operation, and Host if asked for.
    pub(crate) fn request(&self, method: &str, operation: &str, version: &str) -> String {
        let line = format!("{method} {}?operation={operation} {version}\r\n", self.path);
        match version {
            "HTTP/1.0" => format!("{line}\r\n"),
            _ => format!(
                "{line}Host: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                self.authority
            ),
        }
    }

    /// Sends these octets and reads until the server closes: the head of the answer, or nothing.
    pub(crate) fn talk(&self, request: &str, timeout: Duration) -> Option<Head> {
        let with_port = |text: &str| match text.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => text.to_owned(),
            _ => format!("{text}:80"),
        };
        let address = with_port(self.authority).to_socket_addrs().ok()?.next()?;
        let mut stream = TcpStream::connect_timeout(&address, timeout).ok()?;
        stream.set_read_timeout(Some(timeout)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        // What came before an error counts: some servers reset the connection.
        let _ = stream.take(MAX_ANSWER).read_to_end(&mut answer);
        Head::read(&String::from_utf8_lossy(&answer))
    }
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn read(answer: &str) -> Option<Self> {
        let (head, _) = answer.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Self { status, headers: headers.collect() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
