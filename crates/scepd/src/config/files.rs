//! What a configuration names: certificates, keys, secrets. Private ones must be for their owner only.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{Certificate, Secret};
use zeroize::Zeroizing;

use super::mistake::Fault;
use super::values::SecretSource;
use crate::x509;

/// Octets of a file that are read; bundles of anchors are the longest.
const MOST: u64 = 1024 * 1024;

/// Reads files relative to a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    base: PathBuf,
}

impl Files {
    /// Relative paths start from the directory of this configuration.
    pub(crate) fn beside(configuration: &Path) -> Self {
        let parent = configuration.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self { base: parent.unwrap_or(Path::new(".")).to_owned() }
    }

    /// Where a path of the configuration leads.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// A file that anyone may read.
    pub(crate) fn text(&self, path: &Path) -> Result<String, Fault> {
        let path = self.path(path);
        let text = File::open(&path).and_then(read).map_err(|error| unreadable(&path, &error))?;
        Ok(text.to_string())
    }

    /// A secret; surrounding white space does not belong to it.
    pub(crate) fn secret(&self, source: &SecretSource) -> Result<Secret, Fault> {
        Ok(Secret::new(self.private(source)?.trim()))
    }

    /// The certificates of a PEM file, at least one.
    pub(crate) fn certificates(&self, path: &Path) -> Result<Vec<Certificate>, Fault> {
        let no_certificate = |why: &str| {
            let what = format!("{} holds no certificate{why}", self.path(path).display());
            Fault::new(what, "give a PEM file with a CERTIFICATE block")
        };
        match x509::certificates(&self.text(path)?) {
            Ok(certificates) if certificates.is_empty() => Err(no_certificate("")),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(no_certificate(&format!(" that can be read: {error:#}"))),
        }
    }

    /// The first certificate of a PEM file.
    pub(crate) fn certificate(&self, path: &Path) -> Result<Certificate, Fault> {
        let first = self.certificates(path)?.into_iter().next();
        first.ok_or_else(|| Fault::new("no certificate", "give a PEM file with one"))
    }

    /// A private key that is not encrypted.
    pub(crate) fn key(&self, source: &SecretSource) -> Result<SoftwareKey, Fault> {
        SoftwareKey::from_pem(&self.private(source)?).map_err(|error| {
            let remedy = "give a PEM key: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519";
            Fault::new(format!("no private key in {}: {error}", self.name(source)), remedy)
        })
    }

    /// The text of a file that only its owner may read, or of an environment variable.
    pub(crate) fn private(&self, source: &SecretSource) -> Result<Zeroizing<String>, Fault> {
        match source {
            SecretSource::File(path) => private(&self.path(path)),
            SecretSource::Env(name) => std::env::var(name).map(Zeroizing::new).map_err(|_| {
                let what = format!("the environment variable {name} is not set, or no UTF-8");
                Fault::new(what, format!("set {name} where scepd is started"))
            }),
        }
    }

    /// Whether a file that exists is for its owner only.
    pub(crate) fn check_private(&self, path: &Path) -> Result<(), Fault> {
        let path = self.path(path);
        let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        check_private(&file, &path)
    }

    /// What a source is called in a message.
    pub(crate) fn name(&self, source: &SecretSource) -> String {
        match source {
            SecretSource::File(path) => self.path(path).display().to_string(),
            SecretSource::Env(name) => format!("the environment variable {name}"),
        }
    }
}

fn private(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let explain = |error| unreadable(path, &error);
    let file = File::open(path).map_err(explain)?;
    // Of the open file, so that nobody can exchange it in between.
    check_private(&file, path)?;
    read(file).map_err(explain)
}

fn check_private(file: &File, path: &Path) -> Result<(), Fault> {
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && !is_credential(path) {
        let what = format!("{} is open to others than its owner (mode {mode:04o})", path.display());
        return Err(Fault::new(what, format!("chmod 600 {}", path.display())));
    }
    Ok(())
}

/// systemd hands credentials over by an access list, which shows as permissions of the group (systemd.exec(5)).
fn is_credential(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|directory| !directory.is_empty() && path.starts_with(directory))
}

fn read(file: File) -> io::Result<Zeroizing<String>> {
    // Room for the whole file: a buffer that grows leaves a copy behind.
    let length = file.metadata()?.len();
    if length > MOST {
        return Err(io::Error::other(format!("longer than {MOST} octets")));
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0)));
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "write the file, or correct the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("let the user that scepd runs as own it: chown scepd {}", path.display())
        }
        _ => "correct the file or the path".to_owned(),
    };
    Fault::new(format!("cannot read {}: {error}", path.display()), remedy)
}
