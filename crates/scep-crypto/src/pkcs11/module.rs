use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Failure, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::Error;

/// Sessions that are kept for the next operation. More than these run side by side too; they are closed afterwards.
const KEPT: usize = 16;
/// A module is started anew once in this time at most.
const PAUSE: Duration = Duration::from_secs(1);

/// The modules of this process: PKCS #11 has one state for each, whoever uses it.
static LOADED: Mutex<Vec<Weak<Module>>> = Mutex::new(Vec::new());

/// A module that was loaded and started, and its sessions.
pub(super) struct Module {
    path: PathBuf,
    client: Pkcs11,
    /// Held by each operation; whoever starts the module anew has it alone, since no other call may be under way then.
    at_work: RwLock<()>,
    /// Goes up with each loss of a session: what was found before is then looked up again.
    generation: AtomicU64,
    idle: Mutex<Vec<Idle>>,
    started_anew: Mutex<Option<Instant>>,
}

/// A session that waits for the next operation. The token's user is logged in as long as one is open.
struct Idle {
    token: String,
    session: Session,
}

/// Which token, and its user's PIN.
pub(super) struct Login {
    pub(super) label: String,
    pin: AuthPin,
    /// A token counts wrong PINs and locks itself, so one that it refused is not tried again.
    refused: AtomicBool,
}

impl Login {
    pub(super) fn new(label: &str, pin: &str) -> Self {
        let (label, pin) = (label.to_owned(), AuthPin::from(pin));
        Self { label, pin, refused: AtomicBool::new(false) }
    }
}

/// What failed.
enum Failed {
    /// To find the token, or to get a session with it.
    Opening(Error),
    Operation(Error),
}

impl Module {
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, Error> {
        let mut loaded = lock(&LOADED);
        let known = loaded.iter().filter_map(Weak::upgrade).find(|module| module.path == path);
        if let Some(module) = known {
            return Ok(module);
        }
        let client = Pkcs11::new(path).map_err(|failure| Error::module(path, &failure))?;
        start(&client).map_err(|failure| Error::module(path, &failure))?;
        let module = Arc::new(Self {
            path: path.to_owned(),
            client,
            at_work: RwLock::default(),
            generation: AtomicU64::default(),
            idle: Mutex::default(),
            started_anew: Mutex::default(),
        });
        loaded.retain(|module| module.strong_count() > 0);
        loaded.push(Arc::downgrade(&module));
        Ok(module)
    }

    /// Runs an operation in a session of its own, and tells it the generation of what it may know of the token.
    ///
    /// If the session turns out to be lost, once more in a new one; if that does not help either, once more after the module
    /// was started anew, which is what many of them need after their token was away.
    pub(super) fn run<T>(
        &self,
        login: &Login,
        operation: impl Fn(&Session, u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let again = match self.attempt(login, &operation) {
            Err(failed) if failed.may_be_away() && self.start_anew() => {
                self.attempt(login, &operation)
            }
            result => result,
        };
        again.map_err(Failed::into_error)
    }

    /// What the module says of a token that it has.
    pub(super) fn ask<T>(
        &self,
        label: &str,
        question: impl Fn(&Pkcs11, Slot) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _at_work = self.at_work.read().unwrap_or_else(PoisonError::into_inner);
        question(&self.client, self.slot(label)?)
    }

    fn attempt<T>(
        &self,
        login: &Login,
        operation: &impl Fn(&Session, u64) -> Result<T, Error>,
    ) -> Result<T, Failed> {
        let _at_work = self.at_work.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = self.take(&login.label) {
            match operation(&session, self.generation()) {
                Err(error) if error.is_away() => self.forget(),
                result => {
                    self.keep(login, session);
                    return result.map_err(Failed::Operation);
                }
            }
        }
        let session = self.open(login).map_err(Failed::Opening)?;
        let result = operation(&session, self.generation());
        match &result {
            Err(error) if error.is_away() => self.forget(),
            _ => self.keep(login, session),
        }
        result.map_err(Failed::Operation)
    }

    fn open(&self, login: &Login) -> Result<Session, Error> {
        if login.refused.load(Ordering::SeqCst) {
            return Err(Error::Pin);
        }
        let session = self.client.open_ro_session(self.slot(&login.label)?)?;
        match session.login(UserType::User, Some(&login.pin)) {
            Ok(()) | Err(Failure::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(failure) => {
                let error = Error::from(failure);
                login.refused.fetch_or(error == Error::Pin, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    fn slot(&self, label: &str) -> Result<Slot, Error> {
        let mut found = Vec::new();
        for slot in self.client.get_slots_with_initialized_token()? {
            if self.client.get_token_info(slot)?.label() == label {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => Err(Error::NoToken { label: label.to_owned() }),
            _ => Err(Error::SeveralTokens { label: label.to_owned() }),
        }
    }

    /// Whether the module was started anew: not while others are at work, and not again and again.
    fn start_anew(&self) -> bool {
        let alone = match self.at_work.try_write() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let mut last = lock(&self.started_anew);
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return false;
        }
        *last = Some(Instant::now());
        self.forget(); // before their handles may be those of other sessions
        // One that has not started does not end.
        let _ = self.client.clone().finalize();
        let started = start(&self.client).is_ok();
        drop(alone);
        started
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn take(&self, token: &str) -> Option<Session> {
        let mut idle = lock(&self.idle);
        let position = idle.iter().rposition(|idle| idle.token == token)?;
        Some(idle.swap_remove(position).session)
    }

    fn keep(&self, login: &Login, session: Session) {
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT {
            idle.push(Idle { token: login.label.clone(), session });
        }
    }

    fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        lock(&self.idle).clear();
    }
}

impl Failed {
    /// Whether the module's new start may help. Never after a wrong PIN: tokens count those.
    fn may_be_away(&self) -> bool {
        match self {
            Self::Opening(error) => matches!(error, Error::Token(_) | Error::NoToken { .. }),
            Self::Operation(error) => error.is_away(),
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::Opening(error) | Self::Operation(error) => error,
        }
    }
}

fn start(client: &Pkcs11) -> Result<(), Failure> {
    match client.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // By someone else in this process.
        Ok(()) | Err(Failure::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
