//! A CA, the one that will follow it, and a device.

use std::sync::LazyLock;

use scep_crypto::aws_lc_rs::provider;
use scep_proto::{CaAnchor, CaCertificates, UnauthenticatedCa, write_ca_certificates};
use scep_test::keys;
use scep_test::pki::{NOW, Pki, Role};
use scep_test::requests::Device;
use scep_types::{AlgorithmPolicy, SigningKey};

pub(crate) const MODERN: AlgorithmPolicy = AlgorithmPolicy::Modern;

static NEXT: LazyLock<Pki> = LazyLock::new(|| {
    let mut next = Pki::new("rsa2048-anchor", "rsa2048-signer");
    next.ra = next.issue("Test RA", &[5], Role::Ra, SigningKey::spki(&next.ra_key));
    next
});
static DEVICE: LazyLock<Device> =
    LazyLock::new(|| Device::new("device", keys::software("rsa2048-device")));

/// The CA that is.
pub(crate) fn current() -> &'static Pki {
    Pki::shared()
}

/// The CA that will be: the same name and another key.
pub(crate) fn next() -> &'static Pki {
    &NEXT
}

pub(crate) fn device() -> &'static Device {
    &DEVICE
}

pub(crate) fn authenticated(pki: &Pki) -> CaCertificates {
    let (_, answer) = write_ca_certificates(&[&pki.ca, &pki.ra]);
    let anchor = CaAnchor::Certificate(Box::new(pki.ca.clone()));
    UnauthenticatedCa::parse(answer).unwrap().authenticate(&anchor, &provider(), NOW).unwrap()
}
