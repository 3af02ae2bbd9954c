use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::Server;

/// Redis on a Unix socket in a folder of its own.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    folder: TempDir,
    settings: &'static [&'static str],
    prefixes: AtomicU32,
}

impl Redis {
    /// Settings with which it keeps what it answered.
    pub const DURABLE: &'static [&'static str] =
        &["--appendonly", "yes", "--appendfsync", "always"];

    /// A new server in this folder, running, with these settings.
    #[must_use]
    pub fn start(folder: TempDir, settings: &'static [&'static str]) -> Self {
        let server = run(&folder, settings);
        Self { server, folder, settings, prefixes: AtomicU32::new(0) }
    }

    /// Kills it, and starts it again.
    pub fn crash_and_restart(&mut self) {
        self.stop();
        self.restart();
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.server.kill();
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.server = run(&self.folder, self.settings);
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", socket(&self.folder).display())
    }

    /// A prefix of keys that nobody else uses.
    #[must_use]
    pub fn new_prefix(&self) -> String {
        format!("test-{}", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }
}

/// A test that fails says what its server said last: it may have ended by itself.
impl Drop for Redis {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
            eprintln!("Redis said last:\n{}", last.join("\n"));
        }
    }
}

const LOG: &str = "redis.log";
const LAST_LINES: usize = 20;

fn run(folder: &TempDir, settings: &[&str]) -> Server {
    let mut redis = Command::new("redis-server");
    redis.args(["--port", "0", "--save", "", "--logfile", LOG, "--unixsocket"]).arg(socket(folder));
    redis.args(settings).current_dir(folder.path()).stdout(Stdio::null());
    let server = Server::start(&mut redis);
    server.wait_until(|| answers(folder).unwrap_or(false));
    server
}

/// Whether it is done with loading.
fn answers(folder: &TempDir) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket(folder))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG")
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("redis.sock")
}
