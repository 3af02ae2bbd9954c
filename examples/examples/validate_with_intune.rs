//! A maker of any SCEP server asks Microsoft Intune whether a CSR is good. Nothing is sent here: the codec does no I/O.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use std::time::Duration;

use anyhow::{Result, bail};
use intune_challenge::service::{
    AccessToken, ActivityId, Call, Cloud, Enrolment, HttpResponse, Outcome, ServiceUrl, Settings,
    TransactionId, UrlPolicy,
};
use intune_challenge::{Csr, Secret};
use scep_client::{now, sign_csr};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_types::{KeyKind, Name, oid};

/// What the service says to an expired challenge.
const EXPIRED: &str =
    r#"{"code":"ChallengeExpired","errorDescription":"SCEP challenge has expired."}"#;

fn main() -> Result<()> {
    let settings = Settings::new(Cloud::Global, "AcmeScep/1.2.3")?;
    // `Discovery` finds the service, `TokenRequest` gets the token; `intune-client` does both for you.
    let service = ServiceUrl::parse("https://fef.example/RACerts", UrlPolicy::HttpsOnly)?;
    let token = AccessToken::new(Secret::new("eyJ0"), Duration::from_secs(3599))?;
    let activity_id = ActivityId::from_random([7; 16]); // yours: 16 random octets

    let enrolment = Enrolment::new(TransactionId::new("1A2B3C")?, csr()?)?;
    let call = Call { settings: &settings, service: &service, token: &token, activity_id };
    let request = enrolment.validate(&call);
    println!("{} {}", request.method().name(), request.url());
    for (name, value) in request.headers().filter(|(name, _)| *name != "Authorization") {
        println!("{name}: {value}");
    }
    println!("… and {} octets, which hold the challenge\n", request.body().len());

    let read = |status, body| {
        let response = HttpResponse::new(status, body);
        Outcome::from_http(&enrolment, &response, activity_id, now())
    };
    match read(200, r#"{"code":"Success","errorDescription":""}"#) {
        Outcome::Valid(validated) => println!("issue:     {:?}", validated.authorization()),
        other => bail!("not valid: {other:?}"),
    }
    for (status, body) in [(200, EXPIRED), (503, ""), (403, "")] {
        match read(status, body) {
            Outcome::Valid(_) => bail!("only `Success` is valid"),
            Outcome::Denied(denial) => println!("refuse:    {denial}"),
            Outcome::Unavailable(unavailable) => println!("try later: {unavailable}"),
            Outcome::Misconfigured(problem) => println!("act:       {}", problem.hint),
        }
    }
    Ok(())
}

/// What a device sends; only Intune can open the challenge.
fn csr() -> Result<Csr> {
    let subject = Name::build(&[(oid::COMMON_NAME, "device-1")]);
    let challenge = Secret::new("MII…an opaque challenge of Intune");
    Ok(sign_csr(&SoftwareKey::generate(KeyKind::P256)?, &subject, Some(&challenge), &[])?)
}
