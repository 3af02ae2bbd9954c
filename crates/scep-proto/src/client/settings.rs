use std::time::Duration;

use scep_types::{AlgorithmPolicy, ContentCipher, DigestAlgorithm, UnixTime};

use super::quirks::ServerQuirks;
use super::request::Algorithms;
use crate::ca_certificates::{CaAnchor, CaCertificates};
use crate::capabilities::Capabilities;
use crate::error::{Error, Unsupported};
use crate::http::Method;
use crate::random::MessageRandom;

/// How an enrolment goes; only how the CA is known has no default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EnrolmentSettings {
    /// How the CA is known.
    pub trust: CaTrust,
    /// A first certificate, or the next one.
    pub purpose: Purpose,
    /// The digest of requests; by the server's capabilities if `None`.
    pub digest: Option<DigestAlgorithm>,
    /// The cipher of requests; by the server's capabilities if `None`.
    pub cipher: Option<ContentCipher>,
    /// Which algorithms are used and taken at all.
    pub policy: AlgorithmPolicy,
    /// GET or POST.
    pub method: MethodChoice,
    /// Where the transactionID comes from.
    pub transaction_id: TransactionIdSource,
    /// Whether requests say when they were signed.
    pub signing_time: SigningTime,
    /// The identifier that GetCACert sends, for servers with several CAs.
    pub ca_identifier: Option<String>,
    /// When nothing comes back.
    pub retries: Retries,
    /// While the request waits for approval.
    pub polling: Polling,
    /// What the server may do that RFC 8894 does not say.
    pub quirks: ServerQuirks,
}

impl EnrolmentSettings {
    /// Settings that fit RFC 8894 servers: everything by their capabilities, three attempts, polls for a day.
    #[must_use]
    pub fn new(trust: CaTrust) -> Self {
        Self {
            trust,
            purpose: Purpose::default(),
            digest: None,
            cipher: None,
            policy: AlgorithmPolicy::default(),
            method: MethodChoice::default(),
            transaction_id: TransactionIdSource::default(),
            signing_time: SigningTime::default(),
            ca_identifier: None,
            retries: Retries::default(),
            polling: Polling::default(),
            quirks: ServerQuirks::default(),
        }
    }

    /// The algorithms for a server with these capabilities. What neither says is the mandatory set: some servers
    /// answer GetCACaps not at all.
    ///
    /// # Errors
    /// [`Unsupported::Digest`] or [`Unsupported::Cipher`] if the policy does not allow them.
    pub fn algorithms(&self, capabilities: Capabilities) -> Result<Algorithms, Error> {
        let mandatory = Algorithms::default();
        let digest = self.digest.or(capabilities.best_digest()).unwrap_or(mandatory.digest);
        let cipher = self.cipher.or(capabilities.best_cipher()).unwrap_or(mandatory.cipher);
        self.allow(Algorithms { digest, cipher })
    }

    /// The algorithms, if the policy admits them.
    pub(super) fn allow(&self, algorithms: Algorithms) -> Result<Algorithms, Error> {
        let Algorithms { digest, cipher } = algorithms;
        if !self.policy.allows_digest(digest) {
            return Err(Unsupported::Digest(digest).into());
        }
        if !self.policy.allows_cipher(cipher) {
            return Err(Unsupported::Cipher(cipher).into());
        }
        Ok(algorithms)
    }
}

/// How the CA is known (RFC 8894 §2.2).
#[derive(Debug, Clone)]
pub enum CaTrust {
    /// What GetCACert answers is authenticated by this.
    Anchor(CaAnchor),
    /// What GetCACert answers is shown to the host, which decides: [`Step::AskTrust`](super::Step::AskTrust).
    Ask,
    /// These, authenticated before: GetCACert is not sent.
    Known(Box<CaCertificates>),
}

/// A first certificate, or the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// PKCSReq, signed with a self-signed certificate (RFC 8894 §2.3 case 1).
    #[default]
    Enrol,
    /// Signed with the certificate to renew (RFC 8894 §2.3 cases 2 and 3).
    Renew(RenewalMessage),
}

/// The message type of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RenewalMessage {
    /// RenewalReq if the server says SCEPStandard and Renewal, and once more as PKCSReq if it refuses that; else PKCSReq.
    /// NDES and step-ca say Renewal and mean PKCSReq.
    #[default]
    Auto,
    /// RenewalReq (17).
    RenewalReq,
    /// PKCSReq (19).
    PkcsReq,
}

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MethodChoice {
    /// POST where the server says so, else GET; the other one, once, if the server cannot do with the first.
    #[default]
    Auto,
    /// POST.
    Post,
    /// GET.
    Get,
}

impl MethodChoice {
    /// How a message is sent first to a server with these capabilities.
    #[must_use]
    pub fn first(self, capabilities: Capabilities) -> Method {
        match self {
            Self::Post => Method::Post,
            Self::Auto if capabilities.contains(Capabilities::POST_PKI_OPERATION) => Method::Post,
            Self::Auto | Self::Get => Method::Get,
        }
    }
}

/// Where the transactionID comes from (RFC 8894 §3.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionIdSource {
    /// 128 random bits, hexadecimal.
    #[default]
    Random,
    /// SHA-256 of the CSR's SubjectPublicKeyInfo, hexadecimal: for servers that tell devices apart by it.
    KeyHash,
}

/// Whether requests say when they were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningTime {
    /// They do not: a device's clock may be wrong, and a server may mind.
    #[default]
    Omitted,
    /// They do.
    Included,
}

/// When nothing comes back, the same message is sent again: the server knows it by transactionID and CSR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often a request is sent at most.
    pub attempts: u32,
    /// How long to wait in between.
    pub interval: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 3, interval: Duration::from_secs(2) }
    }
}

/// While the request waits for approval; the protocol says nothing about it (RFC 8894 §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// How long to wait before each poll.
    pub interval: Duration,
    /// How many polls there may be.
    pub max_polls: u32,
    /// How long after the first PENDING the last poll may be.
    pub max_time: Duration,
    /// How it is asked for.
    pub by: PollBy,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            max_polls: 24 * 60,
            max_time: Duration::from_secs(24 * 60 * 60),
            by: PollBy::CertPoll,
        }
    }
}

/// How a pending request is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PollBy {
    /// CertPoll.
    #[default]
    CertPoll,
    /// CertPoll, and the request itself again from then on if the server refuses the first: micromdm and step-ca know
    /// no CertPoll. To another server the repeated request may be a new one.
    CertPollThenResubmission,
    /// The request itself again, and no CertPoll at all: for a server that is known to be micromdm's or step-ca.
    Resubmission,
}

/// What a machine needs from outside whenever it goes on: the time, and random octets that are never used twice.
#[derive(Debug)]
pub struct Turn {
    /// Now.
    pub now: UnixTime,
    /// Drawn for a transactionID, should a transaction begin.
    pub transaction_id: [u8; 16],
    /// Drawn for a message, should one be built.
    pub message: MessageRandom,
}
