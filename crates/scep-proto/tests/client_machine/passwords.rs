//! Devices and CAs whose keys cannot encrypt.

use scep_proto::client::{CaTrust, EnrolmentSettings};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::{Error, MessageType, Unsupported};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::{Device, csr};
use scep_types::KeyKind;

use crate::server::{Act, Server};
use crate::support::{Host, device, fingerprint, pki, settings};

fn ec_pki() -> Pki {
    Pki::new("p256-ca", "p384-ca")
}

fn ec_device() -> Device {
    Device::new("device", keys::software("p256-device"))
}

/// How many recipients with a key each message had.
fn keyed_recipients(server: &Server<'_>) -> Vec<usize> {
    let count = |seen: &crate::server::Seen| {
        let content = Signed::parse(seen.message.clone()).unwrap().content().clone();
        Enveloped::parse(content).unwrap().recipients().count()
    };
    server.seen.iter().map(count).collect()
}

// R-3.1-03, R-3.1-04
#[test]
fn every_pair_of_key_kinds_enrols_at_once_and_after_a_poll() {
    let ec_pki = ec_pki();
    for (pki, device, keyed) in [
        (pki(), ec_device(), 1),
        (&ec_pki, ec_device(), 0),
        (&ec_pki, device(), 0),
        (pki(), device(), 1),
    ] {
        let mut server = Server::new(pki, [Act::Pend, Act::Pend, Act::Succeed]);
        let issued = Host::new().drive(&device, settings(pki), &mut server).unwrap();
        assert_eq!(issued.certificate.spki(), device.csr.spki().as_ref());
        assert_eq!(keyed_recipients(&server), [keyed; 3]);
        let mut server = Server::new(pki, [Act::Succeed]);
        assert!(Host::new().drive(&device, settings(pki), &mut server).is_ok());
    }
}

// R-3.1-03, R-3.1-06
#[test]
fn nothing_of_the_csr_is_sent_where_a_password_may_not_encrypt_it() {
    let pki = ec_pki();
    let without = Device { csr: csr("device", None, &[], &*device().key), ..device() };
    for (device, capabilities) in [
        (device(), "AES\nPOSTPKIOperation\nSHA-256\nRenewal"),
        (device(), ""),
        (without, "SCEPStandard"),
    ] {
        let mut server = Server::new(&pki, []).with_capabilities(capabilities);
        let refused = Host::new().drive(&device, settings(&pki), &mut server).unwrap_err();
        assert_eq!(refused, Error::Unsupported(Unsupported::CaKey(KeyKind::P256)));
        assert!(server.seen.is_empty());
    }
}

// R-4.2.1-04
#[test]
fn an_ec_ca_with_an_rsa_ra_gets_requests_like_any_other() {
    let pki = Pki::new("p256-ca", "rsa2048-ra");
    let settings = EnrolmentSettings::new(CaTrust::Anchor(fingerprint(&pki)));
    let mut server = Server::new(&pki, [Act::Succeed]).with_capabilities("AES\nSHA-256");
    Host::new().drive(&device(), settings, &mut server).unwrap();
    assert_eq!(keyed_recipients(&server), [1]);
    assert_eq!(server.seen[0].message_type, MessageType::PKCS_REQ);
}
