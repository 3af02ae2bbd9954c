//! Room for as many connections as are allowed: each needs a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors beside those of connections: files, the log, timers, sockets.
const OTHERS: u64 = 256;

/// Raises the soft limit as far as is needed and allowed; says so where that is not enough.
pub(super) fn make_room(connections: u64) {
    let wanted = connections.saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reachable = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    if reachable < wanted {
        tracing::warn!(
            wanted,
            reachable,
            "open files do not suffice for limits.connections: raise LimitNOFILE or lower that"
        );
    }
}
