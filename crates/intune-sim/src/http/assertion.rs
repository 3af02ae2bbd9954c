//! Client assertions: a JWT signed by a certificate of the app, or by an issuer it trusts (RFC 7523 §3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scep_types::{Certificate, DigestAlgorithm, SignatureScheme};
use serde_json::Value;

use super::token::EntraError;
use crate::directory::{App, Tenant};
use crate::state::State;

/// The audience of assertions from foreign issuers.
const FEDERATED_AUDIENCE: &str = "api://AzureADTokenExchange";
/// How far clocks may differ.
const SKEW: i64 = 300;

/// A JWT, taken apart.
struct Jwt<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Checks an assertion of `app`: signature, x5t#S256, aud, iss, sub, exp and nbf.
pub(super) fn check(
    state: &State,
    tenant: &Tenant,
    app: &App,
    jwt: &str,
) -> Result<(), EntraError> {
    let jwt = Jwt::parse(jwt)
        .ok_or_else(|| EntraError::invalid_client(50_027, "JWT token is invalid or malformed."))?;
    let text = |name| jwt.claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let federated = app
        .federated
        .iter()
        .find(|known| known.issuer == text("iss") && known.subject == text("sub"));
    let certificate = match federated {
        Some(federated) => &federated.certificate,
        None => {
            if text("iss") != app.client_id || text("sub") != app.client_id {
                let text =
                    "Client assertion application identifier doesn't match 'client_id' parameter.";
                return Err(EntraError::invalid_client(700_021, text));
            }
            jwt.certificate(state, app).ok_or_else(|| bad_signature("The key was not found."))?
        }
    };
    let is_audience = match federated {
        Some(_) => text("aud") == FEDERATED_AUDIENCE,
        None => is_audience(state, tenant, text("aud")),
    };
    if !is_audience {
        let text = "Client assertion audience claim does not match Realm issuer.";
        return Err(EntraError::invalid_client(700_023, text));
    }
    jwt.check_times(state)?;
    jwt.verify(state, certificate).ok_or_else(|| bad_signature("The signature is invalid."))
}

/// The token endpoints of the tenant, v1 and v2, or its issuer; by id or domain.
fn is_audience(state: &State, tenant: &Tenant, audience: &str) -> bool {
    let rest = audience.strip_prefix(&state.urls.login).and_then(|rest| rest.strip_prefix('/'));
    rest.and_then(|rest| rest.split_once('/')).is_some_and(|(name, path)| {
        tenant.is(name) && matches!(path, "oauth2/v2.0/token" | "oauth2/token" | "v2.0")
    })
}

fn bad_signature(reason: &str) -> EntraError {
    let text = format!("Client assertion failed signature validation. [Reason - {reason}]");
    EntraError::invalid_client(700_027, text)
}

impl<'a> Jwt<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The app's certificate whose digest the header has: SHA-256 in `x5t#S256`, else SHA-1 in `x5t`.
    fn certificate<'c>(&self, state: &State, app: &'c App) -> Option<&'c Certificate> {
        let (digest, wanted) = match (self.header.get("x5t#S256"), self.header.get("x5t")) {
            (Some(wanted), _) => (DigestAlgorithm::Sha256, wanted),
            (None, Some(wanted)) => (DigestAlgorithm::Sha1, wanted),
            (None, None) => return None,
        };
        let wanted = URL_SAFE_NO_PAD.decode(wanted.as_str()?).ok()?;
        let is_wanted = |certificate: &&Certificate| {
            let found = state.provider.digest.digest(digest, certificate.der());
            found.is_ok_and(|found| found.as_ref() == wanted)
        };
        app.certificates.iter().find(is_wanted)
    }

    fn check_times(&self, state: &State) -> Result<(), EntraError> {
        let now = state.clock.now().as_secs();
        let time = |name| self.claims.get(name).and_then(Value::as_i64);
        let is_over = time("exp").is_none_or(|end| end.saturating_add(SKEW) <= now);
        let is_early = time("nbf").is_some_and(|begin| begin.saturating_sub(SKEW) > now);
        if is_over || is_early {
            let text = "Client assertion is not within its valid time range.";
            return Err(EntraError::invalid_client(700_024, text));
        }
        Ok(())
    }

    fn verify(&self, state: &State, certificate: &Certificate) -> Option<()> {
        let scheme = match self.header.get("alg")?.as_str()? {
            "PS256" => SignatureScheme::RsaPss(DigestAlgorithm::Sha256),
            "RS256" => SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
            _ => return None,
        };
        let (spki, message) = (certificate.spki(), self.signed.as_bytes());
        let is_valid = certificate.validity().contains(state.clock.now());
        let verified = state.provider.verify.verify(scheme, spki, message, &self.signature);
        (is_valid && verified.is_ok()).then_some(())
    }
}
