//! Secrets from the command line: as text, from a file, or from the environment.

use std::path::PathBuf;
use std::str::FromStr;

use scep_types::Secret;
use zeroize::Zeroizing;

use crate::error::{Error, Usage};
use crate::files;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    Text(Secret),
    File(PathBuf),
    Environment(String),
}

impl FromStr for SecretSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text.strip_prefix('@'), text.strip_prefix("env:")) {
            (Some(path), _) => Self::File(path.into()),
            (None, Some(variable)) => Self::Environment(variable.to_owned()),
            (None, None) => Self::Text(Secret::new(text)),
        })
    }
}

impl SecretSource {
    /// The secret; one line end after it does not count.
    pub(crate) fn read(&self) -> Result<Secret, Error> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let text = Zeroizing::new(files::read_text(path)?);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
            }
            Self::Environment(name) => match std::env::var(name) {
                Ok(value) => Ok(Secret::new(value)),
                Err(_) => Err(Usage::Environment(name.clone()).into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_its_prefix_and_never_printed() {
        let source = |text: &str| text.parse::<SecretSource>().unwrap();
        assert_eq!(source("@/run/challenge"), SecretSource::File("/run/challenge".into()));
        assert_eq!(source("env:PASSWORD"), SecretSource::Environment("PASSWORD".to_owned()));
        assert_eq!(source("p@ss env:"), SecretSource::Text(Secret::new("p@ss env:")));
        assert!(!format!("{:?}", source("hunter2")).contains("hunter2"));
    }
}
