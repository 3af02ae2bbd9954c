//! Tells systemd how the service is doing (sd_notify(3)), if it asked to be told.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// How the service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Stopping,
}

/// Says it; a manager that does not listen is no reason to stop.
pub(super) fn notify(state: State) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let message = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    let sent = address(&path).and_then(|address| {
        UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(|_| ())
    });
    if let Err(error) = sent {
        tracing::debug!(%error, "NOTIFY_SOCKET");
    }
}

/// A path, or behind an `@` a name without one.
#[cfg(target_os = "linux")]
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(path)
}
