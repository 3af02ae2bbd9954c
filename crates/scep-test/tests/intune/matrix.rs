//! Microsoft's certification matrix (TestMatrix), from device to console: each row on a device of each family.

use std::time::Duration;

use intune_sim::device::{Family, enrol};
use intune_sim::{
    AltName, DeviceError, Endpoint, Error, Fault, Forgery, KeyUsageSpec, ManagedDevice, Minting,
    Policy, Profile, SimulatorConfig, Times, User, ValiditySpec, ValidityUnit,
};
use scep_ca::{
    AllowedKeys, ExtendedKeyUsagePolicy, KeyUsagePolicy, ProfileConfig, RequestedValidity, RsaKeys,
    Unlisted,
};
use scep_types::oid::{self, Oid};
use scep_types::{Certificate, Csr, DigestAlgorithm, KeyKind, KeyUsage};

use crate::stage::{FAMILIES, Stage, YEAR, device, device_with};

const DAY: Duration = Duration::from_secs(86_400);
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const IPSEC_TUNNEL: &str = "1.3.6.1.5.5.7.3.6";

/// A row: what the SCEP profile says, on a device with this key.
macro_rules! rows {
    ($($name:ident: $key:literal, $change:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            for family in FAMILIES {
                is_issued(family, $key, $change).await;
            }
        }
    )*};
}

rows! {
    subject_by_common_name: "rsa2048-device", |p| p.subject = "CN={{UserName}}".into();
    subject_by_common_name_and_email: "rsa2048-device", |p| {
        p.subject = "CN={{UserName}},E={{EmailAddress}}".into();
    };
    subject_by_email_as_common_name: "rsa2048-device", |p| p.subject = "CN={{EmailAddress}}".into();
    subject_by_imei: "rsa2048-device", |p| p.subject = "CN={{IMEI}}".into();
    subject_by_serial_number: "rsa2048-device", |p| p.subject = "CN={{SerialNumber}}".into();
    subject_of_ones_own: "rsa2048-device", |p| {
        p.subject = "CN={{AAD_Device_ID}},OU=\"Sales, EMEA\",O=Contoso,L=Zürich,ST=ZH,C=CH".into();
    };
    alternative_name_email: "rsa2048-device", |p| p.alt_names = vec![email()];
    alternative_name_upn: "rsa2048-device", |p| p.alt_names = vec![upn()];
    alternative_names_email_and_upn: "rsa2048-device", |p| p.alt_names = vec![email(), upn()];
    alternative_names_none: "rsa2048-device", |p| p.alt_names = Vec::new();
    key_usage_digital_signature: "rsa2048-device", |p| p.key_usage = KeyUsageSpec::DigitalSignature;
    key_usage_key_encipherment: "rsa2048-device", |p| p.key_usage = KeyUsageSpec::KeyEncipherment;
    key_usage_both: "rsa2048-device", |p| p.key_usage = KeyUsageSpec::Both;
    key_of_1024_bits: "rsa1024-device", |p| p.key_bits = 1024;
    key_of_2048_bits: "rsa2048-device", |p| p.key_bits = 2048;
    key_of_3072_bits: "rsa3072-device", |p| p.key_bits = 3072;
    extended_key_usage_client_authentication: "rsa2048-device", |p| {
        p.extended_key_usages = vec![CLIENT_AUTH.into()];
    };
    extended_key_usage_ipsec_tunnel: "rsa2048-device", |p| {
        p.extended_key_usages = vec![IPSEC_TUNNEL.into(), CLIENT_AUTH.into()];
    };
    validity_of_days: "rsa2048-device", |p| p.validity = validity(ValidityUnit::Days, 30);
    validity_of_months: "rsa2048-device", |p| p.validity = validity(ValidityUnit::Months, 6);
    validity_of_years: "rsa2048-device", |p| p.validity = validity(ValidityUnit::Years, 2);
}

/// The digests of messages; what Apple takes cannot be chosen.
#[tokio::test]
async fn hash_algorithms_sha_1_sha_2_and_both() {
    let both = vec![DigestAlgorithm::Sha256, DigestAlgorithm::Sha1];
    for digests in [vec![DigestAlgorithm::Sha1], vec![DigestAlgorithm::Sha256], both] {
        for family in [Family::Windows, Family::Android] {
            let stage = Stage::issuing(issued()).await;
            let device = device(family).with_dialect(|dialect| dialect.digests = digests.clone());
            enrol(&device, &stage.url, &stage.policy()).await.unwrap();
            assert_eq!(stage.simulator.issued().len(), 1, "{family}: {digests:?}");
        }
    }
}

#[tokio::test]
async fn renewal_is_a_new_certificate_and_the_console_has_both() {
    for family in FAMILIES {
        let stage = Stage::issuing(issued()).await;
        put(&stage, |profile| profile.validity = validity(ValidityUnit::Days, 5));
        let first = enrol(&device(family), &stage.url, &mint(&stage)).await.unwrap();
        // By 20 % of five days the device asks again, with a new key and a new challenge.
        stage.advance(DAY * 4);
        stage.simulator.advance(DAY * 4);
        let next = device_with(family, "rsa2048-device2");
        let second = enrol(&next, &stage.url, &mint(&stage)).await.unwrap();
        let ends = |certificate: &Certificate| certificate.validity().not_after;
        let later = ends(&second.certificate).as_secs() - ends(&first.certificate).as_secs();
        assert_eq!(later, 4 * 86_400, "{family}");
        let console = stage.simulator.issued();
        let known: Vec<_> = console.iter().map(|record| record.serial_number.as_str()).collect();
        assert_eq!(known, [first.certificate.serial_hex(), second.certificate.serial_hex()]);
        assert!(console.iter().all(|record| record.device == "device-m"), "{family}");
    }
}

#[tokio::test]
async fn no_certificate_when_the_challenge_is_not_good() {
    for family in FAMILIES {
        let stage = Stage::issuing(issued()).await;
        let forgery = Some(Forgery::BrokenSignature);
        let minting = Minting { forgery, ..Minting::default() };
        let policy = stage.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap();
        let refused = enrol(&device(family), &stage.url, &policy).await;
        assert_eq!(refused, Err(Error::Device(DeviceError::Refused { fail_info: Some(2) })));
        nothing_left(&stage, 0, family);
    }
}

#[tokio::test]
async fn no_certificate_when_validation_answers_500() {
    no_certificate_with(Endpoint::Validate, Fault::InternalError, 0).await;
}

#[tokio::test]
async fn no_certificate_on_the_device_when_the_success_notification_answers_500() {
    no_certificate_with(Endpoint::SuccessNotification, Fault::InternalError, 1).await;
}

/// The matrix has "does issue" here, which is a slip of the pen.
#[tokio::test]
async fn no_certificate_when_entra_does_not_authenticate_the_server() {
    no_certificate_with(Endpoint::Token, Fault::InvalidClient, 0).await;
}

async fn no_certificate_with(endpoint: Endpoint, fault: Fault, recorded: usize) {
    for family in FAMILIES {
        let stage = Stage::issuing(issued()).await;
        stage.simulator.inject(endpoint, fault.clone(), Times::UntilCleared);
        let deferred = enrol(&device(family), &stage.url, &stage.policy()).await;
        let deferred = deferred.map(|enrolled| enrolled.transaction_id);
        let Err(Error::Device(DeviceError::Http { status: 503, .. })) = deferred else {
            panic!("{family}: {deferred:?}")
        };
        nothing_left(&stage, recorded, family);
    }
}

/// No certificate left; so many are recorded and kept back.
fn nothing_left(stage: &Stage, recorded: usize, family: Family) {
    assert_eq!((stage.certificates(), stage.simulator.issued().len()), (recorded, 0), "{family}");
}

#[tokio::test]
async fn a_device_that_asks_for_something_else_than_the_profile_is_denied() {
    type Cheat = fn(&mut intune_sim::CsrSpec);
    let cheats: [(Cheat, &str); 7] = [
        (|spec| spec.subject[0].value = "root".to_owned(), "SubjectNameMismatch"),
        (|spec| spec.alt_names.clear(), "SubjectAltNameMissing"),
        (|spec| spec.alt_names.push(AltName::Dns("x.example".into())), "SubjectAltNameMismatch"),
        (|spec| spec.key_usage = KeyUsageSpec::KeyEncipherment, "KeyUsageMismatch"),
        (|spec| spec.extended_key_usages.clear(), "EnhancedKeyUsageMissing"),
        (|spec| spec.extended_key_usages.push(IPSEC_TUNNEL.into()), "EnhancedKeyUsageMismatch"),
        (|spec| spec.key_bits = 3072, "KeyLengthMismatch"),
    ];
    for (cheat, code) in cheats {
        for family in FAMILIES {
            let stage = Stage::issuing(issued()).await;
            let policy = stage.policy().with_spec(cheat);
            let bits = policy.spec().key_bits;
            let device = device_with(family, &format!("rsa{bits}-device"));
            let refused = enrol(&device, &stage.url, &policy).await;
            assert_eq!(refused, Err(Error::Device(DeviceError::Refused { fail_info: Some(2) })));
            let said = stage.simulator.requests_of(Endpoint::Validate);
            assert_eq!(said[0].code.as_deref(), Some(code), "{family}");
            nothing_left(&stage, 0, family);
        }
    }
}

/// What Intune allows and the server's own profile does not: the console says so.
#[tokio::test]
async fn a_key_that_only_the_servers_profile_refuses_is_told_to_the_console() {
    for family in FAMILIES {
        let stage =
            Stage::issuing(ProfileConfig { keys: AllowedKeys::default(), ..issued() }).await;
        put(&stage, |profile| profile.key_bits = 1024);
        let refused =
            enrol(&device_with(family, "rsa1024-device"), &stage.url, &mint(&stage)).await;
        assert!(matches!(refused, Err(Error::Device(DeviceError::Refused { .. }))), "{family}");
        let [failure] = &stage.simulator.failures()[..] else { panic!("{family}") };
        assert_eq!((failure.device.as_str(), failure.h_result), ("device-m", 0x8009_4012));
        assert!(failure.description.starts_with("profile: "), "{family}: {}", failure.description);
        nothing_left(&stage, 0, family);
    }
}

/// The certificate is what the profile says, and the console knows it.
async fn is_issued(family: Family, key: &str, change: impl FnOnce(&mut Profile)) {
    let stage = Stage::issuing(issued()).await;
    put(&stage, change);
    let policy = mint(&stage);
    let (session, request) = stage.message(&device_with(family, key), &policy).await;
    let enrolled = session.send(&request).await.unwrap_or_else(|error| panic!("{family}: {error}"));
    let certificate = &enrolled.certificate;
    follows(certificate, request.csr(), &policy, family);
    let [record] = &stage.simulator.issued()[..] else { panic!("{family}") };
    assert_eq!(record.serial_number, certificate.serial_hex(), "{family}");
    assert_eq!(record.device, "device-m", "{family}");
    let day = certificate.validity().not_after.to_string();
    assert_eq!(record.expires.get(..10), day.get(..10), "{family}");
}

fn follows(certificate: &Certificate, csr: &Csr, policy: &Policy, family: Family) {
    let spec = policy.spec();
    assert_eq!(*certificate.subject(), spec.name().unwrap(), "{family}");
    let names = csr.extension(&oid::SUBJECT_ALT_NAME).map(|names| names.value.clone());
    assert_eq!(certificate.extension(&oid::SUBJECT_ALT_NAME), names, "{family}");
    assert_eq!(names.is_none(), spec.alt_names.is_empty(), "{family}");
    assert_eq!(certificate.key_usage(), Some(spec.key_usage.bits()), "{family}");
    let usages = certificate.extended_key_usages().unwrap_or_default();
    let usages: Vec<_> = usages.iter().map(Oid::to_string).collect();
    assert_eq!(usages, spec.extended_key_usages, "{family}");
    assert_eq!(certificate.key_kind(), Ok(KeyKind::Rsa { bits: spec.key_bits }), "{family}");
    let from_now = certificate.validity().not_after.as_secs() - scep_test::pki::NOW.as_secs();
    let days = from_now / 86_400;
    // Only Windows says how long; the others get what the server's profile has.
    let expected = match (family, spec.validity) {
        (Family::Windows, Some(ValiditySpec { unit: ValidityUnit::Days, count })) => {
            i64::from(count)..=i64::from(count)
        }
        (Family::Windows, Some(ValiditySpec { unit: ValidityUnit::Months, .. })) => 181..=184,
        (Family::Windows, Some(ValiditySpec { count: 2, .. })) => 730..=731,
        _ => 365..=366,
    };
    assert!(expected.contains(&days), "{family}: {days} days");
}

/// What the server's profile allows: all that the matrix asks for.
fn issued() -> ProfileConfig {
    let mut profile = ProfileConfig::new(YEAR);
    profile.requested_validity = RequestedValidity::Honour { min: DAY, max: YEAR * 3 };
    profile.keys.rsa = RsaKeys::Bits { min: 1024, max: 4096 };
    let both = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
    profile.key_usage =
        KeyUsagePolicy::FromCsr { allowed: both, absent: both, others: Unlisted::Refuse };
    let allowed = [CLIENT_AUTH, IPSEC_TUNNEL].map(|usage| Oid::parse(usage).unwrap()).to_vec();
    profile.extended_key_usage = ExtendedKeyUsagePolicy::FromCsr {
        allowed,
        absent: vec![oid::CLIENT_AUTH],
        others: Unlisted::Refuse,
    };
    profile
}

/// Puts the device and the profile of a row.
fn put(stage: &Stage, change: impl FnOnce(&mut Profile)) {
    let mut device = ManagedDevice::new(SimulatorConfig::TENANT, "device-m");
    device.imei = "356938035643809".to_owned();
    device.user = Some(User {
        name: "Zoë O'Brien, Dr.".to_owned(),
        principal_name: "zoe@contoso.example".to_owned(),
        email: "zoe@contoso.example".to_owned(),
        on_premises_sid: "S-1-5-21-1-2-3-4".to_owned(),
    });
    stage.simulator.put_device(device).unwrap();
    let mut profile = Profile::new("matrix", "CN={{UserName}}").unwrap();
    change(&mut profile);
    stage.simulator.put_profile(profile);
}

fn mint(stage: &Stage) -> Policy {
    stage.simulator.mint_challenge("device-m", "matrix").unwrap()
}

fn email() -> AltName {
    AltName::Email("{{EmailAddress}}".to_owned())
}

fn upn() -> AltName {
    AltName::Upn("{{UserPrincipalName}}".to_owned())
}

fn validity(unit: ValidityUnit, count: u32) -> Option<ValiditySpec> {
    Some(ValiditySpec { unit, count })
}
