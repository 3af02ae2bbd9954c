//! What contradicts itself, before any file but the configuration is read.

use std::collections::BTreeMap;
use std::ops::Range;

use super::endpoint::{Endpoint, ModeName, ProfilesByUse, SignerBindingName};
use super::intune::CrlSettings;
use super::mistake::{Findings, nearest};
use super::model::Config;
use super::store_url::{Encryption, StoreUrl};
use super::values::Located;
use super::{check_intune, check_next};

/// Finds all contradictions.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    check_listeners(config, findings);
    check_admin(config, findings);
    check_store(config, findings);
    check_names(config, findings);
    if config.endpoint.is_empty() {
        let remedy = "add an [[endpoint]]; `scepd config example` shows one";
        findings.absence(0..0, "there is no endpoint, so nobody could enrol", remedy);
    }
    for endpoint in &config.endpoint {
        check_endpoint(endpoint, config, findings);
    }
    check_unique(config, findings);
}

fn check_listeners(config: &Config, findings: &mut Findings) {
    let mut seen = Vec::new();
    for address in config.listener.iter().map(|listener| &listener.address) {
        if address.value().port() != 0 && seen.contains(address.value()) {
            let what = format!("two listeners at {}", address.value());
            findings.mistake(address.span(), what, "take one out, or give it another port");
        }
        seen.push(*address.value());
    }
}

fn check_admin(config: &Config, findings: &mut Findings) {
    let Some(admin) = &config.admin else { return };
    if !admin.address.value().ip().is_loopback() {
        let what = format!("the admin API would listen at {}", admin.address.value());
        let remedy = "use a loopback address such as 127.0.0.1:8895; reach it through SSH or a proxy on this machine";
        findings.mistake(admin.address.span(), what, remedy);
    }
}

fn check_store(config: &Config, findings: &mut Findings) {
    let store = &config.store;
    let url = store.url.as_ref().map(|url| StoreUrl::parse(url.value())).transpose();
    let Some(url) = findings.take(store.span(), url) else { return };
    let (postgres, redis) =
        (matches!(url, Some(StoreUrl::Postgres(_))), matches!(url, Some(StoreUrl::Redis(_))));
    let encrypted = matches!(&url, Some(StoreUrl::Postgres(server) | StoreUrl::Redis(server)) if server.encryption == Encryption::Verified);
    for (key, at, fits) in [
        ("password", store.password.as_ref().map(Located::span), postgres || redis),
        ("roots", store.roots.as_ref().map(Located::span), encrypted),
        ("postgres", store.postgres.as_ref().map(Located::span), postgres),
        ("redis", store.redis.as_ref().map(Located::span), redis),
    ] {
        if let Some(at) = at.filter(|_| !fits) {
            let what = format!("`{key}` is of no use to the store that `url` names");
            findings.mistake(at, what, "take it out, or correct `url`");
        }
    }
    let prefix =
        store.redis.as_ref().and_then(|redis| Some((redis.span(), redis.value().prefix.as_ref()?)));
    if let Some((at, prefix)) = prefix.filter(|(_, prefix)| !is_plain(prefix)) {
        findings.mistake(at, format!("the prefix {prefix:?} is not plain"), PLAIN);
    }
    warn_of_store(url.as_ref(), store.span(), findings);
}

fn warn_of_store(url: Option<&StoreUrl>, at: Range<usize>, findings: &mut Findings) {
    match url {
        Some(StoreUrl::Memory) => {
            let what = "the store is in memory: a restart forgets what was issued and which challenges were used";
            findings.warning(at, what, "use \"sqlite:scepd.sqlite\", unless this is a test");
        }
        Some(StoreUrl::Postgres(server) | StoreUrl::Redis(server)) if server.is_open() => {
            let what = "what scepd and its database say to each other is not encrypted";
            findings.warning(
                at,
                what,
                "use sslmode=verify-full or rediss:, unless nobody can listen",
            );
        }
        _ => {}
    }
}

/// Names become directories and paths, so they are plain.
fn check_names(config: &Config, findings: &mut Findings) {
    for (name, authority) in &config.authority {
        if !is_plain(name) {
            let what = format!("the authority's name {name:?} is not plain");
            findings.mistake(authority.span(), what, PLAIN);
        }
        let settings = authority.value();
        if let (None, Some(ra)) = (&settings.ca, &settings.ra) {
            let what = format!("authority {name:?} has an RA of its own, but its CA is generated");
            findings.mistake(ra.span(), what, "give the `ca` that issued it, or take `ra` out");
        }
        check_next::check_authority(settings, findings);
    }
}

fn check_endpoint(located: &Located<Endpoint>, config: &Config, findings: &mut Findings) {
    let endpoint = located.value();
    let name = endpoint.name.value();
    if !is_plain(name) {
        let what = format!("the endpoint's name {name:?} is not plain");
        findings.mistake(endpoint.name.span(), what, PLAIN);
    }
    if let Some(path) = endpoint.path.as_ref().filter(|path| !path.value().starts_with('/')) {
        let what = format!("the path {:?} is not absolute", path.value());
        findings.mistake(path.span(), what, format!("write \"/{}\"", path.value()));
    }
    check_mode(endpoint, findings);
    check_one_time(endpoint, config, findings);
    check_intune::check(endpoint, config, findings);
    check_next::check_endpoint(endpoint, config, findings);
    let at = endpoint.name.span();
    let authority = endpoint.authority.as_ref();
    check_reference(authority, at, "authority", &config.authority, findings);
    check_profiles(endpoint, config, findings);
}

fn check_profiles(endpoint: &Endpoint, config: &Config, findings: &mut Findings) {
    if let (None, profile) = (&endpoint.profiles, endpoint.profile.as_ref()) {
        let at = endpoint.name.span();
        return check_reference(profile, at, "profile", &config.profile, findings);
    }
    check_named(endpoint.profile.as_ref(), endpoint.profiles.as_ref(), config, findings);
}

/// One profile, or one for each use; each of those that there are.
pub(super) fn check_named(
    profile: Option<&Located<String>>,
    by_use: Option<&Located<ProfilesByUse>>,
    config: &Config,
    findings: &mut Findings,
) {
    if let Some(profile) = profile {
        check_reference(Some(profile), profile.span(), "profile", &config.profile, findings);
    }
    let Some(by_use) = by_use else { return };
    if let Some(profile) = profile {
        let remedy = "keep `profile` for one profile, or `profiles` for one for each use";
        findings.mistake(profile.span(), "`profile` and `profiles` contradict each other", remedy);
    }
    let uses = by_use.value();
    let named = [Some(&uses.general_purpose), uses.signature.as_ref(), uses.encryption.as_ref()];
    for name in named.into_iter().flatten() {
        check_reference(Some(name), name.span(), "profile", &config.profile, findings);
    }
}

/// A mode has its settings, and no other mode's.
fn check_mode(endpoint: &Endpoint, findings: &mut Findings) {
    let mode = *endpoint.mode.value();
    for (other, settings) in settings(endpoint) {
        match settings {
            Some(span) if other != mode => {
                let what = format!(
                    "settings of the mode \"{}\", but the mode is \"{}\"",
                    other.name(),
                    mode.name()
                );
                let remedy = "take them out or change `mode`: an endpoint has one mode, and a refusal in it is final";
                findings.mistake(span, what, remedy);
            }
            // All of its settings have defaults.
            None if other == mode && mode != ModeName::OneTime => {
                let what = format!("the mode \"{}\" has no settings", mode.name());
                let remedy = format!("add {}", mode.example());
                findings.absence(endpoint.mode.span(), what, remedy);
            }
            _ => {}
        }
    }
    if mode == ModeName::Manual && endpoint.signer_binding == Some(SignerBindingName::Any) {
        let what = "with signer-binding \"any\" nothing ties a request that an operator sees to its sender";
        let remedy = "use signer-binding \"same-key\", or another mode";
        findings.mistake(endpoint.mode.span(), what, remedy);
    }
}

/// Passwords are made through the admin API, and nowhere else.
fn check_one_time(endpoint: &Endpoint, config: &Config, findings: &mut Findings) {
    if *endpoint.mode.value() != ModeName::OneTime || config.admin.is_some() {
        return;
    }
    let remedy = "add [admin], with address = \"127.0.0.1:8895\"";
    match endpoint.one_time.as_ref().filter(|settings| settings.value().page) {
        Some(settings) => {
            let what = "the page that makes passwords is one of the admin API, and there is none";
            findings.mistake(settings.span(), what, remedy);
        }
        None => {
            let what = "one-time passwords are made through the admin API, and there is none";
            findings.warning(endpoint.mode.span(), what, remedy);
        }
    }
}

fn settings(endpoint: &Endpoint) -> [(ModeName, Option<Range<usize>>); 5] {
    [
        (ModeName::Static, endpoint.static_.as_ref().map(Located::span)),
        (ModeName::OneTime, endpoint.one_time.as_ref().map(Located::span)),
        (ModeName::Signed, endpoint.signed.as_ref().map(Located::span)),
        (ModeName::Manual, endpoint.manual.as_ref().map(Located::span)),
        (ModeName::Intune, endpoint.intune.as_ref().map(Located::span)),
    ]
}

/// A name must be one of those that there are; it may be absent if there is one.
fn check_reference<T>(
    name: Option<&Located<String>>,
    endpoint: Range<usize>,
    kind: &str,
    known: &BTreeMap<String, T>,
    findings: &mut Findings,
) {
    let Some(name) = name else {
        let (what, remedy) = match known.len() {
            0 if kind == "authority" => return, // one is generated
            1 => return,
            0 => (format!("there is no {kind}"), format!("add a [{kind}.devices]")),
            _ => {
                let names: Vec<_> = known.keys().map(String::as_str).collect();
                (format!("which {kind}?"), format!("add `{kind}`, one of: {}", names.join(", ")))
            }
        };
        return findings.absence(endpoint, what, remedy);
    };
    if !known.contains_key(name.value()) {
        let near = nearest(name.value(), known.keys().map(String::as_str));
        let what = format!("there is no {kind} {:?}", name.value());
        match near {
            Some(near) => {
                findings.mistake(name.span(), what, format!("did you mean {near:?}?"));
            }
            None => {
                findings.absence(name.span(), what, format!("add a [{kind}.{}]", name.value()));
            }
        }
    }
}

fn check_unique(config: &Config, findings: &mut Findings) {
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for endpoint in config.endpoint.iter().map(Located::value) {
        let (name, path) = (endpoint.name.value(), endpoint.path());
        if names.contains(&name) {
            let what = format!("two endpoints are named {name:?}");
            findings.mistake(endpoint.name.span(), what, "give each a name of its own");
        } else if paths.contains(&path) {
            let at = endpoint.path.as_ref().map_or(endpoint.name.span(), Located::span);
            let what = format!("two endpoints at {path:?}");
            findings.mistake(at, what, "give each a path of its own");
        }
        names.push(name);
        paths.push(path);
    }
    for crl in config.endpoint.iter().filter_map(|endpoint| endpoint.value().crl.as_ref()) {
        let CrlSettings { path, next_path, .. } = crl.value();
        for path in std::iter::once(path).chain(next_path) {
            if paths.contains(path.value()) {
                let what = format!("something else is at {:?}", path.value());
                findings.mistake(path.span(), what, "give the CRL a path of its own");
            }
            paths.push(path.value().clone());
        }
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

const PLAIN: &str = "use 1 to 64 letters, digits, '-' and '_'";

impl ModeName {
    fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::OneTime => "one-time",
            Self::Signed => "signed",
            Self::Manual => "manual",
            Self::Intune => "intune",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Static => "static = { password = { file = \"password.txt\" } }",
            Self::OneTime => "one-time = { lifetime = \"60m\" }",
            Self::Signed => "signed = { anchors = \"anchors.pem\", audience = \"https://…\" }",
            Self::Manual => "manual = { keep = \"7d\" }",
            Self::Intune => "an [endpoint.intune] with tenant, application and secret",
        }
    }
}

impl Endpoint {
    /// Under which path it is served.
    pub(crate) fn path(&self) -> String {
        match &self.path {
            Some(path) => path.value().clone(),
            None => format!("/scep/{}", self.name.value()),
        }
    }
}
