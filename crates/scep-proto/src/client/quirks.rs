//! Servers as they are: what each does that RFC 8894 does not say, and the settings that get a certificate from it.

use scep_types::AlgorithmPolicy;

use super::settings::{CaTrust, EnrolmentSettings, PollBy, RenewalMessage};

/// What a server in the field does that RFC 8894 does not say. All of it is taken unless it is switched off.
///
/// Other leniency has its switch elsewhere: weak algorithms the [`AlgorithmPolicy`], a POST that is answered with nothing
/// [`MethodChoice`](super::MethodChoice), a missing CertPoll [`PollBy`], a Renewal that is none [`RenewalMessage`]. BER is
/// no quirk but CMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerQuirk {
    /// A FAILURE or PENDING with content: NDES sends one octet, 00.
    ContentWithoutEnvelope,
    /// A CertRep without its signer's certificate, which is looked for among those of GetCACert: NDES.
    SignerCertificateMissing,
    /// No answer to GetCACaps, or one that says nothing: NDES without its hotfix, dogtag before 2020.
    NoCapabilities,
    /// A reply whose key is wrapped by RSAES-OAEP, which nobody asked for: NDES 2012.
    OaepReply,
    /// A CertRep with an HTTP status of 400 and above: OpenXPKI.
    CertRepWithHttpError,
}

impl ServerQuirk {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ContentWithoutEnvelope,
        Self::SignerCertificateMissing,
        Self::NoCapabilities,
        Self::OaepReply,
        Self::CertRepWithHttpError,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which quirks are taken; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerQuirks(u8);

impl ServerQuirks {
    /// None: what RFC 8894 says, and nothing else.
    pub const NONE: Self = Self(0);

    /// Whether this one is taken.
    #[must_use]
    pub const fn takes(self, quirk: ServerQuirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// This one is taken, too.
    #[must_use]
    pub const fn with(self, quirk: ServerQuirk) -> Self {
        Self(self.0 | quirk.bit())
    }

    /// This one is refused.
    #[must_use]
    pub const fn without(self, quirk: ServerQuirk) -> Self {
        Self(self.0 & !quirk.bit())
    }
}

impl Default for ServerQuirks {
    fn default() -> Self {
        ServerQuirk::ALL.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A server that is known by name; what it needs, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ServerFamily {
    /// A server that follows RFC 8894.
    #[default]
    Rfc8894,
    /// Microsoft's NDES: lists no AES and so gets triple DES; its Renewal is PKCSReq
    /// (certnanny/sscep#59, #80, #144, #156).
    Ndes,
    /// EJBCA: lists its algorithms; older ones answer with single DES whatever was asked, which is refused by name.
    Ejbca,
    /// OpenXPKI: mirrors the request's algorithms, and sends refusals with an HTTP error.
    OpenXpki,
    /// Smallstep's step-ca: no CertPoll, and Renewal is PKCSReq; answers with single DES unless its
    /// encryptionAlgorithmIdentifier is 1 or 2 (smallstep/docs#105).
    StepCa,
    /// micromdm's scepserver: no CertPoll; always answers with single DES, which no setting of ours makes safe.
    Micromdm,
    /// jscep's server: BER, triple DES and SHA-1 whatever was asked, and RenewalReq is an HTTP error.
    Jscep,
}

impl ServerFamily {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rfc8894,
        Self::Ndes,
        Self::Ejbca,
        Self::OpenXpki,
        Self::StepCa,
        Self::Micromdm,
        Self::Jscep,
    ];

    /// The quirks it has.
    #[must_use]
    pub fn quirks(self) -> ServerQuirks {
        use ServerQuirk::{
            CertRepWithHttpError, ContentWithoutEnvelope, NoCapabilities, OaepReply,
            SignerCertificateMissing,
        };
        let quirks: &[ServerQuirk] = match self {
            Self::Ndes => {
                &[ContentWithoutEnvelope, SignerCertificateMissing, NoCapabilities, OaepReply]
            }
            Self::OpenXpki => &[CertRepWithHttpError],
            Self::Rfc8894 | Self::Ejbca | Self::StepCa | Self::Micromdm | Self::Jscep => &[],
        };
        quirks.iter().copied().fold(ServerQuirks::NONE, ServerQuirks::with)
    }

    /// The algorithms it cannot do without. Single DES is never among them.
    #[must_use]
    pub const fn algorithms(self) -> AlgorithmPolicy {
        match self {
            Self::Ndes | Self::Jscep => AlgorithmPolicy::Legacy,
            Self::Rfc8894 | Self::Ejbca | Self::OpenXpki | Self::StepCa | Self::Micromdm => {
                AlgorithmPolicy::Modern
            }
        }
    }

    /// The message that it takes for a renewal.
    #[must_use]
    pub const fn renewal(self) -> RenewalMessage {
        match self {
            Self::Rfc8894 | Self::Ejbca | Self::OpenXpki | Self::Micromdm => RenewalMessage::Auto,
            Self::Ndes | Self::StepCa | Self::Jscep => RenewalMessage::PkcsReq,
        }
    }

    /// How it is asked for what is pending.
    #[must_use]
    pub const fn polling(self) -> PollBy {
        match self {
            Self::StepCa | Self::Micromdm => PollBy::Resubmission,
            Self::Rfc8894 | Self::Ndes | Self::Ejbca | Self::OpenXpki | Self::Jscep => {
                PollBy::CertPoll
            }
        }
    }
}

impl EnrolmentSettings {
    /// Settings for a server of this family: exactly the leniency that it needs.
    #[must_use]
    pub fn for_server(trust: CaTrust, family: ServerFamily) -> Self {
        let mut settings = Self::new(trust);
        settings.policy = family.algorithms();
        settings.quirks = family.quirks();
        settings.polling.by = family.polling();
        settings
    }
}
