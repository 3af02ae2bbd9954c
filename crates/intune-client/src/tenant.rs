use std::fmt;
use std::sync::Arc;

use crate::cache::Cached;
use crate::service::{AccessToken, Application, Endpoints, Settings};
use crate::{CredentialSource, Error};

/// A tenant of Entra and the application that is registered for it.
///
/// It holds its own tokens and places; clones share them, and nothing is shared with any other tenant. Make it once and
/// keep it.
#[derive(Clone)]
pub struct Tenant(Arc<Inner>);

struct Inner {
    application: Application,
    credential: Arc<dyn CredentialSource>,
    settings: Settings,
    held: Held,
}

/// What is kept between calls.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) graph_token: Cached<AccessToken, Error>,
    pub(crate) intune_token: Cached<AccessToken, Error>,
    pub(crate) places: Cached<Endpoints, Error>,
}

impl Tenant {
    /// The tenant with this application, what the application proves itself with, and what its cloud has of its own.
    #[must_use]
    pub fn new(
        application: Application,
        credential: impl CredentialSource + 'static,
        settings: Settings,
    ) -> Self {
        let (credential, held) = (Arc::new(credential), Held::default());
        Self(Arc::new(Inner { application, credential, settings, held }))
    }

    /// Tenant and application.
    #[must_use]
    pub fn application(&self) -> &Application {
        &self.0.application
    }

    /// What its cloud and its application have of their own.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The same one, with nothing kept from earlier calls.
    pub(crate) fn afresh(&self) -> Self {
        let Inner { application, credential, settings, held: _ } = &*self.0;
        Self(Arc::new(Inner {
            application: application.clone(),
            credential: Arc::clone(credential),
            settings: settings.clone(),
            held: Held::default(),
        }))
    }

    pub(crate) fn credential(&self) -> &dyn CredentialSource {
        &*self.0.credential
    }

    pub(crate) fn held(&self) -> &Held {
        &self.0.held
    }
}

/// Without tokens.
impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { application, credential: _, settings: _, held: _ } = &*self.0;
        f.debug_struct("Tenant").field("application", application).finish_non_exhaustive()
    }
}
