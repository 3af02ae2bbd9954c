use std::fmt;

use tokio::time::timeout_at;
use tracing::{Instrument, info_span};

use crate::client::Client;
use crate::service::{
    AccessToken, ActivityId, Audience, Endpoints, Failure, Hint, ServiceName, ServiceUrl,
};
use crate::{Error, Tenant, Transport};

/// What a certification authority needs, in the order in which it is told.
const SERVICES: [ServiceName; 2] = [ServiceName::ScepValidation, ServiceName::PkiConnector];

/// One thing that was found out about a tenant's way to the service; its text is for whoever administers it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Entra gives a token.
    Token(Audience),
    /// Entra gives none.
    NoToken {
        /// For what.
        audience: Audience,
        /// Why.
        error: Error,
    },
    /// The token for Intune has the permission.
    RoleGranted,
    /// The token for Intune does not have the permission.
    RoleMissing {
        /// What it has instead.
        roles: Vec<String>,
    },
    /// The token for Intune does not say what it permits; it may be good nevertheless.
    RolesUnreadable,
    /// The directory cannot be read.
    NoDirectory(Error),
    /// The service is listed, and a token may go there.
    Service {
        /// Which.
        service: ServiceName,
        /// Where.
        place: ServiceUrl,
    },
    /// The directory does not say where the service is.
    NoService {
        /// Which.
        service: ServiceName,
        /// Why.
        failure: Failure,
    },
    /// The service is listed at a place where no token may go.
    PlaceRefused {
        /// Which.
        service: ServiceName,
        /// Where.
        place: ServiceUrl,
    },
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Something does not work, or cannot be known.
    Warning,
    /// No certificate will be issued.
    Problem,
}

impl<T: Transport> Client<T> {
    /// Finds out whether a tenant's requests can be validated: tokens, permission, services, each with a sentence.
    ///
    /// Nothing is taken from earlier calls, and nothing is sent to the service itself. Each step has the budget of a call.
    pub async fn check(&self, tenant: &Tenant) -> Vec<Finding> {
        let tenant = tenant.afresh();
        let mut findings = Vec::new();
        match self.activity() {
            Ok(activity) => {
                let span = info_span!("intune", action = "check", tenant = tenant.application().tenant(), activity_id = %activity);
                self.check_all(&tenant, activity, &mut findings).instrument(span).await;
            }
            Err(error) => {
                findings.push(Finding::NoToken { audience: Audience::Graph, error: error.into() });
            }
        }
        findings
    }

    async fn check_all(&self, tenant: &Tenant, activity: ActivityId, findings: &mut Vec<Finding>) {
        if self.check_graph_token(tenant, activity, findings).await {
            self.check_directory(tenant, activity, findings).await;
        }
        self.check_token(tenant, activity, findings).await;
    }

    async fn check_graph_token(
        &self,
        tenant: &Tenant,
        activity: ActivityId,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let mut call = self.start(tenant, activity);
        let ended = timeout_at(call.deadline, call.graph_token()).await;
        let audience = Audience::Graph;
        match call.ended(ended) {
            Ok(_) => findings.push(Finding::Token(audience)),
            Err(error) => {
                findings.push(Finding::NoToken { audience, error });
                return false;
            }
        }
        true
    }

    async fn check_directory(
        &self,
        tenant: &Tenant,
        activity: ActivityId,
        findings: &mut Vec<Finding>,
    ) {
        let mut call = self.start(tenant, activity);
        let ended = timeout_at(call.deadline, call.places()).await;
        match call.ended(ended) {
            Ok(places) => {
                let found = SERVICES.map(|service| self.check_place(service, &places.value));
                findings.extend(found);
            }
            Err(error) => findings.push(Finding::NoDirectory(error)),
        }
    }

    fn check_place(&self, service: ServiceName, places: &Endpoints) -> Finding {
        let place = match places.find(service) {
            Ok(place) => place.clone(),
            Err(failure) => return Finding::NoService { service, failure },
        };
        if self.settings().bearer_hosts.admits(&place) {
            Finding::Service { service, place }
        } else {
            Finding::PlaceRefused { service, place }
        }
    }

    async fn check_token(
        &self,
        tenant: &Tenant,
        activity: ActivityId,
        findings: &mut Vec<Finding>,
    ) {
        let mut call = self.start(tenant, activity);
        let ended = timeout_at(call.deadline, call.intune_token()).await;
        match call.ended(ended) {
            Ok(token) => {
                findings.extend([Finding::Token(Audience::Intune), permission(&token.value)]);
            }
            Err(error) => findings.push(Finding::NoToken { audience: Audience::Intune, error }),
        }
    }
}

fn permission(token: &AccessToken) -> Finding {
    match token.roles() {
        None => Finding::RolesUnreadable,
        Some(roles) if roles.iter().any(|role| role == AccessToken::SCEP_ROLE) => {
            Finding::RoleGranted
        }
        Some(roles) => Finding::RoleMissing { roles },
    }
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Token(_) | Self::RoleGranted | Self::Service { .. } => Severity::Good,
            Self::RolesUnreadable
            | Self::NoService { service: ServiceName::PkiConnector, .. }
            | Self::PlaceRefused { service: ServiceName::PkiConnector, .. } => Severity::Warning,
            _ => Severity::Problem,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = AccessToken::SCEP_ROLE;
        match self {
            Self::Token(audience) => write!(f, "Entra gives a token for {audience}"),
            Self::NoToken { audience, error } => {
                write!(f, "there is no token for {audience}: {error}")
            }
            Self::RoleGranted => write!(f, "the application has Intune's permission {role}"),
            Self::RoleMissing { roles } => write!(
                f,
                "{}; the token has {} other permissions",
                Hint::IntunePermission,
                roles.len()
            ),
            Self::RolesUnreadable => {
                write!(f, "the token for Intune does not show whether it has the permission {role}")
            }
            Self::NoDirectory(error) => write!(f, "the services cannot be looked up: {error}"),
            Self::Service { service, place } => write!(f, "{service} is at {place}"),
            Self::NoService { service: ServiceName::PkiConnector, failure } => {
                write!(f, "Intune will not be able to revoke: {failure}")
            }
            Self::NoService { service: ServiceName::ScepValidation, failure } => {
                fmt::Display::fmt(failure, f)
            }
            Self::PlaceRefused { service, place } => write!(
                f,
                "{service} is at {place}, where no token may go; if that is Microsoft's, add its domain to those allowed"
            ),
        }
    }
}
