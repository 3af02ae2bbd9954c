//! What a demo shows: a device that enrols, a reply that is lost, and the attacks that fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use intune_challenge::signed::{Algorithm, Claims, Issuer};
use scep_crypto::aws_lc_rs::{self, SoftwareKey};
use scep_proto::client::CertRep;
use scep_proto::{CaCertificates, FailInfo};
use scep_types::{Certificate, Secret, UnixTime, hex};

use super::device::{Device, Request};
use super::report::{Line, Report, milliseconds};
use super::witness::{Heard, Witness};

/// Who takes part.
pub(super) struct Scenario<'a> {
    pub(super) signed_url: &'a str,
    pub(super) ca: &'a CaCertificates,
    pub(super) mdm: Issuer,
    pub(super) witness: &'a Witness,
    pub(super) report: &'a mut Report,
    pub(super) now: UnixTime,
    pub(super) http: reqwest::Client,
}

/// How a line must come out.
enum Expected<'a> {
    /// A new certificate.
    Certificate,
    /// Exactly this certificate.
    Same(&'a Certificate),
    /// A refusal: what the device learns, and the label in the log.
    Refusal(FailInfo, &'static str),
}

/// How long the demo's challenges live.
const LIFETIME: Duration = Duration::from_secs(600);

impl Scenario<'_> {
    /// Shows everything on the signed endpoint; returns the device's certificate.
    pub(super) async fn play(&mut self, device: &Device) -> Result<Certificate> {
        let name = device.name.clone();
        let dns = format!("{name}.example");
        let challenge = self.mint(&name, &[&dns], self.now)?;
        let honest = device.request(self.ca, &challenge, &[&dns])?;

        let what = "a device enrols with a signed challenge";
        let first = self.show(what, device, &honest, Expected::Certificate).await?;
        let first = first.context("without a certificate there is nothing more to show")?;
        let what = "the reply was lost: the same request again";
        self.show(what, device, &honest, Expected::Same(&first)).await?;

        let other = Device::new(&name, self.now)?;
        let replay = other.request(self.ca, &challenge, &[&dns])?;
        let refusal = Expected::Refusal(FailInfo::BAD_MESSAGE_CHECK, "replay");
        self.show("replay: the used challenge, another CSR", &other, &replay, refusal).await?;

        let tampered = tamper(&self.mint(&name, &[&dns], self.now)?)?;
        let request = device.request(self.ca, &tampered, &[&dns])?;
        let refusal = Expected::Refusal(FailInfo::BAD_MESSAGE_CHECK, "signature_invalid");
        self.show("a tampered challenge", device, &request, refusal).await?;

        let fresh = self.mint(&name, &[&dns], self.now)?;
        let request = device.request(self.ca, &fresh, &[&dns, "admin.example"])?;
        let refusal = Expected::Refusal(FailInfo::BAD_REQUEST, "claim_mismatch");
        self.show("a CSR that asks for one SAN more", device, &request, refusal).await?;

        let yesterday = self.now.minus(Duration::from_secs(24 * 60 * 60));
        let old = self.mint(&name, &[&dns], yesterday)?;
        let request = device.request(self.ca, &old, &[&dns])?;
        let refusal = Expected::Refusal(FailInfo::BAD_MESSAGE_CHECK, "expired");
        self.show("an expired challenge", device, &request, refusal).await?;
        Ok(first)
    }

    /// A challenge for this device and these DNS names, as an MDM would hand it out.
    pub(super) fn mint(&self, device: &str, dns: &[&str], issued_at: UnixTime) -> Result<Secret> {
        let mut nonce = [0; 16];
        aws_lc_rs::provider().random.fill(&mut nonce)?;
        let nonce = Secret::new(hex::lower(&nonce));
        let mut claims = Claims::new(device, nonce, issued_at, issued_at.plus(LIFETIME));
        claims.issuer = Some("demo-mdm".to_owned());
        claims.audience = Some(self.signed_url.to_owned());
        claims.device_name = Some(device.to_owned());
        claims.san_dns = dns.iter().map(|name| (*name).to_owned()).collect();
        Ok(self.mdm.mint(&claims)?)
    }

    /// Sends a request, prints how it came out, and returns the certificate if there is one.
    async fn show(
        &mut self,
        what: &'static str,
        device: &Device,
        request: &Request,
        expected: Expected<'_>,
    ) -> Result<Option<Certificate>> {
        let start = Instant::now();
        let reply = self.post(request.message.clone()).await?;
        let took = start.elapsed();
        let heard = self.witness.take();
        let answer = device.receive(request, self.ca, reply)?;
        let certificate = match &answer {
            CertRep::Success { certificates, .. } => certificates.first().cloned(),
            _ => None,
        };
        let line = Line {
            what,
            device: in_words(&answer),
            as_expected: expected.is_met(&answer, certificate.as_ref(), heard.as_ref()),
            log: heard.map(|heard| heard.words).unwrap_or_default(),
            milliseconds: milliseconds(took),
        };
        self.report.line(&line)?;
        Ok(certificate)
    }

    async fn post(&self, message: Bytes) -> Result<Bytes> {
        let url = format!("{}?operation=PKIOperation", self.signed_url);
        let request = self.http.post(url).header("Content-Type", scep_proto::http::PKI_MESSAGE);
        let response = request.body(message).send().await?;
        ensure!(response.status().is_success(), "the server answered HTTP {}", response.status());
        Ok(response.bytes().await?)
    }
}

impl Expected<'_> {
    fn is_met(&self, answer: &CertRep, got: Option<&Certificate>, heard: Option<&Heard>) -> bool {
        match (self, answer) {
            (Self::Certificate, _) => got.is_some(),
            (Self::Same(first), _) => got == Some(*first),
            (Self::Refusal(expected, label), CertRep::Failure { fail_info, .. }) => {
                *fail_info == Some(*expected) && heard.is_some_and(|heard| heard.label == *label)
            }
            (Self::Refusal(..), _) => false,
        }
    }
}

fn in_words(answer: &CertRep) -> String {
    match answer {
        CertRep::Success { certificates, .. } => match certificates.first() {
            Some(certificate) => format!("SUCCESS {}", short(&certificate.serial_hex())),
            None => "SUCCESS without a certificate".to_owned(),
        },
        CertRep::Failure { fail_info: Some(info), .. } => format!("FAILURE {info}"),
        CertRep::Failure { fail_info: None, .. } => "FAILURE".to_owned(),
        CertRep::Pending => "PENDING".to_owned(),
    }
}

/// The first octets of a serial number, enough to tell certificates apart.
fn short(serial: &str) -> String {
    format!("{}…", serial.chars().take(12).collect::<String>())
}

/// Changes one character in the middle of the payload.
fn tamper(challenge: &Secret) -> Result<Secret> {
    let mut segments = challenge.expose().split('.');
    let (Some(header), Some(payload), Some(signature)) =
        (segments.next(), segments.next(), segments.next())
    else {
        anyhow::bail!("a challenge has three segments");
    };
    let (before, after) = payload.split_at(payload.len() / 2);
    let changed = if after.starts_with('A') { 'B' } else { 'A' };
    let after = after.get(1..).unwrap_or_default();
    Ok(Secret::new(format!("{header}.{before}{changed}{after}.{signature}")))
}

/// The MDM that signs challenges with this key.
pub(super) fn mdm(key_pem: &str) -> Result<Issuer> {
    let key = Arc::new(SoftwareKey::from_pkcs8_pem(key_pem)?);
    Ok(Issuer::new(key, Algorithm::Es256, None)?)
}
