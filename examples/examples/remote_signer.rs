//! The CA's key is somewhere else, behind a network: the server sends what is to be signed, and gets a signature.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use scep_client::{Client, Identity, now, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_examples::Pki;
use scep_proto::CaAnchor;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_server::{Mode, ScepService, Signer, Signing, router, serve};
use scep_types::{CryptoError, KeyKind, Name, Secret, SignatureScheme, SigningKey, oid};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What goes over the network to the key: the scheme, the octets, and where the answer belongs.
type Job = (SignatureScheme, Vec<u8>, oneshot::Sender<Result<Vec<u8>, CryptoError>>);

/// The server's side: it knows the public key and whom to ask.
struct KeyService {
    spki: Vec<u8>,
    jobs: mpsc::Sender<Job>,
}

#[async_trait]
impl Signer for KeyService {
    fn spki(&self) -> &[u8] {
        &self.spki
    }

    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (answer, answered) = oneshot::channel();
        let job = (scheme, message.to_vec(), answer);
        self.jobs.send(job).await.map_err(|_| CryptoError::Unavailable)?;
        answered.await.map_err(|_| CryptoError::Unavailable)?
    }
}

/// The other side: a task stands for the service that holds the key.
fn key_service(key: Arc<SoftwareKey>) -> KeyService {
    let (jobs, mut inbox) = mpsc::channel::<Job>(16);
    let spki = SigningKey::spki(&*key).to_vec();
    tokio::spawn(async move {
        while let Some((scheme, message, answer)) = inbox.recv().await {
            println!("the key service signs {} octets by {scheme:?}", message.len());
            drop(answer.send(key.sign(scheme, &message)));
        }
    });
    KeyService { spki, jobs }
}

#[tokio::main]
async fn main() -> Result<()> {
    let (pki, password) = (Pki::generate()?, Secret::new("only-an-example"));
    let signing = Signing::Remote(Arc::new(key_service(pki.ca_key.clone())));
    let endpoint = pki.endpoint_signed_by(Mode::Static(password.clone()), signing)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/scep", listener.local_addr()?);
    let app = router([ScepService::new(endpoint)])?;
    tokio::spawn(serve(listener, app, std::future::pending()));

    let key = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
    let subject = Name::build(&[(oid::COMMON_NAME, "device-1")]);
    let csr = sign_csr(&key, &subject, Some(&password), &[])?;
    let identity = Identity::new(csr, self_signed(&key, &subject, now(), provider().random)?, &key);
    let anchor = CaAnchor::Certificate(Box::new(pki.ca.clone()));
    let settings = EnrolmentSettings::new(CaTrust::Anchor(anchor));
    let issued = Client::new(&url, provider())?.enrol(settings, &identity, |_| ()).await?;
    println!("{} has {}", issued.certificate.subject(), issued.certificate.serial_hex());
    pki.check(&issued.certificate, now())
}
