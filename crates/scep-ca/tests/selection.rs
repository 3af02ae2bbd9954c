//! A profile is chosen by the keyUsage that a CSR asks for, as NDES chooses a template.

use scep_ca::{Profile, ProfileConfig, Profiles, RequestedUse};
use scep_types::KeyUsage;

use crate::support::{DAY, NOW, Request, vouched};

const SIGN: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
const ENCIPHER: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;

fn profile(days: u32) -> Profile {
    Profile::new(ProfileConfig::new(DAY * days)).unwrap()
}

/// Days of validity of the profile that is selected.
fn selected(profiles: &Profiles, request: &Request) -> i64 {
    let csr = request.verified();
    let admitted = profiles.select(&csr).admit(&csr, vouched(&csr), NOW).unwrap();
    (admitted.validity().not_after.as_secs() - NOW.as_secs()) / 86_400
}

#[test]
fn key_usage_says_what_a_key_is_for() {
    for (usage, expected) in [
        (SIGN, RequestedUse::Signature),
        (KeyUsage::NON_REPUDIATION, RequestedUse::Signature),
        (ENCIPHER, RequestedUse::Encryption),
        (KeyUsage::DATA_ENCIPHERMENT, RequestedUse::Encryption),
        (KeyUsage::KEY_AGREEMENT, RequestedUse::Encryption),
        (SIGN.union(ENCIPHER), RequestedUse::GeneralPurpose),
        (KeyUsage::KEY_CERT_SIGN, RequestedUse::GeneralPurpose),
        (KeyUsage::empty(), RequestedUse::GeneralPurpose),
    ] {
        let csr = Request::with_key_usage("p256-device", usage).verified();
        assert_eq!(RequestedUse::of(&csr), expected, "{usage}");
    }
    assert_eq!(RequestedUse::of(&Request::new().verified()), RequestedUse::GeneralPurpose);
}

#[test]
fn each_use_has_its_profile() {
    let profiles = Profiles::new(profile(3))
        .with(RequestedUse::Signature, profile(1))
        .with(RequestedUse::Encryption, profile(2));
    let asking = |usage| Request::with_key_usage("rsa2048-device", usage);
    assert_eq!(selected(&profiles, &asking(SIGN)), 1);
    assert_eq!(selected(&profiles, &asking(ENCIPHER)), 2);
    assert_eq!(selected(&profiles, &asking(SIGN.union(ENCIPHER))), 3);
    assert_eq!(selected(&profiles, &Request::new()), 3);
    let changed = profiles.with(RequestedUse::GeneralPurpose, profile(4));
    assert_eq!(selected(&changed, &Request::new()), 4);
}

#[test]
fn one_profile_serves_every_use_unless_told_otherwise() {
    let profiles = Profiles::new(profile(3));
    for usage in [SIGN, ENCIPHER, SIGN.union(ENCIPHER)] {
        assert_eq!(selected(&profiles, &Request::with_key_usage("rsa2048-device", usage)), 3);
    }
}
