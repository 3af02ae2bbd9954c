//! What contradicts itself about a CA that takes over.

use std::ops::Range;

use super::check::check_named;
use super::endpoint::Endpoint;
use super::mistake::Findings;
use super::model::{Authority, Config};
use super::values::Located;

/// A next CA issues with a key of its own; what its RA is called has no use without.
pub(super) fn check_authority(authority: &Authority, findings: &mut Findings) {
    let Authority { next_ca, next_ca_key, next_ra, next_ra_key, .. } = authority;
    let ca_key = next_ca_key.as_ref().map(Located::span);
    let ra = next_ra.as_ref().map(Located::span);
    let ra_key = next_ra_key.as_ref().map(Located::span);
    let needed = [
        (
            ca_key.clone(),
            next_ca.is_some(),
            "`next-ca-key` is of no use without `next-ca`",
            "add next-ca = \"next-ca.pem\", its certificate",
        ),
        (
            ra.clone(),
            next_ca.is_some(),
            "`next-ra` is of no use without `next-ca`",
            "add next-ca = \"next-ca.pem\", the certificate of the CA that issued it",
        ),
        (
            ra.clone(),
            ca_key.is_some(),
            "the next CA has an RA to open requests, and no key to issue with",
            "add next-ca-key = { file = \"next-ca.key\" }; or put the RA's certificate behind that of `next-ca`, to make it known and no more",
        ),
        (
            ra.clone(),
            ra_key.is_some(),
            "the next CA's RA has no key",
            "add next-ra-key = { file = \"next-ra.key\" }",
        ),
        (
            ra_key,
            ra.is_some(),
            "`next-ra-key` is of no use without `next-ra`",
            "add next-ra = \"next-ra.pem\", its certificate",
        ),
    ];
    for (at, is_there, what, remedy) in needed {
        if let Some(at) = at.filter(|_| !is_there) {
            findings.absence(at, what, remedy);
        }
    }
}

/// What an endpoint says about the next CA has a use if there is one that issues; and what that issues names its own CRL.
pub(super) fn check_endpoint(endpoint: &Endpoint, config: &Config, findings: &mut Findings) {
    let Endpoint { next_profile, next_profiles, crl, .. } = endpoint;
    check_named(next_profile.as_ref(), next_profiles.as_ref(), config, findings);
    let crl = crl.as_ref().map(Located::value);
    let next_path = crl.and_then(|crl| crl.next_path.as_ref());
    if !takes_over(endpoint, config) {
        let settings = [
            ("next-profile", next_profile.as_ref().map(Located::span)),
            ("next-profiles", next_profiles.as_ref().map(Located::span)),
            ("next-path", next_path.map(Located::span)),
        ];
        for (key, at) in settings {
            warn_of_no_use(key, at, findings);
        }
        return;
    }
    if let Some(crl) = crl.filter(|_| next_path.is_none()) {
        let what = "the next CA issues, and its CRL is served nowhere";
        let remedy = "add next-path = \"/crl/next.crl\" beside `path`";
        findings.warning(crl.path.span(), what, remedy);
    }
    if next_profile.is_none() && next_profiles.is_none() && names_its_ca(endpoint, config) {
        let what =
            "what the next CA issues would name the CRL or the certificate of the current CA";
        let remedy = "add a profile with `crl-urls` and `ca-issuers-urls` of the next CA, and next-profile = \"its name\"";
        findings.warning(endpoint.name.span(), what, remedy);
    }
}

fn warn_of_no_use(key: &str, at: Option<Range<usize>>, findings: &mut Findings) {
    if let Some(at) = at {
        let what = format!("`{key}` is of no use: the authority has no next CA that issues");
        findings.warning(at, what, "add `next-ca` and `next-ca-key` to it, or take this out");
    }
}

fn takes_over(endpoint: &Endpoint, config: &Config) -> bool {
    let authority = match &endpoint.authority {
        Some(name) => config.authority.get(name.value()),
        None => config.authority.values().next(),
    };
    let authority = authority.map(Located::value);
    authority
        .is_some_and(|authority| authority.next_ca.is_some() && authority.next_ca_key.is_some())
}

/// Whether a profile of the endpoint has URLs that are one CA's.
fn names_its_ca(endpoint: &Endpoint, config: &Config) -> bool {
    let by_use = endpoint.profiles.as_ref().map(Located::value);
    let by_use = by_use.into_iter().flat_map(|uses| {
        [Some(&uses.general_purpose), uses.signature.as_ref(), uses.encryption.as_ref()]
    });
    let mut named = endpoint.profile.iter().chain(by_use.flatten()).peekable();
    let names_a_ca = |profile: &Located<scep_ca::ProfileConfig>| {
        let profile = profile.value();
        !profile.crl_urls.is_empty() || !profile.ca_issuers_urls.is_empty()
    };
    if named.peek().is_none() {
        return config.profile.values().any(names_a_ca);
    }
    named.filter_map(|name| config.profile.get(name.value())).any(names_a_ca)
}
