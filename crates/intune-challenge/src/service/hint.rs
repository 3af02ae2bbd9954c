use std::fmt;

use super::{EntraRefusal, ServiceName};

/// What is wrong with the set-up, in a sentence that an administrator can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// Entra gives no token.
    Entra(EntraRefusal),
    /// Graph does not take the token.
    GraphTokenRefused,
    /// Graph does not let the application read the directory.
    GraphPermission,
    /// Graph does not let the application read devices.
    DevicePermission,
    /// The directory does not know Intune.
    IntuneNotInTenant,
    /// The directory lists no services at all.
    DirectoryEmpty,
    /// The directory does not list this service.
    ServiceNotListed(ServiceName),
    /// The directory lists this service at an address that must not be called.
    ServiceAddress(ServiceName),
    /// The service does not take the token.
    IntuneTokenRefused,
    /// The service does not let the application in.
    IntunePermission,
    /// The challenge was made for a device of another tenant.
    WrongTenant,
    /// Something answers with a redirect.
    Redirected {
        /// The status.
        status: u16,
    },
    /// A proxy wants to know who asks.
    ProxyAuthentication,
    /// The request is refused as such.
    RequestRefused {
        /// The status.
        status: u16,
    },
}

impl Hint {
    /// The stable metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Entra(refusal) => refusal.label(),
            Self::GraphTokenRefused => "graph_token_refused",
            Self::GraphPermission => "graph_permission",
            Self::DevicePermission => "device_permission",
            Self::IntuneNotInTenant => "intune_not_in_tenant",
            Self::DirectoryEmpty => "directory_empty",
            Self::ServiceNotListed(_) => "service_not_listed",
            Self::ServiceAddress(_) => "service_address",
            Self::IntuneTokenRefused => "intune_token_refused",
            Self::IntunePermission => "intune_permission",
            Self::WrongTenant => "wrong_tenant",
            Self::Redirected { .. } => "redirected",
            Self::ProxyAuthentication => "proxy_authentication",
            Self::RequestRefused { .. } => "request_refused",
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entra(refusal) => fmt::Display::fmt(refusal, f),
            Self::GraphTokenRefused => f.write_str(
                "Microsoft Graph refuses the token: check that the settings login, graph and graph_scope belong to one \
                 cloud",
            ),
            Self::GraphPermission => f.write_str(
                "the application may not read the directory: give it the application permission Application.Read.All of \
                 Microsoft Graph, and grant admin consent",
            ),
            Self::DevicePermission => f.write_str(
                "the application may not read devices: give it the application permission \
                 DeviceManagementManagedDevices.Read.All of Microsoft Graph, and grant admin consent",
            ),
            Self::IntuneNotInTenant => f.write_str(
                "the directory does not know Intune: check that the tenant has Intune licences, and the settings \
                 intune_app_id and graph_version",
            ),
            Self::DirectoryEmpty => f.write_str(
                "the directory lists no service of Intune: give the application the application permission \
                 Application.Read.All of Microsoft Graph, grant admin consent, and check that the tenant has Intune \
                 licences",
            ),
            Self::ServiceNotListed(service) => write!(
                f,
                "the directory does not list {service}: check the service's name in the settings, and that the tenant \
                 has Intune licences"
            ),
            Self::ServiceAddress(service) => write!(
                f,
                "the directory lists {service} at an address that is not https, where no token is sent: find out what \
                 answers in place of Microsoft Graph"
            ),
            Self::IntuneTokenRefused => f.write_str(
                "Intune refuses the token: check that the settings login and intune_scope belong to one cloud, and that \
                 the application has the application permission scep_challenge_provider of Intune with admin consent",
            ),
            Self::IntunePermission => f.write_str(
                "the application may not validate SCEP challenges: give it the application permission \
                 scep_challenge_provider of Intune (SCEP challenge validation), and grant admin consent",
            ),
            Self::WrongTenant => f.write_str(
                "the challenge was made for a device of another tenant: configure the tenant that the SCEP profile \
                 belongs to, and an application that is registered for it",
            ),
            Self::Redirected { status } => write!(
                f,
                "something answers with a redirect (HTTP {status}), which is not followed: look for a proxy or portal on \
                 the way, and check the addresses in the settings"
            ),
            Self::ProxyAuthentication => f.write_str(
                "a proxy on the way demands authentication (HTTP 407): configure its user and password",
            ),
            Self::RequestRefused { status } => write!(
                f,
                "the request is refused as such (HTTP {status}): check addresses, names and versions in the settings"
            ),
        }
    }
}
