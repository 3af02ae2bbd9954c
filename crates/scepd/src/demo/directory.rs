//! The directory a demonstration leaves behind.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A directory that exists and can be written.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let explain = || format!("cannot write to {}: choose another with --dir", path.display());
        fs::create_dir_all(path).with_context(explain)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a file that anyone may read.
    pub(super) fn public(&self, name: &str, content: &str) -> Result<()> {
        self.write(name, content, 0o644)
    }

    /// Writes a file that only its owner may read.
    pub(super) fn private(&self, name: &str, content: &str) -> Result<()> {
        self.write(name, content, 0o600)
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A stale file is removed first, so that the mode holds from the first octet on.
    fn write(&self, name: &str, content: &str, mode: u32) -> Result<()> {
        let path = self.path(name);
        let explain =
            || format!("cannot write {}: choose another directory with --dir", path.display());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(explain);
            }
            _ => {}
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .with_context(explain)?;
        file.write_all(content.as_bytes()).with_context(explain)
    }
}
