use std::io::ErrorKind;
use std::path::PathBuf;

use scep_client::AnswerFault;
use scep_proto::{FailInfo, Misbehaviour, Refusal, UnauthenticatedCa, Unfinished, Unsupported};
use scep_types::{
    BasicConstraints, Certificate, ContentCipher, CryptoError, DigestAlgorithm, KeyKind,
};

use crate::conformance::Level;
use crate::output;

/// Why the command did not do what it was asked to; its [`Error::line`] is for people, its [`Error::exit_code`] for scripts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line is wrong.
    #[error(transparent)]
    Usage(#[from] Usage),
    /// The server, or the way to it.
    #[error(transparent)]
    Client(#[from] scep_client::Error),
    /// A question other than for a certificate, which servers need not answer.
    #[error("{query}: {error}")]
    Query {
        /// What was asked.
        query: Query,
        /// What came of it.
        error: scep_client::Error,
    },
    /// The request waits for approval, and is kept.
    #[error("the request waits for approval and is kept in {path}; go on with scep poll --state {path}", path = .0.display())]
    Kept(PathBuf),
    /// A file.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A key did not do what it should, or there is no randomness.
    #[error("key: {0}")]
    Crypto(#[from] CryptoError),
    /// What was to be decoded is nothing we know.
    #[error("{}: {error}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: crate::decode::Error,
    },
    /// No challenge can be made of this.
    #[error(transparent)]
    Mint(#[from] intune_challenge::Error),
    /// The server does not keep rules of the chosen level.
    #[error("{failed} rules of level {level} are not kept")]
    NotConformant {
        /// How many.
        failed: usize,
        /// Which level decided.
        level: Level,
    },
    /// Not every device of a bench has its certificate.
    #[error("{failed} devices got no certificate")]
    NotAllIssued {
        /// How many.
        failed: usize,
    },
    /// Standard output is closed.
    #[error("cannot write the output: {0}")]
    Output(ErrorKind),
}

/// A question other than for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Query {
    /// How a request is getting on.
    #[error("CertPoll")]
    Poll,
    /// A certificate.
    #[error("GetCert")]
    GetCert,
    /// A CRL.
    #[error("GetCRL")]
    GetCrl,
    /// The next certificates of the CA.
    #[error("GetNextCACert")]
    NextCa,
}

impl Query {
    pub(crate) fn failed(self, error: scep_client::Error) -> Error {
        Error::Query { query: self, error }
    }
}

/// What is wrong with the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Usage {
    /// Neither 64 nor 40 hexadecimal digits.
    #[error("--fingerprint is not 64 hexadecimal digits (SHA-256)")]
    Fingerprint,
    /// 40 digits.
    #[error("--fingerprint is a SHA-1 one; give the SHA-256 one, or --allow-sha1-fingerprint")]
    Sha1Fingerprint,
    /// Part of a subject.
    #[error("--subject: {0:?} is no TYPE=value; write \"CN=device,O=Example\"")]
    SubjectPart(String),
    /// `+` in a subject.
    #[error(
        "--subject: one RDN with several attributes cannot be asked for; write \\+ for a plus sign"
    )]
    MultiValuedRdn,
    /// A name that its type cannot hold.
    #[error("{0:?} is not ASCII; write it as an A-label or escape it")]
    NotAscii(String),
    /// An environment variable is not there.
    #[error("environment variable {0} is not set")]
    Environment(String),
    /// Nobody said that certificates may be requested.
    #[error(
        "up to {certificates} certificates would be requested, and nobody said yes; give --yes"
    )]
    NotAsked {
        /// How many.
        certificates: u32,
    },
    /// No rule begins so.
    #[error("--only {0}: there is no such rule")]
    NoRow(String),
    /// No serial number.
    #[error("--serial {0:?} is not hexadecimal")]
    Serial(String),
    /// No transactionID.
    #[error("--transaction-id {0:?} is not 1 to 255 printable characters")]
    TransactionId(String),
    /// A request whose key is thrown away cannot be asked for later.
    #[error(
        "--state goes with RSA keys: the key that another one's request is signed with is thrown away"
    )]
    ThrownAway,
    /// A JWS algorithm we do not have.
    #[error("--alg {0:?} is none of RS256, RS384, PS256, ES256, ES384")]
    Algorithm(String),
    /// A key that no JWS algorithm goes with.
    #[error("no challenge can be signed with a {0}; use RSA of 2048 bits or more, P-256 or P-384")]
    IssuerKey(KeyKind),
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(ErrorKind),
    /// It cannot be written.
    #[error("cannot be written: {0}")]
    Write(ErrorKind),
    /// It is a directory.
    #[error("is a directory")]
    Directory,
    /// It is too large.
    #[error("has more than {limit} octets")]
    TooLarge {
        /// How many it may have.
        limit: u64,
    },
    /// It is no text.
    #[error("is not a text")]
    NotText,
    /// It is no certificate.
    #[error("is not a certificate, PEM or DER ({0})")]
    NotACertificate(scep_types::Error),
    /// It is no private key.
    #[error(
        "is not an unencrypted private key, PEM ({0}); convert it with openssl pkcs8 -topk8 -nocrypt"
    )]
    NotAKey(CryptoError),
    /// It is a private key of a kind or size that cannot be used.
    #[error("holds a private key of a kind or size that cannot be used here")]
    UnsupportedKey,
    /// It holds another key than was asked for.
    #[error("holds a key of type {found}, not {wanted}; leave out --key-type or name another file")]
    OtherKey {
        /// What it holds.
        found: KeyKind,
        /// What was asked for.
        wanted: KeyKind,
    },
    /// It holds the key of another certificate.
    #[error("is not the key of the certificate")]
    KeyMismatch,
}

impl Error {
    /// The exit code, as `scep --help` tells of it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Client(scep_client::Error::Url(_)) => 2,
            Self::Client(error) | Self::Query { error, .. } => client_code(error),
            Self::File { .. } | Self::Crypto(_) | Self::Output(_) => 6,
            Self::Decode { .. } => 7,
            Self::Kept(_) => 3,
            Self::NotConformant { .. } => 8,
            Self::NotAllIssued { .. } => 9,
            Self::Mint(_) => 2,
        }
    }

    /// One line: what is wrong, and what to do about it where that is known.
    #[must_use]
    pub fn line(&self) -> String {
        let client = match self {
            Self::Client(error) => remedy(error),
            Self::Query { query, error } => after_query(*query, error).or_else(|| remedy(error)),
            _ => None,
        };
        match client {
            Some(remedy) => format!("{self}; {remedy}"),
            None => self.to_string(),
        }
    }
}

fn client_code(error: &scep_client::Error) -> u8 {
    use scep_client::Error;
    match error {
        Error::Url(_) => 2,
        Error::Transport { .. } | Error::Redirected { .. } => 4,
        Error::CaNotTrusted(_) => 5,
        Error::KeyMismatch | Error::Crypto(_) => 6,
        Error::Answer(AnswerFault::CrlIssuer | AnswerFault::CrlSignature) => 5,
        Error::Protocol(error) => protocol_code(error),
        _ => 7,
    }
}

fn protocol_code(error: &scep_proto::Error) -> u8 {
    use scep_proto::Error;
    match error {
        Error::Refused(_) => 1,
        Error::Unfinished(Unfinished::PollLimit { .. } | Unfinished::TimeLimit { .. }) => 3,
        Error::Unfinished(_) => 4,
        Error::Misbehaved(
            Misbehaviour::FingerprintMismatch { .. }
            | Misbehaviour::NoCaCertificate
            | Misbehaviour::UntrustedSigner
            | Misbehaviour::UntrustedCertificate
            | Misbehaviour::SignatureInvalid
            | Misbehaviour::DigestMismatch
            | Misbehaviour::NonceMismatch
            | Misbehaviour::TransactionMismatch(_),
        ) => 5,
        Error::Crypto(_) => 6,
        _ => 7,
    }
}

fn remedy(error: &scep_client::Error) -> Option<String> {
    use scep_client::Error;
    let text = match error {
        Error::Transport { .. } => "check the URL and that the server runs",
        Error::Redirected { .. } => "give the URL it redirects to, if you trust it",
        Error::CaNotTrusted(ca) => return Some(how_to_trust(ca)),
        Error::Protocol(scep_proto::Error::Refused(refusal)) => after_refusal(refusal),
        Error::Protocol(scep_proto::Error::Unfinished(unfinished)) => match unfinished {
            Unfinished::HttpStatus(404) => "check the path of the URL",
            Unfinished::HttpStatus(414) | Unfinished::EmptyAnswer => "try the other --method",
            Unfinished::PollLimit { .. } | Unfinished::TimeLimit { .. } => {
                "poll longer with --max-polls, or later with scep poll, if the request was made with --transaction-id key-hash"
            }
            _ => return None,
        },
        Error::Protocol(scep_proto::Error::Misbehaved(misbehaviour)) => match misbehaviour {
            Misbehaviour::FingerprintMismatch { .. } => {
                "nothing was sent; ask whoever runs the CA for its fingerprint"
            }
            Misbehaviour::UntrustedSigner | Misbehaviour::UntrustedCertificate => {
                "someone may be on the way, or the server hands out the wrong CA certificate"
            }
            _ => return None,
        },
        Error::Protocol(scep_proto::Error::Unsupported(unsupported)) => {
            after_unsupported(unsupported)?
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What servers mean that do not offer what was asked.
fn after_query(query: Query, error: &scep_client::Error) -> Option<String> {
    let scep_client::Error::Protocol(error) = error else { return None };
    let not_offered = match error {
        scep_proto::Error::Refused(refusal) => refusal.fail_info == Some(FailInfo::BAD_REQUEST),
        scep_proto::Error::Unfinished(Unfinished::HttpStatus(status)) => {
            matches!(status, 400 | 404 | 405 | 500 | 501)
        }
        _ => false,
    };
    let text = match query {
        _ if !not_offered => return None,
        Query::NextCa => "the server has no next CA certificate, or does not offer it",
        Query::Poll => "the server knows no such request, or no CertPoll",
        Query::GetCert | Query::GetCrl => {
            "the server does not offer it, as many do: look in its directory or on its web site"
        }
    };
    Some(text.to_owned())
}

fn how_to_trust(ca: &UnauthenticatedCa) -> String {
    let certificates = ca.certificates();
    let is_ca =
        |c: &&Certificate| c.basic_constraints() == BasicConstraints::Ca || c.is_self_issued();
    let anchors: Vec<_> = certificates.iter().filter(is_ca).collect();
    let found: Vec<_> = anchors
        .iter()
        .map(|certificate| {
            format!("{} ({})", output::fingerprint(certificate), certificate.subject())
        })
        .collect();
    format!(
        "nothing was sent; compare with whoever runs the CA, then give --fingerprint {}",
        found.join(" or ")
    )
}

fn after_unsupported(unsupported: &Unsupported) -> Option<&'static str> {
    Some(match unsupported {
        Unsupported::ReplyCipher(ContentCipher::DesCbc) => {
            "single DES protects nothing. EJBCA and NDES need a newer version, micromdm's scepserver has no setting; \
             --allow-obsolete takes it all the same"
        }
        Unsupported::Digest(DigestAlgorithm::Md5) | Unsupported::Cipher(ContentCipher::DesCbc) => {
            "MD5 and single DES protect nothing. Have the server use others (step-ca: \
             encryptionAlgorithmIdentifier 1 or 2; EJBCA, NDES: a newer version; micromdm's scepserver has no setting), \
             or take them with --allow-obsolete"
        }
        Unsupported::Digest(_) => {
            "try --digest sha256; if it is the server that answers with it, allow it with --legacy"
        }
        Unsupported::Cipher(_) => {
            "try --cipher aes128; if it is the server that answers with it, allow it with --legacy"
        }
        Unsupported::ReplyKey(_) => {
            "sign with an RSA key, or give the --challenge that the answer can be encrypted with"
        }
        Unsupported::ReplyCipher(_) => {
            "the server answers with another cipher than the request's: try --cipher with that one, \
             or allow it with --legacy"
        }
        Unsupported::CaKey(_) => {
            "the CA's key cannot decrypt: give the --challenge, by which requests are then encrypted, \
             to a server that says SCEPStandard"
        }
        _ => return None,
    })
}

fn after_refusal(refusal: &Refusal) -> &'static str {
    match refusal.fail_info {
        Some(FailInfo::BAD_ALG) => "try another --digest, --cipher or --key-type",
        Some(FailInfo::BAD_MESSAGE_CHECK) => {
            "the server cannot open or verify the request: has its certificate changed?"
        }
        Some(FailInfo::BAD_REQUEST) => {
            "check the challenge and the names; the server's log says more"
        }
        Some(FailInfo::BAD_TIME) => "check the clocks",
        Some(FailInfo::BAD_CERT_ID) => "the server knows no such request or certificate",
        _ => "the server's log says more",
    }
}
