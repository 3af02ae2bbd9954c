//! What contradicts itself in the mode `intune`, before any file but the configuration is read.

use std::time::Duration;

use super::endpoint::{Algorithms, Endpoint, ModeName, Renewal, ReplyChainName, SignerBindingName};
use super::intune::{CloudName, IntuneMode, is_guid};
use super::mistake::Findings;
use super::model::Config;
use super::store_url::StoreUrl;
use super::values::Located;

/// How long Windows waits for the answer to a request, as far as it was seen.
const PATIENCE_OF_WINDOWS: Duration = Duration::from_secs(30);

/// Finds contradictions of an endpoint in the mode `intune`.
pub(super) fn check(endpoint: &Endpoint, config: &Config, findings: &mut Findings) {
    if *endpoint.mode.value() != ModeName::Intune {
        return;
    }
    if endpoint.renewal != Renewal::Deny {
        let what =
            "Intune knows no renewal: each certificate is a new request with a new challenge";
        findings.mistake(endpoint.mode.span(), what, "take `renewal` out");
    }
    warn_of_devices(endpoint, findings);
    if let Some(mode) = &endpoint.intune {
        warn_of_memory(mode, config, findings);
        check_names(mode.value(), findings);
        check_credential(mode, findings);
        check_service(mode, findings);
        check_revocation(mode.value(), endpoint, findings);
    }
}

/// What keeps the devices of Intune from enrolling although the server works.
fn warn_of_devices(endpoint: &Endpoint, findings: &mut Findings) {
    let mut warn = |applies: bool, what: &str, remedy: &str| {
        if applies {
            findings.warning(endpoint.mode.span(), what, remedy);
        }
    };
    // A family of devices sets what it needs where the configuration does not.
    let is_plain = endpoint.client_family.is_none();
    warn(
        endpoint.algorithms.map_or(is_plain, |algorithms| algorithms == Algorithms::Modern),
        "Windows signs its messages with SHA-1, which the algorithms \"modern\" refuse",
        "set algorithms = \"legacy\" unless no Windows device enrols here",
    );
    warn(
        endpoint.signer_binding.map_or(is_plain, |binding| binding == SignerBindingName::SameKey),
        "Windows signs its messages with a key that it throws away, which signer-binding \"same-key\" refuses",
        "set signer-binding = \"any\" unless no Windows device enrols here; Intune's challenge binds the CSR",
    );
    warn(
        endpoint.reply_chain.is_some_and(|chain| chain != ReplyChainName::LeafOnly),
        "iOS may take another certificate of the answer for its own (error 22008)",
        "set reply-chain = \"leaf-only\"",
    );
}

fn warn_of_memory(mode: &Located<IntuneMode>, config: &Config, findings: &mut Findings) {
    let url = config.store.url.as_ref().map(|url| StoreUrl::parse(url.value()));
    if matches!(url, Some(Ok(StoreUrl::Memory))) {
        let what = "the store is in memory: a restart loses the notifications that Intune waits for, and a device that \
                    comes again for its certificate gets none";
        findings.warning(
            mode.span(),
            what,
            "use a durable store, such as url = \"sqlite:scepd.sqlite\"",
        );
    }
}

fn check_names(mode: &IntuneMode, findings: &mut Findings) {
    let tenant = mode.tenant.value();
    if !is_guid(tenant) && !is_domain(tenant) {
        let what = format!("the tenant {tenant:?} is neither a tenant id (a GUID) nor a domain");
        let remedy = "copy the directory (tenant) id from the overview of the app registration";
        findings.mistake(mode.tenant.span(), what, remedy);
    }
    let application = mode.application.value();
    if !is_guid(application) {
        let what = format!(
            "the application {application:?} is no application (client) id, which is a GUID"
        );
        let remedy = "copy the application (client) id from the overview of the app registration";
        findings.mistake(mode.application.span(), what, remedy);
    }
    if mode.budget.value().0 > PATIENCE_OF_WINDOWS {
        let what = "a call may take longer than Windows waits for its answer (about 30 s)";
        findings.warning(mode.budget.span(), what, "use a budget of 20s or less");
    }
}

fn check_credential(mode: &Located<IntuneMode>, findings: &mut Findings) {
    match (&mode.value().secret, &mode.value().certificate) {
        (Some(_), Some(certificate)) => {
            let what = "`secret` and `certificate` contradict each other";
            findings.mistake(certificate.span(), what, "keep one; the certificate leaks less");
        }
        (None, None) => {
            let what = "there is no credential, so Entra gives no token";
            let remedy = "add secret = { file = \"…\" }, or certificate = { certificate = \"…\", key = { file = \"…\" } }";
            findings.absence(mode.span(), what, remedy);
        }
        _ => {}
    }
}

fn check_service(mode: &Located<IntuneMode>, findings: &mut Findings) {
    let service = &mode.value().service;
    for url in [&service.login, &service.graph].into_iter().flatten() {
        if !is_https(url.value()) && !is_loopback(url.value()) {
            let what = format!("{:?} is no https URL", url.value());
            let remedy =
                "write https://…: a credential goes there; http is for a simulator on this machine";
            findings.mistake(url.span(), what, remedy);
        }
    }
    if mode.value().cloud == CloudName::China && service.intune_scope.is_none() {
        let what = "Microsoft publishes no scope of Intune in the cloud \"china\"";
        let remedy =
            "ask your operator for it, and add service.intune-scope = \"https://…//.default\"";
        findings.absence(mode.span(), what, remedy);
    }
}

fn check_revocation(mode: &IntuneMode, endpoint: &Endpoint, findings: &mut Findings) {
    if let (Some(revocation), None) = (&mode.revocation, &endpoint.crl) {
        let what = "without a CRL nobody would learn of a revocation";
        let remedy = "add crl = { path = \"/crl/devices.crl\" } to the endpoint";
        findings.absence(revocation.span(), what, remedy);
    }
}

fn is_https(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("https") && !rest.is_empty())
}

/// Whether a URL leads to this very machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return false; // what stands before it may look like a host
    }
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Labels with a dot between them; `common` and the like are no tenants.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let inner = label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for yes in
            ["http://127.0.0.1:8901", "http://[::1]:1/x", "https://LOCALHOST", "http://127.9.9.9/"]
        {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "http://127.0.0.1.example",
            "http://localhost.example:80",
            "http://10.0.0.1",
            "127.0.0.1",
            "http://127.0.0.1:1@example.com/",
            "http://user@127.0.0.1",
            "",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }

    #[test]
    fn a_domain_has_a_dot_and_labels() {
        assert!(is_domain("contoso.onmicrosoft.com"));
        for no in
            ["common", "organizations", "contoso..com", "-a.com", "a_b.com", "contoso.com/x", "."]
        {
            assert!(!is_domain(no), "{no}");
        }
    }
}
