//! Object identifiers, one constant each, named as in the document that defines it.

use std::fmt;

/// An object identifier as its DER content octets; unknown ones survive and print.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid {
    octets: [u8; Self::MAX_OCTETS],
    used: u8,
}

impl Oid {
    /// Content octets an OID may have here; the longest in use has 14.
    pub const MAX_OCTETS: usize = 39;

    /// An OID from its dotted form.
    ///
    /// # Panics
    /// The text is no OID of two or more arcs; for constants this is a compile error.
    #[must_use]
    #[expect(clippy::panic, reason = "a constant that is no OID does not compile")]
    pub const fn new(dotted: &str) -> Self {
        match Self::parse(dotted) {
            Some(oid) => oid,
            None => panic!("not an object identifier"),
        }
    }

    /// An OID from its dotted form, or `None` if the text is none.
    #[must_use]
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "constant evaluation has neither iterators nor `get`; each index and sum is bounded beside it"
    )]
    pub const fn parse(dotted: &str) -> Option<Self> {
        let text = dotted.as_bytes();
        let mut oid = Self { octets: [0; Self::MAX_OCTETS], used: 0 };
        let (mut at, mut arcs, mut first) = (0, 0_u32, 0);
        loop {
            let Some((arc, next)) = parse_arc(text, at) else { return None };
            match arcs {
                0 if arc > 2 => return None,
                0 => first = arc,
                1 if first < 2 && arc > 39 => return None,
                1 => match oid.with_arc(first as u64 * 40 + arc as u64) {
                    Some(longer) => oid = longer,
                    None => return None,
                },
                _ => match oid.with_arc(arc as u64) {
                    Some(longer) => oid = longer,
                    None => return None,
                },
            }
            arcs += 1;
            if next == text.len() {
                return if arcs < 2 { None } else { Some(oid) };
            }
            if text[next] != b'.' {
                return None;
            }
            at = next + 1;
        }
    }

    /// An OID from its DER content octets, or `None` if they are none or more than [`Oid::MAX_OCTETS`].
    #[must_use]
    pub fn from_content(content: &[u8]) -> Option<Self> {
        let complete = content.last().is_some_and(|last| last & 0x80 == 0);
        let mut start = true;
        let minimal = content.iter().all(|octet| {
            let padded = start && *octet == 0x80;
            start = octet & 0x80 == 0;
            !padded
        });
        let mut octets = [0; Self::MAX_OCTETS];
        octets.get_mut(..content.len())?.copy_from_slice(content);
        let used = u8::try_from(content.len()).ok()?;
        (complete && minimal).then_some(Self { octets, used })
    }

    /// The DER content octets.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.octets.get(..usize::from(self.used)).unwrap_or_default()
    }

    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "constant evaluation has neither iterators nor `get`; each index and sum is bounded beside it"
    )]
    const fn with_arc(mut self, arc: u64) -> Option<Self> {
        let mut groups = 1;
        while groups < 10 && arc >> (7 * groups) != 0 {
            groups += 1;
        }
        while groups > 0 {
            groups -= 1;
            if self.used as usize == Self::MAX_OCTETS {
                return None;
            }
            let more = if groups > 0 { 0x80 } else { 0 };
            self.octets[self.used as usize] = ((arc >> (7 * groups)) & 0x7F) as u8 | more;
            self.used += 1;
        }
        Some(self)
    }
}

/// The decimal arc that starts at `at` and where it ends; leading zeros and overflow refused.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "constant evaluation has neither iterators nor `get`; each index and sum is bounded beside it"
)]
const fn parse_arc(text: &[u8], start: usize) -> Option<(u32, usize)> {
    let (mut at, mut arc) = (start, 0_u32);
    while at < text.len() && text[at].is_ascii_digit() {
        arc = match arc.checked_mul(10) {
            Some(tens) => match tens.checked_add((text[at] - b'0') as u32) {
                Some(sum) => sum,
                None => return None,
            },
            None => return None,
        };
        at += 1;
    }
    if at == start || (text[start] == b'0' && at > start + 1) { None } else { Some((arc, at)) }
}

/// Dotted; the content octets in hexadecimal if an arc has more than 128 bits.
impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arcs = self.content().split_inclusive(|octet| octet & 0x80 == 0).map(arc_value);
        let Some(arcs) = arcs.collect::<Option<Vec<u128>>>() else {
            f.write_str("0x")?;
            return self.content().iter().try_for_each(|octet| write!(f, "{octet:02x}"));
        };
        for (position, arc) in arcs.into_iter().enumerate() {
            if position == 0 {
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc.saturating_sub(root.saturating_mul(40)))?;
            } else {
                write!(f, ".{arc}")?;
            }
        }
        Ok(())
    }
}

/// The value of one arc's base-128 digits, or `None` if it has more than 128 bits.
fn arc_value(digits: &[u8]) -> Option<u128> {
    digits
        .iter()
        .try_fold(0_u128, |value, digit| Some(value.checked_mul(128)? | u128::from(digit & 0x7F)))
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! oids {
    ($($(#[$doc:meta])+ $name:ident = $dotted:literal;)+) => {
        $($(#[$doc])+ pub const $name: Oid = Oid::new($dotted);)+
    };
}

oids! {
    /// id-data (RFC 5652 §4).
    ID_DATA = "1.2.840.113549.1.7.1";
    /// id-signedData (RFC 5652 §5).
    ID_SIGNED_DATA = "1.2.840.113549.1.7.2";
    /// id-envelopedData (RFC 5652 §6).
    ID_ENVELOPED_DATA = "1.2.840.113549.1.7.3";
    /// id-ct-authEnvelopedData (RFC 5083 §2).
    ID_AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23";

    /// contentType attribute (RFC 5652 §11.1).
    CONTENT_TYPE = "1.2.840.113549.1.9.3";
    /// messageDigest attribute (RFC 5652 §11.2).
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
    /// signingTime attribute (RFC 5652 §11.3).
    SIGNING_TIME = "1.2.840.113549.1.9.5";

    /// messageType attribute (RFC 8894 §3.2.1.2).
    MESSAGE_TYPE = "2.16.840.1.113733.1.9.2";
    /// pkiStatus attribute (RFC 8894 §3.2.1.3).
    PKI_STATUS = "2.16.840.1.113733.1.9.3";
    /// failInfo attribute (RFC 8894 §3.2.1.4).
    FAIL_INFO = "2.16.840.1.113733.1.9.4";
    /// senderNonce attribute (RFC 8894 §3.2.1.5).
    SENDER_NONCE = "2.16.840.1.113733.1.9.5";
    /// recipientNonce attribute (RFC 8894 §3.2.1.5).
    RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6";
    /// transactionID attribute (RFC 8894 §3.2.1.1).
    TRANSACTION_ID = "2.16.840.1.113733.1.9.7";
    /// failInfoText attribute (RFC 8894 §3.2.1.4).
    FAIL_INFO_TEXT = "1.3.6.1.5.5.7.24.1";

    /// challengePassword CSR attribute (RFC 2985 §5.4.1).
    CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7";
    /// extensionRequest CSR attribute (RFC 2985 §5.4.2).
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
    /// Microsoft's older extensionRequest CSR attribute.
    MS_CERT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14";
    /// VeriSign's extensionRequest CSR attribute.
    VERISIGN_EXTENSION_REQUEST = "2.16.840.1.113733.1.9.8";
    /// Microsoft's enrolment name/value pair CSR attribute, which carries the wished validity.
    MS_ENROLLMENT_NAME_VALUE_PAIR = "1.3.6.1.4.1.311.13.2.1";

    /// md5 (RFC 3370 §2.2).
    MD5 = "1.2.840.113549.2.5";
    /// sha1 (RFC 3370 §2.1).
    SHA1 = "1.3.14.3.2.26";
    /// sha256 (RFC 5754 §2.2).
    SHA256 = "2.16.840.1.101.3.4.2.1";
    /// sha384 (RFC 5754 §2.3).
    SHA384 = "2.16.840.1.101.3.4.2.2";
    /// sha512 (RFC 5754 §2.4).
    SHA512 = "2.16.840.1.101.3.4.2.3";

    /// rsaEncryption (RFC 3370 §3.2).
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
    /// md5WithRSAEncryption (RFC 3370 §3.2).
    MD5_WITH_RSA = "1.2.840.113549.1.1.4";
    /// sha1WithRSAEncryption (RFC 3370 §3.2).
    SHA1_WITH_RSA = "1.2.840.113549.1.1.5";
    /// id-RSAES-OAEP (RFC 3560 §3).
    RSAES_OAEP = "1.2.840.113549.1.1.7";
    /// id-mgf1 (RFC 4055 §2.2).
    MGF1 = "1.2.840.113549.1.1.8";
    /// id-pSpecified (RFC 4055 §4.1).
    P_SPECIFIED = "1.2.840.113549.1.1.9";
    /// id-RSASSA-PSS (RFC 4055 §3.1).
    RSASSA_PSS = "1.2.840.113549.1.1.10";
    /// sha256WithRSAEncryption (RFC 5754 §3.2).
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
    /// sha384WithRSAEncryption (RFC 5754 §3.2).
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12";
    /// sha512WithRSAEncryption (RFC 5754 §3.2).
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13";

    /// id-ecPublicKey (RFC 5480 §2.1.1).
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    /// secp256r1, P-256 (RFC 5480 §2.1.1.1).
    SECP256R1 = "1.2.840.10045.3.1.7";
    /// secp384r1, P-384 (RFC 5480 §2.1.1.1).
    SECP384R1 = "1.3.132.0.34";
    /// secp521r1, P-521 (RFC 5480 §2.1.1.1).
    SECP521R1 = "1.3.132.0.35";
    /// ecdsa-with-SHA1 (RFC 3279 §2.2.3).
    ECDSA_WITH_SHA1 = "1.2.840.10045.4.1";
    /// ecdsa-with-SHA256 (RFC 5758 §3.2).
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
    /// ecdsa-with-SHA384 (RFC 5758 §3.2).
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";
    /// ecdsa-with-SHA512 (RFC 5758 §3.2).
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4";
    /// id-Ed25519 (RFC 8410 §3).
    ED25519 = "1.3.101.112";

    /// des-CBC, single DES (OIW).
    DES_CBC = "1.3.14.3.2.7";
    /// des-ede3-cbc (RFC 3370 §5.1).
    DES_EDE3_CBC = "1.2.840.113549.3.7";
    /// aes128-CBC (RFC 3565 §2.1).
    AES128_CBC = "2.16.840.1.101.3.4.1.2";
    /// aes192-CBC (RFC 3565 §2.1).
    AES192_CBC = "2.16.840.1.101.3.4.1.22";
    /// aes256-CBC (RFC 3565 §2.1).
    AES256_CBC = "2.16.840.1.101.3.4.1.42";

    /// id-alg-PWRI-KEK (RFC 3211 §2.3).
    PWRI_KEK = "1.2.840.113549.1.9.16.3.9";
    /// id-PBKDF2 (RFC 8018 appendix A.2).
    PBKDF2 = "1.2.840.113549.1.5.12";
    /// id-PBES2 (RFC 8018 appendix A.4).
    PBES2 = "1.2.840.113549.1.5.13";
    /// id-scrypt (RFC 7914 §7).
    SCRYPT = "1.3.6.1.4.1.11591.4.11";
    /// id-hmacWithSHA1 (RFC 8018 appendix B.1.1).
    HMAC_WITH_SHA1 = "1.2.840.113549.2.7";
    /// id-hmacWithSHA256 (RFC 8018 appendix B.1.2).
    HMAC_WITH_SHA256 = "1.2.840.113549.2.9";
    /// id-hmacWithSHA384 (RFC 8018 appendix B.1.2).
    HMAC_WITH_SHA384 = "1.2.840.113549.2.10";
    /// id-hmacWithSHA512 (RFC 8018 appendix B.1.2).
    HMAC_WITH_SHA512 = "1.2.840.113549.2.11";

    /// commonName (RFC 5280 appendix A.1).
    COMMON_NAME = "2.5.4.3";
    /// serialNumber attribute of a name (RFC 5280 appendix A.1).
    SERIAL_NUMBER = "2.5.4.5";
    /// countryName (RFC 5280 appendix A.1).
    COUNTRY_NAME = "2.5.4.6";
    /// localityName (RFC 5280 appendix A.1).
    LOCALITY_NAME = "2.5.4.7";
    /// stateOrProvinceName (RFC 5280 appendix A.1).
    STATE_OR_PROVINCE_NAME = "2.5.4.8";
    /// organizationName (RFC 5280 appendix A.1).
    ORGANIZATION_NAME = "2.5.4.10";
    /// organizationalUnitName (RFC 5280 appendix A.1).
    ORGANIZATIONAL_UNIT_NAME = "2.5.4.11";
    /// domainComponent (RFC 4519 §2.4).
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
    /// emailAddress attribute of a name (RFC 2985 §5.2.1).
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

    /// subjectKeyIdentifier (RFC 5280 §4.2.1.2).
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    /// keyUsage (RFC 5280 §4.2.1.3).
    KEY_USAGE = "2.5.29.15";
    /// subjectAltName (RFC 5280 §4.2.1.6).
    SUBJECT_ALT_NAME = "2.5.29.17";
    /// basicConstraints (RFC 5280 §4.2.1.9).
    BASIC_CONSTRAINTS = "2.5.29.19";
    /// cRLNumber (RFC 5280 §5.2.3).
    CRL_NUMBER = "2.5.29.20";
    /// reasonCode CRL entry extension (RFC 5280 §5.3.1).
    CRL_REASON = "2.5.29.21";
    /// cRLDistributionPoints (RFC 5280 §4.2.1.13).
    CRL_DISTRIBUTION_POINTS = "2.5.29.31";
    /// certificatePolicies (RFC 5280 §4.2.1.4).
    CERTIFICATE_POLICIES = "2.5.29.32";
    /// authorityKeyIdentifier (RFC 5280 §4.2.1.1).
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    /// extKeyUsage (RFC 5280 §4.2.1.12).
    EXTENDED_KEY_USAGE = "2.5.29.37";
    /// authorityInfoAccess (RFC 5280 §4.2.2.1).
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    /// id-ad-ocsp (RFC 5280 §4.2.2.1).
    AD_OCSP = "1.3.6.1.5.5.7.48.1";
    /// id-ad-caIssuers (RFC 5280 §4.2.2.1).
    AD_CA_ISSUERS = "1.3.6.1.5.5.7.48.2";
    /// id-kp-serverAuth (RFC 5280 §4.2.1.12).
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    /// id-kp-clientAuth (RFC 5280 §4.2.1.12).
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    /// anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";
    /// id-kp-cmcRA (RFC 6402 §2.10).
    CMC_RA = "1.3.6.1.5.5.7.3.28";
    /// Microsoft's certificate request agent EKU, which Windows looks for in an RA certificate.
    MS_CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1";
    /// Microsoft's user principal name, an otherName (UTF8String).
    MS_UPN = "1.3.6.1.4.1.311.20.2.3";
    /// Microsoft's szOID_NTDS_CA_SECURITY_EXT (KB5014754).
    MS_NTDS_CA_SECURITY_EXT = "1.3.6.1.4.1.311.25.2";
    /// The object SID inside szOID_NTDS_CA_SECURITY_EXT (KB5014754).
    MS_NTDS_OBJECTSID = "1.3.6.1.4.1.311.25.2.1";
}
