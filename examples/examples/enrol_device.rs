//! A device gets a certificate: the client knows the CA by its fingerprint before it sends anything.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use anyhow::Result;
use scep_client::{Client, Identity, now, self_signed, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_examples::Pki;
use scep_proto::CaAnchor;
use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_server::{Mode, ScepService, router, serve};
use scep_types::{DigestAlgorithm, KeyKind, Name, Secret, oid};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let (pki, password) = (Pki::generate()?, Secret::new("only-an-example"));
    let app = router([ScepService::new(pki.endpoint(Mode::Static(password.clone()))?)])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/scep", listener.local_addr()?);
    tokio::spawn(serve(listener, app, std::future::pending()));

    // From here on it is the device's program. The fingerprint came to it by some other way than this server.
    let fingerprint = provider().digest.digest(DigestAlgorithm::Sha256, pki.ca.der())?;
    let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, fingerprint.as_ref().to_vec());

    let key = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
    let subject =
        Name::build(&[(oid::ORGANIZATION_NAME, "Example"), (oid::COMMON_NAME, "device-1")]);
    let csr = sign_csr(&key, &subject, Some(&password), &[])?;
    let signer = self_signed(&key, &subject, now(), provider().random)?;
    let identity = Identity::new(csr, signer, &key);
    let settings = EnrolmentSettings::new(CaTrust::Anchor(anchor));
    let client = Client::new(&url, provider())?;
    let issued = client.enrol(settings, &identity, |progress| println!("{progress}")).await?;

    let certificate = &issued.certificate;
    println!("{} has {}", certificate.subject(), certificate.serial_hex());
    pki.check(certificate, now())
}
