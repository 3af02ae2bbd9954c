use std::fmt;

use scep_types::asn1::{Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    BasicConstraints, Certificate, DigestAlgorithm, KeyKind, KeyUsage, SignatureScheme, UnixTime,
};

/// What a certificate does for the devices that ask a server for its certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateRole {
    /// A CA that also signs and decrypts messages itself.
    CaAsRa,
    /// A CA beside which one or more RAs sign and decrypt messages.
    CaBehindRa,
    /// An RA that signs and decrypts messages.
    Ra,
    /// An RA that only signs messages.
    SigningRa,
    /// An RA that only decrypts messages.
    DecryptingRa,
}

/// What a certificate has or lacks that makes some devices fail to enrol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Incompatibility {
    /// It is not valid at that time.
    NotValid(UnixTime),
    /// The key is not RSA: SCEP devices encrypt to RSA keys only.
    KeyNotRsa,
    /// A CA without basicConstraints cA TRUE.
    NotCa,
    /// An RA that is a CA: Apple looks for a leaf below the CA.
    RaIsCa,
    /// keyUsage is absent: macOS picks certificates by it.
    NoKeyUsage,
    /// keyUsage lacks digitalSignature: Windows (0x8010002c) and Apple (-67731) find nobody who may sign.
    LacksDigitalSignature,
    /// keyUsage lacks keyEncipherment: Windows (0x8010002c) and Apple (-67731) find nobody to encrypt to.
    LacksKeyEncipherment,
    /// keyUsage lacks keyCertSign.
    LacksKeyCertSign,
    /// An RA without the extended key usage serverAuth or certificate request agent, for which some Windows look.
    LacksRaExtendedKeyUsage,
    /// A CA restricted by extended key usages: RADIUS servers refuse what it issues for other purposes.
    CaRestrictedByExtendedKeyUsage,
    /// Signed by RSASSA-PSS: iOS refuses it.
    SignedByPss,
    /// Signed with SHA-1 or MD5: iOS refuses it.
    SignedByWeakDigest(DigestAlgorithm),
}

/// What is wrong with a certificate that a server is to hand out in this role; empty if nothing is.
///
/// The demands are RFC 8894 §2.1.2's and those of Windows and Apple devices. A chain is not built and no signature
/// verified. `now` decides validity.
#[must_use]
pub fn incompatibilities(
    certificate: &Certificate,
    role: CertificateRole,
    now: UnixTime,
) -> Vec<Incompatibility> {
    let mut found = Vec::new();
    if !certificate.validity().contains(now) {
        found.push(Incompatibility::NotValid(now));
    }
    if role != CertificateRole::CaBehindRa
        && !matches!(certificate.key_kind(), Ok(KeyKind::Rsa { .. }))
    {
        found.push(Incompatibility::KeyNotRsa);
    }
    check_constraints(certificate, role, &mut found);
    check_key_usage(certificate, role, &mut found);
    check_extended_key_usage(certificate, role, &mut found);
    check_signature(certificate, &mut found);
    found
}

impl CertificateRole {
    fn is_ca(self) -> bool {
        matches!(self, Self::CaAsRa | Self::CaBehindRa)
    }

    /// The key usages it needs, each with what its lack is called.
    fn demands(self) -> impl Iterator<Item = (KeyUsage, Incompatibility)> {
        let signs = matches!(self, Self::CaAsRa | Self::Ra | Self::SigningRa);
        let decrypts = matches!(self, Self::CaAsRa | Self::Ra | Self::DecryptingRa);
        let all = [
            (signs, KeyUsage::DIGITAL_SIGNATURE, Incompatibility::LacksDigitalSignature),
            (decrypts, KeyUsage::KEY_ENCIPHERMENT, Incompatibility::LacksKeyEncipherment),
            (self.is_ca(), KeyUsage::KEY_CERT_SIGN, Incompatibility::LacksKeyCertSign),
        ];
        all.into_iter().filter(|(needed, ..)| *needed).map(|(_, usage, lack)| (usage, lack))
    }
}

fn check_constraints(
    certificate: &Certificate,
    role: CertificateRole,
    found: &mut Vec<Incompatibility>,
) {
    match (role.is_ca(), certificate.basic_constraints()) {
        (true, BasicConstraints::EndEntity) => found.push(Incompatibility::NotCa),
        (false, BasicConstraints::Ca) => found.push(Incompatibility::RaIsCa),
        _ => {}
    }
}

fn check_key_usage(
    certificate: &Certificate,
    role: CertificateRole,
    found: &mut Vec<Incompatibility>,
) {
    match certificate.key_usage() {
        None => found.push(Incompatibility::NoKeyUsage),
        Some(bits) => found.extend(
            role.demands().filter(|(usage, _)| !bits.contains(*usage)).map(|(_, lack)| lack),
        ),
    }
}

fn check_extended_key_usage(
    certificate: &Certificate,
    role: CertificateRole,
    found: &mut Vec<Incompatibility>,
) {
    let usages = certificate.extension(&oid::EXTENDED_KEY_USAGE);
    if role.is_ca() {
        if usages.is_some() {
            found.push(Incompatibility::CaRestrictedByExtendedKeyUsage);
        }
        return;
    }
    let wanted = [oid::SERVER_AUTH, oid::MS_CERTIFICATE_REQUEST_AGENT];
    if !usages.is_some_and(|value| lists_any(&value, &wanted)) {
        found.push(Incompatibility::LacksRaExtendedKeyUsage);
    }
}

fn check_signature(certificate: &Certificate, found: &mut Vec<Incompatibility>) {
    match signature_scheme(certificate) {
        Some(SignatureScheme::RsaPss(_)) => found.push(Incompatibility::SignedByPss),
        Some(scheme) => {
            let weak = scheme.digest().filter(|digest| *digest < DigestAlgorithm::Sha256);
            found.extend(weak.map(Incompatibility::SignedByWeakDigest));
        }
        None => {}
    }
}

/// Whether a `SEQUENCE OF OBJECT IDENTIFIER` holds one of these.
fn lists_any(value: &[u8], wanted: &[Oid]) -> bool {
    let Ok(mut list) = Reader::ber(value).sequence() else { return false };
    std::iter::from_fn(|| list.oid().ok()).any(|usage| wanted.contains(&usage))
}

/// The scheme by which it is signed, or `None` for one we do not know.
fn signature_scheme(certificate: &Certificate) -> Option<SignatureScheme> {
    let mut outer = Reader::ber(certificate.der()).sequence().ok()?;
    outer.expect(Tag::SEQUENCE).ok()?;
    SignatureScheme::read(&mut outer).ok()
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotValid(now) => write!(f, "not valid at {now}"),
            Self::KeyNotRsa => f.write_str("the key is not RSA; SCEP devices encrypt to RSA only"),
            Self::NotCa => f.write_str("basicConstraints does not say CA"),
            Self::RaIsCa => f.write_str("an RA that is a CA; Apple looks for a leaf"),
            Self::NoKeyUsage => f.write_str("no keyUsage; macOS picks certificates by it"),
            Self::LacksDigitalSignature => {
                f.write_str("keyUsage lacks digitalSignature; Windows and Apple fail")
            }
            Self::LacksKeyEncipherment => {
                f.write_str("keyUsage lacks keyEncipherment; Windows and Apple fail")
            }
            Self::LacksKeyCertSign => f.write_str("keyUsage lacks keyCertSign"),
            Self::LacksRaExtendedKeyUsage => f.write_str(
                "no extended key usage serverAuth or certificate request agent; some Windows fail",
            ),
            Self::CaRestrictedByExtendedKeyUsage => {
                f.write_str("a CA restricted by extended key usages; RADIUS servers may refuse")
            }
            Self::SignedByPss => f.write_str("signed by RSASSA-PSS; iOS refuses it"),
            Self::SignedByWeakDigest(digest) => write!(f, "signed with {digest:?}; iOS refuses it"),
        }
    }
}
