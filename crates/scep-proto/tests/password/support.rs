//! An EC CA with an EC RA, a device with an EC key, and what they say to each other.

use std::sync::LazyLock;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::FallbackKey;
use scep_proto::server::{Enrolment, Lock, Opened, PasswordWrapped, Rejected, Verified};
use scep_test::craft::{Derivation, Envelope, SignedMessage};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::{CHALLENGE, Device};
use scep_types::{AlgorithmPolicy, ContentCipher, CryptoProvider, DigestAlgorithm, Secret};

pub(crate) const AES: ContentCipher = ContentCipher::Aes128Cbc;
pub(crate) const MODERN: AlgorithmPolicy = AlgorithmPolicy::Modern;

static EC_PKI: LazyLock<Pki> = LazyLock::new(|| Pki::new("p256-ca", "p256-anchor"));
static EC_DEVICE: LazyLock<Device> =
    LazyLock::new(|| Device::new("device", keys::software("p256-device")));
static RSA_DEVICE: LazyLock<Device> =
    LazyLock::new(|| Device::new("device", keys::software("rsa2048-device")));

/// A CA and an RA, neither of which can decrypt.
pub(crate) fn ec_pki() -> &'static Pki {
    &EC_PKI
}

/// A CA and an RA with RSA keys.
pub(crate) fn rsa_pki() -> &'static Pki {
    Pki::shared()
}

pub(crate) fn ec_device() -> &'static Device {
    &EC_DEVICE
}

pub(crate) fn rsa_device() -> &'static Device {
    &RSA_DEVICE
}

pub(crate) fn secrets(candidates: &[&str]) -> Vec<Secret> {
    candidates.iter().map(|candidate| Secret::new(*candidate)).collect()
}

/// HMAC with SHA-256 and AES-128.
pub(crate) fn derivation() -> Derivation {
    Derivation::new(DigestAlgorithm::Sha256, AES)
}

/// The CSR of the RSA device, for whoever knows its challenge.
pub(crate) fn envelope() -> Envelope {
    Envelope::by_password(rsa_device().csr.der(), &derivation(), CHALLENGE, AES)
}

/// A PKCSReq of the RSA device around this envelope.
pub(crate) fn around(envelope: &Envelope) -> Bytes {
    SignedMessage::request(rsa_device(), "19", envelope.build()).build()
}

/// What a server finds that has no key that could decrypt.
pub(crate) fn lock(
    message: &Bytes,
    provider: &CryptoProvider,
    policy: AlgorithmPolicy,
) -> Result<PasswordWrapped, Box<Rejected>> {
    let unverified = scep_proto::server::Unverified::parse(message.clone()).unwrap();
    let Verified::Sealed(sealed) = unverified.verify(provider, policy)? else { panic!("no poll") };
    let pki = ec_pki();
    match sealed.lock(&[&pki.ra, &pki.ca], policy)? {
        Lock::Password(wrapped) => Ok(wrapped),
        Lock::Key(wrapped) => panic!("nobody here has a key: {wrapped:?}"),
    }
}

/// Opens a message with the first of these passwords that fits.
pub(crate) fn open_with(
    message: &Bytes,
    candidates: &[Secret],
    provider: &CryptoProvider,
    policy: AlgorithmPolicy,
) -> Result<Opened, Box<Rejected>> {
    let fallback = FallbackKey::new([0x3C; 32]);
    lock(message, provider, policy)?.open_with(candidates, &fallback, provider, policy)
}

/// Opens a message with the device's challenge.
pub(crate) fn open(message: &Bytes, policy: AlgorithmPolicy) -> Enrolment {
    enrolment(open_with(message, &secrets(&[CHALLENGE]), &provider(), policy))
}

pub(crate) fn enrolment(opened: Result<Opened, Box<Rejected>>) -> Enrolment {
    match opened {
        Ok(Opened::Enrol(enrolment) | Opened::Renew(enrolment)) => enrolment,
        other => panic!("no enrolment: {other:?}"),
    }
}
