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
mod public;
mod sessions;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Failure, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use scep_types::KeyKind;

pub use error::Error;
pub use key::TokenKey;

use sessions::Sessions;

/// A token, logged in as its user.
///
/// Operations run side by side, each in a session of its own. A session that the token has lost, because it was restarted
/// or its network broke, is opened again, once for each operation; if that fails too, the key is unavailable.
pub struct Token {
    sessions: Sessions,
    /// Whether it decrypts RSA without looking at the padding, which we then do in constant time.
    decrypts_raw: bool,
}

impl Token {
    /// Loads a PKCS #11 module and logs in to the token of this label with its user's PIN.
    ///
    /// # Errors
    /// [`Error`]: the module does not load, there is no such token, or more than one, or it refuses the PIN.
    pub fn open(module: &Path, label: &str, pin: &str) -> Result<Arc<Self>, Error> {
        let client = Pkcs11::new(module).map_err(|failure| Error::module(module, &failure))?;
        let flags = CInitializeFlags::OS_LOCKING_OK;
        match client.initialize(CInitializeArgs::new(flags)) {
            // Another token of the same module is open already.
            Ok(()) | Err(Failure::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(failure) => return Err(Error::module(module, &failure)),
        }
        let slot = slot_of(&client, label)?;
        let mechanisms = client.get_mechanism_list(slot)?;
        let decrypts_raw = mechanisms.contains(&MechanismType::RSA_X_509);
        let sessions = Sessions::new(client, slot, pin);
        sessions.run(|_| Ok(()))?; // shows that the PIN is right
        Ok(Arc::new(Self { sessions, decrypts_raw }))
    }

    /// The private key of this label, with its public half from the token.
    ///
    /// # Errors
    /// [`Error`]: there is no such key, or more than one, it is neither RSA nor on P-256, P-384 or P-521, or its public half is
    /// not there.
    pub fn key(self: &Arc<Self>, label: &str) -> Result<TokenKey, Error> {
        let (handle, public) = self.sessions.run(|session| {
            let handle = private_key(session, label)?;
            Ok((handle, public::spki_of(session, handle, label)?))
        })?;
        TokenKey::new(Arc::clone(self), label, handle, public)
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

fn slot_of(client: &Pkcs11, label: &str) -> Result<Slot, Error> {
    let mut found = Vec::new();
    for slot in client.get_slots_with_initialized_token()? {
        if client.get_token_info(slot)?.label() == label {
            found.push(slot);
        }
    }
    match found.as_slice() {
        [slot] => Ok(*slot),
        [] => Err(Error::NoToken { label: label.to_owned() }),
        _ => Err(Error::SeveralTokens { label: label.to_owned() }),
    }
}

fn private_key(session: &Session, label: &str) -> Result<ObjectHandle, Error> {
    let label_octets = Attribute::Label(label.as_bytes().to_vec());
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), label_octets];
    match session.find_objects(&wanted)?.as_slice() {
        [key] => Ok(*key),
        [] => Err(Error::NoKey { label: label.to_owned() }),
        _ => Err(Error::SeveralKeys { label: label.to_owned() }),
    }
}
