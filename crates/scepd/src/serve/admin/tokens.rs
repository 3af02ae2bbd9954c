//! Bearer tokens of the admin API: 256 random bits each, of which only a hash is kept.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use scep_crypto::aws_lc_rs;
use scep_types::{CryptoError, DigestAlgorithm, Secret, UnixTime, hex};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::config::files::Files;
use crate::config::mistake::Fault;
use crate::config::model::Config;
use crate::config::values::SecretSource;
use crate::serve::authorities::write;

/// What a token allows; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// See endpoints, decisions, what waits, metrics
    Viewer,
    /// Approve, deny and revoke; make and withdraw one-time passwords
    Operator,
    /// Reload
    Admin,
}

/// The tokens that are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    pub(crate) token: Vec<Token>,
}

/// A token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// Whose it is; decisions are recorded under this name.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// SHA-256 in hexadecimal. A token has 256 random bits, so no salt and no stretching are needed.
    sha256: String,
    /// RFC 3339.
    pub(crate) created: String,
}

/// Why there is no new token, or one was not taken away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(
        "there is a token named {0:?} already: choose another name, or take that one away first"
    )]
    Taken(String),
    #[error("there is no token named {0:?}")]
    Unknown(String),
    #[error("a name has 1 to 64 letters, digits, '-', '_', '.' and '@'")]
    Name,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl Tokens {
    /// The file of a configuration's tokens.
    pub(crate) fn file(config: &Config, configuration: &Path) -> PathBuf {
        let state = Files::beside(configuration).path(&config.state_dir);
        std::path::absolute(&state).unwrap_or(state).join("admin-tokens.toml")
    }

    /// The tokens of a configuration; none if there is no file yet.
    pub(crate) fn of(config: &Config, configuration: &Path) -> Result<Self, Fault> {
        let file = Self::file(config, configuration);
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = Files::beside(configuration).private(&SecretSource::File(file.clone()))?;
        toml::from_str(&text).map_err(|_| {
            let remedy = "take the file away and make new tokens with `scepd admin token new`";
            Fault::new(format!("{} is damaged", file.display()), remedy)
        })
    }

    /// Makes a token; it is shown once and never again.
    pub(crate) fn add(
        &mut self,
        name: &str,
        role: Role,
        now: UnixTime,
    ) -> Result<Secret, TokenError> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.@".contains(&octet);
        if !((1..=64).contains(&name.len()) && name.bytes().all(plain)) {
            return Err(TokenError::Name);
        }
        if self.token.iter().any(|token| token.name == name) {
            return Err(TokenError::Taken(name.to_owned()));
        }
        let mut drawn = Zeroizing::new([0; 32]);
        aws_lc_rs::provider().random.fill(&mut *drawn)?;
        let secret = Secret::new(format!("scepd-{}", hex::lower(&*drawn)));
        let token = Token {
            name: name.to_owned(),
            role,
            sha256: sha256(secret.expose())?,
            created: now.to_string(),
        };
        self.token.push(token);
        Ok(secret)
    }

    /// Takes a token away.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), TokenError> {
        let before = self.token.len();
        self.token.retain(|token| token.name != name);
        if self.token.len() == before {
            return Err(TokenError::Unknown(name.to_owned()));
        }
        Ok(())
    }

    /// Whose token this is. All hashes are compared, each in constant time.
    pub(crate) fn find(&self, presented: &str) -> Option<&Token> {
        let presented = sha256(presented).ok()?;
        self.token.iter().fold(None, |found, token| {
            let is_it = bool::from(token.sha256.as_bytes().ct_eq(presented.as_bytes()));
            if is_it { Some(token) } else { found }
        })
    }

    /// Puts the tokens in place of those of a file, all or nothing.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        let directory = file.parent().unwrap_or(Path::new("."));
        if !directory.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let unfinished = file.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_file(&unfinished)?;
        }
        write(&unfinished, &text, 0o600)?;
        keep_owner(file, &unfinished)?;
        fs::rename(&unfinished, file)
    }
}

/// Whoever makes a token may be root, but scepd must still be able to read the file.
fn keep_owner(file: &Path, unfinished: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let model = if file.exists() { Some(file) } else { file.parent() };
    let Some(owner) = model.and_then(|model| fs::metadata(model).ok()) else { return Ok(()) };
    let mine = fs::metadata(unfinished)?;
    if (owner.uid(), owner.gid()) != (mine.uid(), mine.gid()) {
        std::os::unix::fs::chown(unfinished, Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::set_permissions(unfinished, fs::Permissions::from_mode(0o600))
}

fn sha256(text: &str) -> Result<String, CryptoError> {
    let digest = aws_lc_rs::provider().digest.digest(DigestAlgorithm::Sha256, text.as_bytes())?;
    Ok(hex::lower(digest.as_ref()))
}
