//! Whether the clock tells why an envelope did not open (RFC 3218): the distributions side by side, taken in turn.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use scep_benches::{Bench, Row};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::FallbackKey;
use scep_proto::server::{Recipient, Sealed, Unverified, Verified};
use scep_test::craft::{
    Envelope, NULL, SignedMessage, algorithm, issuer_and_serial, key_transport, key_transport_with,
};
use scep_test::pki::Pki;
use scep_types::{AlgorithmPolicy, ContentKey, KeyTransport, oid};

use crate::samples::{self, AES};

const ROUNDS: usize = 2_000;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let sealed = [
        ("bad padding", seal(&bad_padding())?),
        ("good padding, wrong key", seal(&wrong_key()?)?),
        ("good padding, bad CSR", seal(&bad_csr())?),
    ];
    print_distributions(&sealed)?;
    let [(_, bad), (_, wrong), (_, csr)] = &sealed;
    Ok(vec![
        Bench::new("oracle/bad_padding_beside_wrong_key", &mut || open(bad), &mut || open(wrong))
            .run()?,
        Bench::new("oracle/bad_padding_beside_bad_csr", &mut || open(bad), &mut || open(csr))
            .run()?,
    ])
}

fn print_distributions(sealed: &[(&str, Sealed)]) -> Result<()> {
    let mut times = vec![Vec::with_capacity(ROUNDS); sealed.len()];
    for _ in 0..ROUNDS {
        for (times, (_, sealed)) in times.iter_mut().zip(sealed) {
            let start = Instant::now();
            open(sealed)?;
            times.push(start.elapsed());
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<52} {:>10} {:>10} {:>10} {:>10}",
        "opening a corrupt envelope, µs", "p10", "p50", "p90", "p99"
    )?;
    for (times, (name, _)) in times.iter_mut().zip(sealed) {
        times.sort_unstable();
        let at =
            |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let [p10, p50, p90, p99] = [10, 50, 90, 99].map(|percent| at(percent).as_secs_f64() * 1e6);
        writeln!(out, "{name:<52} {p10:>10.1} {p50:>10.1} {p90:>10.1} {p99:>10.1}")?;
    }
    writeln!(out)?;
    Ok(())
}

fn seal(envelope: &Envelope) -> Result<Sealed> {
    let message = SignedMessage::request(samples::device(), "19", envelope.build()).build();
    match Unverified::parse(message)?.verify(&provider(), AlgorithmPolicy::Modern) {
        Ok(Verified::Sealed(sealed)) => Ok(sealed),
        _ => anyhow::bail!("the request was refused too early"),
    }
}

fn open(sealed: &Sealed) -> Result<()> {
    let pki = Pki::shared();
    let recipient = Recipient { certificate: &pki.ra, key: &pki.ra_key };
    let fallback = FallbackKey::new([0x3C; 32]);
    let opened = sealed.clone().open(&[recipient], &fallback, &provider(), AlgorithmPolicy::Modern);
    ensure!(black_box(opened).is_err(), "a corrupt envelope opened");
    Ok(())
}

/// What decrypts to no PKCS #1 block.
fn bad_padding() -> Envelope {
    let pkcs1 = algorithm(oid::RSA_ENCRYPTION, Some(&NULL));
    let recipient = key_transport_with(&issuer_and_serial(&Pki::shared().ra), &pkcs1, &[0x55; 256]);
    Envelope { recipients: vec![recipient], ..samples::envelope() }
}

/// A well-wrapped key, but another one.
fn wrong_key() -> Result<Envelope> {
    let ra = &Pki::shared().ra;
    let key = ContentKey::new(&[0x42; 16]).context("a key of 16 octets")?;
    let rid = issuer_and_serial(ra);
    let recipient = key_transport(&rid, KeyTransport::Pkcs1v15, ra.spki(), &key);
    Ok(Envelope { recipients: vec![recipient], ..samples::envelope() })
}

/// A CSR with a signature that is none.
fn bad_csr() -> Envelope {
    let mut csr = samples::device().csr.der().to_vec();
    if let Some(last) = csr.last_mut() {
        *last ^= 1;
    }
    Envelope::new(&csr, &Pki::shared().ra, AES)
}
