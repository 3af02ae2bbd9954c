//! GetCACert of a CA below other CAs: which one issues, and what is believed to be issued by it.

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber, date_time_ymd,
};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::{CaAnchor, CaCertificates, UnauthenticatedCa, write_ca_certificates};
use scep_test::keys;
use scep_test::pki::NOW;
use scep_types::Certificate;

type Authority = Issuer<'static, KeyPair>;

/// A root, a CA below it, a CA below that, and a device of the last one.
struct Hierarchy {
    root: Certificate,
    policy: Certificate,
    issuing: Certificate,
    device: Certificate,
}

fn key(name: &str) -> KeyPair {
    KeyPair::from_pem(&keys::pem(name)).unwrap()
}

fn params(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(name.as_bytes()));
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2046, 1, 1);
    params.is_ca = is_ca;
    params
}

fn parse(certificate: &rcgen::Certificate) -> Certificate {
    Certificate::parse(certificate.der().to_vec()).unwrap()
}

fn ca_below(name: &str, own: &str, above: &Authority) -> (Certificate, Authority) {
    let params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
    let certificate = parse(&params.signed_by(&key(own), above).unwrap());
    (certificate, Issuer::new(params, key(own)))
}

fn hierarchy() -> Hierarchy {
    let top = params("Root", IsCa::Ca(BasicConstraints::Unconstrained));
    let root = parse(&top.self_signed(&key("rsa2048-anchor")).unwrap());
    let top = Issuer::new(top, key("rsa2048-anchor"));
    let (policy, middle) = ca_below("Policy CA", "rsa2048-signer", &top);
    let (issuing, lowest) = ca_below("Issuing CA", "rsa2048-ra", &middle);
    let device = params("device", IsCa::ExplicitNoCa);
    let device = parse(&device.signed_by(&key("rsa2048-device"), &lowest).unwrap());
    Hierarchy { root, policy, issuing, device }
}

fn authenticate(bundle: &[&Certificate], anchor: &Certificate) -> CaCertificates {
    let answer = UnauthenticatedCa::parse(write_ca_certificates(bundle).1).unwrap();
    let anchor = CaAnchor::Certificate(Box::new(anchor.clone()));
    answer.authenticate(&anchor, &provider(), NOW).unwrap()
}

// R-2.2-07
#[test]
fn a_ca_below_a_ca_below_the_anchor_is_authenticated_and_what_it_issued_is_believed() {
    let Hierarchy { root, policy, issuing, device } = hierarchy();
    let ca = authenticate(&[&issuing, &policy, &root], &root);
    assert_eq!(ca.certificates().len(), 3);
    assert!(ca.issued(&device, &provider()));
    assert!(ca.issued(&policy, &provider()), "by the root");
    let gap = authenticate(&[&issuing, &root], &root);
    assert_eq!(gap.certificates(), [root], "nothing here signed the issuing CA");
    assert!(!gap.issued(&device, &provider()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    // R-2.2-07
    #[test]
    fn the_lowest_of_three_cas_issues_in_any_order(
        order in Just(vec![0, 1, 2]).prop_shuffle(),
        trust in 0..2_usize,
    ) {
        let Hierarchy { root, policy, issuing, .. } = hierarchy();
        let all = [&root, &policy, &issuing];
        let bundle: Vec<_> = order.into_iter().map(|at: usize| all[at]).collect();
        let ca = authenticate(&bundle, all[trust]);
        prop_assert_eq!(ca.issuer(), &issuing);
        let unverified = UnauthenticatedCa::parse(write_ca_certificates(&bundle).1).unwrap();
        let as_sent =
            unverified.authenticate(&CaAnchor::TrustUnverified, &provider(), NOW).unwrap();
        prop_assert_eq!(as_sent.issuer(), &issuing);
    }
}
