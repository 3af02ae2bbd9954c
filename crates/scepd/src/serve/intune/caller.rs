//! From the settings to the caller of Microsoft's service.

use intune_client::service::{Application, Cloud, Setting, Settings, UrlPolicy};
use intune_client::{
    BearerHosts, Client, ClientSettings, ExplicitProxy, HttpSettings, Loopback, Proxy,
    ReqwestTransport, Roots, SetupError, Tenant,
};
use scep_crypto::aws_lc_rs;
use scep_types::UnixTime;

use super::credential::credential;
use crate::config::files::Files;
use crate::config::intune::{CloudName, IntuneMode, ProxyName, ServiceOverrides, ThroughProxy};
use crate::config::is_loopback;
use crate::config::mistake::{Fault, Findings};
use crate::config::values::Located;
use crate::serve::assembly::Expiry;

/// `callerInfo` and user agent.
const CALLER_INFO: &str = concat!("scepd/", env!("CARGO_PKG_VERSION"));

/// Who calls Microsoft's service, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client<ReqwestTransport>,
    pub(crate) tenant: Tenant,
}

/// Builds the caller of an endpoint; mistakes are added to the findings.
pub(super) fn caller(
    mode: &Located<IntuneMode>,
    files: &Files,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<(Caller, Option<Expiry>)> {
    let settings = mode.value();
    // All are built, so that mistakes in all are seen.
    let credential = credential(settings, files, now, findings);
    let cloud = cloud(mode, findings);
    let http = http(settings, files, findings);
    let application = Application::new(settings.tenant.value(), settings.application.value());
    let application = application.map_err(|error| Fault::new(error.to_string(), "correct it"));
    let application = findings.take(settings.tenant.span(), application)?;
    let (credential, expiry) = credential?;
    let http = ReqwestTransport::new(&http?).map_err(|error| explain(&error));
    let transport = findings.take(mode.span(), http)?;
    let client = Client::new(transport, aws_lc_rs::provider(), client_settings(settings));
    Some((Caller { client, tenant: Tenant::new(application, credential, cloud?) }, expiry))
}

fn cloud(mode: &Located<IntuneMode>, findings: &mut Findings) -> Option<Settings> {
    let settings = mode.value();
    let cloud = match settings.cloud {
        CloudName::Global => Cloud::Global,
        CloudName::GccHigh => Cloud::GccHigh,
        CloudName::Dod => Cloud::Dod,
        CloudName::China => Cloud::China,
    };
    let fault = |error: intune_challenge::Error| {
        Fault::new(error.to_string(), "see [endpoint.intune.service] in `scepd config example`")
    };
    let built = Settings::new(cloud, CALLER_INFO).map_err(fault);
    let mut built = findings.take(mode.span(), built)?;
    if urls(&settings.service).any(is_loopback) {
        built = built.with_url_policy(UrlPolicy::HttpForTests);
    }
    for (setting, value) in overrides(&settings.service) {
        let Some(value) = value else { continue };
        let with = built.with(setting, value.value()).map_err(fault);
        built = findings.take(value.span(), with)?;
    }
    Some(built)
}

fn urls(service: &ServiceOverrides) -> impl Iterator<Item = &str> {
    [&service.login, &service.graph].into_iter().flatten().map(|url| url.value().as_str())
}

fn overrides(service: &ServiceOverrides) -> [(Setting, Option<&Located<String>>); 10] {
    let ServiceOverrides {
        login,
        graph,
        graph_version,
        graph_scope,
        intune_scope,
        intune_app_id,
        validation_service,
        connector_service,
        validation_version,
        connector_version,
        token_domains: _,
    } = service;
    [
        (Setting::Login, login.as_ref()),
        (Setting::Graph, graph.as_ref()),
        (Setting::GraphVersion, graph_version.as_ref()),
        (Setting::GraphScope, graph_scope.as_ref()),
        (Setting::IntuneScope, intune_scope.as_ref()),
        (Setting::IntuneAppId, intune_app_id.as_ref()),
        (Setting::ValidationService, validation_service.as_ref()),
        (Setting::ConnectorService, connector_service.as_ref()),
        (Setting::ValidationVersion, validation_version.as_ref()),
        (Setting::ConnectorVersion, connector_version.as_ref()),
    ]
}

fn client_settings(settings: &IntuneMode) -> ClientSettings {
    let service = &settings.service;
    let hosts = match &service.token_domains {
        Some(domains) => BearerHosts::new(domains.iter().cloned()),
        None => BearerHosts::default(),
    };
    // A directory on this machine is a simulator's, and so are the services that it lists.
    let simulated = service.graph.as_ref().is_some_and(|graph| is_loopback(graph.value()));
    let loopback = if simulated { Loopback::Allowed } else { Loopback::Refused };
    ClientSettings {
        budget: settings.budget.value().0,
        in_flight: settings.concurrency.get(),
        bearer_hosts: hosts.with_loopback(loopback),
        ..ClientSettings::default()
    }
}

fn http(settings: &IntuneMode, files: &Files, findings: &mut Findings) -> Option<HttpSettings> {
    let roots = match &settings.extra_roots {
        None => Roots::System,
        Some(path) => {
            let text = findings.take(path.span(), files.text(path.value()))?;
            findings.take(path.span(), files.certificates(path.value()))?;
            Roots::SystemAnd(text)
        }
    };
    let proxy = match &settings.proxy {
        None => Proxy::FromEnvironment,
        Some(proxy) => findings.take(proxy.span(), self::proxy(proxy.value(), files))?,
    };
    Some(HttpSettings { proxy, roots, ..HttpSettings::default() })
}

fn proxy(proxy: &ProxyName, files: &Files) -> Result<Proxy, Fault> {
    let ThroughProxy { url, user, password, bypass } = match proxy {
        ProxyName::Environment => return Ok(Proxy::FromEnvironment),
        ProxyName::Direct => return Ok(Proxy::Direct),
        ProxyName::Through(proxy) => proxy,
    };
    if url.contains('@') {
        let what = "the proxy's URL holds a user or a password";
        return Err(Fault::new(what, "write user = \"…\" and password = { file = \"…\" } instead"));
    }
    let credentials = match (user, password) {
        (Some(user), Some(password)) => Some((user.clone(), files.secret(password)?)),
        (None, None) => None,
        _ => {
            let what = "a proxy needs `user` and `password` together, or neither";
            return Err(Fault::new(what, "add the other one"));
        }
    };
    Ok(Proxy::Explicit(ExplicitProxy { url: url.clone(), credentials, bypass: bypass.clone() }))
}

fn explain(error: &SetupError) -> Fault {
    let remedy = match error {
        SetupError::Proxy => {
            "write the proxy as { through = { url = \"http://proxy.example:3128\" } }"
        }
        SetupError::Roots => "give a PEM file of certificates as extra-roots",
        _ => "look at proxy and extra-roots",
    };
    Fault::new(error.to_string(), remedy)
}
