//! `intune-sim device`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use intune_sim::device::{Device, Enrolled, Family};
use intune_sim::{Policy, SubjectAttribute};
use pem::Pem;
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::CaAnchor;
use scep_types::{DigestAlgorithm, KeyKind};

use crate::cli::{DeviceArgs, Fingerprint};

/// Gets a policy and enrols by it.
pub(crate) async fn run(args: &DeviceArgs) -> Result<()> {
    let policy = policy(args).await.context("asking the simulator for a challenge")?;
    let key = Arc::new(SoftwareKey::generate(KeyKind::Rsa { bits: policy.spec().key_bits })?);
    let device = device(args, key.clone())?;
    let mut out = std::io::stdout();
    let (challenge, subject) = (policy.challenge().expose().len(), policy.spec().name()?);
    writeln!(out, "{}: a challenge of {challenge} characters, for {subject}", args.family)?;

    let session = device.connect(&args.url).await.context("asking what the server can")?;
    let server = session.ca().encryption().subject();
    writeln!(out, "{}: the server is {server}, with {}", args.family, session.capabilities())?;
    let request = session.prepare(policy.spec(), Some(policy.challenge()))?;
    let (octets, id) = (request.message().len(), request.transaction_id());
    writeln!(out, "{}: a PKCSReq of {octets} octets, transactionID {id}", args.family)?;
    let enrolled = session.send(&request).await.context("enrolling")?;
    let certificate = &enrolled.certificate;
    let (serial, end) = (certificate.serial_hex(), certificate.validity().not_after);
    let subject = certificate.subject();
    writeln!(out, "{}: a certificate {serial} for {subject}, until {end}", args.family)?;
    match &args.out {
        Some(directory) => keep(directory, &args.device, &key, &enrolled),
        None => Ok(()),
    }
}

fn device(args: &DeviceArgs, key: Arc<SoftwareKey>) -> Result<Device> {
    let mut device = Device::new(args.family, key, provider());
    if args.family == Family::Windows {
        let throw_away = SoftwareKey::generate(KeyKind::Rsa { bits: 2048 })?;
        device = device.with_signer_key(Arc::new(throw_away));
    }
    if let Some(Fingerprint(octets)) = &args.fingerprint {
        let anchor = CaAnchor::Fingerprint(DigestAlgorithm::Sha256, octets.clone());
        device = device.with_anchor(anchor);
    }
    Ok(device)
}

/// What the simulator's Intune would push to the device.
async fn policy(args: &DeviceArgs) -> Result<Policy> {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let url = format!("{}/challenges", args.sim.trim_end_matches('/'));
    let body = serde_json::json!({ "device": args.device, "profile": args.profile });
    let response = http.post(url).body(body.to_string()).send().await?;
    let is_policy = response.status().is_success();
    let text = response.text().await?;
    if !is_policy {
        let error: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        bail!("{}", error.get("error").and_then(|error| error.as_str()).unwrap_or(&text));
    }
    let policy: Policy = serde_json::from_str(&text).context("reading the answer")?;
    Ok(match &args.subject {
        Some(subject) => {
            let subject = SubjectAttribute::parse_all(subject)?;
            policy.with_spec(|spec| spec.subject = subject)
        }
        None => policy,
    })
}

/// `<device>.key`, for its owner only, and `<device>.pem`.
fn keep(directory: &Path, device: &str, key: &SoftwareKey, enrolled: &Enrolled) -> Result<()> {
    let explain = || format!("writing to {}", directory.display());
    fs::create_dir_all(directory).with_context(explain)?;
    let path = directory.join(format!("{device}.key"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(explain)?;
    file.write_all(key.to_pkcs8_pem()?.as_bytes()).with_context(explain)?;
    let pem = pem::encode(&Pem::new("CERTIFICATE", enrolled.certificate.der().to_vec()));
    fs::write(directory.join(format!("{device}.pem")), pem).with_context(explain)
}
