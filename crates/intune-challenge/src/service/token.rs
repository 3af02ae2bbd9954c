use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scep_types::{Secret, UnixTime};
use zeroize::Zeroizing;

use super::entra::{EntraRefusal, SecretForm, error_code};
use super::fault::Answer;
use super::http::Method;
use super::json::{Json, Object};
use super::{
    ActivityId, Application, Failure, Hint, HttpRequest, HttpResponse, MalformedAnswer,
    Misconfiguration, ServiceMessage, Settings, Unavailable, UnavailableKind, input,
};
use crate::{Error, Field};

/// The longest lifetime of a token that is believed.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Characters a token or an assertion may have; headers have no room for more.
const MAX_TOKEN: usize = 32 * 1024;
/// Of an assertion that takes the place of a secret (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Microsoft Graph, which knows where the services are.
    Graph,
    /// The Intune SCEP service.
    Intune,
}

/// What an application proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenCredential<'a> {
    /// A client secret: its value, not its id.
    Secret(&'a Secret),
    /// An assertion: of [`UnsignedAssertion`](super::UnsignedAssertion), or of another issuer (workload identity
    /// federation, a managed identity).
    Assertion(&'a Secret),
}

/// A request for a token by the client credentials grant (RFC 6749 §4.4).
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    settings: &'a Settings,
    application: &'a Application,
    audience: Audience,
    scope: &'a str,
    credential: TokenCredential<'a>,
}

/// An access token: zeroized, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    secret: Secret,
    expires_in: Duration,
}

impl<'a> TokenRequest<'a> {
    /// A request for a token.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::InvalidInput) for a blank or overlong credential, or a cloud whose scope is not set.
    pub fn new(
        settings: &'a Settings,
        application: &'a Application,
        audience: Audience,
        credential: TokenCredential<'a>,
    ) -> Result<Self, Error> {
        input::filled(Field::Credential, credential.text(), MAX_TOKEN)?;
        let scope = settings.scope(audience)?;
        Ok(Self { settings, application, audience, scope, credential })
    }

    /// The request.
    #[must_use]
    pub fn to_http(&self, activity_id: ActivityId) -> HttpRequest {
        let mut form = Form::with_capacity(self.credential.text().len());
        form.field("grant_type", "client_credentials");
        form.field("client_id", self.application.client_id());
        match self.credential {
            TokenCredential::Secret(secret) => form.field("client_secret", secret.expose()),
            TokenCredential::Assertion(assertion) => {
                form.field("client_assertion_type", JWT_BEARER);
                form.field("client_assertion", assertion.expose());
            }
        }
        form.field("scope", self.scope);
        let url = self.settings.token_url(self.application);
        HttpRequest::new(Method::Post, url, self.settings, activity_id)
            .body_of("application/x-www-form-urlencoded", form.0)
    }

    /// Reads the answer to it.
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] with [`Hint::Entra`] if Entra refuses, [`Failure::Unavailable`] if it does not answer.
    pub fn read(&self, response: &HttpResponse, now: UnixTime) -> Result<AccessToken, Failure> {
        let answer = Answer { response, now, refusal, secrets: &[self.credential.text()] };
        if matches!(response.status, 400..=499)
            && let Some(refused) = self.refused(&answer)
        {
            return Err(refused);
        }
        let object = answer.success()?;
        AccessToken::read(&object).map_err(|name| answer.malformed(MalformedAnswer::Member(name)))
    }

    /// `{"error":…,"error_codes":[…],"error_description":…}`, or `None` if Entra says nothing of that kind.
    fn refused(&self, answer: &Answer<'_>) -> Option<Failure> {
        let object = Object::read(&answer.response.body).ok()?;
        let error = object.get("error")?.text()?;
        let code = error_code(&object);
        let id = object.get("correlation_id").and_then(Json::text);
        // Not the description: it may name users and addresses, and the number says it all.
        let message = Some(Box::new(ServiceMessage {
            code: answer.remark(error),
            text: answer.remark(&format!("AADSTS{code}")),
            activity_id: id.map(|id| answer.remark(id)),
        }));
        if is_transient(answer.response.status, error, code) {
            let kind = match answer.response.status {
                429 => UnavailableKind::Throttled,
                status => UnavailableKind::Status { status },
            };
            let retry_after = answer.retry_after();
            return Some(Failure::Unavailable(Unavailable { kind, retry_after, message }));
        }
        let form = match self.credential {
            TokenCredential::Secret(secret) => SecretForm::of(secret.expose()),
            TokenCredential::Assertion(_) => SecretForm::Other,
        };
        let hint = Hint::Entra(EntraRefusal::from_code(code, self.audience, form));
        Some(Failure::Misconfigured(Misconfiguration { hint, message }))
    }
}

/// What a status means at Entra, if it says nothing more: nobody lives at a token endpoint that is not there.
const fn refusal(status: u16) -> Option<Hint> {
    match status {
        404 | 410 => Some(Hint::RequestRefused { status }),
        _ => None,
    }
}

/// AADSTS90033: a transient error; AADSTS50196: the client asks in a loop.
fn is_transient(status: u16, error: &str, code: u64) -> bool {
    matches!(status, 408 | 429)
        || matches!(error, "temporarily_unavailable" | "server_error")
        || matches!(code, 90_033 | 50_196)
}

impl AccessToken {
    /// The application permission that validation and notification need.
    pub const SCEP_ROLE: &'static str = "scep_challenge_provider";

    /// A token that came another way, such as from a managed identity; it lives for `expires_in` from now on.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::InvalidInput) if it is blank, too long, or cannot stand in a header.
    pub fn new(secret: Secret, expires_in: Duration) -> Result<Self, Error> {
        input::filled(Field::Credential, secret.expose(), MAX_TOKEN)?;
        input::only(Field::Credential, secret.expose(), |octet| octet.is_ascii_graphic())?;
        Ok(Self { secret, expires_in: expires_in.min(LONGEST) })
    }

    /// For how long it is good, counted from when it was received; a week at most.
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// Its `roles` claim, not verified, for diagnosis only; none of them if it has no such claim, as Entra leaves it out for an
    /// application without permissions, and `None` if it is not a JWT that can be read.
    #[must_use]
    pub fn roles(&self) -> Option<Vec<String>> {
        let payload = self.secret.expose().split('.').nth(1)?;
        let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
        let claims = Object::read(&json).ok()?;
        let Some(roles) = claims.get("roles") else { return Some(Vec::new()) };
        let roles = roles.list()?;
        Some(roles.iter().filter_map(Json::text).map(str::to_owned).collect())
    }

    pub(super) fn bearer(&self) -> Secret {
        let scheme = "Bearer ";
        let octets = scheme.len().saturating_add(self.secret.expose().len());
        let mut header = Zeroizing::new(String::with_capacity(octets));
        header.push_str(scheme);
        header.push_str(self.secret.expose());
        Secret::new(std::mem::take(&mut *header))
    }

    /// `{"token_type":"Bearer","expires_in":3599,"access_token":…}`, or the member that is not what it must be.
    fn read(object: &Object) -> Result<Self, &'static str> {
        let kind = object.get("token_type").map(Json::text);
        if !kind.is_none_or(|kind| kind.is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer"))) {
            return Err("token_type");
        }
        let seconds = object.get("expires_in").and_then(Json::whole).ok_or("expires_in")?;
        let token = object.get("access_token").and_then(Json::text).ok_or("access_token")?;
        Self::new(Secret::new(token), Duration::from_secs(seconds)).map_err(|_| "access_token")
    }
}

impl TokenCredential<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Secret(text) | Self::Assertion(text) => text.expose(),
        }
    }
}

/// `application/x-www-form-urlencoded`.
struct Form(Zeroizing<Vec<u8>>);

impl Form {
    /// With room for a credential of so many octets, each of which may become three.
    fn with_capacity(credential: usize) -> Self {
        let octets = credential.saturating_mul(3).saturating_add(4096);
        Self(Zeroizing::new(Vec::with_capacity(octets)))
    }

    fn field(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        for octet in value.bytes() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.0.push(octet);
                }
                other => self.0.extend_from_slice(format!("%{other:02X}").as_bytes()),
            }
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Graph => "Microsoft Graph",
            Self::Intune => "Intune",
        })
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secret: _, expires_in } = self;
        f.debug_struct("AccessToken").field("expires_in", expires_in).finish_non_exhaustive()
    }
}
