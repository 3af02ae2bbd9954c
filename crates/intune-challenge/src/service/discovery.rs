use std::fmt;

use scep_types::UnixTime;

use super::fault::Answer;
use super::http::Method;
use super::json::{Json, Object};
use super::{
    AccessToken, ActivityId, Failure, Hint, HttpRequest, HttpResponse, MalformedAnswer, ServiceUrl,
    Setting, Settings,
};

/// Pages that a directory may have.
const MAX_PAGES: usize = 16;
/// Characters the address of a page may have.
const MAX_NEXT_LINK: usize = 8 * 1024;

/// A service that the directory knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceName {
    /// Validation and notification: `ScepRequestValidationFEService`.
    ScepValidation,
    /// Revocation: `PkiConnectorFEService`.
    PkiConnector,
}

/// Asks Graph where the services of Intune are, page by page.
#[derive(Debug, Clone)]
pub struct Discovery<'a> {
    settings: &'a Settings,
    url: String,
    pages: usize,
    found: Endpoints,
}

/// What to do after a page.
#[derive(Debug, Clone)]
pub enum DiscoveryStep<'a> {
    /// Ask for the next page.
    More(Discovery<'a>),
    /// That is all.
    Done(Endpoints),
}

/// Where the services are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    validation: Listed,
    connector: Listed,
    entries: usize,
    repeated: usize,
}

/// How the directory lists a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Listed {
    #[default]
    Not,
    At(ServiceUrl),
    /// At an address that must not be called.
    Elsewhere,
}

impl<'a> Discovery<'a> {
    /// Begins with the first page.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        // Microsoft's libraries write the key into the path like this, without parentheses or quotes.
        let url = settings.graph().join(&format!(
            "{}/servicePrincipals/appId={}/endpoints",
            settings.get(Setting::GraphVersion),
            settings.get(Setting::IntuneAppId)
        ));
        Self { settings, url, pages: 0, found: Endpoints::default() }
    }

    /// The request for the page; the token is one for [`Audience::Graph`](super::Audience::Graph).
    #[must_use]
    pub fn to_http(&self, token: &AccessToken, activity_id: ActivityId) -> HttpRequest {
        HttpRequest::new(Method::Get, self.url.clone(), self.settings, activity_id)
            .header("Authorization", token.bearer())
    }

    /// Reads the answer to it; of several entries with one name the first counts.
    ///
    /// # Errors
    /// [`Failure`]; a directory without the service is found out by [`Endpoints::find`].
    pub fn read(
        &self,
        response: &HttpResponse,
        now: UnixTime,
    ) -> Result<DiscoveryStep<'a>, Failure> {
        let answer = Answer { response, now, refusal, secrets: &[] };
        let page = answer.success()?;
        let list = page.get("value").and_then(Json::list);
        let list = list.ok_or_else(|| answer.malformed(MalformedAnswer::Member("value")))?;
        let mut found = self.found.clone();
        list.iter().filter_map(Json::object).for_each(|entry| found.add(entry, self.settings));
        match page.get("@odata.nextLink") {
            None | Some(Json::Null) => Ok(DiscoveryStep::Done(found)),
            Some(next) => {
                let next = self.next(next.text().unwrap_or_default());
                let (url, pages) =
                    next.ok_or_else(|| answer.malformed(MalformedAnswer::NextLink))?;
                let settings = self.settings;
                Ok(DiscoveryStep::More(Self { settings, url, pages, found }))
            }
        }
    }

    /// The next page, which must be at the same host: the token goes there.
    fn next(&self, link: &str) -> Option<(String, usize)> {
        let pages = self.pages.saturating_add(1);
        let (base, query) = link.split_once('?').unwrap_or((link, ""));
        let base = ServiceUrl::read(base, self.settings.url_policy())?;
        let is_plain = query.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#');
        let is_allowed = pages < MAX_PAGES
            && link.len() <= MAX_NEXT_LINK
            && is_plain
            && base.has_origin_of(self.settings.graph());
        is_allowed.then(|| (link.to_owned(), pages))
    }
}

impl Endpoints {
    /// Where this service is.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] with [`Hint::DirectoryEmpty`], [`Hint::ServiceNotListed`] or [`Hint::ServiceAddress`].
    pub fn find(&self, service: ServiceName) -> Result<&ServiceUrl, Failure> {
        let listed = match service {
            ServiceName::ScepValidation => &self.validation,
            ServiceName::PkiConnector => &self.connector,
        };
        match listed {
            Listed::At(url) => Ok(url),
            Listed::Elsewhere => Err(Hint::ServiceAddress(service).into()),
            Listed::Not if self.entries == 0 => Err(Hint::DirectoryEmpty.into()),
            Listed::Not => Err(Hint::ServiceNotListed(service).into()),
        }
    }

    /// How many entries the directory has, of all services.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// How many entries were passed over because an earlier one has the same name; worth a line in the log.
    #[must_use]
    pub const fn repeated(&self) -> usize {
        self.repeated
    }

    /// `{"providerName":…,"uri":…}`, or `serviceName` as the old directory has it; entries without either are skipped.
    fn add(&mut self, entry: &Object, settings: &Settings) {
        self.entries = self.entries.saturating_add(1);
        let text = |name| entry.get(name).and_then(Json::text);
        let name = text("providerName").or_else(|| text("serviceName"));
        let (Some(name), Some(uri)) = (name, text("uri")) else { return };
        let is = |service| name.eq_ignore_ascii_case(settings.name_of(service));
        let slot = if is(ServiceName::ScepValidation) {
            &mut self.validation
        } else if is(ServiceName::PkiConnector) {
            &mut self.connector
        } else {
            return;
        };
        if *slot == Listed::Not {
            let url = ServiceUrl::read(uri, settings.url_policy());
            *slot = url.map_or(Listed::Elsewhere, Listed::At);
        } else {
            self.repeated = self.repeated.saturating_add(1);
        }
    }
}

/// What a status means at Graph.
const fn refusal(status: u16) -> Option<Hint> {
    match status {
        401 => Some(Hint::GraphTokenRefused),
        403 => Some(Hint::GraphPermission),
        404 => Some(Hint::IntuneNotInTenant),
        _ => None,
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScepValidation => "the SCEP validation service (ScepRequestValidationFEService)",
            Self::PkiConnector => "the revocation service (PkiConnectorFEService)",
        })
    }
}
