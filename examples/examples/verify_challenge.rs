//! A maker of any SCEP server checks signed challenges: the CSR must ask for what its challenge says, and for nothing else.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use intune_challenge::signed::{Algorithm, Claims, Issuer, TrustAnchor, Verifier, VerifierConfig};
use intune_challenge::{Csr, Secret};
use scep_client::{now, sign_csr};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::client::subject_alt_name;
use scep_types::{GeneralName, GeneralNameValue, KeyKind, Name, SigningKey, oid};

const SERVER: &str = "https://scep.example/";

fn main() -> Result<()> {
    // The MDM's half: it knows the device, and signs what its certificate may say.
    let mdm_key = Arc::new(SoftwareKey::generate(KeyKind::P256)?);
    let mdm = Issuer::new(mdm_key.clone(), Algorithm::Es256, None)?;
    let mut claims = Claims::new("device-1", Secret::new("a nonce, once"), now(), later());
    claims.audience = Some(SERVER.to_owned());
    claims.device_name = Some("device-1".to_owned());
    claims.san_dns = vec!["device-1.example".to_owned()];
    let challenge = mdm.mint(&claims)?;

    // The server's half: whose challenges are taken, and for whom they must be.
    let anchor = TrustAnchor::from_public_key(mdm_key.spki())?;
    let config = VerifierConfig::new(vec![anchor], Some(SERVER.to_owned()));
    let verifier = Verifier::new(config, &provider())?;

    let honest = verifier.check(&csr(&challenge, &["device-1.example"])?, now())?;
    println!("taken:   {:?} asks for what it may have", honest.claims().subject);

    let greedy = csr(&challenge, &["device-1.example", "admin.example"])?;
    match verifier.check(&greedy, now()) {
        Ok(_) => anyhow::bail!("a CSR that asks for more must be refused"),
        Err(error) => {
            println!("refused: {} ({error})", error.label());
            ensure!(error.label() == "claim_mismatch");
        }
    }
    let late = now().plus(Duration::from_secs(3600));
    match verifier.check(&csr(&challenge, &["device-1.example"])?, late) {
        Ok(_) => anyhow::bail!("an expired challenge must be refused"),
        Err(error) => {
            println!("refused: {} ({error})", error.label());
            ensure!(error.label() == "expired");
        }
    }
    Ok(())
}

fn later() -> intune_challenge::UnixTime {
    now().plus(Duration::from_secs(600))
}

/// What a device sends: its key, its name, the names it wants, and the challenge.
fn csr(challenge: &Secret, dns: &[&str]) -> Result<Csr> {
    let key = SoftwareKey::generate(KeyKind::P256)?;
    let subject = Name::build(&[(oid::COMMON_NAME, "device-1")]);
    let names =
        dns.iter().filter_map(|name| GeneralName::new(GeneralNameValue::Dns((*name).to_owned())));
    let names = subject_alt_name(&names.collect::<Vec<_>>());
    Ok(sign_csr(&key, &subject, Some(challenge), &[names])?)
}
