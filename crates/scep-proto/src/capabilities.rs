use std::fmt;

use scep_types::{ContentCipher, DigestAlgorithm};

/// What a server says it can: a set of GetCACaps keywords (RFC 8894 §3.5.2).
///
/// ```
/// use scep_proto::Capabilities;
///
/// let caps = Capabilities::parse("aes\r\nSCEPStandard\r\nX-unknown");
/// assert!(caps.contains(Capabilities::POST_PKI_OPERATION)); // SCEPStandard implies it
/// assert!(!caps.contains(Capabilities::RENEWAL));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u16);

impl Capabilities {
    /// AES128-CBC.
    pub const AES: Self = Self(1);
    /// Triple DES.
    pub const DES3: Self = Self(1 << 1);
    /// GetNextCACert.
    pub const GET_NEXT_CA_CERT: Self = Self(1 << 2);
    /// PKIOperation by POST.
    pub const POST_PKI_OPERATION: Self = Self(1 << 3);
    /// RenewalReq.
    pub const RENEWAL: Self = Self(1 << 4);
    /// SHA-1.
    pub const SHA_1: Self = Self(1 << 5);
    /// SHA-256.
    pub const SHA_256: Self = Self(1 << 6);
    /// SHA-384: in no RFC, but Debian 12's strongSwan uses AES only where it stands.
    pub const SHA_384: Self = Self(1 << 7);
    /// SHA-512.
    pub const SHA_512: Self = Self(1 << 8);
    /// AES, POST, SHA-256 and all that RFC 8894 §2.9 demands.
    pub const SCEP_STANDARD: Self = Self(1 << 9);

    /// Keywords in the case RFC 8894 gives them, in the order we send them.
    const KEYWORDS: [(Self, &'static str); 10] = [
        (Self::POST_PKI_OPERATION, "POSTPKIOperation"),
        (Self::RENEWAL, "Renewal"),
        (Self::SHA_512, "SHA-512"),
        (Self::SHA_384, "SHA-384"),
        (Self::SHA_256, "SHA-256"),
        (Self::SHA_1, "SHA-1"),
        (Self::AES, "AES"),
        (Self::DES3, "DES3"),
        (Self::GET_NEXT_CA_CERT, "GetNextCACert"),
        (Self::SCEP_STANDARD, "SCEPStandard"),
    ];

    /// Octets of an answer that are read; an HTML page is longer.
    const MAX_OCTETS: usize = 4096;

    /// No capability.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The capabilities of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The capabilities that both say or imply.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.implied().0 & other.implied().0)
    }

    /// Whether all of `other` are there, said or implied by SCEPStandard.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.implied().0 & other.0 == other.0
    }

    /// Those of these that `offered` neither says nor implies.
    #[must_use]
    pub const fn missing_from(self, offered: Self) -> Self {
        Self(self.0 & !offered.implied().0)
    }

    const fn implied(self) -> Self {
        if self.0 & Self::SCEP_STANDARD.0 == 0 {
            return self;
        }
        self.union(Self::AES).union(Self::POST_PKI_OPERATION).union(Self::SHA_256)
    }

    /// Reads an answer to GetCACaps: any line ends, any case, unknown keywords ignored; a page too long to be one is none.
    #[must_use]
    pub fn parse(answer: &str) -> Self {
        if answer.len() > Self::MAX_OCTETS {
            return Self::empty();
        }
        answer
            .trim_start_matches('\u{FEFF}')
            .split(['\r', '\n'])
            .filter_map(|line| {
                let known =
                    |(_, keyword): &&(Self, &str)| keyword.eq_ignore_ascii_case(line.trim());
                Self::KEYWORDS.iter().find(known).map(|(capability, _)| *capability)
            })
            .fold(Self::empty(), Self::union)
    }

    /// The answer to GetCACaps: a keyword a line, what SCEPStandard implies written out for old clients.
    #[must_use]
    pub fn to_answer(self) -> String {
        let mut answer = String::new();
        for keyword in self.keywords() {
            answer.push_str(keyword);
            answer.push('\n');
        }
        answer
    }

    /// The keywords, implied ones among them.
    pub fn keywords(self) -> impl Iterator<Item = &'static str> {
        let all = self.implied();
        Self::KEYWORDS
            .iter()
            .filter(move |(capability, _)| all.contains(*capability))
            .map(|(_, keyword)| *keyword)
    }

    /// The digest a client should use: SHA-256 unless only others are offered (RFC 8894 §3.5.2); `None` if none is.
    #[must_use]
    pub fn best_digest(self) -> Option<DigestAlgorithm> {
        [
            (Self::SHA_256, DigestAlgorithm::Sha256),
            (Self::SHA_512, DigestAlgorithm::Sha512),
            (Self::SHA_384, DigestAlgorithm::Sha384),
            (Self::SHA_1, DigestAlgorithm::Sha1),
        ]
        .into_iter()
        .find_map(|(capability, digest)| self.contains(capability).then_some(digest))
    }

    /// The cipher a client should use: AES-128 unless only triple DES is offered; `None` if none is.
    #[must_use]
    pub fn best_cipher(self) -> Option<ContentCipher> {
        [(Self::AES, ContentCipher::Aes128Cbc), (Self::DES3, ContentCipher::TripleDesCbc)]
            .into_iter()
            .find_map(|(capability, cipher)| self.contains(capability).then_some(cipher))
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keywords().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}
