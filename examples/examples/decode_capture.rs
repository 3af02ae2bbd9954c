//! A captured pkiMessage is taken apart step by step, as a server does: nothing is believed before it was checked.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use anyhow::{Result, bail};
use scep_crypto::aws_lc_rs::{SoftwareKey, provider};
use scep_proto::FallbackKey;
use scep_proto::server::{Opened, Recipient, Unverified, Verified};
use scep_types::{AlgorithmPolicy, Certificate};

/// What strongSwan's `pki --scep` sent to a test server, and the RA pair it was encrypted to.
const CAPTURE: &[u8] = include_bytes!("../../testdata/strongswan/pkcsreq.der");
const RA: &[u8] = include_bytes!("../../testdata/pki/ra.der");
const RA_KEY: &str = include_str!("../../testdata/keys/rsa2048-ra.pem");

fn main() -> Result<()> {
    let (provider, policy) = (provider(), AlgorithmPolicy::Modern);

    let message = Unverified::parse(CAPTURE)?;
    println!("transactionID  {}", message.transaction_id());

    let sealed = match message.verify(&provider, policy) {
        Ok(Verified::Sealed(sealed)) => sealed,
        Ok(_) => bail!("a poll has nothing to open"),
        Err(rejected) => bail!("the signature: {}", rejected.error),
    };
    println!(
        "signer         {}, serial {}",
        sealed.signer().subject(),
        sealed.signer().serial_hex()
    );
    println!("signed with    {:?}", sealed.scheme());
    println!("envelope for   {:?}", sealed.kind());

    let (key, certificate) = (SoftwareKey::from_pem(RA_KEY)?, Certificate::parse(RA)?);
    let ours = [Recipient { certificate: &certificate, key: &key }];
    let mut drawn = [0; 32];
    provider.random.fill(&mut drawn)?;
    let enrolment = match sealed.open(&ours, &FallbackKey::new(drawn), &provider, policy) {
        Ok(Opened::Enrol(enrolment)) => enrolment,
        Ok(_) => bail!("another message type than PKCSReq"),
        Err(rejected) => bail!("the envelope: {}", rejected.error),
    };
    let csr = &enrolment.csr;
    println!("CSR subject    {}", csr.subject());
    println!("CSR key        {}", csr.key_kind());
    println!("CSR names      {:?}", csr.subject_alt_names());
    let challenge = if csr.challenge_password().is_some() { "one, not shown" } else { "none" };
    println!("challenge      {challenge}");
    Ok(())
}
