//! A CA with a separate RA, from keys that are always the same, and what a server does with them.

use std::sync::LazyLock;

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::server::{Lock, Opened, Recipient, Rejected, ReplySettings, Unverified, Verified};
use scep_proto::{FallbackKey, ToBeSigned};
use scep_types::asn1::{Reader, Tag};
use scep_types::{
    AlgorithmPolicy, Certificate, CryptoProvider, KeyKind, Secret, SigningKey, UnixTime,
    spki_key_kind,
};

use crate::keys;

/// 2026-11-21T00:00:00Z, within the validity of every certificate here.
pub const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);

/// certificateRequestAgent, which Windows wants to see in an RA's certificate.
const CERTIFICATE_REQUEST_AGENT: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 1];

static SHARED: LazyLock<Pki> = LazyLock::new(|| Pki::new("rsa2048-ca", "rsa2048-ra"));

/// A CA and its RA.
#[derive(Debug)]
pub struct Pki {
    /// Signs certificates.
    pub ca_key: SoftwareKey,
    /// Self-signed.
    pub ca: Certificate,
    /// Decrypts requests and signs replies.
    pub ra_key: SoftwareKey,
    /// digitalSignature and keyEncipherment, certificateRequestAgent; issued by the CA.
    pub ra: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A CA: keyCertSign, cRLSign.
    Ca,
    /// A CA that also receives requests and signs replies.
    CaAndRa,
    /// An RA that signs and decrypts.
    Ra,
    /// An RA that only signs, as NDES has one of two.
    SigningRa,
    /// An RA that only decrypts, as NDES has the other.
    EncryptingRa,
    /// A device: clientAuth.
    Device,
}

impl Pki {
    /// The one with `rsa2048-ca` and `rsa2048-ra`.
    #[must_use]
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// A CA and RA with these keys.
    #[must_use]
    pub fn new(ca_key: &str, ra_key: &str) -> Self {
        let ca_pair = KeyPair::from_pem(&keys::pem(ca_key)).unwrap();
        let params = params("Test CA", &[1], Role::Ca);
        let ca = parse(&params.self_signed(&ca_pair).unwrap());
        let issuer = Issuer::new(params, ca_pair);
        let ra_key = keys::software(ra_key);
        let ra = sign("Test RA", &[2], Role::Ra, ra_key.spki(), &issuer);
        Self { ca_key: keys::software(ca_key), ca, ra_key, ra, issuer }
    }

    /// A certificate for any RSA or ECDSA key.
    #[must_use]
    pub fn issue(&self, common_name: &str, serial: &[u8], role: Role, spki: &[u8]) -> Certificate {
        sign(common_name, serial, role, spki, &self.issuer)
    }

    /// A CRL of the CA that revokes nothing, DER.
    #[must_use]
    pub fn crl(&self) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 1),
            next_update: date_time_ymd(2026, 12, 1),
            crl_number: SerialNumber::from_slice(&[4]),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// RA and CA as recipients of envelopes, the RA first.
    #[must_use]
    pub fn recipients(&self) -> [Recipient<'_>; 2] {
        [
            Recipient { certificate: &self.ra, key: &self.ra_key },
            Recipient { certificate: &self.ca, key: &self.ca_key },
        ]
    }

    /// What a server does first with a request.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn verify(message: &Bytes, policy: AlgorithmPolicy) -> Result<Verified, Box<Rejected>> {
        Unverified::parse(message.clone()).unwrap().verify(&provider(), policy)
    }

    /// Verifies and opens a request that is no poll.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn open(&self, message: &Bytes, policy: AlgorithmPolicy) -> Result<Opened, Box<Rejected>> {
        self.open_with(message, policy, &provider())
    }

    /// As [`Pki::open`], with another provider.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn open_with(
        &self,
        message: &Bytes,
        policy: AlgorithmPolicy,
        provider: &CryptoProvider,
    ) -> Result<Opened, Box<Rejected>> {
        let unverified = Unverified::parse(message.clone()).unwrap();
        match unverified.verify(provider, policy)? {
            Verified::Sealed(sealed) => {
                let fallback = FallbackKey::new([0x77; 32]);
                sealed.open(&self.recipients(), &fallback, provider, policy)
            }
            Verified::Poll(poll) => panic!("a poll is not opened: {poll:?}"),
        }
    }

    /// As [`Pki::open`], for a server that knows these passwords, too.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn open_knowing(
        &self,
        message: &Bytes,
        policy: AlgorithmPolicy,
        passwords: &[Secret],
    ) -> Result<Opened, Box<Rejected>> {
        let (provider, fallback) = (provider(), FallbackKey::new([0x77; 32]));
        let Verified::Sealed(sealed) = Self::verify(message, policy)? else {
            panic!("a poll is not opened")
        };
        match sealed.clone().lock(&[&self.ra, &self.ca], policy)? {
            Lock::Key(_) => sealed.open(&self.recipients(), &fallback, &provider, policy),
            Lock::Password(wrapped) => wrapped.open_with(passwords, &fallback, &provider, policy),
        }
    }

    /// What the RA brings to a reply.
    #[must_use]
    pub fn reply_settings<'a>(&'a self, provider: &'a CryptoProvider) -> ReplySettings<'a> {
        ReplySettings { signer: &self.ra, provider, now: NOW }
    }

    /// Signs a reply with the RA's key.
    #[must_use]
    pub fn sign_reply(&self, reply: ToBeSigned) -> Bytes {
        finish(reply, &self.ra_key)
    }
}

/// Signs a message and puts it together.
#[must_use]
pub fn finish(message: ToBeSigned, key: &dyn SigningKey) -> Bytes {
    let signature = key.sign(message.scheme(), message.bytes()).unwrap();
    message.finish(&signature)
}

/// A certificate that its own key signed.
#[must_use]
pub fn self_signed(common_name: &str, serial: &[u8], role: Role, key: &str) -> Certificate {
    let key = KeyPair::from_pem(&keys::pem(key)).unwrap();
    parse(&params(common_name, serial, role).self_signed(&key).unwrap())
}

fn sign(
    common_name: &str,
    serial: &[u8],
    role: Role,
    spki: &[u8],
    issuer: &Issuer<'_, KeyPair>,
) -> Certificate {
    let key = PublicKey::new(spki);
    parse(&params(common_name, serial, role).signed_by(&key, issuer).unwrap())
}

fn params(common_name: &str, serial: &[u8], role: Role) -> CertificateParams {
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2046, 1, 1);
    params.is_ca = match role {
        Role::Ca | Role::CaAndRa => IsCa::Ca(BasicConstraints::Unconstrained),
        Role::Ra | Role::SigningRa | Role::EncryptingRa | Role::Device => IsCa::ExplicitNoCa,
    };
    params.key_usages = match role {
        Role::Ca => vec![KeyCertSign, CrlSign],
        Role::CaAndRa => vec![DigitalSignature, KeyEncipherment, KeyCertSign, CrlSign],
        Role::Ra | Role::Device => vec![DigitalSignature, KeyEncipherment],
        Role::SigningRa => vec![DigitalSignature],
        Role::EncryptingRa => vec![KeyEncipherment],
    };
    let agent = ExtendedKeyUsagePurpose::Other(CERTIFICATE_REQUEST_AGENT.to_vec());
    params.extended_key_usages = match role {
        Role::Ca | Role::CaAndRa => vec![],
        Role::Ra | Role::SigningRa | Role::EncryptingRa => vec![agent],
        Role::Device => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    params
}

fn parse(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::parse(certificate.der().to_vec()).unwrap()
}

/// A public key as rcgen wants it.
struct PublicKey {
    octets: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKey {
    fn new(spki: &[u8]) -> Self {
        let algorithm = match spki_key_kind(spki).unwrap() {
            KeyKind::Rsa { .. } => &rcgen::PKCS_RSA_SHA256,
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            other => panic!("no certificate for a {other}"),
        };
        let mut info = Reader::der(spki).sequence().unwrap();
        info.expect(Tag::SEQUENCE).unwrap();
        Self { octets: info.bit_string_octets().unwrap().to_vec(), algorithm }
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.octets
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}
