mod allowances;
mod authority;
mod check;
mod check_next;
mod config;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use scep_ca::Admitted;
use scep_proto::server::Unmet;
use scep_proto::{Capabilities, write_ca_certificates, write_next_ca_certificates};
use scep_store::{DeviceLimit, EndpointId, Sha256, Terms};
use scep_types::{
    AlgorithmPolicy, Authorization, Certificate, CryptoError, CryptoProvider, DigestAlgorithm,
    Name, UnixTime, VerifiedCsr,
};

use tokio::sync::{Notify, OnceCell};

use allowances::Allowances;
pub use authority::{
    Authority, CertificateAuthority, NextAuthority, RecipientKey, RegistrationAuthority,
};
pub use check::Warning;
pub(crate) use check::check_path;
pub use config::{
    CaCertificateShape, CertificateAllowance, DeviceAllowance, EndpointConfig, Host, Mode,
    QueryPolicy, RenewalPolicy, ReplyChain, SignerBinding,
};

use crate::crl::NewestCrl;
use crate::pipeline::signed;
use crate::{Error, Misconfigured};

/// One CA's door: a checked configuration and all that follows from it. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
    front: Arc<Front>,
}

/// What an endpoint says of itself.
struct Front {
    /// What GetNextCACert answers, once it is signed.
    next_ca_certificates: OnceCell<Bytes>,
    capabilities: Capabilities,
    ca_certificates: (&'static str, Bytes),
    warnings: Vec<Warning>,
}

/// What requests to one of an endpoint's CAs work with.
pub(crate) struct Inner {
    pub(crate) id: EndpointId,
    /// Whose authority is that CA's.
    pub(crate) config: EndpointConfig,
    pub(crate) terms: Terms,
    /// SHA-256 of the CA's key, under which the store keeps its certificates.
    pub(crate) issuer_key: Sha256,
    /// What it and all endpoints together may issue.
    pub(crate) allowances: Allowances,
    /// What stands beside the issued certificate in an answer.
    pub(crate) reply_chain: Vec<Certificate>,
    /// Wakes the outbox worker.
    pub(crate) outbox: Arc<Notify>,
    /// What GetCRL answers.
    pub(crate) crl: NewestCrl,
    /// Which of the endpoint's CAs it is.
    pub(crate) generation: Generation,
}

/// Which of an endpoint's CAs.
pub(crate) enum Generation {
    /// The one that GetCACert hands out; and the one that takes over, if that issues already.
    Current { next: Option<Arc<Inner>> },
    /// The one that takes over, and when it begins.
    Next { begins: UnixTime },
}

impl Endpoint {
    /// Checks a configuration; `now` decides the validity of certificates. Warnings go to the log, too.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], or [`Error::Crypto`] if the provider has no SHA-256.
    pub fn new(config: EndpointConfig, now: UnixTime) -> Result<Self, Error> {
        let id = EndpointId::new(&config.name).map_err(Misconfigured::Name)?;
        let capabilities = capabilities(&config);
        let mut warnings = check::check(&config, now)?;
        warnings.extend(unmet(&config, capabilities).into_iter().map(Warning::Family));
        for warning in &warnings {
            tracing::warn!(endpoint = %id, "{warning}");
        }
        let front = Front {
            next_ca_certificates: OnceCell::new(),
            capabilities,
            ca_certificates: write_ca_certificates(&handed_out(&config)),
            warnings,
        };
        let outbox = Arc::new(Notify::new());
        let next = Inner::next(&id, &config, &outbox)?.map(Arc::new);
        let inner = Inner::new(id, config, outbox, Generation::Current { next })?;
        Ok(Self { inner: Arc::new(inner), front: Arc::new(front) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.id.as_str()
    }

    /// Its name in the store.
    #[must_use]
    pub fn id(&self) -> &EndpointId {
        &self.inner.id
    }

    /// Under which path the [`router`](crate::router) serves it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.config.path
    }

    /// What GetCACaps says (RFC 8894 §3.5.2): what is really served, and no more.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.front.capabilities
    }

    /// What GetCACert answers: media type and body.
    #[must_use]
    pub fn ca_certificates(&self) -> (&'static str, Bytes) {
        self.front.ca_certificates.clone()
    }

    /// What GetNextCACert answers, if there is a next CA: signed by the CA's key, the first time it is asked for.
    ///
    /// # Errors
    /// [`Error::Overloaded`], and what a key can fail with.
    pub async fn next_ca_certificates(&self) -> Result<Option<Bytes>, Error> {
        let Some(next) = &self.inner.config.next else { return Ok(None) };
        let sign = || async {
            let _place = self.inner.config.host.execution.admit()?;
            let next = next.clone();
            signed(&self.inner, &self.inner.config.authority.ca.signing, move |inner| {
                let current = inner.config.authority.ca.issuer.certificate();
                let (digest, provider) = (DigestAlgorithm::Sha256, inner.provider());
                Ok(write_next_ca_certificates(&next.certificates(), current, digest, provider)?)
            })
            .await
        };
        self.front.next_ca_certificates.get_or_try_init(sign).await.cloned().map(Some)
    }

    /// What its operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.front.warnings
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Inner {
    fn new(
        id: EndpointId,
        config: EndpointConfig,
        outbox: Arc<Notify>,
        generation: Generation,
    ) -> Result<Self, Error> {
        let terms = Terms::new(config.lease, config.replay_window).map_err(Misconfigured::Terms)?;
        let ca = config.authority.ca.issuer.certificate();
        let issuer_key = sha256(&config.host.provider, ca.spki())?;
        if let Some(DeviceAllowance { certificates, window }) = config.device_allowance {
            DeviceLimit::new(issuer_key, certificates, window)
                .map_err(Misconfigured::DeviceAllowance)?;
        }
        Ok(Self {
            id,
            terms,
            issuer_key,
            allowances: Allowances::of(&config)?,
            reply_chain: reply_chain(&config),
            outbox,
            crl: NewestCrl::default(),
            generation,
            config,
        })
    }

    /// The same endpoint for requests to the next CA: everything but the authority is the same.
    fn next(
        id: &EndpointId,
        config: &EndpointConfig,
        outbox: &Arc<Notify>,
    ) -> Result<Option<Self>, Error> {
        let Some(NextAuthority::Issuing(authority)) = &config.next else { return Ok(None) };
        let begins = authority.ca.issuer.certificate().validity().not_before;
        let authority = authority.clone();
        let config = EndpointConfig { authority, next: None, ..config.clone() };
        Self::new(id.clone(), config, outbox.clone(), Generation::Next { begins }).map(Some)
    }

    /// The next CA's, if that issues already.
    pub(crate) fn successor(&self) -> Option<&Arc<Self>> {
        match &self.generation {
            Generation::Current { next } => next.as_ref(),
            Generation::Next { .. } => None,
        }
    }

    /// This one, and the next CA's.
    pub(crate) fn generations(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::once(self).chain(self.successor())
    }

    /// Those of the CAs that have this name, which both may have.
    pub(crate) fn issuers(self: &Arc<Self>, name: &Name) -> impl Iterator<Item = &Arc<Self>> {
        self.generations().filter(move |ca| {
            let certificate = ca.config.authority.ca.issuer.certificate();
            name.matches(certificate.subject())
        })
    }

    /// What the CSR becomes here.
    pub(crate) fn admit(
        &self,
        csr: &VerifiedCsr,
        authorization: Authorization,
        now: UnixTime,
    ) -> Result<Admitted, scep_ca::Error> {
        let profile = self.config.authority.profiles.select(csr);
        profile.admit(csr, authorization, self.dated(now))
    }

    /// From when what the CA signs `now` is dated: a CA that has not begun yet signs as of its beginning, since nothing is
    /// valid before its issuer is (RFC 5280 §6.1.3).
    pub(crate) fn dated(&self, now: UnixTime) -> UnixTime {
        match self.generation {
            Generation::Current { .. } => now,
            Generation::Next { begins } => now.max(begins),
        }
    }

    pub(crate) fn provider(&self) -> &CryptoProvider {
        &self.config.host.provider
    }

    pub(crate) fn sha256(&self, data: &[u8]) -> Result<Sha256, CryptoError> {
        sha256(self.provider(), data)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.inner.config).finish()
    }
}

fn sha256(provider: &CryptoProvider, data: &[u8]) -> Result<Sha256, CryptoError> {
    let digest = provider.digest.digest(DigestAlgorithm::Sha256, data)?;
    Sha256::from_digest(&digest).ok_or(CryptoError::Unsupported)
}

/// SHA-384 is in no RFC, but Debian 12's strongSwan uses AES only where it stands.
fn capabilities(config: &EndpointConfig) -> Capabilities {
    let mut capabilities =
        Capabilities::SCEP_STANDARD.union(Capabilities::SHA_512).union(Capabilities::SHA_384);
    if config.renewal != RenewalPolicy::Deny {
        capabilities = capabilities.union(Capabilities::RENEWAL);
    }
    if config.algorithms >= AlgorithmPolicy::Legacy {
        capabilities = capabilities.union(Capabilities::SHA_1).union(Capabilities::DES3);
    }
    if let Some(family) = config.client_family {
        capabilities = capabilities.intersection(family.needs().advertised);
    }
    if config.next.is_some() {
        capabilities = capabilities.union(Capabilities::GET_NEXT_CA_CERT);
    }
    capabilities
}

/// Why the devices that it is for cannot use it.
fn unmet(config: &EndpointConfig, capabilities: Capabilities) -> Vec<Unmet> {
    let certificates: Vec<_> = handed_out(config).into_iter().cloned().collect();
    let family = config.client_family;
    family.map_or(Vec::new(), |family| family.unmet(capabilities, &certificates))
}

/// RA first, then the CA, then upwards; for a CA that is its own RA, the CA first.
fn handed_out(config: &EndpointConfig) -> Vec<&Certificate> {
    let Authority { ca, ra, .. } = &config.authority;
    let issuing = ca.issuer.certificate();
    let mut certificates: Vec<_> = match config.ca_certificates {
        CaCertificateShape::SingleCa => Vec::new(),
        _ => ra.certificates().filter(|certificate| *certificate != issuing).collect(),
    };
    certificates.push(issuing);
    if config.ca_certificates == CaCertificateShape::Chain {
        certificates.extend(&ca.chain);
    }
    certificates
}

fn reply_chain(config: &EndpointConfig) -> Vec<Certificate> {
    let ca = &config.authority.ca;
    let issuer = std::iter::once(ca.issuer.certificate());
    match config.reply_chain {
        ReplyChain::LeafOnly => Vec::new(),
        ReplyChain::WithIssuer => issuer.cloned().collect(),
        ReplyChain::WithChain => issuer.chain(&ca.chain).cloned().collect(),
    }
}
