//! The whole way of a pkiMessage: verified, opened, validated, issued, recorded, notified, answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use intune_client::{Client, ReqwestTransport, Tenant};
use scep_ca::{Issuer, Profile, ProfileConfig, Profiles};
use scep_crypto::aws_lc_rs::provider;
use scep_server::{
    Authority, CertificateAuthority, Decision, Endpoint, EndpointConfig, Host, IntuneMode,
    IntuneTenant, Mode, Observer, Outcome, RegistrationAuthority, Response,
};
use scep_store::MemoryStore;
use scep_test::keys;
use scep_test::pki::{NOW, Pki};
use scep_test::requests::{Device, Draft, csr};

use crate::ENROLMENTS;

/// An endpoint, and a message for each enrolment.
pub(crate) struct Pipeline {
    endpoint: Endpoint,
    messages: Vec<Bytes>,
    issued: Arc<Issued>,
}

impl Pipeline {
    pub(crate) fn new(client: Client<ReqwestTransport>, tenant: Tenant) -> Result<Self> {
        let issued = Arc::new(Issued::default());
        let mut host = Host::new(provider(), Arc::new(MemoryStore::default()));
        host.observer = issued.clone();
        let service = Arc::new(IntuneTenant::new(client, tenant));
        let mode = Mode::Intune(Arc::new(IntuneMode::new(service)));
        let config = EndpointConfig::new("bench", mode, authority()?, host);
        Ok(Self { endpoint: Endpoint::new(config, NOW)?, messages: messages(), issued })
    }

    /// Sends the message in this position.
    pub(crate) async fn enrol(&self, position: usize) -> Result<()> {
        let message = self.messages.get(position).context("a message")?.clone();
        match self.endpoint.handle(message, NOW).await {
            Response::Message(_) => Ok(()),
            other => bail!("{other:?}"),
        }
    }

    pub(crate) fn issued(&self) -> usize {
        self.issued.0.load(Ordering::Relaxed)
    }
}

/// A refusal is a message, too: what counts is what was issued.
#[derive(Default)]
struct Issued(AtomicUsize);

impl Observer for Issued {
    fn decided(&self, decision: &Decision<'_>) {
        if let Outcome::Issued { .. } = decision.outcome {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn authority() -> Result<Authority> {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let pki = Pki::shared();
    let issuer = Issuer::new(pki.ca.clone(), provider().digest, NOW)?;
    let key = |name| Arc::new(keys::software(name));
    Ok(Authority {
        ca: CertificateAuthority::root(issuer, key("rsa2048-ca")),
        ra: RegistrationAuthority::new(pki.ra.clone(), key("rsa2048-ra")),
        profiles: Profiles::new(Profile::new(ProfileConfig::new(YEAR))?),
    })
}

/// Each with a challenge and a transactionID of its own; the key is the same, so that they are made quickly.
fn messages() -> Vec<Bytes> {
    let key = keys::software("rsa2048-device");
    let device = Device::new("device-1", keys::software("rsa2048-device"));
    let message = |position: usize| {
        let challenge = format!("{position:0>5000}");
        let csr = csr("device-1", Some(&challenge), &[], &key);
        let draft = Draft { transaction_id: format!("{position:040x}"), ..Draft::default() };
        Device { csr, ..device.clone() }.enrol(&draft, Pki::shared()).message
    };
    (0..ENROLMENTS).map(message).collect()
}
