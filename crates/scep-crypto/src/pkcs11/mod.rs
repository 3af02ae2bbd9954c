//! Private keys in a PKCS #11 token: an HSM, a smart card, a cloud's key service. They sign and unwrap, and never leave it.
//!
//! ```no_run
//! use std::path::Path;
//! use scep_crypto::pkcs11::Token;
//!
//! let token = Token::open(Path::new("/usr/lib/softhsm/libsofthsm2.so"), "scep", "1234")?;
//! let key = token.key("ra")?; // a `SigningKey` and a `DecryptionKey`
//! # Ok::<(), scep_crypto::pkcs11::Error>(())
//! ```

mod error;
mod key;
mod module;
mod name;
mod public;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use scep_types::KeyKind;

pub use error::Error;
pub use key::TokenKey;
pub use name::KeyName;

use module::{Login, Module};

/// A token, logged in as its user.
///
/// Operations run side by side, each in a session of its own. A session that the token has lost, because it was restarted
/// or its network broke, is opened again, once for each operation; if that fails too, the module is started anew, at most once
/// a second and not while other operations are under way. Until one of the two helps, the key is unavailable. A PIN that the token
/// refuses is not tried again: tokens count wrong ones, and lock themselves.
///
/// A module that is loaded has one state for the whole process: no other part of it may use the same module.
pub struct Token {
    module: Arc<Module>,
    login: Login,
    /// Whether it decrypts RSA without looking at the padding, which we then do in constant time.
    decrypts_raw: bool,
}

impl Token {
    /// Loads a PKCS #11 module and logs in to the token of this label with its user's PIN.
    ///
    /// Where another `Token` has the same user logged in, the PIN is not looked at before the next login.
    ///
    /// # Errors
    /// [`Error`]: the module does not load, there is no such token, or more than one, or it refuses the PIN.
    pub fn open(module: &Path, label: &str, pin: &str) -> Result<Arc<Self>, Error> {
        let module = Module::load(module)?;
        let login = Login::new(label, pin);
        module.run(&login, |_, _| Ok(()))?; // shows that the PIN is right
        let decrypts_raw = module.ask(label, |client, slot| {
            Ok(client.get_mechanism_list(slot)?.contains(&MechanismType::RSA_X_509))
        })?;
        Ok(Arc::new(Self { module, login, decrypts_raw }))
    }

    /// The private key of this label, with its public half from the token.
    ///
    /// # Errors
    /// As [`Token::named_key`].
    pub fn key(self: &Arc<Self>, label: &str) -> Result<TokenKey, Error> {
        self.named_key(&KeyName::Label(label.to_owned()))
    }

    /// A private key, with its public half from the token.
    ///
    /// # Errors
    /// [`Error`]: there is no such key, or more than one, it is neither RSA nor on P-256, P-384 or P-521, or its public half is
    /// not there.
    pub fn named_key(self: &Arc<Self>, name: &KeyName) -> Result<TokenKey, Error> {
        let public = self.run(|session, _| {
            let handle = private_key(session, name)?;
            public::spki_of(session, handle, name)
        })?;
        TokenKey::new(Arc::clone(self), name, public)
    }

    fn run<T>(&self, operation: impl Fn(&Session, u64) -> Result<T, Error>) -> Result<T, Error> {
        self.module.run(&self.login, operation)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// A public key as the token has it.
struct PublicKey {
    kind: KeyKind,
    /// SubjectPublicKeyInfo, DER.
    spki: Vec<u8>,
}

fn private_key(session: &Session, name: &KeyName) -> Result<ObjectHandle, Error> {
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), name.attribute()];
    match session.find_objects(&wanted)?.as_slice() {
        [key] => Ok(*key),
        [] => Err(Error::NoKey { key: name.clone() }),
        _ => Err(Error::SeveralKeys { key: name.clone() }),
    }
}
