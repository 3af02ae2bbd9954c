//! Private instances of database servers, from the programs that Debian installs; they end with their test.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use tempfile::TempDir;

mod postgres;
mod redis;

pub use postgres::Postgres;
pub use redis::Redis;

/// A folder in memory where there is such a file system, for tests that are about processes, not about disks.
#[must_use]
pub fn memory_folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// A process that ends with its test.
#[derive(Debug)]
struct Server(Child);

impl Server {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// SIGKILL.
    fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Waits until it answers, for half a minute at most.
    fn wait_until(&self, answers: impl Fn() -> bool) {
        for _ in 0..600 {
            if answers() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("process {} does not answer", self.0.id());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The user and group ids of a name in /etc/passwd.
fn ids_of(user: &str) -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user));
    let mut fields = line.unwrap().split(':').skip(2).map(|field| field.parse().unwrap());
    (fields.next().unwrap(), fields.next().unwrap())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}
