use intune_client::Error;
use intune_client::service::{Failure, KnownCode};
use intune_sim::{Endpoint, Fault, Forgery, Minting, Times};

use crate::support::{Stand, windows};

async fn denial(stand: &Stand, enrolment: &intune_client::service::Enrolment) -> (String, String) {
    let called = stand.validate(enrolment).await;
    match called.outcome {
        Err(Error::Service(Failure::Denied(denial))) => {
            assert_eq!(denial.activity_id, called.activity_id);
            (denial.code.name().to_owned(), denial.description.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_forged_challenge_is_denied_by_the_code_that_both_know() {
    let stand = Stand::start().await;
    for (forgery, code) in [
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
    ] {
        let minting = Minting { forgery: Some(forgery), ..Minting::default() };
        let policy = stand.simulator.mint_challenge_with("device-1", "profile-1", minting).unwrap();
        assert_eq!(denial(&stand, &windows(&policy)).await.0, code);
        assert!(KnownCode::from_name(code).is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_csr_that_was_changed_is_denied() {
    let stand = Stand::start().await;
    let policy = stand.policy().with_spec(|spec| spec.alt_names.clear());
    assert_eq!(denial(&stand, &windows(&policy)).await.0, "SubjectAltNameMissing");
    let policy = stand.policy().with_spec(|spec| spec.subject[0].value = "root".to_owned());
    assert_eq!(denial(&stand, &windows(&policy)).await.0, "SubjectNameMismatch");
}

#[tokio::test]
async fn an_expired_challenge_is_denied_in_the_words_of_the_service() {
    let stand = Stand::start().await;
    let enrolment = windows(&stand.policy());
    stand.simulator.set_token_lifetime(std::time::Duration::from_secs(86_400));
    stand.simulator.advance(std::time::Duration::from_secs(3_601));
    let (code, description) = denial(&stand, &enrolment).await;
    assert_eq!(code, "ChallengeExpired");
    assert!(description.contains("challengeExpInterval=60"), "{description}");
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_denied_by_its_name() {
    let stand = Stand::start().await;
    for code in KnownCode::ALL.iter().map(|code| code.name()).chain(["CodeOfTomorrow"]) {
        if code == "Success" {
            continue;
        }
        let fault = Fault::Code { code: code.to_owned(), description: "why".to_owned() };
        stand.simulator.inject(Endpoint::Validate, fault, Times::N(1));
        assert_eq!(
            denial(&stand, &windows(&stand.policy())).await,
            (code.to_owned(), "why".to_owned())
        );
    }
}
