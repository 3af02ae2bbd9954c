use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::{Server, ids_of, is_root};

/// PostgreSQL on a Unix socket in a folder of its own. It refuses to run as root, so root becomes the user `postgres`.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    folder: TempDir,
    schemas: AtomicU32,
}

impl Postgres {
    /// A new cluster in this folder, running.
    #[must_use]
    pub fn start(folder: TempDir) -> Self {
        if is_root() {
            let (user, group) = ids_of("postgres");
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut initdb = program("initdb", folder.path());
        initdb.args(["--auth=trust", "--username=scep", "--encoding=UTF8", "--locale=C", "-D"]);
        succeed(initdb.arg(data(&folder)));
        Self { server: run(&folder), folder, schemas: AtomicU32::new(0) }
    }

    /// Stops it as a crash would, without a checkpoint, and starts it again.
    pub fn crash_and_restart(&mut self) {
        self.stop();
        self.restart();
    }

    /// Stops it as a crash would, without a checkpoint.
    pub fn stop(&mut self) {
        let mut stop = program("pg_ctl", self.folder.path());
        succeed(stop.args(["stop", "-m", "immediate", "-D"]).arg(data(&self.folder)));
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.server = run(&self.folder);
    }

    /// The connection string of a schema of its own.
    #[must_use]
    pub fn new_schema(&self) -> String {
        let name = format!("test_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        let mut psql = program("psql", self.folder.path());
        psql.args(["--quiet", "-U", "scep", "-d", "postgres", "-h"]).arg(self.folder.path());
        succeed(psql.args(["-c", &format!("CREATE SCHEMA {name}")]));
        let host = self.folder.path().display();
        format!("host={host} user=scep dbname=postgres options='-c search_path={name}'")
    }
}

fn run(folder: &TempDir) -> Server {
    let mut postgres = program("postgres", folder.path());
    postgres.arg("-D").arg(data(folder)).arg("-k").arg(folder.path());
    postgres.args(["-c", "listen_addresses=", "-c", "max_connections=200"]);
    postgres.stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server::start(&mut postgres);
    server.wait_until(|| {
        let mut ready = program("pg_isready", folder.path());
        ready.args(["--quiet", "-h"]).arg(folder.path()).status().unwrap().success()
    });
    server
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// One of the cluster's programs, as a user that it accepts.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(installed().join(name));
    command.current_dir(folder);
    if is_root() {
        let (user, group) = ids_of("postgres");
        command.uid(user).gid(group);
    }
    command
}

fn succeed(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Where Debian has the programs of the newest version.
fn installed() -> PathBuf {
    let all = Path::new("/usr/lib/postgresql");
    let versions = all.read_dir().unwrap_or_else(|error| panic!("postgresql is missing: {error}"));
    let versions = versions.filter_map(|version| version.unwrap().file_name().into_string().ok());
    let newest = versions.max_by_key(|version| version.parse::<u32>().ok());
    all.join(newest.unwrap()).join("bin")
}
