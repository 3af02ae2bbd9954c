//! The log on standard error: for people, for systemd's journal, or for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::model::{Log, LogFormat, LogLevel};

/// Starts it; `RUST_LOG` overrides the level.
pub(super) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log_to = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log_to = log_to.with_ansi(io::stderr().is_terminal());
    match log.format {
        LogFormat::Json => log_to.json().init(),
        // The journal writes the time itself.
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            log_to.without_time().init();
        }
        LogFormat::Text => log_to.init(),
    }
}
