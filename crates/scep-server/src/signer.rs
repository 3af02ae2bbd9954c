use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use scep_types::{CryptoError, SignatureScheme, SigningKey};

/// A private key that signs elsewhere: in a cloud service or an HSM behind a network.
///
/// What it returns is verified before it leaves the server. It is called from a task of the host's runtime, so it must
/// not block; it is given up when the reservation's lease is over.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The public half as SubjectPublicKeyInfo, DER.
    fn spki(&self) -> &[u8];

    /// Signs `message` by `scheme`; ECDSA signatures are DER `SEQUENCE { r, s }`.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for a scheme the key does not have, [`CryptoError::Unavailable`] if it does not
    /// answer; the device is then told to come again.
    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// Who holds a signing key.
#[derive(Clone)]
pub enum Signing {
    /// This process, or a device driver that blocks; it signs on the worker pool.
    Local(Arc<dyn SigningKey>),
    /// Someone else, who is waited for without holding a worker.
    Remote(Arc<dyn Signer>),
}

impl Signing {
    /// The public half as SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        match self {
            Self::Local(key) => key.spki(),
            Self::Remote(key) => key.spki(),
        }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "Local(..)",
            Self::Remote(_) => "Remote(..)",
        })
    }
}
