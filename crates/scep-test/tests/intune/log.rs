//! All that is logged while the tests here run, from every crate, at every level.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// What threads logged on which nobody listens in particular: those of the simulator and of HTTP.
static ELSEWHERE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

thread_local! {
    static HERE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Listens on this thread for as long as it lives, and to all others since it began.
pub(crate) struct Log {
    since: usize,
}

impl Log {
    pub(crate) fn listen() -> Self {
        install();
        HERE.with_borrow_mut(|here| here.get_or_insert_default().clear());
        Self { since: elsewhere().len() }
    }

    /// What this thread logged since it was last asked.
    pub(crate) fn take(&self) -> String {
        HERE.with_borrow_mut(|here| {
            let lines = here.replace(Vec::new()).unwrap_or_default();
            String::from_utf8_lossy(&lines).into_owned()
        })
    }

    /// What other threads logged since it began.
    pub(crate) fn of_others(&self) -> Vec<u8> {
        elsewhere().get(self.since..).unwrap_or_default().to_vec()
    }
}

/// One subscriber for the program: what is cached about callsites does not change under a test then.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        subscriber.with_ansi(false).with_writer(Lines).init();
    });
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        HERE.with_borrow_mut(|here| match here {
            Some(here) => here.extend_from_slice(octets),
            None => elsewhere().extend_from_slice(octets),
        });
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

fn elsewhere() -> MutexGuard<'static, Vec<u8>> {
    ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner)
}
