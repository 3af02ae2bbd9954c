use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use intune_challenge::signed::Verifier;
use scep_proto::server::{CaAnswer, ClientFamily, ReplyCertificates, SignerKey};
use scep_store::EnrolmentStore;
use scep_types::{AlgorithmPolicy, CryptoProvider, Secret};

use super::{Authority, NextAuthority};
use crate::{ComplianceCheck, Execution, IntuneMode, Observer, OneTimePasswords};

/// What an endpoint is built from; [`Endpoint::new`](crate::Endpoint::new) checks it once.
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Its name in the store and in the log, 1 to 64 octets. Whoever changes it forgets its transactions.
    pub name: String,
    /// Under which path the [`router`](crate::router) serves it, such as `/scep`.
    pub path: String,
    /// How an enrolment is authorised.
    pub mode: Mode,
    /// Whether a certificate we issued authorises the next one.
    pub renewal: RenewalPolicy,
    /// Whether the key that signs a request must be the one it is for.
    pub signer_binding: SignerBinding,
    /// Which algorithms of a peer are taken.
    pub algorithms: AlgorithmPolicy,
    /// CA, RA and profiles.
    pub authority: Authority,
    /// The CA that takes over, and whether it issues already; without one, GetNextCACert is not offered.
    pub next: Option<NextAuthority>,
    /// Who may ask for certificates and CRLs by message; nobody unless said otherwise.
    pub queries: QueryPolicy,
    /// Whose devices it is for: GetCACaps says what they are to know and no more. Set it by
    /// [`EndpointConfig::for_family`].
    pub client_family: Option<ClientFamily>,
    /// What GetCACert hands out.
    pub ca_certificates: CaCertificateShape,
    /// What stands beside the issued certificate in an answer.
    pub reply_chain: ReplyChain,
    /// How long the same request gets the same certificate again, challenge or not; an hour unless said otherwise.
    pub replay_window: Duration,
    /// How long a request may be at work before another attempt may take it over; half a minute unless said otherwise.
    pub lease: Duration,
    /// How many certificates a device may have in a while; any number unless said otherwise.
    pub device_allowance: Option<DeviceAllowance>,
    /// How many certificates it may issue in a while, to all devices; any number unless said otherwise.
    pub allowance: Option<CertificateAllowance>,
    /// Who has the last word about requests that were authorised; nobody unless said otherwise.
    pub compliance: Option<Arc<dyn ComplianceCheck>>,
    /// What it shares with other endpoints.
    pub host: Host,
}

impl EndpointConfig {
    /// The strictest settings, at `/scep`.
    #[must_use]
    pub fn new(name: impl Into<String>, mode: Mode, authority: Authority, host: Host) -> Self {
        Self {
            name: name.into(),
            path: "/scep".to_owned(),
            mode,
            renewal: RenewalPolicy::default(),
            signer_binding: SignerBinding::default(),
            algorithms: AlgorithmPolicy::default(),
            authority,
            next: None,
            queries: QueryPolicy::default(),
            client_family: None,
            ca_certificates: CaCertificateShape::default(),
            reply_chain: ReplyChain::default(),
            replay_window: Duration::from_secs(60 * 60),
            lease: Duration::from_secs(30),
            device_allowance: None,
            allowance: None,
            compliance: None,
            host,
        }
    }

    /// Takes over what a family of devices needs: algorithms, whose key signs, the certificates of GetCACert and of
    /// answers, and what GetCACaps says. What is set afterwards counts; who is authorised, and how, stays as it is.
    ///
    /// Some families need leniency: see [`ClientFamily::needs`], and [`SignerBinding::Any`] for what that costs.
    #[must_use]
    pub fn for_family(self, family: ClientFamily) -> Self {
        let needs = family.needs();
        Self {
            client_family: Some(family),
            algorithms: needs.algorithms,
            signer_binding: match needs.signer {
                SignerKey::Any => SignerBinding::Any,
                _ => SignerBinding::SameKey,
            },
            ca_certificates: match needs.ca_answer {
                CaAnswer::WholeChain => CaCertificateShape::Chain,
                _ => CaCertificateShape::Auto,
            },
            reply_chain: match needs.reply_chain {
                ReplyCertificates::WithIssuer => ReplyChain::WithIssuer,
                _ => ReplyChain::LeafOnly,
            },
            ..self
        }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("mode", &self.mode)
            .field("renewal", &self.renewal)
            .field("signer_binding", &self.signer_binding)
            .field("algorithms", &self.algorithms)
            .field("authority", &self.authority)
            .field("next", &self.next)
            .field("queries", &self.queries)
            .field("client_family", &self.client_family)
            .field("ca_certificates", &self.ca_certificates)
            .field("reply_chain", &self.reply_chain)
            .field("replay_window", &self.replay_window)
            .field("lease", &self.lease)
            .field("device_allowance", &self.device_allowance)
            .field("allowance", &self.allowance)
            .field("compliance", &self.compliance.is_some())
            .field("host", &self.host)
            .finish()
    }
}

/// How an enrolment is authorised; a refusal here is final, no other way is tried.
#[derive(Debug, Clone)]
pub enum Mode {
    /// By one password that all devices share. It is compared in constant time, but for its length.
    Static(Secret),
    /// By a password that was made for one enrolment, by [`Endpoint::mint_password`](crate::Endpoint::mint_password), and
    /// is kept in the store as a salted hash, and sealed too where requests are encrypted by it. It is used once, by one CSR,
    /// which may be sent again.
    OneTimePassword(OneTimePasswords),
    /// By a signed challenge that says what the CSR must look like, used once.
    Signed(Arc<Verifier>),
    /// By the Intune SCEP service, which alone can read the challenge.
    Intune(Arc<IntuneMode>),
    /// By an operator: requests are PENDING until one decides in the store, and are forgotten after a while.
    Manual {
        /// After how long.
        keep: Duration,
    },
}

/// Whether a certificate we issued authorises its successor (RFC 8894 §2.3).
///
/// Where it does, a request signed with one is judged by that alone, RenewalReq and PKCSReq alike: a challenge that it
/// may carry does not save a renewal that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RenewalPolicy {
    /// It does not: RenewalReq is refused, and a PKCSReq is judged by the mode, whoever signed it.
    #[default]
    Deny,
    /// It does if it is exactly a certificate in our store, not revoked, and if names and names' types stay the same.
    AllowIssuedByUs {
        /// How long after its end it still does; none is the strict value.
        grace: Duration,
    },
}

/// Whether the key that signs a request must be the one it is for (R-2.3-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignerBinding {
    /// It must: nobody can wrap a captured envelope anew.
    #[default]
    SameKey,
    /// It need not: Windows signs with a key it throws away.
    ///
    /// A signed challenge then ties the CSR to its device; a copy wrapped anew gets the one certificate that the CSR got.
    /// A static password does not: whoever records a request can have its CSR certified again.
    Any,
}

/// Who may ask for certificates and CRLs by message, with GetCert and GetCRL (RFC 8894 §4.5, §4.6).
///
/// Whoever may gets any certificate that this CA, or the next one, issued and whose Intune notification, if there is one,
/// arrived; and the CRL, if it has no more than 256 KiB: a larger one is what [`crl_router`](crate::crl_router) is for.
/// Unless a [`CrlPublisher`](crate::CrlPublisher) made one that is still good, one is made for the purpose, and handed out
/// for up to half an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryPolicy {
    /// Nobody.
    #[default]
    Deny,
    /// Whoever signs with a certificate that this CA, or the next one, issued, which is valid and not revoked.
    Holders,
    /// Anybody, with any key.
    Anyone,
}

/// What GetCACert hands out (RFC 8894 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaCertificateShape {
    /// The CA's certificate alone if it is its own RA, which Apple wants; else RA and CA.
    #[default]
    Auto,
    /// The CA's certificate alone.
    SingleCa,
    /// RA and CA.
    RaBundle,
    /// RA, CA and all certificates above it, which Windows under Intune wants.
    Chain,
}

/// What stands beside the issued certificate in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyChain {
    /// Nothing: iOS takes the first certificate for its own, whatever it is.
    #[default]
    LeafOnly,
    /// The CA's certificate.
    WithIssuer,
    /// The CA's certificate and all above it.
    WithChain,
}

/// How many certificates a device may have in a while.
///
/// A device is what the signed challenge says, the commonName that a one-time password is bound to, the names that Intune
/// vouches for, or the subject of the certificate that is renewed. Endpoints with a static password or an operator do not
/// know devices, so there only renewals are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceAllowance {
    /// How many, 1 to 1,000.
    pub certificates: u32,
    /// In how long, at least a second.
    pub window: Duration,
}

/// How many certificates an endpoint, or all that share a store, may issue in a while, renewals among them.
///
/// A device that comes when it is used up is told to come again (HTTP 503 with Retry-After). It is counted by sixtieths of the
/// window: never more than so many in any window, and up to a sixtieth of it late when there is room again. A request counts from
/// its reservation; one that fails is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateAllowance {
    /// How many, 1 to 1,000,000.
    pub certificates: u32,
    /// In how long, at least a second.
    pub window: Duration,
}

/// What endpoints of one program share.
#[derive(Clone)]
#[non_exhaustive]
pub struct Host {
    /// Digests, verification, envelopes and random octets.
    pub provider: CryptoProvider,
    /// What must happen once only.
    pub store: Arc<dyn EnrolmentStore>,
    /// Where RSA operations run.
    pub execution: Execution,
    /// Who learns of each decision, besides the log.
    pub observer: Arc<dyn Observer>,
    /// How many certificates all endpoints of the store may issue together in a while; any number unless said otherwise.
    pub allowance: Option<CertificateAllowance>,
}

impl Host {
    /// A worker for each core, and no observer.
    #[must_use]
    pub fn new(provider: CryptoProvider, store: Arc<dyn EnrolmentStore>) -> Self {
        let (execution, observer) = (Execution::default(), Arc::new(()));
        Self { provider, store, execution, observer, allowance: None }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider: _, store: _, execution, observer: _, allowance } = self;
        let mut shown = f.debug_struct("Host");
        shown.field("execution", execution).field("allowance", allowance).finish_non_exhaustive()
    }
}
