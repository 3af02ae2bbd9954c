//! Entra's token endpoints (client credentials), and what MSAL asks for beside them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scep_types::CryptoError;
use serde_json::{Value, json};

use super::answer::Answer;
use super::assertion;
use super::route::{Incoming, TokenForm, form};
use crate::directory::{App, Permission, Resource, Tenant};
use crate::ids::guid;
use crate::state::{State, Token};

/// An error of Entra's, with its AADSTS code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntraError {
    status: u16,
    error: &'static str,
    code: u32,
    description: String,
}

impl EntraError {
    pub(super) fn new(
        status: u16,
        error: &'static str,
        code: u32,
        description: impl Into<String>,
    ) -> Self {
        Self { status, error, code, description: description.into() }
    }

    pub(super) fn invalid_client(code: u32, description: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, description)
    }

    pub(super) fn to_answer(&self, state: &State, status: Option<u16>) -> Answer {
        let Self { error, code, description, .. } = self;
        let (trace, correlation) =
            (guid(&state.provider).unwrap_or_default(), guid(&state.provider).unwrap_or_default());
        let now = state.clock.now().to_string().replace('T', " ");
        let description = format!(
            "AADSTS{code}: {description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        );
        Answer::json(
            status.unwrap_or(self.status),
            &json!({
                "error": error,
                "error_description": description,
                "error_codes": [code],
                "timestamp": now,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
            }),
        )
    }

    /// What a fault of the same kind says.
    pub(super) fn wrong_secret(app: &str) -> Self {
        Self::invalid_client(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                 secret value, not the client secret ID, for a secret added to app '{app}'."
            ),
        )
    }
}

/// Answers a token request.
pub(super) fn token(
    state: &mut State,
    tenant: &str,
    token_form: TokenForm,
    request: &Incoming,
) -> Answer {
    match issue(state, tenant, token_form, request) {
        Ok(answer) => answer,
        Err(error) => error.to_answer(state, None),
    }
}

fn issue(
    state: &mut State,
    tenant: &str,
    token_form: TokenForm,
    request: &Incoming,
) -> Result<Answer, EntraError> {
    let fields = form(std::str::from_utf8(&request.body).unwrap_or_default());
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    };
    if field("grant_type") != "client_credentials" {
        let text = "The app requested an unsupported grant type.";
        return Err(EntraError::new(400, "unsupported_grant_type", 70_003, text));
    }
    let tenant = state.tenant(tenant).cloned().map_err(|_| {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
        );
        EntraError::new(400, "invalid_request", 90_002, text)
    })?;
    let client_id = field("client_id");
    let app = tenant.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id));
    let app = app.ok_or_else(|| {
        let text = format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'.",
            tenant.domain
        );
        EntraError::new(400, "unauthorized_client", 700_016, text)
    })?;
    authenticate(state, &tenant, app, &field)?;
    let audience = audience(token_form, &field)?;
    let resource = state.urls.resource_of(&audience).ok_or_else(|| {
        let text = format!(
            "The resource principal named {audience} was not found in the tenant named {}.",
            tenant.domain
        );
        EntraError::new(400, "invalid_resource", 500_011, text)
    })?;
    let unavailable = |_: CryptoError| EntraError::new(503, "temporarily_unavailable", 90_033, "");
    grant(state, &tenant, app, resource, audience, token_form).map_err(unavailable)
}

/// The secret, or the assertion that stands for it.
fn authenticate<'f>(
    state: &State,
    tenant: &Tenant,
    app: &App,
    field: &impl Fn(&str) -> &'f str,
) -> Result<(), EntraError> {
    const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let (secret, jwt) = (field("client_secret"), field("client_assertion"));
    if !jwt.is_empty() && field("client_assertion_type") == JWT_BEARER {
        return assertion::check(state, tenant, app, jwt);
    }
    if secret.is_empty() {
        let text = "'client_assertion', 'client_secret' or 'request' is required for the \
                    'client_credentials' grant type.";
        return Err(EntraError::invalid_client(7_000_216, text));
    }
    let known = app.secrets.iter().find(|known| known.value.expose() == secret);
    let known = known.ok_or_else(|| EntraError::wrong_secret(&app.client_id))?;
    if known.expires <= state.clock.now() {
        let text =
            format!("The provided client secret keys for app '{}' are expired.", app.client_id);
        return Err(EntraError::invalid_client(7_000_222, text));
    }
    Ok(())
}

/// The scope without `/.default`, or the resource of v1.
fn audience<'f>(
    token_form: TokenForm,
    field: &impl Fn(&str) -> &'f str,
) -> Result<String, EntraError> {
    let audience = match token_form {
        TokenForm::V1 => Some(field("resource")),
        TokenForm::V2 => field("scope").strip_suffix("/.default"),
    };
    audience.filter(|audience| !audience.is_empty()).map(str::to_owned).ok_or_else(|| {
        let text = format!(
            "The provided value for scope {} is not valid. Client credential flows must have a scope value \
             with /.default suffixed to the resource identifier (application ID URI).",
            field("scope")
        );
        EntraError::new(400, "invalid_scope", 1_002_012, text)
    })
}

fn grant(
    state: &mut State,
    tenant: &Tenant,
    app: &App,
    resource: Resource,
    audience: String,
    token_form: TokenForm,
) -> Result<Answer, CryptoError> {
    let now = state.clock.now();
    let expires = now.plus(state.token_lifetime);
    let roles: Vec<String> = app
        .permissions
        .iter()
        .copied()
        .map(Permission::role)
        .filter(|(_, of)| *of == resource)
        .map(|(role, _)| role.to_owned())
        .collect();
    let mut claims = json!({
        "aud": audience,
        "iss": format!("https://sts.windows.net/{}/", tenant.id),
        "iat": now.as_secs(),
        "nbf": now.as_secs(),
        "exp": expires.as_secs(),
        "appid": app.client_id,
        "tid": tenant.id,
        "idtyp": "app",
        "ver": "1.0",
    });
    if let (false, Some(members)) = (roles.is_empty(), claims.as_object_mut()) {
        members.insert("roles".to_owned(), json!(roles)); // without permissions the claim is not there
    }
    let jwt = jwt(state, &claims)?;
    let lifetime = state.token_lifetime.as_secs();
    let answer = match token_form {
        TokenForm::V2 => json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": jwt,
        }),
        TokenForm::V1 => json!({
            "token_type": "Bearer",
            "expires_in": lifetime.to_string(),
            "ext_expires_in": lifetime.to_string(),
            "expires_on": expires.as_secs().to_string(),
            "not_before": now.as_secs().to_string(),
            "resource": audience,
            "access_token": jwt,
        }),
    };
    state.tokens.retain(|_, token| token.expires > now);
    state.tokens.insert(jwt, Token { tenant: tenant.id.clone(), audience, roles, expires });
    Ok(Answer::json(200, &answer))
}

/// A JWT as Entra's look, with random octets for its signature: it is looked up, never verified.
fn jwt(state: &State, claims: &Value) -> Result<String, CryptoError> {
    let mut signature = [0; 256];
    state.provider.random.fill(&mut signature)?;
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "intune-sim" });
    Ok(format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        URL_SAFE_NO_PAD.encode(signature)
    ))
}

/// `GET /common/discovery/instance`.
pub(super) fn instance_discovery(state: &State) -> Answer {
    let login = &state.urls.login;
    let host = login.split_once("://").map_or(login.as_str(), |(_, host)| host);
    Answer::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("{login}/common/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
        }),
    )
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) fn open_id(state: &State, tenant: &str) -> Answer {
    let base = format!("{}/{tenant}", state.urls.login);
    Answer::json(
        200,
        &json!({
            "issuer": format!("{base}/v2.0"),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }),
    )
}
