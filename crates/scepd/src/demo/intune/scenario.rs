//! What the demonstration shows, line by line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use intune_sim::device::{Device, Enrolled, Family, Request, Session};
use intune_sim::{
    DeviceError, Endpoint, Error, Fault, Forgery, Minting, Policy, SubjectAttribute, Times,
};
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_types::{Certificate, KeyKind};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::super::report::{Line, Report, milliseconds};
use super::super::witness::Heard;
use super::stage::{CRL, INTUNE, Stage};

/// The device and the profile that the simulator knows from the start.
const DEVICE: &str = "device-1";
const PROFILE: &str = "profile-1";
const RSA_2048: KeyKind = KeyKind::Rsa { bits: 2048 };

/// Plays, and says how it came out.
pub(super) struct Scenario<'a> {
    stage: &'a Stage,
    report: &'a mut Report,
    /// Throw-away keys cost time: one signs for all.
    signer_key: Arc<SoftwareKey>,
}

/// How a line must come out.
enum Expected<'a> {
    /// A new certificate.
    Certificate,
    /// The certificate that the service was told of before.
    Told(&'a str),
    /// No certificate, for this code of the service.
    Denied(&'a str),
    /// No certificate, and a request to come again, for this reason in the log.
    Later(&'a str),
}

impl<'a> Scenario<'a> {
    pub(super) fn new(stage: &'a Stage, report: &'a mut Report) -> Result<Self> {
        Ok(Self { stage, report, signer_key: Arc::new(SoftwareKey::generate(RSA_2048)?) })
    }

    pub(super) async fn play(&mut self) -> Result<()> {
        let certificate = self.families().await?;
        self.refusals().await?;
        self.outage().await?;
        self.failed_notification().await?;
        self.revocation(&certificate).await
    }

    /// One device of each family; the certificate of the last one.
    async fn families(&mut self) -> Result<Certificate> {
        let mut last = None;
        for (what, family) in [
            ("a Windows device enrols", Family::Windows),
            ("an Apple device enrols", Family::Apple),
            ("an Android device enrols", Family::Android),
        ] {
            let (session, request) = self.request(family, &self.policy()?).await?;
            last = self.show(what, &session, &request, Expected::Certificate).await?.or(last);
        }
        Ok(last.context("without a certificate there is nothing to revoke")?.certificate)
    }

    /// What Intune says no to.
    async fn refusals(&mut self) -> Result<()> {
        let tampered = self.policy()?.with_spec(|spec| {
            if let Some(SubjectAttribute { value, .. }) = spec.subject.first_mut() {
                "administrator".clone_into(value);
            }
        });
        self.refused("a tampered CSR: another common name", tampered, "SubjectNameMismatch")
            .await?;

        let expired = self.policy()?;
        self.stage.simulator.advance(Duration::from_secs(61 * 60));
        self.refused("an expired challenge", expired, "ChallengeExpired").await?;

        let foreign = Minting { forgery: Some(Forgery::ForeignTenant), ..Minting::default() };
        let foreign = self.stage.simulator.mint_challenge_with(DEVICE, PROFILE, foreign)?;
        self.refused("a challenge of another tenant", foreign, "BadTenantIdInChallenge").await
    }

    async fn refused(&mut self, what: &'static str, policy: Policy, code: &str) -> Result<()> {
        let (session, request) = self.request(Family::Apple, &policy).await?;
        self.show(what, &session, &request, Expected::Denied(code)).await?;
        Ok(())
    }

    /// The service is down: no certificate, nothing burnt, and the same request succeeds later.
    async fn outage(&mut self) -> Result<()> {
        let simulator = &self.stage.simulator;
        let (session, request) = self.request(Family::Android, &self.policy()?).await?;
        simulator.inject(
            Endpoint::Validate,
            Fault::ServiceUnavailable(Some(60)),
            Times::UntilCleared,
        );
        let what = "Intune is down: no certificate";
        self.show(what, &session, &request, Expected::Later("intune_unavailable")).await?;
        simulator.clear_faults();
        let what = "Intune is back: the same request";
        self.show(what, &session, &request, Expected::Certificate).await?;
        Ok(())
    }

    /// The report of the certificate fails: it does not leave, and the retry gets that very one.
    async fn failed_notification(&mut self) -> Result<()> {
        let simulator = &self.stage.simulator;
        let (session, request) = self.request(Family::Windows, &self.policy()?).await?;
        let fault = Fault::ServiceUnavailable(Some(60));
        simulator.inject(Endpoint::SuccessNotification, fault, Times::UntilCleared);
        let what = "the notification fails: no certificate leaves";
        self.show(what, &session, &request, Expected::Later("intune_notification")).await?;
        simulator.clear_faults();
        let told = self.told().context("the service was told of no certificate")?;
        let what = "the retry gets the one that was made";
        self.show(what, &session, &request, Expected::Told(&told)).await?;
        Ok(())
    }

    /// An administrator revokes, and the CRL says so.
    async fn revocation(&mut self, certificate: &Certificate) -> Result<()> {
        let started = Instant::now();
        let serial = certificate.serial_hex();
        self.stage.simulator.request_revocation(&serial, None)?;
        let round = self.stage.revocation.run_once().await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let crl = http.get(format!("{}{CRL}", self.stage.origin)).send().await?.bytes().await?;
        let (_, crl) = CertificateRevocationList::from_der(&crl).context("reading the CRL")?;
        let listed =
            crl.iter_revoked_certificates().any(|entry| entry.raw_serial() == certificate.serial());
        let number = crl.crl_number().map(ToString::to_string).unwrap_or_default();
        self.report.line(&Line {
            what: "an administrator of Intune revokes",
            device: format!("CRL {number}{}", if listed { " lists it" } else { "" }),
            log: format!("{} of {} revoked: {serial}", round.revoked, round.requests),
            milliseconds: milliseconds(started.elapsed()),
            as_expected: listed && round.revoked == 1,
        })?;
        Ok(())
    }

    fn policy(&self) -> Result<Policy> {
        Ok(self.stage.simulator.mint_challenge(DEVICE, PROFILE)?)
    }

    async fn request(&self, family: Family, policy: &Policy) -> Result<(Session, Request)> {
        let key = Arc::new(SoftwareKey::generate(RSA_2048)?);
        let mut device = Device::new(family, key, aws_lc_rs::provider()).with_time(self.stage.now);
        if family == Family::Windows {
            device = device.with_signer_key(self.signer_key.clone());
        }
        let session = device.connect(&format!("{}{INTUNE}", self.stage.origin)).await?;
        let request = session.prepare(policy.spec(), Some(policy.challenge()))?;
        Ok((session, request))
    }

    async fn show(
        &mut self,
        what: &'static str,
        session: &Session,
        request: &Request,
        expected: Expected<'_>,
    ) -> Result<Option<Enrolled>> {
        let started = Instant::now();
        let got = session.send(request).await;
        let time = started.elapsed();
        let heard = self.stage.witness.take();
        self.report.line(&Line {
            what,
            device: in_words(&got),
            log: heard.as_ref().map_or_else(String::new, |heard| heard.words.clone()),
            milliseconds: milliseconds(time),
            as_expected: expected.is_met(&got, heard.as_ref()),
        })?;
        Ok(got.ok())
    }

    /// The serial number in the newest notification, whether it was taken or not.
    fn told(&self) -> Option<String> {
        let notifications = self.stage.simulator.requests_of(Endpoint::SuccessNotification);
        let body = notifications.last()?.json();
        Some(body["notification"]["certificateSerialNumber"].as_str()?.to_owned())
    }
}

impl Expected<'_> {
    fn is_met(&self, got: &Result<Enrolled, Error>, heard: Option<&Heard>) -> bool {
        match (self, got) {
            (Self::Certificate, Ok(_)) => true,
            (Self::Told(serial), Ok(enrolled)) => {
                enrolled.certificate.serial_hex().trim_start_matches('0')
                    == serial.trim_start_matches('0')
            }
            (Self::Denied(code), Err(Error::Device(DeviceError::Refused { .. }))) => {
                heard.is_some_and(|heard| heard.service_code.as_deref() == Some(*code))
            }
            (Self::Later(label), Err(Error::Device(DeviceError::Http { status: 503, .. }))) => {
                heard.is_some_and(|heard| heard.label == *label)
            }
            _ => false,
        }
    }
}

fn in_words(got: &Result<Enrolled, Error>) -> String {
    match got {
        Ok(enrolled) => {
            let serial = enrolled.certificate.serial_hex();
            format!("SUCCESS {}…", serial.chars().take(12).collect::<String>())
        }
        Err(Error::Device(DeviceError::Refused { fail_info: Some(info) })) => {
            format!("FAILURE {}", scep_proto::FailInfo::new(*info))
        }
        Err(Error::Device(DeviceError::Http { status, .. })) => format!("HTTP {status}"),
        Err(error) => error.to_string(),
    }
}
