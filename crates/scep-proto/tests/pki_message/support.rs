//! The device and the CA that the tests here are about.

use std::sync::LazyLock;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::server::{Enrolment, Opened, Rejected, Unverified, Verified};
use scep_proto::{Error, FailInfo};
use scep_test::craft::{Envelope, SignedMessage};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::Device;
use scep_types::{AlgorithmPolicy, ContentCipher, Csr};

static DEVICE: LazyLock<Device> =
    LazyLock::new(|| Device::new("device", keys::software("rsa2048-device")));
static ATTACKER: LazyLock<Device> =
    LazyLock::new(|| Device::new("attacker", keys::software("rsa2048-signer")));

/// The device.
pub(crate) fn device() -> &'static Device {
    &DEVICE
}

/// Somebody else, with a key and a CSR of its own.
pub(crate) fn attacker() -> &'static Device {
    &ATTACKER
}

pub(crate) fn pki() -> &'static Pki {
    Pki::shared()
}

/// The device's CSR in an envelope for the RA.
pub(crate) fn envelope() -> Vec<u8> {
    Envelope::new(device().csr.der(), &pki().ra, ContentCipher::Aes128Cbc).build()
}

/// A PKCSReq of the device, to be changed.
pub(crate) fn pkcs_req() -> SignedMessage {
    SignedMessage::request(device(), "19", envelope())
}

/// Around another envelope.
pub(crate) fn pkcs_req_around(envelope: &Envelope) -> Bytes {
    SignedMessage::request(device(), "19", envelope.build()).build()
}

/// Why a message cannot even be answered.
pub(crate) fn unanswerable(message: &SignedMessage) -> Error {
    Unverified::parse(message.build()).unwrap_err()
}

pub(crate) fn verify(message: &SignedMessage) -> Result<Verified, Box<Rejected>> {
    Pki::verify(&message.build(), AlgorithmPolicy::Modern)
}

/// Why a message does not verify, and what its sender is told.
pub(crate) fn refusal(message: &SignedMessage) -> (Error, FailInfo) {
    because(verify(message).expect_err("it must be refused"))
}

/// Why a message does not open, and what its sender is told.
pub(crate) fn refusal_to_open(message: &Bytes) -> (Error, FailInfo) {
    because(pki().open(message, AlgorithmPolicy::Modern).expect_err("it must be refused"))
}

pub(crate) fn because(rejected: Box<Rejected>) -> (Error, FailInfo) {
    let fail_info = FailInfo::from(&rejected.error);
    (rejected.error, fail_info)
}

/// The enrolment that a message holds.
pub(crate) fn open(message: &Bytes, policy: AlgorithmPolicy) -> Enrolment {
    enrolment(pki().open(message, policy).unwrap_or_else(|rejected| panic!("{}", rejected.error)))
}

pub(crate) fn enrolment(opened: Opened) -> Enrolment {
    match opened {
        Opened::Enrol(enrolment) | Opened::Renew(enrolment) => enrolment,
        other => panic!("no enrolment: {other:?}"),
    }
}

/// Asserts that a message opens to the device's CSR.
#[track_caller]
pub(crate) fn opens(message: &SignedMessage) {
    opens_to(&message.build(), &device().csr);
}

#[track_caller]
pub(crate) fn opens_to(message: &Bytes, csr: &Csr) {
    assert_eq!(&*open(message, AlgorithmPolicy::Modern).csr, csr);
}

/// FAILURE as the RA writes it.
pub(crate) fn failure(rejected: Rejected) -> Bytes {
    let provider = provider();
    let random = scep_test::requests::random(99);
    let fail_info = FailInfo::from(&rejected.error);
    let settings = pki().reply_settings(&provider);
    pki().sign_reply(rejected.reply.fail(fail_info, None, &random, settings).unwrap())
}
