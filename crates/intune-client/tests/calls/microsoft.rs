//! A stand-in for Entra, Graph and the Intune SCEP service at the transport: it answers well, or as a test says.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intune_client::service::{HttpRequest, HttpResponse, MAX_BODY, Method};
use intune_client::{Transport, TransportError, TransportFailure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::log;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    GraphToken,
    IntuneToken,
    Discovery,
    Validate,
    Success,
    Failure,
    Download,
    Upload,
}

/// What happens there.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Well,
    /// This status and body.
    Answer(u16, String),
    /// This status, `Retry-After`, and no body.
    ComeAgain(u16, &'static str),
    /// No connection.
    Refuse,
    /// The connection breaks.
    BreakOff,
    /// Nothing, for ever.
    Hang,
    /// Well, but only after this time.
    Slow(Duration),
    /// More than any answer may have.
    Flood,
    /// A redirect to somewhere else.
    Redirect,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) place: Place,
    /// Since the stand-in was made.
    pub(crate) at: Duration,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    fn of(request: &HttpRequest) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            place: place(request),
            at: Duration::ZERO,
            url: request.url().to_owned(),
            headers: request.headers().map(owned).collect(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }

    pub(crate) fn activity(&self) -> &str {
        self.header("client-request-id").unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The stand-in; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Microsoft(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    started: Instant,
    seen: Vec<Seen>,
    scripts: HashMap<Place, VecDeque<Act>>,
    always: HashMap<Place, Act>,
    latency: Duration,
    expires_in: u64,
    roles: Vec<&'static str>,
    /// Names of the services that the directory lists.
    services: Vec<(&'static str, &'static str)>,
    unit: &'static str,
    secret: String,
    /// How many tokens were issued; older ones than `oldest` are not taken any more.
    issued: u64,
    oldest: u64,
    in_flight: usize,
    most_in_flight: usize,
}

pub(crate) use scep_test::canaries::CLIENT_SECRET as SECRET;
pub(crate) const VALIDATION: (&str, &str) = (
    "ScepRequestValidationFEService",
    "RACerts/ScepRequestValidationFEService/Gateway/StatelessScepRequestValidationService",
);
pub(crate) const CONNECTOR: (&str, &str) = (
    "PkiConnectorFEService",
    "RACerts/StatelessPkiConnectorService/Gateway/StatelessPkiConnectorService",
);

impl Microsoft {
    /// All is well.
    pub(crate) fn new() -> Self {
        log::listen();
        Self(Arc::new(Mutex::new(State {
            started: Instant::now(),
            seen: Vec::new(),
            scripts: HashMap::new(),
            always: HashMap::new(),
            latency: Duration::ZERO,
            expires_in: 3599,
            roles: vec!["scep_challenge_provider"],
            services: vec![("OtherService", "Other"), VALIDATION, CONNECTOR],
            unit: "msub06",
            secret: SECRET.to_owned(),
            issued: 0,
            oldest: 0,
            in_flight: 0,
            most_in_flight: 0,
        })))
    }

    /// The next requests at this place are answered so, one after the other.
    pub(crate) fn then(self, place: Place, acts: impl IntoIterator<Item = Act>) -> Self {
        self.0.lock().unwrap().scripts.entry(place).or_default().extend(acts);
        self
    }

    /// Every request at this place is answered so once the script has ended.
    pub(crate) fn always(&self, place: Place, act: Act) {
        self.0.lock().unwrap().always.insert(place, act);
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        self.0.lock().unwrap().latency = latency;
    }

    pub(crate) fn set_expires_in(&self, seconds: u64) {
        self.0.lock().unwrap().expires_in = seconds;
    }

    pub(crate) fn set_roles(&self, roles: Vec<&'static str>) {
        self.0.lock().unwrap().roles = roles;
    }

    pub(crate) fn set_services(&self, services: Vec<(&'static str, &'static str)>) {
        self.0.lock().unwrap().services = services;
    }

    pub(crate) fn set_secret(&self, secret: &str) {
        secret.clone_into(&mut self.0.lock().unwrap().secret);
    }

    /// From now on the service is somewhere else, and at the old place there is nothing.
    pub(crate) fn move_to(&self, unit: &'static str) {
        self.0.lock().unwrap().unit = unit;
    }

    /// No token that was issued so far is taken any more.
    pub(crate) fn expire_tokens(&self) {
        let mut state = self.0.lock().unwrap();
        state.oldest = state.issued + 1;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    pub(crate) fn at(&self, place: Place) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.place == place).collect()
    }

    pub(crate) fn count(&self, place: Place) -> usize {
        self.at(place).len()
    }

    /// Requests for tokens, for the directory, and of the service.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let tokens = self.count(Place::GraphToken) + self.count(Place::IntuneToken);
        let directory = self.count(Place::Discovery);
        (tokens, directory, self.seen().len() - tokens - directory)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.0.lock().unwrap().most_in_flight
    }
}

impl Transport for Microsoft {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let (act, latency) = self.0.lock().unwrap().arrive(request);
        let _leaving = Leaving(self);
        tokio::time::sleep(latency).await;
        match act {
            Act::Hang => std::future::pending().await,
            Act::Refuse => Err(TransportFailure::Connect.into()),
            Act::BreakOff => Err(TransportFailure::Interrupted.into()),
            Act::Flood => Err(TransportFailure::TooLarge { limit: MAX_BODY }.into()),
            Act::Slow(by) => {
                tokio::time::sleep(by).await;
                Ok(self.0.lock().unwrap().answer(request))
            }
            Act::Well => Ok(self.0.lock().unwrap().answer(request)),
            Act::Answer(status, body) => Ok(respond(status, body)),
            Act::ComeAgain(status, retry_after) => {
                let mut response = respond(status, String::new());
                response.retry_after = Some(retry_after.to_owned());
                Ok(response)
            }
            Act::Redirect => Ok(respond(302, String::new())),
        }
    }
}

/// Counts a request out, also one that is given up.
struct Leaving<'a>(&'a Microsoft);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().in_flight -= 1;
    }
}

impl State {
    fn arrive(&mut self, request: &HttpRequest) -> (Act, Duration) {
        let place = place(request);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        self.seen.push(Seen { at: self.started.elapsed(), ..Seen::of(request) });
        let scripted = self.scripts.get_mut(&place).and_then(VecDeque::pop_front);
        let act = scripted.or_else(|| self.always.get(&place).cloned()).unwrap_or(Act::Well);
        (act, self.latency)
    }

    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let seen = Seen::of(request);
        match seen.place {
            Place::GraphToken | Place::IntuneToken => self.token(&seen),
            _ if self.refuses_bearer(&seen) => respond(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"no"}}"#),
            Place::Discovery => self.directory(&seen),
            _ if !seen.url.contains(&unit_host(self.unit, &tenant_of(&seen))) => respond(404, ""),
            Place::Download => respond(200, json!({"value": [{"requestContext": "context-1", "serialNumber": "0A0B", "issuerName": "CN=Test", "caConfiguration": null}, {"requestContext": "context-2", "serialNumber": "0C"}]}).to_string()),
            Place::Upload => respond(200, r#"{"value":true}"#),
            _ => respond(200, r#"{"@odata.context":"https://fef/$metadata","code":"Success","errorDescription":""}"#),
        }
    }

    fn token(&mut self, seen: &Seen) -> HttpResponse {
        let form = &seen.body;
        if form.contains("client_secret=") && !form.contains(&percent(&self.secret)) {
            return respond(
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.","error_codes":[7000215]}"#,
            );
        }
        self.issued += 1;
        let tenant = seen.url.split('/').nth(3).unwrap();
        let audience = if seen.place == Place::GraphToken { "graph" } else { "intune" };
        let claims = json!({"tid": tenant, "aud": audience, "roles": self.roles, "n": self.issued});
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        respond(
            200,
            json!({"token_type": "Bearer", "expires_in": self.expires_in, "access_token": token})
                .to_string(),
        )
    }

    fn refuses_bearer(&self, seen: &Seen) -> bool {
        let claims = claims(seen);
        let audience = if seen.place == Place::Discovery { "graph" } else { "intune" };
        claims["aud"] != audience || claims["n"].as_u64().unwrap() < self.oldest
    }

    fn directory(&self, seen: &Seen) -> HttpResponse {
        let host = unit_host(self.unit, &tenant_of(seen));
        let entries: Vec<_> = self
            .services
            .iter()
            .map(|(name, path)| {
                json!({"capability": name, "providerName": name, "uri": format!("https://{host}/{path}")})
            })
            .collect();
        respond(200, json!({"@odata.context": "https://graph/", "value": entries}).to_string())
    }
}

/// Each test ends with a look into the log of all of them.
impl Drop for State {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            log::holds_no_secret();
        }
    }
}

/// A scale unit of its own for each tenant.
fn unit_host(unit: &str, tenant: &str) -> String {
    format!("fef.{unit}-{}.manage.microsoft.com", tenant.replace('.', "-"))
}

fn claims(seen: &Seen) -> Value {
    let bearer = seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(bearer.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn tenant_of(seen: &Seen) -> String {
    claims(seen)["tid"].as_str().unwrap().to_owned()
}

fn place(request: &HttpRequest) -> Place {
    let url = request.url();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    match request.method() {
        Method::Post if url.ends_with("/oauth2/v2.0/token") && body.contains("graph") => {
            Place::GraphToken
        }
        Method::Post if url.ends_with("/oauth2/v2.0/token") => Place::IntuneToken,
        Method::Get if url.contains("/servicePrincipals/appId=") => Place::Discovery,
        Method::Post if url.contains("/ScepActions/validateRequest") => Place::Validate,
        Method::Post if url.contains("/ScepActions/successNotification") => Place::Success,
        Method::Post if url.contains("/ScepActions/failureNotification") => Place::Failure,
        Method::Post if url.contains("/downloadRevocationRequests") => Place::Download,
        Method::Post if url.contains("/uploadRevocationResults") => Place::Upload,
        other => panic!("{other:?} {url}"),
    }
}

pub(crate) fn respond(status: u16, body: impl Into<String>) -> HttpResponse {
    HttpResponse::new(status, body.into())
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(octet).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
