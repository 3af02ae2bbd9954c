//! Files: read within bounds, written whole or not at all, keys for their owner only.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{Certificate, CryptoError, KeyKind, SigningKey};
use tempfile::{NamedTempFile, TempPath};
use zeroize::Zeroizing;

use crate::error::{Error, FileProblem};

/// Octets a file may have.
const MAX_OCTETS: u64 = 4 * 1024 * 1024;

/// Reads a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::new();
    let failed = |error: std::io::Error| file_error(path, FileProblem::Read(error.kind()));
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_OCTETS + 1).read_to_end(&mut octets).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_OCTETS + 1).read_to_end(&mut octets).map_err(failed)?;
    }
    if octets.len() as u64 > MAX_OCTETS {
        return Err(file_error(path, FileProblem::TooLarge { limit: MAX_OCTETS }));
    }
    Ok(octets)
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| file_error(path, FileProblem::NotText))
}

/// Reads the first certificate of a file, PEM or DER.
pub(crate) fn read_certificate(path: &Path) -> Result<Certificate, Error> {
    let octets = Bytes::from(read(path)?);
    let der = match pem_blocks(&octets).into_iter().find(|block| block.label == "CERTIFICATE") {
        Some(block) => Bytes::from_owner(block.der),
        None => octets,
    };
    Certificate::parse(der).map_err(|error| file_error(path, FileProblem::NotACertificate(error)))
}

/// Reads a private key.
pub(crate) fn read_key(path: &Path) -> Result<SoftwareKey, Error> {
    let text = Zeroizing::new(read_text(path)?);
    SoftwareKey::from_pem(&text).map_err(|error| {
        let problem = match error {
            CryptoError::Unsupported => FileProblem::UnsupportedKey,
            other => FileProblem::NotAKey(other),
        };
        file_error(path, problem)
    })
}

/// Reads a certificate and its private key.
pub(crate) fn read_pair(cert: &Path, key: &Path) -> Result<(Certificate, SoftwareKey), Error> {
    let (certificate, private) = (read_certificate(cert)?, read_key(key)?);
    if SigningKey::spki(&private) != certificate.spki() {
        return Err(file_error(key, FileProblem::KeyMismatch));
    }
    Ok((certificate, private))
}

/// Reads a private key, or makes one of this kind (RSA-2048 if nothing is said) if there is no such file.
pub(crate) fn read_or_make_key(path: &Path, wanted: Option<KeyKind>) -> Result<KeyFile, Error> {
    if path.exists() {
        let key = read_key(path)?;
        return match wanted {
            Some(wanted) if wanted != key.kind() => {
                Err(file_error(path, FileProblem::OtherKey { found: key.kind(), wanted }))
            }
            _ => Ok(KeyFile::Found(key)),
        };
    }
    let target = Target::prepare(path)?; // before the seconds that an RSA key takes
    let key = SoftwareKey::generate(wanted.unwrap_or(KeyKind::Rsa { bits: 2048 }))?;
    target.write_new(key.to_pkcs8_pem()?.as_bytes())?;
    Ok(KeyFile::Made(key))
}

/// A key and where it came from.
pub(crate) enum KeyFile {
    Found(SoftwareKey),
    Made(SoftwareKey),
}

impl KeyFile {
    pub(crate) fn key(&self) -> &SoftwareKey {
        match self {
            Self::Found(key) | Self::Made(key) => key,
        }
    }
}

/// A file about to be written: it exists under another name already, so that what can fail fails before the
/// enrolment and not after it.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    file: NamedTempFile,
}

impl Target {
    /// Creates the temporary file, readable for its owner only.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Error> {
        let failed = |error: std::io::Error| file_error(path, FileProblem::Write(error.kind()));
        if path.is_dir() {
            return Err(file_error(path, FileProblem::Directory));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(directory).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes a secret, unless there is a file meanwhile.
    pub(crate) fn write_new(self, content: &[u8]) -> Result<(), Error> {
        let (path, temporary) = self.write(content)?;
        let failed = |error: tempfile::PathPersistError| {
            file_error(&path, FileProblem::Write(error.error.kind()))
        };
        temporary.persist_noclobber(&path).map_err(failed)
    }

    /// Writes what everyone may read, in place of what was there.
    pub(crate) fn write_public(self, content: &[u8]) -> Result<(), Error> {
        let (path, temporary) = self.write(content)?;
        let failed = |kind| file_error(&path, FileProblem::Write(kind));
        make_readable(&temporary).map_err(|error| failed(error.kind()))?;
        temporary.persist(&path).map_err(|error| failed(error.error.kind()))
    }

    fn write(self, content: &[u8]) -> Result<(PathBuf, TempPath), Error> {
        let Self { path, mut file } = self;
        let written = file.write_all(content).and_then(|()| file.as_file().sync_all());
        written.map_err(|error| file_error(&path, FileProblem::Write(error.kind())))?;
        Ok((path, file.into_temp_path()))
    }
}

#[cfg(unix)]
fn make_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Removes what is not needed any more.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = std::fs::remove_file(path);
    removed.map_err(|error| file_error(path, FileProblem::Write(error.kind())))
}

/// A PEM block.
pub(crate) struct PemBlock {
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// All PEM blocks of a text, in their order; what is between them, and blocks that are no base64, are left out.
pub(crate) fn pem_blocks(octets: &[u8]) -> Vec<PemBlock> {
    let Ok(mut rest) = std::str::from_utf8(octets) else { return Vec::new() };
    let mut blocks = Vec::new();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once(&format!("-----END {label}-----")) else {
            break;
        };
        let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
        if let Ok(der) = STANDARD.decode(body.as_bytes()) {
            blocks.push(PemBlock { label: label.to_owned(), der: Zeroizing::new(der) });
        }
        rest = after;
    }
    blocks
}

/// Certificates as PEM, lines of 64 characters.
pub(crate) fn certificates_to_pem<'a>(
    certificates: impl IntoIterator<Item = &'a Certificate>,
) -> String {
    certificates.into_iter().map(|certificate| to_pem("CERTIFICATE", certificate.der())).collect()
}

/// One PEM block, lines of 64 characters.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default());
    let lines: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) fn file_error(path: &Path, problem: FileProblem) -> Error {
    Error::File { path: path.to_owned(), problem }
}
