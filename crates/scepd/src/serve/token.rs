//! Keys in PKCS #11 tokens.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use scep_crypto::pkcs11::{Error, KeyName, Token};
use scep_types::Secret;

use super::keys::Both;
use crate::config::files::Files;
use crate::config::key::{HexOctets, TokenSource};
use crate::config::mistake::{Fault, Findings};
use crate::config::values::Located;

/// Tokens that were opened, or not: a token counts wrong PINs and locks itself, so each is tried once.
pub(super) struct Tokens(RefCell<Vec<Opened>>);

struct Opened {
    module: PathBuf,
    label: String,
    pin: Secret,
    token: Result<Arc<Token>, Error>,
}

impl Tokens {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// A key in a token, or a mistake.
    pub(super) fn key(
        &self,
        source: &Located<TokenSource>,
        files: &Files,
        findings: &mut Findings,
    ) -> Option<Box<dyn Both>> {
        let settings = source.value();
        let name = name(source, findings);
        let pin = findings.take(settings.pin.span(), files.secret(settings.pin.value()));
        let (name, pin) = (name?, pin?);
        let module = files.path(&settings.module);
        let token = match self.open(module, &settings.token, pin) {
            Err(Error::Pin) => {
                let remedy = "correct the PIN before you try again: a token locks itself after a few wrong ones";
                findings.mistake(settings.pin.span(), Error::Pin.to_string(), remedy);
                return None;
            }
            token => findings.take(source.span(), token.map_err(|error| explain(&error)))?,
        };
        let key = token.named_key(&name).map_err(|error| explain(&error));
        Some(Box::new(findings.take(source.span(), key)?))
    }

    fn open(&self, module: PathBuf, label: &str, pin: Secret) -> Result<Arc<Token>, Error> {
        let mut opened = self.0.borrow_mut();
        let same =
            |known: &&Opened| known.module == module && known.label == label && known.pin == pin;
        if let Some(known) = opened.iter().find(same) {
            return known.token.clone();
        }
        let token = Token::open(&module, label, pin.expose());
        opened.push(Opened { module, label: label.to_owned(), pin, token: token.clone() });
        token
    }
}

fn name(source: &Located<TokenSource>, findings: &mut Findings) -> Option<KeyName> {
    const REMEDY: &str = "give either `label = \"…\"` or `id = \"…\"`";
    let settings = source.value();
    match (&settings.label, &settings.id) {
        (Some(label), None) => Some(KeyName::Label(label.clone())),
        (None, Some(HexOctets(id))) => Some(KeyName::Id(id.clone())),
        (Some(_), Some(_)) => {
            findings.mistake(source.span(), "`label` and `id` contradict each other", REMEDY);
            None
        }
        (None, None) => {
            findings.absence(source.span(), "which key of the token?", REMEDY);
            None
        }
    }
}

fn explain(error: &Error) -> Fault {
    let remedy = match error {
        Error::Module { .. } => {
            "correct the path; scepd's user must be able to read the module and its settings"
        }
        Error::NoToken { .. } => {
            "see which there are: pkcs11-tool --module MODULE --list-token-slots"
        }
        Error::SeveralTokens { .. } => "give each token a label of its own",
        Error::NoKey { .. } => {
            "see which there are: pkcs11-tool --module MODULE --login --list-objects"
        }
        Error::SeveralKeys { .. } => "name it by its id: id = \"…\"",
        Error::NoPublicKey { .. } => {
            "put its public key beside it under the same id; RSA, P-256, P-384 or P-521"
        }
        _ => "see what the token's own log says",
    };
    Fault::new(error.to_string(), remedy)
}
