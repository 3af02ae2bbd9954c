//! Devices as they are: what each family wants to be told, how it sends, and which answers it can read.

use scep_types::{AlgorithmPolicy, BasicConstraints, Certificate, KeyUsage};

use crate::capabilities::Capabilities;

/// A family of devices. What it needs is data, for hosts to build an endpoint from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ClientFamily {
    /// RFC 8894 to the letter.
    #[default]
    Strict,
    /// Windows 10 and 11, by Intune or another MDM.
    Windows,
    /// iOS, iPadOS and macOS.
    Apple,
    /// Android agents, which are jscep on Bouncy Castle.
    Android,
    /// ChromeOS and its connector.
    ChromeOs,
    /// Cisco IOS, IOS-XE and ASA.
    Cisco,
    /// Whatever was made for NDES and nothing else.
    NdesLookAlike,
    /// Whatever comes, single DES and MD5 among it, which protect nothing.
    Permissive,
}

/// What a family needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientNeeds {
    /// The certificates of GetCACert.
    pub ca_answer: CaAnswer,
    /// What it does not do without.
    pub required: Capabilities,
    /// What to say in GetCACaps, `required` among it; never more than `algorithms` allow.
    pub advertised: Capabilities,
    /// What it sends.
    pub algorithms: AlgorithmPolicy,
    /// Whose key signs its requests.
    pub signer: SignerKey,
    /// The certificates of a SUCCESS.
    pub reply_chain: ReplyCertificates,
    /// What it sends to renew.
    pub renewal: RenewalForm,
    /// Where this is known from: threads and files by name, `run` for what was tried.
    pub sources: &'static [&'static str],
}

/// What GetCACert answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaAnswer {
    /// One certificate, bare: a CA that is its own RA.
    Single,
    /// The issuing CA, and the RA if there is one.
    IssuerAndRa,
    /// The RA, the issuing CA, and all above it up to the root.
    WholeChain,
}

/// Whose key signs a PKCSReq that is no renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignerKey {
    /// The CSR's; anything else is somebody who wrapped another's envelope.
    OfTheCsr,
    /// Any: a throw-away key signs.
    Any,
}

/// What a SUCCESS holds beside the issued certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyCertificates {
    /// Nothing: some pair the first certificate with their key, some choke on a second one.
    IssuedOnly,
    /// The issuing CA's, after it.
    WithIssuer,
}

/// What is sent to renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenewalForm {
    /// RenewalReq.
    RenewalReq,
    /// PKCSReq, signed with the certificate to renew.
    PkcsReq,
    /// Either.
    Either,
}

/// Why a family cannot use a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmet {
    /// These capabilities are not offered.
    Capabilities(Capabilities),
    /// There is more than one certificate, and none of them has both key usages of an RA.
    SingleCertificate,
    /// The root is not among the certificates.
    Root,
    /// No certificate has keyUsage digitalSignature and keyEncipherment.
    KeyUsages,
    /// No key can encrypt, and it knows no passwords.
    EncryptionKey,
}

/// What every RFC 8894 server has.
const STANDARD: Capabilities = Capabilities::SCEP_STANDARD
    .union(Capabilities::AES)
    .union(Capabilities::SHA_256)
    .union(Capabilities::POST_PKI_OPERATION);
/// What old devices know, and only a server that takes it says.
const OLD: Capabilities = Capabilities::SHA_1.union(Capabilities::DES3);
/// Debian 12's strongSwan uses AES only where SHA-384 stands.
const STRONG: Capabilities = Capabilities::SHA_512.union(Capabilities::SHA_384);

impl ClientFamily {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Strict,
        Self::Windows,
        Self::Apple,
        Self::Android,
        Self::ChromeOs,
        Self::Cisco,
        Self::NdesLookAlike,
        Self::Permissive,
    ];

    /// What it needs.
    #[must_use]
    pub const fn needs(self) -> ClientNeeds {
        match self {
            Self::Strict => STRICT,
            Self::Windows => WINDOWS,
            Self::Apple => APPLE,
            Self::Android => ANDROID,
            Self::ChromeOs => CHROME_OS,
            Self::Cisco => CISCO,
            Self::NdesLookAlike => NDES_LOOK_ALIKE,
            Self::Permissive => PERMISSIVE,
        }
    }

    /// Why it cannot use a server with these capabilities and these certificates in GetCACert; nothing if it can.
    #[must_use]
    pub fn unmet(self, offered: Capabilities, certificates: &[Certificate]) -> Vec<Unmet> {
        let needs = self.needs();
        let mut unmet = Vec::new();
        let missing = needs.required.missing_from(offered);
        if missing != Capabilities::empty() {
            unmet.push(Unmet::Capabilities(missing));
        }
        if !certificates.iter().any(can_encrypt) && self != Self::Strict {
            unmet.push(Unmet::EncryptionKey);
        }
        let may_be_ra = certificates.iter().any(has_both_usages);
        match self {
            Self::Apple if certificates.len() > 1 && !may_be_ra => {
                unmet.push(Unmet::SingleCertificate);
            }
            Self::Windows if !may_be_ra => unmet.push(Unmet::KeyUsages),
            _ => {}
        }
        if needs.ca_answer == CaAnswer::WholeChain && !certificates.iter().any(is_root) {
            unmet.push(Unmet::Root);
        }
        unmet
    }
}

fn can_encrypt(certificate: &Certificate) -> bool {
    certificate.key_kind().is_ok_and(scep_types::KeyKind::can_encrypt)
}

fn has_both_usages(certificate: &Certificate) -> bool {
    let both = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
    certificate.key_usage().is_some_and(|usage| usage.contains(both))
}

fn is_root(certificate: &Certificate) -> bool {
    certificate.is_self_issued() && certificate.basic_constraints() == BasicConstraints::Ca
}

const STRICT: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::IssuerAndRa,
    required: STANDARD,
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG),
    algorithms: AlgorithmPolicy::Modern,
    signer: SignerKey::OfTheCsr,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::RenewalReq,
    sources: &["RFC 8894 §2.3, §2.9, §3.5.2, §4.2"],
};

/// It signs with SHA-1 whatever is advertised, with a throw-away key, wraps by OAEP, and compares the CA's thumbprint
/// with those of GetCACert, root included.
const WINDOWS: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::WholeChain,
    required: Capabilities::POST_PKI_OPERATION,
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG).union(Capabilities::SHA_1),
    algorithms: AlgorithmPolicy::Legacy,
    signer: SignerKey::Any,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::PkcsReq,
    sources: &[
        "smallstep/certificates#1300, #1994",
        "NeySlim/ultimate-ca-manager#228",
        "microsoft/Intune-Resource-Access#87",
        "inverse-inc/packetfence#6927",
    ],
};

/// It takes several certificates for a separate RA, pairs the first certificate of a reply with its key, and renews by
/// PKCSReq, though only where Renewal is advertised.
const APPLE: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::Single,
    required: Capabilities::POST_PKI_OPERATION.union(Capabilities::RENEWAL),
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG).union(OLD),
    algorithms: AlgorithmPolicy::Legacy,
    signer: SignerKey::OfTheCsr,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::PkcsReq,
    sources: &[
        "micromdm/scep#76, #81, #197",
        "NeySlim/ultimate-ca-manager#101, #102, #228",
        "smallstep/certificates#746, #1570",
        "seize-the-dave/jscep#35",
    ],
};

/// BER, the strongest algorithms of the list, only HTTP 200.
const ANDROID: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::IssuerAndRa,
    required: Capabilities::AES.union(Capabilities::SHA_256),
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG),
    algorithms: AlgorithmPolicy::Modern,
    signer: SignerKey::OfTheCsr,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::PkcsReq,
    sources: &["run: jscep", "smallstep/certificates#908", "fleetdm/fleet#45291"],
};

const CHROME_OS: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::IssuerAndRa,
    required: STANDARD.union(Capabilities::RENEWAL),
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG),
    algorithms: AlgorithmPolicy::Modern,
    signer: SignerKey::OfTheCsr,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::PkcsReq,
    sources: &["smallstep/certificates#908"],
};

/// GET although POST is advertised; answers must be in the algorithms of the request.
const CISCO: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::IssuerAndRa,
    required: Capabilities::empty(),
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG).union(OLD),
    algorithms: AlgorithmPolicy::Legacy,
    signer: SignerKey::OfTheCsr,
    reply_chain: ReplyCertificates::WithIssuer,
    renewal: RenewalForm::PkcsReq,
    sources: &[
        "smallstep/certificates#916, #917, #2100",
        "seize-the-dave/jscep#97",
        "Keyfactor/ejbca-ce#176",
    ],
};

/// What NDES of 2016 to 2022 says of itself, which lists no AES.
const NDES_LOOK_ALIKE: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::IssuerAndRa,
    required: Capabilities::empty(),
    advertised: Capabilities::POST_PKI_OPERATION
        .union(Capabilities::RENEWAL)
        .union(Capabilities::SHA_512)
        .union(Capabilities::SHA_256)
        .union(OLD),
    algorithms: AlgorithmPolicy::Legacy,
    signer: SignerKey::Any,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::PkcsReq,
    sources: &["certnanny/sscep#59, #80, #144, #156", "cryptlib: comments of its SCEP client"],
};

const PERMISSIVE: ClientNeeds = ClientNeeds {
    ca_answer: CaAnswer::Single,
    required: Capabilities::empty(),
    advertised: STANDARD.union(Capabilities::RENEWAL).union(STRONG).union(OLD),
    algorithms: AlgorithmPolicy::Obsolete,
    signer: SignerKey::Any,
    reply_chain: ReplyCertificates::IssuedOnly,
    renewal: RenewalForm::Either,
    sources: &["run: micromdm scepclient", "certnanny/sscep#126"],
};
