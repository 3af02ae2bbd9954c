use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use intune_sim::{
    AltName, CsrSpec, Error, Forgery, KeyUsageSpec, ManagedDevice, Minting, Profile,
    SubjectAttribute, Target, User,
};
use scep_types::{Secret, is_printable_string};
use serde_json::json;

use crate::support::{Stand, TENANT, VALIDATE, csr, csr_of, csr_with, provider, validate_body};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_csr_as_the_profile_says_is_valid_as_often_as_it_is_asked() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    for _ in 0..2 {
        let answer = stand.validate(&token, "t-1", &csr).await;
        assert_eq!(answer.code(), "Success");
        let json = answer.json();
        assert_eq!(json["errorDescription"], "");
        let context = json["@odata.context"].as_str().unwrap();
        assert!(
            context.ends_with("scepRequestValidationService.api.scepActionResult"),
            "{context}"
        );
    }
}

#[tokio::test]
async fn a_challenge_looks_like_a_real_one() {
    let stand = Stand::start().await;
    let (one, other) = (stand.policy(), stand.policy());
    let text = one.challenge().expose();
    assert!((4_800..5_400).contains(&text.len()), "{} characters", text.len());
    assert!(is_printable_string(text));
    let blob = STANDARD.decode(text).unwrap();
    assert_eq!(blob.first(), Some(&0x30));
    assert!(!text.contains('.'), "it is no JWT");
    assert_ne!(one.challenge(), other.challenge());
    let readable = String::from_utf8_lossy(&blob).contains("device-1");
    assert!(!readable, "what it says cannot be read");
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_first() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    for request in ["no base64!", "MAMCAQA=", &STANDARD.encode(b"\x30\x03\x02\x01\x00")] {
        let body = json!({ "request": {
            "transactionId": "t", "certificateRequest": request, "callerInfo": "test/1.0",
        }});
        let answer = stand.action(VALIDATE, &token, &body).await;
        assert_eq!(answer.code(), "CertificateRequestDecodingFailed");
    }
}

#[tokio::test]
async fn a_csr_without_challenge_is_refused() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr(stand.policy().spec(), None);
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "ChallengePasswordMissing");
}

#[tokio::test]
async fn a_static_password_is_no_challenge() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    for password in ["hunter2", "MAMCAQA="] {
        let csr = csr(stand.policy().spec(), Some(&Secret::new(password)));
        assert_eq!(stand.validate(&token, "t", &csr).await.code(), "ChallengeDecodingError");
    }
}

#[tokio::test]
async fn each_forged_challenge_has_its_code() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let cases = [
        (Forgery::NotBase64, "ChallengeDecodingError"),
        (Forgery::ForeignSigner, "SigningCertThumbprintMismatch"),
        (Forgery::BrokenSignature, "SignatureValidationFailed"),
        (Forgery::ForeignRecipient, "ChallengeDecryptionError"),
        (Forgery::Unreadable, "ChallengeDeserializationError"),
        (Forgery::BackwardTimes, "ChallengeInvalidTimestamp"),
        (Forgery::ForeignTenant, "BadTenantIdInChallenge"),
        (Forgery::UnknownDevice, "BadDeviceIdInChallenge"),
        (Forgery::UnknownUser, "BadUserIdInChallenge"),
        (Forgery::UnknownRequest, "BadCertificateRequestIdInChallenge"),
    ];
    for (forgery, code) in cases {
        let minting = Minting { forgery: Some(forgery), ..Minting::default() };
        let policy = stand.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap();
        let answer = stand.validate(&token, "t", &csr_of(&policy)).await;
        assert_eq!(answer.code(), code);
        assert_ne!(answer.json()["errorDescription"], "");
    }
}

#[tokio::test]
async fn a_challenge_of_another_simulator_is_foreign() {
    let (stand, other) = (Stand::start().await, Stand::start().await);
    let token = stand.intune_token().await;
    let answer = stand.validate(&token, "t", &csr_of(&other.policy())).await;
    assert_eq!(answer.code(), "SigningCertThumbprintMismatch");
}

#[tokio::test]
async fn a_wrong_tenant_is_told_in_the_words_of_the_service() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let minting = Minting { forgery: Some(Forgery::ForeignTenant), ..Minting::default() };
    let policy = stand.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap();
    let answer = stand.validate(&token, "t", &csr_of(&policy)).await;
    assert_eq!(
        answer.json()["errorDescription"],
        "Failed to parse the tenant id in the challenge.tenantId in challenge does not match tenantId from security token."
    );
}

#[tokio::test]
async fn a_challenge_ends_after_sixty_minutes() {
    let stand = Stand::start().await;
    let csr = csr_of(&stand.policy());
    stand.simulator.advance(HOUR - Duration::from_secs(1));
    let token = stand.intune_token().await;
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "Success");
    stand.simulator.advance(Duration::from_secs(1));
    let answer = stand.validate(&token, "t", &csr).await;
    assert_eq!(answer.code(), "ChallengeExpired");
    assert_eq!(
        answer.json()["errorDescription"],
        "SCEP challenge has expired.SCEP Challenge has expired. challengeExpInterval=60, \
         challengeExpiration=11/21/2026 01:00:00, challengeCreation=11/21/2026 00:00:00"
    );
}

#[tokio::test]
async fn a_profile_that_is_targeted_elsewhere_since_is_refused() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let csr = csr_of(&stand.policy());
    stand.simulator.target("profile-1", Target::Devices(vec!["device-2".to_owned()])).unwrap();
    let answer = stand.validate(&token, "t", &csr).await;
    assert_eq!(answer.code(), "ScepProfileNoLongerTargetedToTheClient");
    stand.simulator.target("profile-1", Target::Devices(vec!["device-1".to_owned()])).unwrap();
    assert_eq!(stand.validate(&token, "t", &csr).await.code(), "Success");
}

/// What is done to a CSR.
type Change = Box<dyn FnOnce(&mut CsrSpec)>;

#[tokio::test]
async fn each_difference_between_csr_and_profile_has_its_code() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let attribute = |kind: &str, value: &str| SubjectAttribute {
        kind: kind.to_owned(),
        value: value.to_owned(),
    };
    let cn = attribute("CN", "administrator");
    let o = attribute("O", "Contoso");
    let cases: [(&str, Change); 9] = [
        ("SubjectNameMissing", Box::new(|spec| spec.subject.clear())),
        ("SubjectNameMismatch", Box::new(move |spec| spec.subject[0] = cn)),
        ("SubjectNameMismatch", Box::new(move |spec| spec.subject.push(o))),
        ("SubjectAltNameMissing", Box::new(|spec| spec.alt_names.clear())),
        (
            "SubjectAltNameMismatch",
            Box::new(|spec| spec.alt_names[0] = AltName::Upn("bob@contoso.example".to_owned())),
        ),
        (
            "SubjectAltNameMismatch",
            Box::new(|spec| spec.alt_names[0] = AltName::Email("alice@contoso.example".to_owned())),
        ),
        ("KeyUsageMismatch", Box::new(|spec| spec.key_usage = KeyUsageSpec::DigitalSignature)),
        ("EnhancedKeyUsageMissing", Box::new(|spec| spec.extended_key_usages.clear())),
        (
            "EnhancedKeyUsageMismatch",
            Box::new(|spec| spec.extended_key_usages = vec!["1.3.6.1.5.5.7.3.1".to_owned()]),
        ),
    ];
    for (code, change) in cases {
        let policy = stand.policy().with_spec(change);
        assert_eq!(stand.validate(&token, "t", &csr_of(&policy)).await.code(), code);
    }
    let policy = stand.policy();
    let longer = csr_with("rsa3072-device", policy.spec(), Some(policy.challenge()));
    assert_eq!(stand.validate(&token, "t", &longer).await.code(), "KeyLengthMismatch");
}

#[tokio::test]
async fn another_device_may_not_use_the_challenge() {
    let stand = Stand::start().await;
    stand.simulator.put_device(ManagedDevice::new(TENANT, "device-2")).unwrap();
    let mut profile = Profile::new("by-name", "CN={{DeviceName}}").unwrap();
    profile.validity = None;
    stand.simulator.put_profile(profile);
    let token = stand.intune_token().await;
    let mine = stand.simulator.mint_challenge("device-1", "by-name").unwrap();
    let theirs = stand.simulator.mint_challenge("device-2", "by-name").unwrap();
    let stolen = csr(theirs.spec(), Some(mine.challenge()));
    assert_eq!(stand.validate(&token, "t", &stolen).await.code(), "SubjectNameMismatch");
}

#[tokio::test]
async fn variables_become_what_the_directory_knows() {
    let stand = Stand::start().await;
    let mut device = ManagedDevice::new(TENANT, "device-3");
    device.imei = "356938035643809".to_owned();
    device.user = Some(User {
        name: "Carol, Dr.".to_owned(),
        principal_name: "carol@contoso.example".to_owned(),
        email: "c@contoso.example".to_owned(),
        on_premises_sid: "S-1-5-21-1004336348-1177238915-682003330-512".to_owned(),
    });
    stand.simulator.put_device(device).unwrap();
    let mut profile =
        Profile::new("all", "CN={{UserName}},E={{EmailAddress}},SERIALNUMBER={{IMEI}}").unwrap();
    profile.alt_names = vec![AltName::Uri(
        "tag:microsoft.com,2022-09-14:sid:{{OnPremisesSecurityIdentifier}}".to_owned(),
    )];
    stand.simulator.put_profile(profile);
    let policy = stand.simulator.mint_challenge("device-3", "all").unwrap();
    let values: Vec<_> = policy.spec().subject.iter().map(|a| a.value.as_str()).collect();
    assert_eq!(values, ["Carol, Dr.", "c@contoso.example", "356938035643809"]);
    let sid = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-512";
    assert_eq!(policy.spec().alt_names, [AltName::Uri(sid.to_owned())]);
    let token = stand.intune_token().await;
    assert_eq!(stand.validate(&token, "t", &csr_of(&policy)).await.code(), "Success");
}

#[tokio::test]
async fn a_profile_with_an_empty_variable_fails_before_any_scep() {
    let stand = Stand::start().await;
    stand.simulator.put_profile(Profile::new("by-imei", "CN={{IMEI}}").unwrap());
    let minted = stand.simulator.mint_challenge("device-1", "by-imei");
    assert_eq!(minted, Err(Error::EmptyVariable("IMEI".to_owned())));
    let minted = stand.simulator.mint_challenge("nobody", "profile-1");
    assert_eq!(minted, Err(Error::UnknownDevice("nobody".to_owned())));
    let minted = stand.simulator.mint_challenge("device-1", "none");
    assert_eq!(minted, Err(Error::UnknownProfile("none".to_owned())));
}

#[tokio::test]
async fn nothing_that_is_printed_has_a_secret_in_it() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let policy = stand.policy();
    let csr = csr_of(&policy);
    stand.action(VALIDATE, &token, &validate_body("t", &csr)).await;
    let secret = stand.simulator.credentials().unwrap().client_secret;
    let printed = format!(
        "{policy:?} {:?} {:?} {:?} {:?}",
        stand.simulator,
        stand.simulator.requests(),
        stand.simulator.credentials(),
        intune_sim::SimulatorConfig::new(provider()),
    );
    let challenge = policy.challenge().expose();
    for secret in [secret.expose(), &token, challenge, &STANDARD.encode(csr.der())] {
        assert!(!printed.contains(secret), "a secret is printed");
    }
    assert!(printed.contains("validateRequest"), "{printed}");
}

#[tokio::test]
async fn the_checks_come_in_the_order_of_the_service() {
    let stand = Stand::start().await;
    let hour = Minting { lifetime: HOUR, forgery: None };
    let minted = |forgery| {
        let minting = Minting { forgery, ..hour };
        let policy = stand.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap();
        // Everything below the challenge is wrong, too.
        csr_of(&policy.with_spec(|spec| {
            spec.subject[0].value = "administrator".to_owned();
            spec.alt_names.clear();
            spec.key_usage = KeyUsageSpec::KeyEncipherment;
            spec.extended_key_usages.clear();
        }))
    };
    let (foreign, unknown, plain) =
        (minted(Some(Forgery::ForeignTenant)), minted(Some(Forgery::UnknownDevice)), minted(None));
    stand.simulator.set_token_lifetime(HOUR * 24);
    let token = stand.intune_token().await;
    let code = async |csr| stand.validate(&token, "t", csr).await.code();
    assert_eq!(code(&plain).await, "SubjectNameMismatch", "the subject before the rest");
    stand.simulator.target("profile-1", Target::Devices(Vec::new())).unwrap();
    assert_eq!(code(&plain).await, "ScepProfileNoLongerTargetedToTheClient", "then the target");
    assert_eq!(code(&unknown).await, "BadDeviceIdInChallenge", "before it the device");
    stand.simulator.advance(HOUR);
    assert_eq!(code(&unknown).await, "ChallengeExpired", "before it the time");
    assert_eq!(code(&foreign).await, "BadTenantIdInChallenge", "before it the tenant");
}

#[tokio::test]
async fn a_challenge_that_is_changed_anywhere_is_refused() {
    let stand = Stand::start().await;
    let token = stand.intune_token().await;
    let policy = stand.policy();
    let text = policy.challenge().expose();
    for at in (0..text.len()).step_by(97).chain([text.len() - 1]) {
        let mut octets = text.as_bytes().to_vec();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        let changed = Secret::new(String::from_utf8(octets).unwrap());
        let code = stand.validate(&token, "t", &csr(policy.spec(), Some(&changed))).await.code();
        let expected = [
            "ChallengeDecodingError",
            "SigningCertThumbprintMismatch",
            "SignatureValidationFailed",
        ];
        assert!(expected.contains(&code.as_str()), "{code} for a change at {at}");
    }
}
