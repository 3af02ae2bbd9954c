//! What each family of devices needs, and whether a server has it.

use scep_proto::Capabilities;
use scep_proto::server::{
    CaAnswer, ClientFamily, RenewalForm, ReplyCertificates, SignerKey, Unmet,
};
use scep_test::pki::{Role, self_signed};
use scep_types::AlgorithmPolicy;

use crate::support::pki;

const EVERYTHING: Capabilities = Capabilities::SCEP_STANDARD.union(Capabilities::RENEWAL);

// R-3.5.2-06, R-3.5.2-12
#[test]
fn nothing_is_advertised_that_is_not_taken() {
    for family in ClientFamily::ALL {
        let needs = family.needs();
        assert!(needs.advertised.contains(needs.required), "{family:?}");
        for old in [Capabilities::SHA_1, Capabilities::DES3] {
            let taken = needs.algorithms >= AlgorithmPolicy::Legacy;
            assert!(taken || !needs.advertised.contains(old), "{family:?}");
        }
        let renews = needs.advertised.contains(Capabilities::RENEWAL);
        assert!(renews, "{family:?}: macOS believes in renewal only then, and nobody minds");
        assert!(!needs.sources.is_empty(), "{family:?}");
        assert!(needs.advertised.to_answer().lines().count() <= 15, "{family:?}");
    }
}

#[test]
fn the_strict_family_is_the_default_and_admits_the_least() {
    assert_eq!(ClientFamily::default(), ClientFamily::Strict);
    let strict = ClientFamily::Strict.needs();
    assert_eq!(strict.signer, SignerKey::OfTheCsr);
    assert_eq!(strict.renewal, RenewalForm::RenewalReq);
    for family in ClientFamily::ALL {
        assert!(family.needs().algorithms >= strict.algorithms);
        let obsolete = family.needs().algorithms == AlgorithmPolicy::Obsolete;
        assert_eq!(obsolete, family == ClientFamily::Permissive, "{family:?}");
    }
}

// R-2.3-05, R-3.3.2.1-05
#[test]
fn the_quirks_that_are_known_are_in_the_data() {
    let windows = ClientFamily::Windows.needs();
    assert_eq!(windows.signer, SignerKey::Any, "a throw-away key signs");
    assert_eq!(windows.algorithms, AlgorithmPolicy::Legacy, "with SHA-1");
    assert_eq!(windows.ca_answer, CaAnswer::WholeChain);
    let apple = ClientFamily::Apple.needs();
    assert_eq!(apple.ca_answer, CaAnswer::Single);
    assert_eq!(apple.reply_chain, ReplyCertificates::IssuedOnly);
    assert_eq!(apple.renewal, RenewalForm::PkcsReq);
    assert_eq!(ClientFamily::Cisco.needs().reply_chain, ReplyCertificates::WithIssuer);
    let ndes = ClientFamily::NdesLookAlike.needs().advertised;
    assert!(!ndes.contains(Capabilities::AES) && ndes.contains(Capabilities::DES3));
    let chrome = ClientFamily::ChromeOs.needs().required;
    assert!(chrome.contains(Capabilities::SCEP_STANDARD.union(Capabilities::RENEWAL)));
}

// R-4.2.1-03
#[test]
fn a_server_is_told_what_each_family_will_miss() {
    let (ca, ra) = (pki().ca.clone(), pki().ra.clone());
    let alone = self_signed("CA", &[1], Role::CaAndRa, "rsa2048-ca");
    let whole = [ca.clone(), ra.clone()];
    for family in ClientFamily::ALL {
        assert_eq!(family.unmet(EVERYTHING, &whole), [], "{family:?}");
        assert_eq!(family.unmet(EVERYTHING, std::slice::from_ref(&alone)), [], "{family:?}");
    }
    let signing = pki().issue("Signing RA", &[3], Role::SigningRa, ra.spki());
    let unmet = ClientFamily::Apple.unmet(EVERYTHING, &[ca, signing.clone()]);
    assert_eq!(unmet, [Unmet::SingleCertificate]);
    let unmet = ClientFamily::Apple.unmet(EVERYTHING, std::slice::from_ref(&pki().ca));
    assert_eq!(unmet, [], "one certificate is one, whatever its key usage");
    let unmet = ClientFamily::Windows.unmet(EVERYTHING, &[signing]);
    assert_eq!(unmet, [Unmet::KeyUsages, Unmet::Root]);
    assert_eq!(ClientFamily::Windows.unmet(EVERYTHING, &[ra]), [Unmet::Root]);
    let ec = self_signed("EC CA", &[1], Role::CaAndRa, "p256-ca");
    assert_eq!(
        ClientFamily::Apple.unmet(EVERYTHING, std::slice::from_ref(&ec)),
        [Unmet::EncryptionKey]
    );
    assert_eq!(ClientFamily::Strict.unmet(EVERYTHING, &[ec]), [], "a password encrypts");
}

#[test]
fn missing_capabilities_are_named() {
    let none = Capabilities::empty();
    let all = [pki().ca.clone(), pki().ra.clone()];
    for (family, missing) in [
        (ClientFamily::Cisco, None),
        (ClientFamily::Permissive, None),
        (ClientFamily::Windows, Some(Capabilities::POST_PKI_OPERATION)),
        (ClientFamily::Apple, Some(Capabilities::POST_PKI_OPERATION.union(Capabilities::RENEWAL))),
    ] {
        let expected: Vec<_> = missing.map(Unmet::Capabilities).into_iter().collect();
        assert_eq!(family.unmet(none, &all), expected);
    }
    let unmet = ClientFamily::Apple.unmet(Capabilities::SCEP_STANDARD, &all);
    assert_eq!(unmet, [Unmet::Capabilities(Capabilities::RENEWAL)], "POST is implied");
}
