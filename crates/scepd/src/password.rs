//! `scepd password`: one-time passwords of a scepd that runs, through its admin API.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::{Method, StatusCode};
use scep_types::Secret;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::{ApiArgs, MintArgs, PasswordCommand};
use crate::config::files::Files;
use crate::config::values::SecretSource;
use crate::config::{Loaded, is_loopback};

/// Where the token is if no file is named.
const TOKEN: &str = "SCEPD_TOKEN";
/// Octets of an answer that are read: a full list has fewer.
const MOST: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what was asked.
pub(crate) fn run(command: &PasswordCommand) -> Result<ExitCode> {
    match command {
        PasswordCommand::Mint(args) => {
            let path = path(&args.endpoint, None)?;
            let answer = ask(&args.api, Method::POST, &path, Some(wishes(args)))?;
            finish(&args.api, &answer, show_minted)
        }
        PasswordCommand::List(args) => {
            let answer = ask(&args.api, Method::GET, &path(&args.endpoint, None)?, None)?;
            finish(&args.api, &answer, show_list)
        }
        PasswordCommand::Withdraw(args) => {
            let path = path(&args.endpoint, Some(&args.id))?;
            let answer = ask(&args.api, Method::DELETE, &path, None)?;
            finish(&args.api, &answer, |_| tell("Withdrawn: it lets nobody in any more."))
        }
    }
}

/// What the admin API said.
struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

fn finish(api: &ApiArgs, answer: &Answer, show: fn(&Value) -> Result<()>) -> Result<ExitCode> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    if !answer.status.is_success() {
        let why = body.as_ref().and_then(|body| body["error"].as_str()).unwrap_or_default();
        tell(&format!("scepd: the admin API refuses ({}): {why}", answer.status))?;
        return Ok(ExitCode::from(1));
    }
    let body = body.ok_or_else(|| anyhow!("that is not the admin API of scepd"))?;
    if api.json {
        writeln!(io::stdout().lock(), "{body}")?;
    } else {
        show(&body)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard output is for the password alone.
fn show_minted(minted: &Value) -> Result<()> {
    let password = minted["password"].as_str().ok_or_else(|| anyhow!("no password came"))?;
    writeln!(io::stdout().lock(), "{password}")?;
    let (id, expires) = (&minted["id"], &minted["expires"]);
    let (id, expires) = (id.as_str().unwrap_or_default(), expires.as_str().unwrap_or_default());
    tell(&format!("Shown once; good for one enrolment until {expires}. Its id is {id}."))
}

fn show_list(listed: &Value) -> Result<()> {
    let mut out = io::stdout().lock();
    for password in listed["passwords"].as_array().into_iter().flatten() {
        let field = |name: &str| password[name].as_str().unwrap_or_default();
        let (id, expires, by) = (field("id"), field("expires"), field("minted_by"));
        writeln!(out, "{id}\t{expires}\t{by}\t{}", password["names"])?;
    }
    Ok(())
}

fn tell(text: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "{text}")?)
}

fn wishes(args: &MintArgs) -> Value {
    let mut wishes = json!({ "subject_alt_names": { "dns": args.dns } });
    if let Some(lifetime) = &args.lifetime {
        wishes["lifetime"] = json!(lifetime);
    }
    if let Some(name) = &args.common_name {
        wishes["common_name"] = json!(name);
    }
    wishes
}

/// The route; names of endpoints and ids of passwords are plain, so that nothing else can be meant.
fn path(endpoint: &str, id: Option<&str>) -> Result<String> {
    let plain = |text: &str| {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
        !text.is_empty() && text.bytes().all(plain)
    };
    if !plain(endpoint) || !id.is_none_or(plain) {
        bail!(
            "names of endpoints have letters, digits, '-' and '_', ids of passwords letters and digits"
        );
    }
    let id = id.map(|id| format!("/{id}")).unwrap_or_default();
    Ok(format!("/api/v1/endpoints/{endpoint}/passwords{id}"))
}

fn ask(api: &ApiArgs, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
    let url = format!("{}{path}", base(api)?);
    let token = token(api)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let no_redirect = reqwest::redirect::Policy::none(); // it would take the token elsewhere
        let http = reqwest::Client::builder().no_proxy().redirect(no_redirect).timeout(PATIENCE);
        let mut request = http.build()?.request(method, &url).bearer_auth(token.expose());
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let mut answer = request.send().await.with_context(|| format!("asking {url}"))?;
        let status = answer.status();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                bail!("{url} answers without end");
            }
        }
        Ok(Answer { status, body })
    })
}

/// Where the admin API is. It listens on this machine; what is in front of it elsewhere must encrypt.
fn base(api: &ApiArgs) -> Result<String> {
    let Some(url) = &api.url else { return configured(&api.config) };
    if !(url.starts_with("https://") || url.starts_with("http://") && is_loopback(url)) {
        bail!("a token goes to this machine or over https only, not to {url:?}");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn configured(file: &Path) -> Result<String> {
    let loaded = Loaded::read(file)?;
    let admin = loaded.config.as_ref().and_then(|config| config.admin.as_ref());
    let admin = admin.ok_or_else(|| {
        anyhow!("{} names no admin API; see scepd check, or give --url", file.display())
    })?;
    Ok(format!("http://{}", admin.address.value()))
}

fn token(api: &ApiArgs) -> Result<Secret> {
    let source = match &api.token_file {
        Some(file) => SecretSource::File(file.clone()),
        None => SecretSource::Env(TOKEN.to_owned()),
    };
    let token = Files::beside(Path::new("scepd")).secret(&source);
    let token = token.map_err(|fault| anyhow!("{}: {}", fault.what, fault.remedy))?;
    if token.is_empty() || !token.expose().bytes().all(|octet| octet.is_ascii_graphic()) {
        bail!("the token has to be one of `scepd admin token new`");
    }
    Ok(token)
}
