use std::fmt;
use std::str::FromStr;

use scep_proto::Capabilities;
use scep_types::{ContentCipher, DigestAlgorithm, KeyTransport};

use crate::error::{Error, InvalidText};

/// A family of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Windows 10 and 11, enrolled by Intune.
    Windows,
    /// iOS, iPadOS and macOS.
    Apple,
    /// Android, whose agents are jscep on Bouncy Castle.
    Android,
}

/// How a family speaks; the sources are captures and threads of real devices.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialect {
    /// Whose it is.
    pub family: Family,
    /// The User-Agent.
    pub user_agent: &'static str,
    /// What is appended to the configured URL.
    pub suffix: &'static str,
    /// What is asked for first.
    pub order: Order,
    /// `message` of GetCACaps and GetCACert; `None` leaves it out.
    pub message: Option<&'static str>,
    /// GET or POST.
    pub method: MethodUse,
    /// What is escaped in a GET.
    pub escaping: GetEscaping,
    /// Which certificate signs.
    pub signer: SignerStyle,
    /// The digests of messages, best first; the first that the server has, or the last.
    pub digests: Vec<DigestAlgorithm>,
    /// How the content key is wrapped.
    pub transport: KeyTransport,
    /// How CMS is encoded.
    pub encoding: Encoding,
    /// Octets of the senderNonce.
    pub nonce_octets: usize,
    /// The case of the transactionID, 40 hexadecimal digits.
    pub transaction_id: TransactionIdCase,
    /// The version in the CSR.
    pub csr_version: u8,
}

/// What is asked for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// GetCACaps, then GetCACert.
    CapabilitiesFirst,
    /// GetCACert, then GetCACaps.
    CertificateFirst,
}

/// When POST is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodUse {
    /// If the server advertises it.
    ByCapabilities,
    /// Never.
    Get,
    /// Always.
    Post,
}

/// What of base64 is escaped in the query of a GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetEscaping {
    /// Nothing: `+`, `/` and `=` stand as they are.
    Raw,
    /// Only `=`.
    PaddingOnly,
}

/// Which certificate signs the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerStyle {
    /// `CN=SCEP Protocol Certificate` with a critical authorityKeyIdentifier, signed with SHA-1.
    ScepProtocolCertificate,
    /// `CN=MDM SCEP SIGNER, C=US`, serial 1.
    MdmScepSigner,
    /// The CSR's subject, serial 1.
    SubjectOfCsr,
}

/// How CMS is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// DER.
    Der,
    /// BER of indefinite length, strings cut into segments of so many octets.
    Indefinite {
        /// Octets of a segment.
        segment: usize,
    },
}

/// The case of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionIdCase {
    /// Upper.
    Upper,
    /// Lower.
    Lower,
}

impl Dialect {
    /// The dialect of a family.
    #[must_use]
    pub fn of(family: Family) -> Self {
        match family {
            Family::Windows => Self::windows(),
            Family::Apple => Self::apple(),
            Family::Android => Self::android(),
        }
    }

    fn windows() -> Self {
        Self {
            family: Family::Windows,
            user_agent: "Mozilla/4.0 (compatible; Win32; NDES client 10.0.22631.2428/ni_release)",
            suffix: "/pkiclient.exe",
            order: Order::CapabilitiesFirst,
            message: Some("default"),
            method: MethodUse::Post,
            escaping: GetEscaping::Raw,
            signer: SignerStyle::ScepProtocolCertificate,
            digests: vec![DigestAlgorithm::Sha1], // although SHA-256 is advertised
            transport: KeyTransport::Oaep(DigestAlgorithm::Sha1),
            encoding: Encoding::Der,
            nonce_octets: 16,
            transaction_id: TransactionIdCase::Lower,
            csr_version: 0,
        }
    }

    fn apple() -> Self {
        Self {
            family: Family::Apple,
            user_agent: "profiled/1.0 CFNetwork/1494.0.7 Darwin/23.4.0",
            suffix: "",
            order: Order::CertificateFirst,
            message: Some(""),
            method: MethodUse::ByCapabilities,
            escaping: GetEscaping::PaddingOnly,
            signer: SignerStyle::MdmScepSigner,
            digests: strongest(),
            transport: KeyTransport::Pkcs1v15,
            encoding: Encoding::Indefinite { segment: usize::MAX },
            nonce_octets: 8,
            transaction_id: TransactionIdCase::Upper,
            csr_version: 2,
        }
    }

    fn android() -> Self {
        Self {
            family: Family::Android,
            user_agent: "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240505.004)",
            suffix: "",
            order: Order::CapabilitiesFirst,
            message: Some("ca"),
            method: MethodUse::Get,
            escaping: GetEscaping::Raw,
            signer: SignerStyle::SubjectOfCsr,
            digests: strongest(),
            transport: KeyTransport::Pkcs1v15,
            encoding: Encoding::Indefinite { segment: 1000 },
            nonce_octets: 16,
            transaction_id: TransactionIdCase::Upper,
            csr_version: 0,
        }
    }

    /// The digest for a server with these capabilities.
    pub(crate) fn digest(&self, capabilities: Capabilities) -> DigestAlgorithm {
        let offered = |digest: &&DigestAlgorithm| match digest {
            DigestAlgorithm::Sha512 => capabilities.contains(Capabilities::SHA_512),
            DigestAlgorithm::Sha384 => capabilities.contains(Capabilities::SHA_384),
            DigestAlgorithm::Sha256 => capabilities.contains(Capabilities::SHA_256),
            _ => capabilities.contains(Capabilities::SHA_1),
        };
        let best = self.digests.iter().find(offered).or(self.digests.last());
        best.copied().unwrap_or(DigestAlgorithm::Sha1)
    }

    /// AES-128 if it is advertised, else triple DES.
    pub(crate) fn cipher(&self, capabilities: Capabilities) -> ContentCipher {
        if capabilities.contains(Capabilities::AES) {
            ContentCipher::Aes128Cbc
        } else {
            ContentCipher::TripleDesCbc
        }
    }

    pub(crate) fn posts(&self, capabilities: Capabilities) -> bool {
        match self.method {
            MethodUse::ByCapabilities => capabilities.contains(Capabilities::POST_PKI_OPERATION),
            MethodUse::Get => false,
            MethodUse::Post => true,
        }
    }
}

fn strongest() -> Vec<DigestAlgorithm> {
    vec![DigestAlgorithm::Sha512, DigestAlgorithm::Sha256, DigestAlgorithm::Sha1]
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "windows",
            Self::Apple => "apple",
            Self::Android => "android",
        })
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Windows, Self::Apple, Self::Android]
            .into_iter()
            .find(|family| family.to_string() == text)
            .ok_or_else(|| Error::invalid(InvalidText::Family, text))
    }
}
