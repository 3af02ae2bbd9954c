//! The URL of a store: what it says, what it must not say, and how the password gets into it.

use std::net::IpAddr;
use std::path::PathBuf;

use scep_types::Secret;
use zeroize::Zeroizing;

use super::mistake::Fault;

/// Where the state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// `memory:`.
    Memory,
    /// `sqlite:` and a file.
    Sqlite(PathBuf),
    /// `postgres://…`.
    Postgres(ServerUrl),
    /// `redis://…`, `rediss://…`, `redis+unix://…`.
    Redis(ServerUrl),
}

/// Where a database's server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    scheme: String,
    user: String,
    /// Host and port; of PostgreSQL perhaps several.
    hosts: String,
    path: String,
    /// Names and values, still encoded; never a password.
    parameters: Vec<(String, String)>,
    pub(crate) encryption: Encryption,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// With TLS, and the server's certificate must be for its name.
    Verified,
    /// It is not.
    None,
}

impl StoreUrl {
    /// Reads a URL; it may hold a password, so no fault repeats it.
    pub(crate) fn parse(url: &str) -> Result<Self, Fault> {
        let kinds = "use \"sqlite:scepd.sqlite\", \"postgres://…\", \"redis://…\" or \"memory:\"";
        let (scheme, rest) = url.split_once(':').ok_or_else(|| no_such_kind(kinds))?;
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(Fault::new("nothing follows `memory:`", "write \"memory:\"")),
            "sqlite" => sqlite(rest).map(Self::Sqlite),
            "postgres" | "postgresql" => ServerUrl::parse(scheme, rest)?.postgres(),
            "redis" | "rediss" | "redis+unix" => ServerUrl::parse(scheme, rest)?.redis(),
            _ => Err(no_such_kind(kinds)),
        }
    }
}

fn no_such_kind(remedy: &str) -> Fault {
    Fault::new("no such kind of store", remedy)
}

fn sqlite(path: &str) -> Result<PathBuf, Fault> {
    let remedy = "write \"sqlite:scepd.sqlite\" or \"sqlite:/var/lib/scepd/scepd.sqlite\"";
    // What others write for an absolute path.
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    if path.is_empty() || path.starts_with("//") || path.ends_with('/') {
        return Err(Fault::new("`sqlite:` and no file", remedy));
    }
    if path == ":memory:" {
        return Err(Fault::new("a SQLite file in memory is not shared", "write \"memory:\""));
    }
    if path.contains('?') {
        return Err(Fault::new("the SQLite store has no settings in its URL", remedy));
    }
    Ok(path.into())
}

impl ServerUrl {
    fn parse(scheme: &str, rest: &str) -> Result<Self, Fault> {
        let wrong = |what: &str, remedy: &str| Err(Fault::new(what, remedy));
        let Some(rest) = rest.strip_prefix("//") else {
            return wrong(
                "`//` is missing",
                "write \"postgres://user@host/database\" or \"redis://host\"",
            );
        };
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if tail.contains(['@', '#']) {
            return wrong("'@' or '#' stands where it means something else", "write %40 and %23");
        }
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let mut parameters = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let Some((name, value)) = parameter.split_once('=') else {
                return wrong("a parameter without a value", "write ?name=value&name=value");
            };
            parameters.push((name.to_owned(), value.to_owned()));
        }
        let is_password =
            |(name, _): &(String, String)| ["password", "pass"].contains(&name.as_str());
        if user.contains(':') || parameters.iter().any(is_password) {
            let remedy =
                "take it out, and write password = { file = \"…\" } or { env = \"…\" } below";
            return wrong(
                "the URL holds a password, and a secret is no part of the configuration",
                remedy,
            );
        }
        let (scheme, user, hosts) = (scheme.to_owned(), user.to_owned(), hosts.to_owned());
        let encryption = Encryption::None;
        Ok(Self { scheme, user, hosts, path: path.to_owned(), parameters, encryption })
    }

    fn postgres(mut self) -> Result<StoreUrl, Fault> {
        let named = self.parameters.iter().filter(|(name, _)| name == "host");
        let named: Vec<String> = named.map(|(_, value)| value.replace("%2F", "/")).collect();
        if self.hosts.is_empty() && named.is_empty() {
            let remedy =
                "write \"postgres://user@host/database\", or for a socket ?host=/run/postgresql";
            return Err(Fault::new("the URL names no host", remedy));
        }
        let mut encryption = if self.is_local() && named.iter().all(|host| is_local(host)) {
            Encryption::None
        } else {
            Encryption::Verified
        };
        for (_, mode) in self.parameters.iter().filter(|(name, _)| name == "sslmode") {
            encryption = match mode.as_str() {
                "disable" => Encryption::None,
                "verify-full" => Encryption::Verified,
                _ => {
                    let remedy = "write sslmode=verify-full, and `roots` if its authority is not the system's; or sslmode=disable";
                    return Err(Fault::new(
                        "with this sslmode nobody knows whom scepd talks to",
                        remedy,
                    ));
                }
            };
        }
        self.parameters.retain(|(name, _)| name != "sslmode");
        Ok(StoreUrl::Postgres(Self { encryption, ..self }))
    }

    fn redis(self) -> Result<StoreUrl, Fault> {
        if self.scheme == "redis+unix" && (!self.hosts.is_empty() || self.path.is_empty()) {
            let remedy = "write \"redis+unix:///run/redis/redis.sock\"";
            return Err(Fault::new("the URL names no socket", remedy));
        }
        if self.scheme != "redis+unix" && self.hosts.is_empty() {
            return Err(Fault::new("the URL names no host", "write \"redis://host:6379/0\""));
        }
        let encryption =
            if self.scheme == "rediss" { Encryption::Verified } else { Encryption::None };
        Ok(StoreUrl::Redis(Self { encryption, ..self }))
    }

    /// Whether others can listen to what is sent.
    pub(crate) fn is_open(&self) -> bool {
        let mut named = self.parameters.iter().filter(|(name, _)| name == "host");
        self.encryption == Encryption::None
            && !(self.is_local() && named.all(|(_, host)| is_local(&host.replace("%2F", "/"))))
    }

    /// The URL that the store's driver is given.
    pub(crate) fn with_password(&self, password: Option<&Secret>) -> Zeroizing<String> {
        let Self { scheme, user, hosts, path, parameters, encryption: _ } = self;
        let password = password.map(encoded);
        let in_front = scheme.starts_with("redis") && scheme != "redis+unix";
        let mut url = Zeroizing::new(format!("{scheme}://{user}"));
        if let Some(password) = password.as_ref().filter(|_| in_front) {
            append(&mut url, &[":", password]);
        }
        if !user.is_empty() || (in_front && password.is_some()) {
            append(&mut url, &["@"]);
        }
        append(&mut url, &[hosts, path]);
        let mut before = "?";
        for (name, value) in parameters {
            append(&mut url, &[before, name, "=", value]);
            before = "&";
        }
        if let Some(password) = password.as_ref().filter(|_| !in_front) {
            let name = if scheme == "redis+unix" { "pass" } else { "password" };
            append(&mut url, &[before, name, "=", password]);
        }
        url
    }

    fn is_local(&self) -> bool {
        self.hosts.split(',').all(|host| is_local(without_port(host)))
    }
}

/// A buffer that grows leaves a copy behind, so it is replaced.
fn append(url: &mut Zeroizing<String>, parts: &[&str]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut longer = Zeroizing::new(String::with_capacity(url.len().saturating_add(length)));
    longer.push_str(url);
    parts.iter().for_each(|part| longer.push_str(part));
    *url = longer;
}

fn encoded(secret: &Secret) -> Zeroizing<String> {
    let octets = secret.expose().as_bytes();
    let mut text = Zeroizing::new(String::with_capacity(octets.len().saturating_mul(3)));
    for octet in octets {
        text.push('%');
        for digit in [octet >> 4, octet & 15] {
            text.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
        }
    }
    text
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    }
}

fn is_local(host: &str) -> bool {
    let loopback = || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host.is_empty() || host.starts_with('/') || host == "localhost" || loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> ServerUrl {
        match StoreUrl::parse(url).unwrap() {
            StoreUrl::Postgres(server) | StoreUrl::Redis(server) => server,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_password_gets_to_its_place_whatever_is_in_it() {
        let password = Secret::new("p@s:/?");
        for (url, expected) in [
            ("postgres://u@h/d", "postgres://u@h/d?password=%70%40%73%3A%2F%3F"),
            ("postgres://u@h/d?a=b", "postgres://u@h/d?a=b&password=%70%40%73%3A%2F%3F"),
            ("redis://h:1/0", "redis://:%70%40%73%3A%2F%3F@h:1/0"),
            ("rediss://u@h", "rediss://u:%70%40%73%3A%2F%3F@h"),
            ("redis+unix:///s?db=1", "redis+unix:///s?db=1&pass=%70%40%73%3A%2F%3F"),
        ] {
            assert_eq!(server(url).with_password(Some(&password)).as_str(), expected);
            assert_eq!(server(url).with_password(None).as_str(), url);
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
        use Encryption::{None, Verified};
        for (url, encryption, open) in [
            ("postgres://u@db.example/d", Verified, false),
            ("postgres://u@127.0.0.1,db.example/d", Verified, false),
            ("postgres://u@127.0.0.1:5432/d", None, false),
            ("postgres://u@[::1]:5432/d", None, false),
            ("postgresql://u@localhost/d", None, false),
            ("postgres://u@/d?host=/run/postgresql", None, false),
            ("postgres://u@/d?host=%2Frun", None, false),
            ("postgres://u@localhost/d?host=db.example", Verified, false),
            ("postgres://u@db.example/d?sslmode=disable", None, true),
            ("postgres://u@localhost/d?sslmode=verify-full", Verified, false),
            ("redis://cache.example", None, true),
            ("redis://127.0.0.1", None, false),
            ("rediss://cache.example", Verified, false),
            ("redis+unix:///run/redis.sock", None, false),
        ] {
            let server = server(url);
            assert_eq!((server.encryption, server.is_open()), (encryption, open), "{url}");
            assert!(!server.with_password(Option::None).contains("sslmode"));
        }
    }

    #[test]
    fn a_sqlite_file_is_found_however_it_is_written() {
        for (url, path) in [
            ("sqlite:scepd.sqlite", "scepd.sqlite"),
            ("sqlite:/var/lib/x", "/var/lib/x"),
            ("sqlite:///var/lib/x", "/var/lib/x"),
        ] {
            assert_eq!(StoreUrl::parse(url), Ok(StoreUrl::Sqlite(path.into())));
        }
        for wrong in ["sqlite:", "sqlite://x", "sqlite::memory:", "sqlite:x?mode=ro", "sqlite:a/"] {
            assert!(StoreUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
