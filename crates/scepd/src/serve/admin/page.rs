//! The page that NDES has as `mscep_admin`: the thumbprints of the CA, and a password for one enrolment.
//!
//! It is for people with browsers, which send HTTP Basic: any user name, and a token of an operator as the password. A
//! browser sends that along whoever made it ask, so nothing that a link, a picture, a prefetch or another site's form can
//! cause makes a password: GET only shows, and POST needs a value that stands in the page alone, which another
//! site cannot read. The rest of the admin API takes no Basic for the same reason.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use scep_crypto::aws_lc_rs;
use scep_server::{Clock as _, MintedPassword, SystemClock};
use scep_types::{DigestAlgorithm, Secret, hex};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::passwords;
use super::routes::Caller;
use super::tokens::Role;
use crate::serve::assembly::Door;
use crate::serve::server::Server;

/// Octets of the form.
const MOST: usize = 1024;

/// The pages of all endpoints that have one.
pub(super) fn router(server: &Arc<Server>) -> Router<Arc<Server>> {
    let pages = get(show).post(mint).with_state(Arc::clone(server));
    Router::new().route("/mscep_admin/{name}", pages)
}

async fn show(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let visitor = match Visitor::of(&server, &request) {
        Ok(visitor) => visitor,
        Err(refused) => return *refused,
    };
    let running = server.running();
    match passwords::door(&running, &name) {
        Ok(door) if door.page => page(StatusCode::OK, &form(door, &visitor)),
        _ => nothing(),
    }
}

async fn mint(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let visitor = match Visitor::of(&server, &request) {
        Ok(visitor) => visitor,
        Err(refused) => return *refused,
    };
    let running = server.running();
    let door = match passwords::door(&running, &name) {
        Ok(door) if door.page => door,
        _ => return nothing(),
    };
    if !is_from_this_page(request.into_body(), &visitor.proof(door)).await {
        tracing::warn!(name = visitor.caller.name, "admin: a form that is not of this page");
        return page(StatusCode::FORBIDDEN, "<p>Open this page and press its button.</p>");
    }
    let minted = passwords::mint_unbound(&server, door, &visitor.caller, SystemClock.now()).await;
    match minted {
        Ok(minted) => page(StatusCode::OK, &told(door, &minted)),
        Err(Answer { status, body }) => {
            let why = body["error"].as_str().unwrap_or_default();
            page(status, &format!("<p>{}</p>", escape(why)))
        }
    }
}

/// Who looks at a page.
struct Visitor {
    caller: Caller,
    token: Secret,
}

impl Visitor {
    /// By a token of an operator, in `Basic` as the password, or in `Bearer`.
    fn of(server: &Server, request: &Request) -> Result<Self, Box<Response>> {
        let presented = request.headers().get(header::AUTHORIZATION).and_then(presented);
        let found = presented.and_then(|token| {
            let known = server.running().tokens.find(token.expose()).cloned()?;
            Some((known, token))
        });
        let path = request.uri().path();
        match found {
            Some((known, token)) if known.role >= Role::Operator => {
                Ok(Self { caller: Caller { name: known.name }, token })
            }
            Some((known, _)) => {
                tracing::warn!(name = known.name, path, "admin: the role does not suffice");
                Err(Box::new(page(StatusCode::FORBIDDEN, "<p>This is for operators.</p>")))
            }
            None => {
                tracing::warn!(path, "admin: no token, or an unknown one");
                Err(Box::new(sign_in()))
            }
        }
    }

    /// What only this page shows, to this visitor: a digest of the token, so that nothing needs to be remembered.
    fn proof(&self, door: &Door) -> Option<String> {
        let name = door.endpoint.name().as_bytes();
        let parts: [&[u8]; 4] = [b"mscep_admin: ", name, b": ", self.token.expose().as_bytes()];
        digest(DigestAlgorithm::Sha256, &Zeroizing::new(parts.concat()))
    }
}

fn presented(value: &HeaderValue) -> Option<Secret> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Secret::new(rest.trim()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64_STANDARD.decode(rest.trim()).ok()?);
    let (_user, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Secret::new(token))
}

async fn is_from_this_page(body: Body, proof: &Option<String>) -> bool {
    let (Ok(body), Some(proof)) = (to_bytes(body, MOST).await, proof) else { return false };
    let expected = format!("proof={proof}");
    body.ct_eq(expected.as_bytes()).into()
}

fn form(door: &Door, visitor: &Visitor) -> String {
    let proof = visitor.proof(door).unwrap_or_default();
    format!(
        "{}<form method=\"post\"><input type=\"hidden\" name=\"proof\" value=\"{proof}\">\
         <button>Make an enrolment challenge password</button></form>",
        thumbprints(door)
    )
}

fn told(door: &Door, minted: &MintedPassword) -> String {
    format!(
        "{}<p>The enrolment challenge password is</p><p><code>{}</code></p>\
         <p>It can be used once, before {}. It is not shown again.</p>",
        thumbprints(door),
        escape(minted.password.expose()),
        minted.facts.expires
    )
}

fn thumbprints(door: &Door) -> String {
    let ca = door.config.authority.ca.issuer.certificate();
    let of = |algorithm| digest(algorithm, ca.der()).unwrap_or_default().to_uppercase();
    format!(
        "<h1>{}</h1><p>The thumbprint of the CA certificate {} is</p>\
         <p>SHA-256 <code>{}</code></p><p>SHA-1 <code>{}</code></p>",
        escape(door.endpoint.name()),
        escape(&ca.subject().to_string()),
        of(DigestAlgorithm::Sha256),
        of(DigestAlgorithm::Sha1)
    )
}

fn digest(algorithm: DigestAlgorithm, octets: &[u8]) -> Option<String> {
    let digest = aws_lc_rs::provider().digest.digest(algorithm, octets).ok()?;
    Some(hex::lower(digest.as_ref()))
}

fn nothing() -> Response {
    Answer::error(StatusCode::NOT_FOUND, &"no such page").into_response()
}

fn sign_in() -> Response {
    let mut response = page(StatusCode::UNAUTHORIZED, "<p>Sign in with a token as password.</p>");
    let basic = HeaderValue::from_static("Basic realm=\"scepd\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    response
}

/// No page is kept, framed, or able to load or send anything elsewhere.
fn page(status: StatusCode, content: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>scepd</title>{content}</html>\n"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
