use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use crate::config::SimulatorConfig;
use crate::directory::Resource;
use crate::fault::Host;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Urls {
    /// Entra, in place of `https://login.microsoftonline.com`.
    pub login: String,
    /// Graph, in place of `https://graph.microsoft.com`.
    pub graph: String,
    /// The scale unit, which discovery tells.
    pub service: String,
    /// Where no bearer token may come to.
    pub elsewhere: String,
    /// The control API.
    pub control: String,
    /// The scope of tokens for Graph.
    pub graph_scope: String,
    /// The scope of tokens for Intune, with its double slash.
    pub intune_scope: String,
    #[serde(skip)]
    graph_resource: String,
    #[serde(skip)]
    intune_resource: String,
}

impl Urls {
    pub(crate) fn new(config: &SimulatorConfig, at: &BTreeMap<Host, SocketAddr>) -> Self {
        let url = |host| at.get(&host).map(|at| format!("http://{at}")).unwrap_or_default();
        let elsewhere = at.get(&Host::Elsewhere).map_or(0, SocketAddr::port);
        Self {
            login: url(Host::Login),
            graph: url(Host::Graph),
            service: url(Host::Service),
            elsewhere: format!("http://localhost:{elsewhere}"), // another name, too
            control: url(Host::Control),
            graph_scope: format!("{}/.default", config.graph_resource),
            intune_scope: format!("{}//.default", config.intune_resource),
            graph_resource: config.graph_resource.clone(),
            intune_resource: config.intune_resource.clone(),
        }
    }

    pub(crate) fn resource(&self, resource: Resource) -> &str {
        match resource {
            Resource::Graph => &self.graph_resource,
            Resource::AadGraph => "https://graph.windows.net",
            Resource::Intune => &self.intune_resource,
        }
    }

    /// What an audience is for; one slash at its end does not matter.
    pub(crate) fn resource_of(&self, audience: &str) -> Option<Resource> {
        let audience = audience.strip_suffix('/').unwrap_or(audience);
        [Resource::Graph, Resource::AadGraph, Resource::Intune]
            .into_iter()
            .find(|resource| self.resource(*resource) == audience)
    }
}
