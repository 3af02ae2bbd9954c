//! Microsoft's certification matrix for profiles, as far as a CSR shows it: each kind of profile on each family.

use std::sync::Arc;

use intune_sim::device::{Device, Family};
use intune_sim::{
    AltName, KeyUsageSpec, ManagedDevice, Profile, Simulator, SimulatorConfig, User, ValiditySpec,
    ValidityUnit,
};
use scep_test::keys;
use scep_types::Csr;

use crate::support::{FAMILIES, provider, simulator, validate};

/// A profile with this subject, changed.
fn profile(subject: &str, change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::new("matrix", subject).unwrap();
    change(&mut profile);
    profile
}

fn put_device(simulator: &Simulator) {
    let mut device = ManagedDevice::new(SimulatorConfig::TENANT, "device-m");
    device.imei = "356938035643809".to_owned();
    device.user = Some(User {
        name: "Zoë O'Brien, Dr.".to_owned(),
        principal_name: "zoe@contoso.example".to_owned(),
        email: "zoe@contoso.example".to_owned(),
        on_premises_sid: "S-1-5-21-1-2-3-4".to_owned(),
    });
    simulator.put_device(device).unwrap();
}

/// The CSR of a device by this profile.
fn csr(simulator: &Simulator, family: Family, profile: Profile, key: &str) -> Csr {
    simulator.put_profile(profile);
    let policy = simulator.mint_challenge("device-m", "matrix").unwrap();
    let device = Device::new(family, Arc::new(keys::software(key)), provider());
    device.csr(policy.spec(), Some(policy.challenge())).unwrap()
}

async fn is_valid_everywhere(profiles: Vec<Profile>, key: &str) {
    let simulator = simulator().await;
    put_device(&simulator);
    for profile in profiles {
        for family in FAMILIES {
            let csr = csr(&simulator, family, profile.clone(), key);
            assert_eq!(validate(&simulator, &csr).await, "Success", "{family}: {profile:?}");
        }
    }
}

#[tokio::test]
async fn each_subject_format_is_valid_on_each_family() {
    let subjects = [
        "CN={{UserName}}",
        "CN={{UserName}},E={{EmailAddress}}",
        "CN={{EmailAddress}}",
        "CN={{IMEI}}",
        "CN={{SerialNumber}}",
        "CN={{AAD_Device_ID}},OU=\"Sales, EMEA\",O=Contoso,L=Zürich,ST=ZH,C=CH,DC=contoso",
        "CN={{DeviceName}},SERIALNUMBER={{Device_Serial}},2.5.4.12=Engineer",
    ];
    is_valid_everywhere(
        subjects.iter().map(|subject| profile(subject, |_| ())).collect(),
        "rsa2048-device",
    )
    .await;
}

#[tokio::test]
async fn each_kind_of_alternative_name_is_valid_on_each_family() {
    let email = || AltName::Email("{{EmailAddress}}".to_owned());
    let upn = || AltName::Upn("{{UserPrincipalName}}".to_owned());
    let dns = || AltName::Dns("{{DeviceName}}.contoso.example".to_owned());
    let uri = || AltName::Uri("IntuneDeviceId://{{DeviceId}}".to_owned());
    let sid = "tag:microsoft.com,2022-09-14:sid:{{OnPremisesSecurityIdentifier}}".to_owned();
    let sets = [vec![], vec![email()], vec![upn()], vec![email(), upn()], vec![dns(), uri()]];
    let sets = sets.into_iter().chain([vec![upn(), AltName::Uri(sid)]]);
    let profiles = sets.map(|names| profile("CN={{UserName}}", |p| p.alt_names = names)).collect();
    is_valid_everywhere(profiles, "rsa2048-device").await;
}

#[tokio::test]
async fn each_usage_is_valid_on_each_family() {
    let usages =
        [KeyUsageSpec::DigitalSignature, KeyUsageSpec::KeyEncipherment, KeyUsageSpec::Both];
    let extended =
        [vec![], vec!["1.3.6.1.5.5.7.3.2"], vec!["1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.2"]];
    let mut profiles = Vec::new();
    for usage in usages {
        for extended in &extended {
            profiles.push(profile("CN={{UserName}}", |profile| {
                profile.key_usage = usage;
                profile.extended_key_usages =
                    extended.iter().map(|oid| (*oid).to_owned()).collect();
            }));
        }
    }
    is_valid_everywhere(profiles, "rsa2048-device").await;
}

#[tokio::test]
async fn a_longer_key_is_valid_where_the_profile_says_so() {
    let longer = profile("CN={{UserName}}", |profile| profile.key_bits = 3072);
    is_valid_everywhere(vec![longer], "rsa3072-device").await;
}

#[tokio::test]
async fn only_windows_asks_for_the_validity_of_the_profile() {
    let simulator = simulator().await;
    put_device(&simulator);
    let cases = [
        (ValidityUnit::Days, 5, "Days"),
        (ValidityUnit::Months, 18, "Months"),
        (ValidityUnit::Years, 2, "Years"),
    ];
    for (unit, count, text) in cases {
        let with_validity = profile("CN={{UserName}}", |profile| {
            profile.validity = Some(ValiditySpec { unit, count });
        });
        for family in FAMILIES {
            let csr = csr(&simulator, family, with_validity.clone(), "rsa2048-device");
            let pairs = csr.enrollment_pairs().unwrap();
            let values: Vec<_> = pairs.iter().map(|pair| pair.value.as_str()).collect();
            let mut expected = [text.to_owned(), count.to_string()];
            expected.sort();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            match family {
                Family::Windows => assert_eq!(sorted, expected),
                Family::Apple | Family::Android => assert!(values.is_empty(), "{family}"),
            }
        }
    }
}
