use std::sync::Arc;

use scep_ca::{Crl, Issued, Prepared, PreparedCrl};
use scep_proto::ToBeSigned;
use scep_types::{CryptoError, SignatureScheme};

use crate::endpoint::Inner;
use crate::{Error, Signer, Signing};

/// What only lacks its signature.
pub(crate) trait Unsigned: Send + Sync + 'static {
    type Signed: Send + 'static;

    fn to_be_signed(&self) -> &[u8];
    fn scheme(&self) -> SignatureScheme;
    fn assemble(self, signature: &[u8]) -> Result<Self::Signed, Error>;
}

/// Prepares something on a worker and signs it: there, if the key is at hand, else by asking whoever holds the key.
pub(crate) async fn signed<U: Unsigned>(
    inner: &Arc<Inner>,
    signing: &Signing,
    prepare: impl FnOnce(&Inner) -> Result<U, Error> + Send + 'static,
) -> Result<U::Signed, Error> {
    match signing {
        Signing::Local(key) => {
            let key = Arc::clone(key);
            let signed = inner.run(move |inner| {
                let unsigned = prepare(inner)?;
                let signature = key.sign(unsigned.scheme(), unsigned.to_be_signed())?;
                unsigned.assemble(&signature)
            });
            signed.await?
        }
        Signing::Remote(signer) => {
            let unsigned = inner.run(prepare).await??;
            signed_remotely(inner, Arc::clone(signer), unsigned).await
        }
    }
}

async fn signed_remotely<U: Unsigned>(
    inner: &Arc<Inner>,
    signer: Arc<dyn Signer>,
    unsigned: U,
) -> Result<U::Signed, Error> {
    let lease = inner.terms.lease();
    let signature = signer.sign(unsigned.scheme(), unsigned.to_be_signed());
    let signature = tokio::time::timeout(lease, signature).await;
    let signature = signature.map_err(|_| Error::SignerTimeout { lease })??;
    let assembled = inner.run(move |inner| {
        let (scheme, message) = (unsigned.scheme(), unsigned.to_be_signed());
        match inner.provider().verify.verify(scheme, signer.spki(), message, &signature) {
            Ok(()) => unsigned.assemble(&signature),
            Err(CryptoError::InvalidSignature) => Err(Error::SignerMisbehaved),
            Err(other) => Err(other.into()),
        }
    });
    assembled.await?
}

impl Unsigned for Prepared {
    type Signed = Issued;

    fn to_be_signed(&self) -> &[u8] {
        self.to_be_signed()
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme()
    }

    fn assemble(self, signature: &[u8]) -> Result<Issued, Error> {
        Ok(self.assemble(signature)?)
    }
}

impl Unsigned for PreparedCrl {
    type Signed = Crl;

    fn to_be_signed(&self) -> &[u8] {
        self.to_be_signed()
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme()
    }

    fn assemble(self, signature: &[u8]) -> Result<Crl, Error> {
        Ok(self.assemble(signature)?)
    }
}

impl Unsigned for ToBeSigned {
    type Signed = bytes::Bytes;

    fn to_be_signed(&self) -> &[u8] {
        self.bytes()
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme()
    }

    fn assemble(self, signature: &[u8]) -> Result<bytes::Bytes, Error> {
        Ok(self.finish(signature))
    }
}
