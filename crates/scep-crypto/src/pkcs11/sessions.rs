use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Failure, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::Error;

/// Sessions that are kept for the next operation. More than these run side by side too; they are closed afterwards.
const KEPT: usize = 16;

/// Sessions with one token. Its user is logged in as long as one of them is open.
pub(super) struct Sessions {
    client: Pkcs11,
    slot: Slot,
    pin: AuthPin,
    idle: Mutex<Vec<Session>>,
}

impl Sessions {
    pub(super) fn new(client: Pkcs11, slot: Slot, pin: &str) -> Self {
        Self { client, slot, pin: AuthPin::from(pin), idle: Mutex::default() }
    }

    /// Runs an operation in a session of its own. If the session turns out to be lost, once more in a new one.
    pub(super) fn run<T>(
        &self,
        operation: impl Fn(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let idle = self.idle().pop(); // a statement of its own: the lock ends with it
        if let Some(session) = idle {
            match operation(&session) {
                Err(error) if error.is_lost_session() => self.idle().clear(),
                result => {
                    self.keep(session);
                    return result;
                }
            }
        }
        let session = self.open()?;
        let result = operation(&session);
        self.keep(session);
        result
    }

    fn open(&self) -> Result<Session, Error> {
        let session = self.client.open_ro_session(self.slot)?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Failure::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(failure) => Err(failure.into()),
        }
    }

    fn keep(&self, session: Session) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(session);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
