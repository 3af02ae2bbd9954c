//! Endpoints for one family of devices.

use scep_proto::server::{ClientFamily, Unmet};
use scep_proto::{Capabilities, FailInfo, UnauthenticatedCa};
use scep_server::{EndpointConfig, RenewalPolicy, ReplyChain, SignerBinding, Warning};
use scep_types::{AlgorithmPolicy, DigestAlgorithm};

use crate::support::DAY;
use crate::support::device::{Device, granted, refused};
use crate::support::pki::ca_alone;
use crate::support::server::{PASSWORD, Server};

/// A server for this family, which renews and whose CA is its own RA.
fn server(family: ClientFamily) -> Server {
    Server::with_password(|config| {
        config.authority = ca_alone();
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: DAY };
        apply(config, family);
    })
}

fn apply(config: &mut EndpointConfig, family: ClientFamily) {
    *config = config.clone().for_family(family);
}

fn unmet(server: &Server) -> Vec<Unmet> {
    let unmet = server.endpoint.warnings().iter().filter_map(|warning| match warning {
        Warning::Family(unmet) => Some(*unmet),
        _ => None,
    });
    unmet.collect()
}

// R-3.5.2-12
#[test]
fn a_family_is_told_what_it_is_to_know_and_what_is_served() {
    for family in ClientFamily::ALL {
        let told = server(family).endpoint.capabilities();
        let needs = family.needs();
        assert_eq!(needs.required.missing_from(told), Capabilities::empty(), "{family:?}");
        assert_eq!(told.missing_from(needs.advertised), Capabilities::empty(), "{family:?}");
        assert_eq!(unmet(&server(family)), [], "{family:?}");
    }
    let ndes = server(ClientFamily::NdesLookAlike).endpoint.capabilities();
    assert!(!ndes.contains(Capabilities::AES) && ndes.contains(Capabilities::DES3));
    let windows = server(ClientFamily::Windows).endpoint.capabilities();
    assert!(windows.contains(Capabilities::SHA_1) && !windows.contains(Capabilities::DES3));
}

#[test]
fn what_a_family_lacks_is_a_warning() {
    let deaf = Server::with_password(|config| apply(config, ClientFamily::Apple));
    assert_eq!(unmet(&deaf), [Unmet::Capabilities(Capabilities::RENEWAL)]);
    assert_eq!(unmet(&Server::with_password(|_| ())), []);
}

#[tokio::test]
async fn a_family_whose_devices_sign_with_another_key_is_served() {
    let device = Device::new("phone").challenge(PASSWORD).signed_by("rsa2048-signer");
    let mut old = device.clone();
    old.algorithms.digest = DigestAlgorithm::Sha1;
    granted(old.enrol(&server(ClientFamily::Windows)).await);
    let strict = server(ClientFamily::Strict);
    assert_eq!(refused(device.enrol(&strict).await), FailInfo::BAD_REQUEST);
    assert_eq!(refused(old.enrol(&strict).await), FailInfo::BAD_ALG);
}

#[test]
fn windows_gets_the_chain_and_others_one_certificate() {
    for family in ClientFamily::ALL {
        let (_, answer) = server(family).endpoint.ca_certificates();
        assert_eq!(UnauthenticatedCa::parse(answer).unwrap().certificates().len(), 1, "a root");
    }
    Server::with_password(|config| {
        apply(config, ClientFamily::Windows);
        assert_eq!(config.ca_certificates, scep_server::CaCertificateShape::Chain);
        assert_eq!(config.signer_binding, SignerBinding::Any);
        assert_eq!(config.algorithms, AlgorithmPolicy::Legacy);
        apply(config, ClientFamily::Cisco);
        assert_eq!(config.ca_certificates, scep_server::CaCertificateShape::Auto);
        assert_eq!(config.signer_binding, SignerBinding::SameKey);
        assert_eq!(config.reply_chain, ReplyChain::WithIssuer);
    });
}

// R-3.5.2-22
#[tokio::test]
async fn an_answer_holds_what_its_family_can_read() {
    use scep_proto::client::CertRep;
    for (family, expected) in [(ClientFamily::Cisco, 2), (ClientFamily::Apple, 1)] {
        let device = Device::new("phone").challenge(PASSWORD);
        let CertRep::Success { certificates, .. } = device.enrol(&server(family)).await else {
            panic!("{family:?}");
        };
        assert_eq!(certificates.len(), expected, "{family:?}");
    }
}
