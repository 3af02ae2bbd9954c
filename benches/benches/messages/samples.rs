//! The messages that are measured.

use std::sync::LazyLock;

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_test::ber::{self, Style};
use scep_test::craft::{Envelope, SignedMessage};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::Device;
use scep_types::{
    ContentCipher, CryptoError, CryptoProvider, SignatureScheme, SignatureVerifier, VerifyingKey,
};

pub(crate) const AES: ContentCipher = ContentCipher::Aes128Cbc;

pub(crate) fn device() -> &'static Device {
    static DEVICE: LazyLock<Device> =
        LazyLock::new(|| Device::new("device", keys::software("rsa2048-device")));
    &DEVICE
}

/// A request of 2.5 kB.
pub(crate) fn request() -> SignedMessage {
    SignedMessage::request(device(), "19", envelope().build())
}

/// The same in BER, as OpenSSL streams it.
pub(crate) fn request_in_ber() -> Bytes {
    let envelope = ber::enveloped_data(&envelope().build(), &Style::streamed());
    let message = SignedMessage::request(device(), "19", envelope).build();
    ber::signed_data(&message, &Style::streamed()).into()
}

pub(crate) fn envelope() -> Envelope {
    Envelope::new(device().csr.der(), &Pki::shared().ra, AES)
}

/// A provider whose RSA operations cost nothing: every signature verifies.
pub(crate) fn without_rsa() -> CryptoProvider {
    CryptoProvider { verify: &Credulous, ..provider() }
}

#[derive(Debug)]
struct Credulous;

impl SignatureVerifier for Credulous {
    fn verify(&self, _: SignatureScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn verifying_key(
        &self,
        _: SignatureScheme,
        _: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Ok(Box::new(Self))
    }
}

impl VerifyingKey for Credulous {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}
