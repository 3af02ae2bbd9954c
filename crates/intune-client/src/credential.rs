use std::fmt;
use std::future::Future;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use scep_types::{Certificate, Secret, SigningKey};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::service::AssertionAlgorithm;

/// Octets that a file with a credential may have.
const MAX_FILE: usize = 64 * 1024;

/// What an application proves itself with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A client secret: its value, not its id.
    Secret(Secret),
    /// A certificate that is registered with the application.
    Certificate(Arc<CertificateCredential>),
    /// An assertion that another issuer made (workload identity federation, a managed identity).
    Assertion(Secret),
}

/// A certificate that is registered with the application, and its key.
#[derive(Clone)]
pub struct CertificateCredential {
    /// As it is registered.
    pub certificate: Certificate,
    /// Its key.
    pub key: Arc<dyn SigningKey>,
    /// Which signature the key makes.
    pub algorithm: AssertionAlgorithm,
}

impl fmt::Debug for CertificateCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key: _, algorithm } = self;
        f.debug_struct("CertificateCredential")
            .field("certificate", certificate)
            .field("algorithm", algorithm)
            .finish_non_exhaustive()
    }
}

impl From<CertificateCredential> for Credential {
    fn from(credential: CertificateCredential) -> Self {
        Self::Certificate(Arc::new(credential))
    }
}

/// What a [`CredentialSource`] answers with: boxed, so that a tenant can hold any source.
pub type CredentialFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Credential, CredentialError>> + Send + 'a>>;

/// Gives the credential; asked each time a token is fetched, so that a new one counts without a restart.
pub trait CredentialSource: Send + Sync + fmt::Debug {
    /// The credential as it is now.
    ///
    /// # Errors
    /// [`CredentialError`]: then no token is asked for, and the next call asks again a few seconds later.
    fn credential(&self) -> CredentialFuture<'_>;
}

/// Why there is no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("the credential's file cannot be read: {0}")]
    File(ErrorKind),
    /// The file has more octets than any credential.
    #[error("the credential's file has more than {limit} octets")]
    TooLarge {
        /// How many it may have.
        limit: usize,
    },
    /// There is nothing in it.
    #[error("the credential is empty")]
    Empty,
    /// It is not what it should be.
    #[error("the credential cannot be understood")]
    Invalid,
    /// Whoever keeps it does not answer.
    #[error("the credential's source does not answer")]
    Unavailable,
}

/// A credential that stays as it is.
impl CredentialSource for Credential {
    fn credential(&self) -> CredentialFuture<'_> {
        Box::pin(async { Ok(self.clone()) })
    }
}

type Read = dyn Fn(&[u8]) -> Result<Credential, CredentialError> + Send + Sync;

/// A credential in a file, which is read each time a token is fetched.
#[derive(Clone)]
pub struct CredentialFile {
    path: PathBuf,
    read: Arc<Read>,
}

impl CredentialFile {
    /// A file with a client secret; white space around it does not count.
    #[must_use]
    pub fn secret(path: impl Into<PathBuf>) -> Self {
        Self::with(path, |text| secret(text).map(Credential::Secret))
    }

    /// A file with an assertion of another issuer, such as the one that a Kubernetes cluster projects.
    #[must_use]
    pub fn assertion(path: impl Into<PathBuf>) -> Self {
        Self::with(path, |text| secret(text).map(Credential::Assertion))
    }

    /// A file in a form of your own, such as a certificate and a key in PEM.
    #[must_use]
    pub fn with(
        path: impl Into<PathBuf>,
        read: impl Fn(&[u8]) -> Result<Credential, CredentialError> + Send + Sync + 'static,
    ) -> Self {
        Self { path: path.into(), read: Arc::new(read) }
    }

    async fn octets(&self) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let unreadable = |error: std::io::Error| CredentialError::File(error.kind());
        let file = File::open(&self.path).await.map_err(unreadable)?;
        // As large as it may become: a vector that grows leaves copies behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
        let mut bounded = file.take(MAX_FILE as u64 + 1);
        bounded.read_to_end(&mut octets).await.map_err(unreadable)?;
        if octets.len() > MAX_FILE {
            return Err(CredentialError::TooLarge { limit: MAX_FILE });
        }
        Ok(octets)
    }
}

impl CredentialSource for CredentialFile {
    fn credential(&self) -> CredentialFuture<'_> {
        Box::pin(async { (self.read)(&self.octets().await?) })
    }
}

impl fmt::Debug for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, read: _ } = self;
        f.debug_struct("CredentialFile").field("path", path).finish_non_exhaustive()
    }
}

fn secret(text: &[u8]) -> Result<Secret, CredentialError> {
    let text = str::from_utf8(text).map_err(|_| CredentialError::Invalid)?.trim();
    if text.is_empty() {
        return Err(CredentialError::Empty);
    }
    Ok(Secret::new(text))
}
