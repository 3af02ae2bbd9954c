//! What each family of clients needs of a server. A need is one small item: what must hold, what happens otherwise, and
//! where that was seen.

use scep_proto::Capabilities;

use super::facts::{Facts, GetForm};

/// Clients that behave alike.
#[derive(Debug)]
pub(crate) struct Family {
    pub(super) name: &'static str,
    pub(super) needs: &'static [Need],
}

/// What a family needs.
#[derive(Debug)]
pub(crate) struct Need {
    pub(super) what: &'static str,
    pub(super) otherwise: &'static str,
    pub(super) weight: Weight,
    /// Whether it holds, as far as can be seen.
    pub(super) holds: fn(&Facts) -> Option<bool>,
    /// Where it is known from.
    pub(super) source: &'static str,
}

/// What a need that is not met means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It does not work.
    Needed,
    /// It works, with a drawback.
    Wished,
    /// It decides, and no probe can see it.
    Hidden,
}

/// Whether a family can work with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    Works,
    WorksWithRemarks,
    WillNotWork,
    CannotTell,
}

impl Outlook {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Works => "should work",
            Self::WorksWithRemarks => "should work, but",
            Self::WillNotWork => "will not work",
            Self::CannotTell => "cannot be told",
        }
    }
}

impl Family {
    /// The needs that are not met, or cannot be seen.
    pub(super) fn remarks<'a>(
        &'a self,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (&'a Need, Option<bool>)> {
        let judged = self.needs.iter().map(|need| (need, (need.holds)(facts)));
        judged.filter(|(_, holds)| *holds != Some(true))
    }

    pub(super) fn outlook(&self, facts: &Facts) -> Outlook {
        let (mut wished, mut unseen) = (false, false);
        for (need, holds) in self.remarks(facts) {
            match (need.weight, holds) {
                (Needed, Some(_)) => return Outlook::WillNotWork,
                (Needed, None) => unseen = true,
                (Wished, Some(_)) | (Hidden, _) => wished = true,
                (Wished, None) => {}
            }
        }
        match (unseen, wished) {
            (true, _) => Outlook::CannotTell,
            (false, true) => Outlook::WorksWithRemarks,
            (false, false) => Outlook::Works,
        }
    }
}

use Weight::{Hidden, Needed, Wished};

/// All families.
pub(crate) const FAMILIES: &[Family] = &[
    Family { name: "Windows with Intune", needs: WINDOWS },
    Family { name: "Apple (iOS, macOS)", needs: APPLE },
    Family { name: "Android and jscep", needs: JSCEP },
    Family { name: "ChromeOS", needs: CHROME },
    Family { name: "Cisco IOS", needs: CISCO },
    Family { name: "sscep", needs: SSCEP },
    Family { name: "scepclient (micromdm)", needs: SCEPCLIENT },
    Family { name: "strongSwan pki --scep", needs: STRONGSWAN },
    Family { name: "certmonger", needs: CERTMONGER },
    Family { name: "clients made for NDES", needs: NDES },
];

const RSA_RECIPIENT: Need = Need {
    what: "requests are encrypted to an RSA key",
    otherwise: "it cannot encrypt its request",
    weight: Needed,
    holds: Facts::recipient_is_rsa,
    source: "RFC 8894 §3.1; hashicorp/web-unified-docs#2301",
};

const PKICLIENT_PATH: Need = Need {
    what: "the URL works with /pkiclient.exe appended",
    otherwise: "it appends that by itself and gets HTTP 404 (Windows: 0x80190194)",
    weight: Needed,
    holds: Facts::serves_pkiclient,
    source: "micromdm/scep#238; smallstep/certificates#846",
};

const BARE_TYPES: Need = Need {
    what: "GetCACert's Content-Type is the bare one for its content",
    otherwise: "it compares the whole value and refuses another",
    weight: Needed,
    holds: Facts::media_types_are_bare,
    source: "RFC 8894 §4.2.1; openxpki de273269c",
};

const POST_OR_LONG_GET: Need = Need {
    what: "POSTPKIOperation is announced, or request targets may be 64 KiB long",
    otherwise: "its messages of 7 to 10 kB do not fit into a GET (HTTP 414)",
    weight: Needed,
    holds: |facts| {
        if facts.announces(Capabilities::POST_PKI_OPERATION) {
            return Some(true);
        }
        facts.takes_long_targets()
    },
    source: "Microsoft, NDES request filtering (maxURL 65534)",
};

const POST_OR_RAW_GET: Need = Need {
    what: "POSTPKIOperation is announced, or base64 in a GET may have + and / as they are",
    otherwise: "its GET is not understood",
    weight: Needed,
    holds: |facts| {
        if facts.announces(Capabilities::POST_PKI_OPERATION) {
            return Some(true);
        }
        facts.reads(GetForm::Raw)
    },
    source: "smallstep/certificates#1570; fleetdm/fleet#45291",
};

const SOME_CIPHER: Need = Need {
    what: "AES or DES3 is announced",
    otherwise: "it falls back to single DES",
    weight: Needed,
    holds: |facts| Some(facts.announces(Capabilities::AES) || facts.announces(Capabilities::DES3)),
    source: "RFC 8894 §3.5.2; certnanny/sscep",
};

/// micromdm's scepserver, step-ca unless told otherwise, and old NDES and EJBCA answer with single DES.
const NO_DES_ANSWER: Need = Need {
    what: "a certificate comes encrypted with AES or triple DES",
    otherwise: "with OpenSSL 3 it does not open single DES",
    weight: Hidden,
    holds: |_| None,
    source: "micromdm scepserver 2.1.0 and step-ca 0.19 as run",
};

const WINDOWS: &[Need] = &[
    RSA_RECIPIENT,
    Need {
        what: "the certificate requests are encrypted to has digitalSignature and keyEncipherment",
        otherwise: "it asks GetCACaps and GetCACert for ever: 0x8010002c",
        weight: Needed,
        holds: Facts::recipient_signs_and_deciphers,
        source: "microsoft/Intune-Resource-Access#87; NeySlim/ultimate-ca-manager#228",
    },
    Need {
        what: "an RA's certificate has the EKU serverAuth or certificate request agent",
        otherwise: "it finds no certificate to encrypt to: 0x8010002c",
        weight: Needed,
        holds: Facts::ra_has_windows_eku,
        source: "NeySlim/ultimate-ca-manager#228",
    },
    PKICLIENT_PATH,
    POST_OR_LONG_GET,
    Need {
        what: "GetCACert has the chain up to the root",
        otherwise: "the Intune profile must name the issuing CA, else \"the hash value is not correct\"",
        weight: Wished,
        holds: Facts::has_root,
        source: "NeySlim/ultimate-ca-manager#228; inverse-inc/packetfence#6927",
    },
    Need {
        what: "GetCACaps is plain: one keyword a line, no blanks, no carriage returns",
        otherwise: "it parses the answer strictly",
        weight: Wished,
        holds: Facts::caps_are_clean,
        source: "Windows enrolment client; RFC 8894 §3.5.2",
    },
    Need {
        what: "the server takes SHA-1 signatures, RSA-OAEP, and a signer that is not the CSR's key",
        otherwise: "its requests are refused",
        weight: Hidden,
        holds: |_| None,
        source: "smallstep/certificates#1300, #1994",
    },
];

const APPLE: &[Need] = &[
    RSA_RECIPIENT,
    Need {
        what: "GetCACert has one bare certificate, or an RA below the CA with digitalSignature and keyEncipherment",
        otherwise: "it looks for an RA in vain: -67731",
        weight: Needed,
        holds: Facts::suits_apple,
        source: "NeySlim/ultimate-ca-manager PR #102; seize-the-dave/jscep#35",
    },
    BARE_TYPES,
    Need {
        what: "the certificate requests are encrypted to has digitalSignature and keyEncipherment",
        otherwise: "macOS picks the wrong one, or none",
        weight: Wished,
        holds: Facts::recipient_signs_and_deciphers,
        source: "openxpki/openxpki-config#14; micromdm/scep#81, #197",
    },
    POST_OR_RAW_GET,
    Need {
        what: "Renewal is announced",
        otherwise: "it does not renew, though it would use PKCSReq for that",
        weight: Wished,
        holds: |facts| Some(facts.announces(Capabilities::RENEWAL)),
        source: "smallstep/certificates scep/authority.go",
    },
    SOME_CIPHER,
    Need {
        what: "GetCACaps is text/plain without parameters, clean, one keyword a line",
        otherwise: "iOS 18 says that the CA lacks a capability",
        weight: Wished,
        holds: |facts| Some(facts.caps_are_clean()? && facts.caps_type_is_bare()?),
        source: "smallstep/certificates#2405",
    },
];

const JSCEP: &[Need] = &[
    RSA_RECIPIENT,
    BARE_TYPES,
    Need {
        what: "GetCACaps has the keywords exactly, without blanks",
        otherwise: "it knows none of them, and uses DES and MD5",
        weight: Needed,
        holds: Facts::caps_are_clean,
        source: "seize-the-dave/jscep, capability parser",
    },
    Need {
        what: "an RA is directly below the issuing CA",
        otherwise: "it does not find the RA",
        weight: Needed,
        holds: Facts::ra_is_below_ca,
        source: "seize-the-dave/jscep#35",
    },
    POST_OR_RAW_GET,
    Need {
        what: "the URL is https",
        otherwise: "Android refuses plain HTTP; jscep elsewhere does not mind",
        weight: Wished,
        holds: Facts::is_https,
        source: "Android network security configuration",
    },
    Need {
        what: "GetCACert has the root",
        otherwise: "the profile for Android must bring the root along",
        weight: Wished,
        holds: Facts::has_root,
        source: "SCEPman documentation, intermediate certificates",
    },
];

const CHROME: &[Need] = &[
    RSA_RECIPIENT,
    BARE_TYPES,
    Need {
        what: "POSTPKIOperation, AES and SCEPStandard are announced",
        otherwise: "the connector gives up",
        weight: Needed,
        holds: |facts| {
            let wanted =
                [Capabilities::POST_PKI_OPERATION, Capabilities::AES, Capabilities::SCEP_STANDARD];
            Some(wanted.into_iter().all(|capability| facts.announces(capability)))
        },
        source: "certctl documentation of its SCEP server; smallstep/certificates#908",
    },
];

const CISCO: &[Need] = &[
    RSA_RECIPIENT,
    PKICLIENT_PATH,
    BARE_TYPES,
    Need {
        what: "base64 in a GET may have line ends every 64 characters",
        otherwise: "its GET is not understood; it asks by GET even where POST is announced",
        weight: Needed,
        holds: |facts| facts.reads(GetForm::Lines),
        source: "smallstep/certificates#916, #2100; micromdm/scep#211",
    },
    Need {
        what: "GetCACert takes any name in message=",
        otherwise: "it sends the name of its trustpoint",
        weight: Needed,
        holds: Facts::takes_any_ca_name,
        source: "Cisco IOS PKI; certnanny/sscep#160",
    },
    Need {
        what: "SHA-1 and DES3 are announced",
        otherwise: "old images know nothing better, and refuse answers they do not know",
        weight: Wished,
        holds: |facts| {
            Some(facts.announces(Capabilities::SHA_1) && facts.announces(Capabilities::DES3))
        },
        source: "seize-the-dave/jscep#97; Keyfactor/ejbca-ce#176",
    },
];

const SSCEP: &[Need] = &[
    RSA_RECIPIENT,
    BARE_TYPES,
    SOME_CIPHER,
    NO_DES_ANSWER,
    Need {
        what: "base64 in a GET may have line ends every 64 characters, or POSTPKIOperation is announced",
        otherwise: "its GET is not understood",
        weight: Needed,
        holds: |facts| {
            if facts.announces(Capabilities::POST_PKI_OPERATION) {
                return Some(true);
            }
            facts.reads(GetForm::Lines)
        },
        source: "sscep 0.10 as run",
    },
    Need {
        what: "GetCACaps is text/plain without parameters",
        otherwise: "older ones compare the whole value",
        weight: Wished,
        holds: Facts::caps_type_is_bare,
        source: "openxpki 879a99b08",
    },
];

const SCEPCLIENT: &[Need] = &[
    RSA_RECIPIENT,
    Need {
        what: "POSTPKIOperation is announced, or base64url is taken in a GET",
        otherwise: "its GET is not understood",
        weight: Needed,
        holds: |facts| {
            if facts.announces(Capabilities::POST_PKI_OPERATION) {
                return Some(true);
            }
            facts.reads(GetForm::Url)
        },
        source: "scepclient 2.1.0 as run",
    },
    Need {
        what: "the server takes single DES and SHA-1, whatever it announces",
        otherwise: "its requests are refused: badAlg",
        weight: Hidden,
        holds: |_| None,
        source: "scepclient 2.1.0 as run",
    },
];

const STRONGSWAN: &[Need] = &[
    RSA_RECIPIENT,
    SOME_CIPHER,
    NO_DES_ANSWER,
    Need {
        what: "answers are signed as rsaEncryption",
        otherwise: "5.9.8 says \"only RSA digest encryption supported\"",
        weight: Hidden,
        holds: |_| None,
        source: "strongSwan 5.9.8 against scepserver and step-ca as run",
    },
    Need {
        what: "SHA-384 is announced beside AES",
        otherwise: "5.9.8 (Debian 12) does not use AES; 5.9.11 does",
        weight: Wished,
        holds: |facts| {
            Some(facts.announces(Capabilities::SHA_384) || !facts.announces(Capabilities::AES))
        },
        source: "strongSwan 5.9.8 as run",
    },
    Need {
        what: "AES, DES3 or SHA-256 is announced where POST is to be used",
        otherwise: "it asks by GET",
        weight: Wished,
        holds: |facts| {
            let any = [Capabilities::AES, Capabilities::DES3, Capabilities::SHA_256];
            Some(any.into_iter().any(|capability| facts.announces(capability)))
        },
        source: "strongSwan 5.9.8 as run",
    },
];

const CERTMONGER: &[Need] = &[
    RSA_RECIPIENT,
    BARE_TYPES,
    SOME_CIPHER,
    NO_DES_ANSWER,
    Need {
        what: "PKIOperation by GET, base64 escaped",
        otherwise: "it always asks by GET",
        weight: Needed,
        holds: |facts| facts.reads(GetForm::Escaped),
        source: "certmonger 0.79.17 as run",
    },
    Need {
        what: "the CA is its own RA",
        otherwise: "the RA's certificate must be given with -r, and the CA's with -N",
        weight: Wished,
        holds: |facts| Some(facts.recipient()? == facts.issuing_ca()?),
        source: "certmonger 0.79.17 as run",
    },
];

const NDES: &[Need] = &[
    RSA_RECIPIENT,
    PKICLIENT_PATH,
    Need {
        what: "GetCACert has an RA beside the CA",
        otherwise: "those that expect the pair of NDES find one certificate",
        weight: Wished,
        holds: |facts| Some(facts.recipient()? != facts.issuing_ca()?),
        source: "RFC 8894 §3.5.2; certnanny/sscep#59",
    },
    Need {
        what: "the path ends as that of NDES",
        otherwise: "those that complete the address themselves look under /certsrv/mscep/mscep.dll",
        weight: Wished,
        holds: |facts| Some(facts.url.to_ascii_lowercase().contains("/certsrv/mscep/mscep.dll")),
        source: "Microsoft, NDES",
    },
    POST_OR_LONG_GET,
];
