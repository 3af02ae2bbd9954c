//! Zero set-up: what `scepd serve` writes into a directory that has no configuration yet.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use scep_crypto::aws_lc_rs;
use scep_types::{Secret, hex};

use super::authorities::write;

/// The configuration of the directory, written now if there is none.
///
/// # Errors
/// The directory cannot be written.
pub(super) fn configuration(directory: &Path, listen: Option<SocketAddr>) -> Result<PathBuf> {
    let file = directory.join("scepd.toml");
    if file.exists() {
        return Ok(file);
    }
    let explain = || format!("cannot write to {}: choose another with --dir", directory.display());
    if !directory.exists() {
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        created.with_context(explain)?;
    }
    let password = password()?;
    let address = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8894)));
    // The configuration comes last: a directory that has one is complete.
    let secret = directory.join("devices.password");
    if secret.exists() {
        fs::remove_file(&secret).with_context(explain)?;
    }
    write(&secret, password.expose(), 0o600).with_context(explain)?;
    let text = TEMPLATE.replace("{address}", &address.to_string());
    write(&file, &text, 0o644).with_context(explain)?;
    let mut out = io::stdout().lock();
    writeln!(out, "wrote {}: one endpoint with one password for all devices", file.display())?;
    writeln!(out, "password {} (kept in {})", password.expose(), secret.display())?;
    Ok(file)
}

/// 16 hexadecimal digits, which every client can encode.
fn password() -> Result<Secret> {
    let mut drawn = [0; 8];
    aws_lc_rs::provider().random.fill(&mut drawn)?;
    Ok(Secret::new(hex::lower(&drawn)))
}

const TEMPLATE: &str = r#"# Written by `scepd serve` at its first start. `scepd config example` shows every setting; `scepd check` explains mistakes.

[[listener]]
address = "{address}"

[store]
url = "sqlite:state/scepd.sqlite"   # made at the first start; what was issued and which challenges were used

# A CA and an RA, generated at the first start and kept in state/authorities/devices.
[authority.devices]

[profile.devices]
validity = "365d"

[[endpoint]]
name = "devices"
mode = "static"
static = { password = { file = "devices.password" } }
renewal = { allow = { grace = "0s" } }

# The admin API and metrics: make a token with `scepd admin token new`, then take the `#` away and restart.
# [admin]
# address = "127.0.0.1:8895"
"#;
