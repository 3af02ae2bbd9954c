//! micromdm's `scepserver` with a fresh depot.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

pub(crate) const SECRET: &str = "7heSecretOfThisBench";

/// `scepserver` until it is dropped.
pub(crate) struct ScepServer {
    pub(crate) url: String,
    process: Child,
    depot: Option<TempDir>,
}

impl ScepServer {
    pub(crate) fn start() -> Result<Self> {
        let depot = TempDir::new()?;
        let init = ["ca", "-init", "-depot", "depot", "-keySize", "2048", "-country", "US"];
        ensure!(spawn(depot.path(), &init)?.wait()?.success(), "scepserver makes no CA");
        let start = Instant::now();
        loop {
            let port = free_port()?;
            let url = format!("http://127.0.0.1:{port}/scep");
            let mut server = Self { url, process: serve(depot.path(), port)?, depot: None };
            // It ends if somebody took the port before it did.
            while server.process.try_wait()?.is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    server.depot = Some(depot);
                    return Ok(server);
                }
                ensure!(start.elapsed() < Duration::from_secs(60), "scepserver does not answer");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn serve(folder: &Path, port: u16) -> Result<Child> {
    let port = port.to_string();
    spawn(folder, &["-depot", "depot", "-challenge", SECRET, "-allowrenew", "0", "-port", &port])
}

impl ScepServer {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for ScepServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody has now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn spawn(folder: &Path, arguments: &[&str]) -> Result<Child> {
    Command::new("scepserver")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("scepserver is needed (Debian package scep)")
}
