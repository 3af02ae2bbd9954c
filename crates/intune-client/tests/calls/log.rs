//! All that the tests here log, in one place, so that each of them can look for secrets in it.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use tracing_subscriber::fmt::MakeWriter;

use crate::microsoft::SECRET;
use crate::support::CHALLENGE;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        log().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on everything that is logged is kept, from every crate, at every level.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        subscriber.with_ansi(false).with_writer(Log).init();
    });
}

/// All that was logged so far.
pub(crate) fn so_far() -> String {
    String::from_utf8_lossy(&log()).into_owned()
}

/// Nothing that was logged so far holds a secret, a token or a challenge, in any form in which it is sent.
pub(crate) fn holds_no_secret() {
    let log = so_far();
    // A CSR in base64 holds the challenge at one of three alignments.
    let aligned = |skip: usize| {
        let text = format!("{}{CHALLENGE}", &"\0\0"[..skip]);
        STANDARD_NO_PAD.encode(text)[4..20].to_owned()
    };
    let in_a_token = STANDARD.encode(r#"{"aud""#);
    let token_start = in_a_token.trim_end_matches('=').to_owned();
    let secrets = [
        SECRET.to_owned(),
        "another-one".to_owned(),
        CHALLENGE.to_owned(),
        aligned(0),
        aligned(1),
        aligned(2),
        token_start,
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}
