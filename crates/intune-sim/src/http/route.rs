//! Which request is for what.

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::fault::{Endpoint, Host};

/// A request, whole.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) host: Host,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// A token from this tenant.
    Token(String, TokenForm),
    /// MSAL's first question.
    InstanceDiscovery,
    /// OpenID configuration of this tenant.
    OpenId(String),
    /// The keys that sign tokens.
    Keys,
    /// The endpoints of the service principal.
    Discovery(DiscoveryForm),
    /// Managed devices, or devices of Entra.
    Compliance(ComplianceForm),
    /// An action of this scale unit.
    Action(String, Action),
    /// Anything else, on a host where nothing should come to.
    Nothing,
}

/// Which token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenForm {
    V1,
    V2,
}

/// How discovery is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DiscoveryForm {
    /// `servicePrincipals/appId=<id>/endpoints`, or the alternate key of OData.
    AppId(String),
    /// `servicePrincipals?$filter=appId eq '<id>'`.
    Filter,
    /// `servicePrincipals/<object id>/endpoints`.
    ObjectId(String),
    /// Azure AD Graph's `servicePrincipalsByAppId/<id>/serviceEndpoints` of this tenant.
    AadGraph(String, String),
}

/// How compliance is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ComplianceForm {
    /// `deviceManagement/managedDevices/<id>`.
    Managed(String),
    /// `deviceManagement/managedDevices?$filter=azureADDeviceId eq '<id>'`.
    ManagedByFilter,
    /// `devices(deviceId='<id>')`, or `devices?$filter=deviceId eq '<id>'` without an id.
    Entra(Option<String>),
}

/// The actions of a scale unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Validate,
    Success,
    Failure,
    Download,
    Upload,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The activity id, or nothing.
    pub(crate) fn activity(&self) -> &str {
        self.header("client-request-id").unwrap_or_default()
    }

    /// The parameters of the query, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        form(self.query.as_deref().unwrap_or_default())
    }

    pub(crate) fn route(&self) -> Route {
        let segments: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        let route = match (self.host, &self.method) {
            (Host::Login, method) => login(method, &segments),
            (Host::Graph, &Method::GET) => graph(&segments),
            (Host::Service, &Method::POST) => service(&segments),
            _ => None,
        };
        route.unwrap_or(Route::Nothing)
    }
}

impl Route {
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        Some(match self {
            Self::Token(..) => Endpoint::Token,
            Self::Discovery(_) => Endpoint::Discovery,
            Self::Compliance(_) => Endpoint::Compliance,
            Self::Action(_, Action::Validate) => Endpoint::Validate,
            Self::Action(_, Action::Success) => Endpoint::SuccessNotification,
            Self::Action(_, Action::Failure) => Endpoint::FailureNotification,
            Self::Action(_, Action::Download) => Endpoint::DownloadRevocationRequests,
            Self::Action(_, Action::Upload) => Endpoint::UploadRevocationResults,
            Self::InstanceDiscovery | Self::OpenId(_) | Self::Keys | Self::Nothing => return None,
        })
    }
}

/// Decodes `application/x-www-form-urlencoded`.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    match reqwest::Url::parse(&format!("http://form/?{}", text.replace('#', "%23"))) {
        Ok(url) => url.query_pairs().into_owned().collect(),
        Err(_) => Vec::new(),
    }
}

fn login(method: &Method, segments: &[&str]) -> Option<Route> {
    Some(match (method, segments) {
        (&Method::POST, [tenant, "oauth2", "v2.0", "token"]) => {
            Route::Token((*tenant).to_owned(), TokenForm::V2)
        }
        (&Method::POST, [tenant, "oauth2", "token"]) => {
            Route::Token((*tenant).to_owned(), TokenForm::V1)
        }
        (&Method::GET, ["common", "discovery", "instance"]) => Route::InstanceDiscovery,
        (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            Route::OpenId((*tenant).to_owned())
        }
        (&Method::GET, [_, "discovery", "v2.0", "keys"]) => Route::Keys,
        _ => return None,
    })
}

fn graph(segments: &[&str]) -> Option<Route> {
    let owned = |text: &str| text.to_owned();
    Some(match segments {
        ["v1.0" | "beta", "servicePrincipals"] => Route::Discovery(DiscoveryForm::Filter),
        ["v1.0" | "beta", "servicePrincipals", principal, "endpoints"] => {
            Route::Discovery(match principal.strip_prefix("appId=") {
                Some(id) => DiscoveryForm::AppId(owned(id)),
                None => DiscoveryForm::ObjectId(owned(principal)),
            })
        }
        ["v1.0" | "beta", key, "endpoints"] => Route::Discovery(DiscoveryForm::AppId(
            alternate_key(key, "servicePrincipals", "appId")?,
        )),
        [tenant, "servicePrincipalsByAppId", app, "serviceEndpoints"] => {
            Route::Discovery(DiscoveryForm::AadGraph(owned(tenant), owned(app)))
        }
        ["v1.0" | "beta", "deviceManagement", "managedDevices", id] => {
            Route::Compliance(ComplianceForm::Managed(owned(id)))
        }
        ["v1.0" | "beta", "deviceManagement", "managedDevices"] => {
            Route::Compliance(ComplianceForm::ManagedByFilter)
        }
        ["v1.0" | "beta", "devices"] => Route::Compliance(ComplianceForm::Entra(None)),
        ["v1.0" | "beta", key] => {
            let id = alternate_key(key, "devices", "deviceId")?;
            Route::Compliance(ComplianceForm::Entra(Some(id)))
        }
        _ => return None,
    })
}

/// The id in `set(name='id')`.
fn alternate_key(segment: &str, set: &str, name: &str) -> Option<String> {
    let decoded = segment.replace("%27", "'").replace("%28", "(").replace("%29", ")");
    let inner = decoded.strip_prefix(set)?.strip_prefix('(')?.strip_suffix(')')?;
    let value = inner.strip_prefix(name)?.strip_prefix('=')?;
    Some(value.trim_matches('\'').to_owned())
}

fn service(segments: &[&str]) -> Option<Route> {
    let [unit, "RACerts", rest @ ..] = segments else { return None };
    let action = match rest {
        [
            "ScepRequestValidationFEService",
            "Gateway",
            "StatelessScepRequestValidationService",
            "ScepActions",
            action,
        ] => match *action {
            "validateRequest" => Action::Validate,
            "successNotification" => Action::Success,
            "failureNotification" => Action::Failure,
            _ => return None,
        },
        [
            "StatelessPkiConnectorService",
            "Gateway",
            "StatelessPkiConnectorService",
            "CertificateAuthorityRequests",
            action,
        ] => match *action {
            "downloadRevocationRequests" => Action::Download,
            "uploadRevocationResults" => Action::Upload,
            _ => return None,
        },
        _ => return None,
    };
    Some(Route::Action((*unit).to_owned(), action))
}
