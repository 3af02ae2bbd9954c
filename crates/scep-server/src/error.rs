use std::time::Duration;

use intune_challenge::{Mismatch, Reason};
use scep_ca::{CertificateRole, Incompatibility};
use scep_proto::FailInfo;
use scep_proto::server::SealedKind;
use scep_store::{EndpointId, LimitScope, PasswordId, StoreError};
use scep_types::{CryptoError, UnixTime};

use crate::{ComplianceFault, ServiceError};

/// Why a request got no certificate, or why an endpoint cannot be built; grouped by who is to blame.
///
/// It is for the log. The peer learns a failInfo, or to come again, and nothing else; no secret is in it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's message does not hold.
    #[error(transparent)]
    Message(#[from] scep_proto::Error),
    /// This endpoint has no answer to such a message.
    #[error("{0:?} is not offered here")]
    NotOffered(SealedKind),

    /// The signer holds no valid certificate of this CA, so that it may not ask for others.
    #[error("the signer holds no valid certificate of this CA")]
    NotHolder,
    /// This CA issued no such certificate, or it must not leave yet; or the CRL is another CA's.
    #[error("no certificate of this CA has this issuer and serial number")]
    UnknownCertificate,
    /// The CRL is too large for an answer.
    #[error("the CRL has {size} octets, too many for an answer")]
    CrlTooLarge {
        /// How large it is.
        size: usize,
    },

    /// The signed challenge is refused.
    #[error(transparent)]
    Challenge(#[from] intune_challenge::Error),
    /// The static password is refused.
    #[error("password: {0}")]
    Password(#[from] PasswordFault),
    /// The one-time password is refused.
    #[error("one-time password: {0}")]
    OneTimePassword(#[from] OneTimePasswordFault),
    /// The CSR carries no challenge for the Intune service.
    #[error("the CSR carries no challenge")]
    NoChallenge,
    /// The Intune service did not find the request valid.
    #[error("Intune: {0}")]
    Validation(#[from] ServiceError),
    /// The certificate was issued and is kept back: the Intune service did not take note of it.
    #[error("the certificate is kept back, Intune was not told of it: {0}")]
    Notification(#[source] ServiceError),
    /// The certificate was issued and never leaves: the Intune service refused for good to take note of it, or could not
    /// be told for too long.
    #[error("the certificate is kept back, Intune does not take note of it")]
    NotificationRefused,
    /// The host's own check says no.
    #[error(transparent)]
    Compliance(#[from] ComplianceFault),
    /// The challenge was used by another CSR.
    #[error("the challenge was used by another CSR")]
    Replayed,
    /// The device has had its certificates for now.
    #[error("the device has had its certificates for the next {}s", retry_after.as_secs())]
    RateLimited {
        /// When there may be room again.
        retry_after: Duration,
    },
    /// The endpoint, or all of them, have issued what they may for now.
    #[error("{} used up for the next {}s", allowance_name(*of), retry_after.as_secs())]
    AllowanceUsedUp {
        /// Whose allowance.
        of: LimitScope,
        /// When there may be room again.
        retry_after: Duration,
    },
    /// The renewal is refused.
    #[error("renewal: {0}")]
    Renewal(#[from] RenewalFault),
    /// Another key's request is pending under this transactionID.
    #[error("another key's request is pending under this transactionID")]
    Conflict,
    /// No such transaction, or one of another key.
    #[error("no transaction of this key under this transactionID")]
    UnknownTransaction,
    /// It was rejected before, by an operator or by the profile.
    #[error("rejected before, {0}")]
    Rejected(FailInfo),
    /// The profile does not admit the CSR, or the certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] scep_ca::Error),

    /// The transaction or the challenge is being worked on.
    #[error("already at work, for {}s at most", retry_after.as_secs())]
    Busy {
        /// When it will be settled or free at the latest.
        retry_after: Duration,
    },
    /// More requests wait than may.
    #[error("too many requests wait")]
    Overloaded,
    /// The store did not do what it was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or the random source failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A remote key did not answer within the lease.
    #[error("the remote key did not answer within {}s", lease.as_secs())]
    SignerTimeout {
        /// The lease.
        lease: Duration,
    },
    /// What a remote key answered is no signature by it.
    #[error("the remote key's answer is not its signature")]
    SignerMisbehaved,
    /// A worker gave up; a panic is the only reason known.
    #[error("the worker gave up")]
    Aborted,

    /// An endpoint or a router cannot be built like this.
    #[error("misconfigured: {0}")]
    Misconfigured(#[from] Misconfigured),
}

/// What is wrong with a static password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// The CSR carries none.
    #[error("the CSR carries none")]
    Missing,
    /// It is another one.
    #[error("wrong")]
    Wrong,
}

/// What is wrong with a one-time password. The peer cannot tell one from another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OneTimePasswordFault {
    /// The CSR carries none.
    #[error("the CSR carries none")]
    Missing,
    /// The CSR carries another than the request was encrypted by.
    #[error("not the one that the request is encrypted by")]
    NotTheOpener,
    /// There is none with this id, or it is forgotten; or the text is none at all.
    #[error("unknown")]
    Unknown,
    /// The id is right, the rest of it is not.
    #[error("{id}: the rest of it is wrong")]
    WrongSecret {
        /// Its id.
        id: PasswordId,
    },
    /// It was made for another endpoint.
    #[error("{id}: for the endpoint {endpoint}")]
    OtherEndpoint {
        /// Its id.
        id: PasswordId,
        /// That endpoint.
        endpoint: EndpointId,
    },
    /// An operator withdrew it.
    #[error("{id}: withdrawn at {at}")]
    Withdrawn {
        /// Its id.
        id: PasswordId,
        /// When.
        at: UnixTime,
    },
    /// It is over.
    #[error("{id}: expired at {at}")]
    Expired {
        /// Its id.
        id: PasswordId,
        /// When.
        at: UnixTime,
    },
    /// Another CSR used it.
    #[error("{id}: used by another CSR")]
    Used {
        /// Its id.
        id: PasswordId,
    },
    /// The CSR asks for other names than it is bound to.
    #[error("{id}: {mismatch}")]
    OtherNames {
        /// Its id.
        id: PasswordId,
        /// The first difference.
        mismatch: Mismatch,
    },
}

/// Why a certificate does not authorise its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalFault {
    /// The endpoint renews nothing.
    #[error("not offered here")]
    NotOffered,
    /// The signer's certificate is not one that we issued.
    #[error("the signer's certificate is not one we issued")]
    NotOurs,
    /// The certificate was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// The certificate is not valid now, the grace after its end included.
    #[error("the certificate is not valid now")]
    NotValid,
    /// Subject or subjectAltNames are not those of the certificate.
    #[error("subject or subjectAltNames are not those of the certificate")]
    OtherIdentity,
}

/// Why an endpoint or a router cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misconfigured {
    /// The store refuses the endpoint's name.
    #[error("name: {0}")]
    Name(StoreError),
    /// Not an absolute path of unreserved characters without empty segments.
    #[error("path {0:?}")]
    Path(String),
    /// Two endpoints at one path.
    #[error("two endpoints at {0:?}")]
    SamePath(String),
    /// A static password that is empty or blank.
    #[error("the static password is blank")]
    BlankPassword,
    /// Requests that wait for an operator would be forgotten at once.
    #[error("requests for operators would be kept for less than a second")]
    NothingKept,
    /// Nothing would tie a request that an operator sees to its sender.
    #[error("manual approval needs the signer to have the CSR's key")]
    ManualWithAnySigner,
    /// The private key is not that of the certificate.
    #[error("the key of {0:?} is not that of its certificate")]
    Key(CertificateRole),
    /// A certificate that cannot do what it is for.
    #[error("certificate of {role:?}: {found}")]
    Certificate {
        /// What it is for.
        role: CertificateRole,
        /// What is wrong with it.
        found: Incompatibility,
    },
    /// A certificate of the RA that the CA did not issue.
    #[error("the certificate of {0:?} was not issued by the CA")]
    NotIssuedByCa(CertificateRole),
    /// The chain's certificate at this position, counted from 0, did not issue the one before it, or is not valid.
    #[error("certificate {0} of the chain does not certify the one before it")]
    Chain(usize),
    /// A recipient whose key cannot decrypt, counted from 0.
    #[error("the key of recipient {0} cannot decrypt")]
    Recipient(usize),
    /// No key opens requests, and there is no password that could.
    #[error("no key opens requests, and only a static or a one-time password could instead")]
    NoRecipient,
    /// No key opens requests, and one-time passwords are kept as hashes alone.
    #[error(
        "no key opens requests, and one-time passwords can open them only if a sealing key keeps them"
    )]
    NoSealingKey,
    /// A key opens requests, so that nothing needs the passwords back.
    #[error(
        "one-time passwords would be sealed, though a key opens requests and hashes are enough"
    )]
    NeedlessSealingKey,
    /// No key opens requests, and GetCACert hands out an RSA key, to which devices would encrypt them.
    #[error("devices would encrypt to an RSA key of GetCACert that nothing here opens")]
    NotOpened,
    /// What is handed out as the next CA is none, or is over.
    #[error("the next CA: {0}")]
    NextCa(Incompatibility),
    /// The certificate of the next CA's RA at this position, counted from 0, was not issued by it.
    #[error("certificate {0} of the next RA was not issued by the next CA")]
    NextRa(usize),
    /// The next CA, which is to issue, cannot.
    #[error("the next CA: {0}")]
    Next(Box<Self>),
    /// The next CA has the key of the current one, so that nothing tells their certificates apart.
    #[error("the next CA has the key of the current one")]
    NextSameKey,
    /// No key opens requests to the next CA, so that nobody can ask it.
    #[error("no key opens requests to the next CA")]
    NextNoRecipient,
    /// Requests to the next CA and to the current one cannot be told apart: issuer and serial number of whom they are
    /// encrypted to are the same.
    #[error("a recipient of the next CA has issuer and serial number of a current one")]
    NextSameRecipient,
    /// CRLs of a next CA that there is none of, or that only is made known.
    #[error("there is no next CA that issues")]
    NoNextCa,
    /// GetCACert would hide the RA.
    #[error("the CA's certificate alone would hide the RA")]
    HiddenRa,
    /// GetCACert is to hand out an RA that is not there.
    #[error("there is no RA beside the CA")]
    NoRa,
    /// The store refuses lease or replay window.
    #[error("lease or replay window: {0}")]
    Terms(StoreError),
    /// An Intune endpoint renews only by a fresh challenge.
    #[error("an Intune endpoint renews nothing by certificates")]
    IntuneRenewal,
    /// What the store refuses of how notifications are kept.
    #[error("notifications: {0}")]
    Notices(StoreError),
    /// Used challenges would be forgotten while they are still good.
    #[error("used challenges would be forgotten after {}s, and may be good for 60 minutes", remembered.as_secs())]
    ForgetfulChallenges {
        /// After how long.
        remembered: Duration,
    },
    /// CRLs would be over before anyone has them.
    #[error("CRLs of {}s would be over at once", validity.as_secs())]
    CrlValidity {
        /// For how long they would be good.
        validity: Duration,
    },
    /// A worker for an endpoint of another mode.
    #[error("the endpoint is not one for Intune")]
    NotIntune,
    /// One-time passwords that would be over at once, or too late.
    #[error("one-time passwords would be good for {}s, not for 1 second to 30 days", lifetime.as_secs())]
    PasswordLifetime {
        /// For how long.
        lifetime: Duration,
    },
    /// Too few or too many one-time passwords.
    #[error("{most} one-time passwords could be live, not 1 to {}", scep_store::MAX_LIVE_PASSWORDS)]
    PasswordCount {
        /// How many could be live.
        most: usize,
    },
    /// Too few or too many sealed one-time passwords: each one is tried for each request.
    #[error(
        "{most} sealed one-time passwords could be live, not 1 to {}",
        crate::MAX_SEALED_PASSWORDS
    )]
    SealedPasswordCount {
        /// How many could be live.
        most: usize,
    },
    /// A one-time password for an endpoint of another mode.
    #[error("the endpoint takes no one-time passwords")]
    NotOneTime,
    /// The store refuses the device allowance.
    #[error("device allowance: {0}")]
    DeviceAllowance(StoreError),
    /// The store refuses an allowance of certificates.
    #[error("allowance: {0}")]
    Allowance(StoreError),
}

/// What a limit refused.
pub(crate) fn limited(by: LimitScope, retry_after: Duration) -> Error {
    match by {
        LimitScope::Device => Error::RateLimited { retry_after },
        of => Error::AllowanceUsedUp { of, retry_after },
    }
}

const fn allowance_name(of: LimitScope) -> &'static str {
    match of {
        LimitScope::Device => "the device's allowance is",
        LimitScope::Endpoint => "the endpoint's allowance is",
        LimitScope::Global => "the allowance of all endpoints is",
    }
}

/// What becomes of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A CertRep with FAILURE.
    Failure(FailInfo),
    /// It may come again: nothing was decided against it.
    ComeAgain(Duration),
    /// Nothing it can do will help.
    Broken,
}

impl Error {
    /// A stable label for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Message(scep_proto::Error::Undecipherable(_)) => "undecipherable",
            Self::Message(scep_proto::Error::Crypto(_)) => "signer",
            Self::Message(error) => match FailInfo::from(error) {
                FailInfo::BAD_ALG => "algorithm",
                FailInfo::BAD_MESSAGE_CHECK => "message_check",
                _ => "message",
            },
            Self::NotOffered(_) => "not_offered",
            Self::NotHolder => "not_holder",
            Self::UnknownCertificate => "unknown_certificate",
            Self::CrlTooLarge { .. } => "crl_too_large",
            Self::Challenge(error) => error.label(),
            Self::OneTimePassword(OneTimePasswordFault::Used { .. }) => Reason::Replay.label(),
            Self::Password(_) | Self::OneTimePassword(_) => "password",
            Self::NoChallenge => "challenge_missing",
            Self::Validation(ServiceError::Denied(_)) => "intune_denied",
            Self::Validation(ServiceError::Unavailable { .. }) => "intune_unavailable",
            Self::Validation(ServiceError::Misconfigured { .. }) => "intune_misconfigured",
            Self::Notification(_) | Self::NotificationRefused => "intune_notification",
            Self::Compliance(_) => Reason::ComplianceFailed.label(),
            Self::Replayed => Reason::Replay.label(),
            Self::RateLimited { .. } => Reason::RateLimited.label(),
            Self::AllowanceUsedUp { of: LimitScope::Global, .. } => "global_allowance",
            Self::AllowanceUsedUp { .. } => "endpoint_allowance",
            Self::Renewal(_) => "renewal",
            Self::Conflict => "conflict",
            Self::UnknownTransaction => "unknown_transaction",
            Self::Rejected(_) => "rejected",
            Self::Certificate(_) => "profile",
            Self::Busy { .. } => "busy",
            Self::Overloaded => "overloaded",
            Self::Store(_) => "store",
            Self::Crypto(_) | Self::SignerTimeout { .. } | Self::SignerMisbehaved => "signer",
            Self::Aborted => "aborted",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// Whether it stays until an administrator does something.
    pub(crate) fn needs_administrator(&self) -> bool {
        use ServiceError::Misconfigured;
        matches!(
            self,
            Self::Validation(Misconfigured { .. }) | Self::Notification(Misconfigured { .. })
        )
    }

    /// The one place where an error becomes what the peer sees (invariant 6).
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Message(error) => message_answer(error),
            Self::Challenge(intune_challenge::Error::Crypto(error)) => crypto_answer(*error),
            Self::Challenge(error) => reason_answer(error.reason()),
            Self::Validation(error) | Self::Notification(error) => service_answer(error),
            Self::Compliance(_) => reason_answer(Reason::ComplianceFailed),
            Self::Replayed => reason_answer(Reason::Replay),
            Self::RateLimited { .. } => reason_answer(Reason::RateLimited),
            Self::NotOffered(_)
            | Self::NotHolder
            | Self::CrlTooLarge { .. }
            | Self::Password(_)
            | Self::OneTimePassword(_)
            | Self::NoChallenge
            | Self::NotificationRefused
            | Self::Renewal(_)
            | Self::Conflict => Answer::Failure(FailInfo::BAD_REQUEST),
            Self::UnknownTransaction | Self::UnknownCertificate => {
                Answer::Failure(FailInfo::BAD_CERT_ID)
            }
            Self::Rejected(fail_info) => Answer::Failure(*fail_info),
            Self::Certificate(error) => certificate_answer(error),
            Self::Busy { retry_after } | Self::AllowanceUsedUp { retry_after, .. } => {
                Answer::ComeAgain(*retry_after)
            }
            Self::Store(error) => store_answer(error),
            Self::Crypto(error) => crypto_answer(*error),
            Self::Overloaded | Self::SignerTimeout { .. } => Answer::ComeAgain(SOON),
            Self::SignerMisbehaved | Self::Aborted | Self::Misconfigured(_) => Answer::Broken,
        }
    }
}

fn message_answer(error: &scep_proto::Error) -> Answer {
    match error {
        scep_proto::Error::Crypto(error) => crypto_answer(*error),
        scep_proto::Error::ApiMisuse(_) => Answer::Broken,
        other => Answer::Failure(other.into()),
    }
}

fn reason_answer(reason: Reason) -> Answer {
    Answer::Failure(FailInfo::new(reason.failure().code()))
}

fn certificate_answer(error: &scep_ca::Error) -> Answer {
    match error {
        scep_ca::Error::KeyNotAllowed(_) => Answer::Failure(FailInfo::BAD_ALG),
        scep_ca::Error::Malformed(_) | scep_ca::Error::Refused(_) => {
            Answer::Failure(FailInfo::BAD_REQUEST)
        }
        scep_ca::Error::Crypto(CryptoError::Unavailable) => Answer::ComeAgain(SOON),
        _ => Answer::Broken,
    }
}

fn service_answer(error: &ServiceError) -> Answer {
    match error.fail_info() {
        Some(fail_info) => Answer::Failure(fail_info),
        // Away or misconfigured, for the device it is the same: its challenge is as good as before.
        None => Answer::ComeAgain(error.retry_after()),
    }
}

fn store_answer(error: &StoreError) -> Answer {
    match error {
        StoreError::ChallengeOver { .. } => reason_answer(Reason::Expired),
        StoreError::OutOfRange { .. } | StoreError::Poisoned => Answer::Broken,
        _ => Answer::ComeAgain(SOON),
    }
}

fn crypto_answer(error: CryptoError) -> Answer {
    match error {
        CryptoError::Unavailable => Answer::ComeAgain(SOON),
        // A key or an algorithm that the provider does not have.
        CryptoError::Unsupported => Answer::Failure(FailInfo::BAD_ALG),
        CryptoError::InvalidKey => Answer::Failure(FailInfo::BAD_REQUEST),
        _ => Answer::Broken,
    }
}

/// When to come again if nothing says when.
const SOON: Duration = Duration::from_secs(5);
