//! The audit trail: one JSON object a line, written by a thread of its own so that no request waits for a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::config::model::Audit;

/// Lines that may wait for the disk; more are lost, counted, and named in the log.
const MOST_WAITING: usize = 10_000;

/// Where lines go.
#[derive(Debug)]
pub(super) struct Trail {
    writer: Mutex<Option<Writer>>,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    lines: SyncSender<Entry>,
    thread: JoinHandle<()>,
}

enum Entry {
    Line(String),
    /// The file was moved away by who rotates logs.
    Reopen,
}

impl Trail {
    /// Opens the trail; relative paths are resolved by `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn open(audit: Option<&Audit>, path: impl FnOnce(&Path) -> PathBuf) -> Result<Self> {
        let sink = match audit {
            None => None,
            Some(Audit::Stdout) => Some(Sink::Stdout),
            Some(Audit::File(file)) => {
                let file = path(file);
                let explain = || format!("cannot write the audit trail {}", file.display());
                let opened = open(&file).with_context(explain)?;
                Some(Sink::File(file, opened))
            }
        };
        let writer = sink.map(Writer::start).transpose().context("starting the audit trail")?;
        Ok(Self { writer: Mutex::new(writer), lost: AtomicU64::new(0) })
    }

    /// Appends a line.
    pub(super) fn append(&self, line: &impl Serialize) {
        match serde_json::to_string(line) {
            Ok(line) => self.send(Entry::Line(line)),
            Err(error) => tracing::error!(%error, "an audit line cannot be written"),
        }
    }

    /// Opens the file again, which may have been moved away.
    pub(super) fn reopen(&self) {
        self.send(Entry::Reopen);
    }

    /// Lines that found no place.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits, and no more from then on.
    pub(super) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { lines, thread }) = writer {
            drop(lines);
            if thread.join().is_err() {
                tracing::error!("the audit trail ended early");
            }
        }
    }

    fn send(&self, entry: Entry) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.as_ref() else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            writer.lines.try_send(entry)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!("an audit line was lost: they cannot be written fast enough");
        }
    }
}

impl Writer {
    fn start(sink: Sink) -> io::Result<Self> {
        let (lines, received) = sync_channel(MOST_WAITING);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || write_all(sink, &received))?;
        Ok(Self { lines, thread })
    }
}

enum Sink {
    Stdout,
    File(PathBuf, File),
}

fn write_all(mut sink: Sink, entries: &Receiver<Entry>) {
    for entry in entries {
        let done = match (entry, &mut sink) {
            (Entry::Line(line), Sink::Stdout) => writeln!(io::stdout().lock(), "{line}"),
            // One write for a line, so that none is torn.
            (Entry::Line(line), Sink::File(_, file)) => {
                file.write_all(format!("{line}\n").as_bytes())
            }
            (Entry::Reopen, Sink::Stdout) => Ok(()),
            (Entry::Reopen, Sink::File(path, file)) => open(path).map(|opened| *file = opened),
        };
        if let Err(error) = done {
            tracing::error!(%error, "the audit trail cannot be written");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_closes_the_trail_finds_every_line_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let trail = Trail::open(Some(&Audit::File(path.clone())), Path::to_owned).unwrap();
        let lines = MOST_WAITING / 2;
        (0..lines).for_each(|number| trail.append(&number));
        trail.close();
        let written = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = (0..lines).map(|number| number.to_string()).collect();
        assert_eq!(written.lines().collect::<Vec<_>>(), expected);
        assert_eq!(trail.lost(), 0);
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("audit"), dir.path().join("audit.1"));
        let trail = Trail::open(Some(&Audit::File(path.clone())), Path::to_owned).unwrap();
        trail.append(&1);
        // Whatever waits is written before the file is opened again.
        std::fs::rename(&path, &moved).unwrap();
        trail.reopen();
        trail.append(&2);
        trail.close();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "1\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
    }
}
