//! `scepd check --online`: what Microsoft says about the set-up, and which certificate goes into which profile.

use std::io::{self, Write};

use anyhow::{Context, Result};
use intune_client::Severity;
use scep_crypto::aws_lc_rs;
use scep_types::{Certificate, DigestAlgorithm, hex};
use serde::Serialize;

use crate::serve::assembly::Door;
use crate::serve::intune::{Intune, doctor};

/// What was found about an endpoint in the mode `intune`.
#[derive(Debug, Serialize)]
pub(super) struct Examined {
    endpoint: String,
    findings: Vec<Told>,
    certificates: Vec<Shown>,
}

/// One thing that was found out.
#[derive(Debug, Serialize)]
struct Told {
    /// `good`, `warning` or `problem`.
    severity: &'static str,
    what: String,
}

/// A certificate, and where its hashes go.
#[derive(Debug, Serialize)]
struct Shown {
    /// `ra`, `ca` or `chain`.
    role: &'static str,
    subject: String,
    /// In the SCEP profiles of which platforms it is chosen.
    choose_for: Vec<&'static str>,
    sha1: String,
    sha256: String,
    sha512: String,
}

/// Asks Microsoft about each endpoint in the mode `intune`.
///
/// # Errors
/// The runtime cannot be started, or a digest not be computed.
pub(super) fn examine(doors: &[Door]) -> Result<Vec<Examined>> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let intune = doors.iter().filter_map(|door| Some((door, door.intune.as_ref()?)));
    intune.map(|(door, intune)| runtime.block_on(examine_one(door, intune))).collect()
}

async fn examine_one(door: &Door, intune: &Intune) -> Result<Examined> {
    let found = doctor::examine(intune).await;
    let tell = |finding: &intune_client::Finding| Told {
        severity: doctor::name(finding.severity()),
        what: finding.to_string(),
    };
    let certificates = if door.made_up { Vec::new() } else { certificates(door)? };
    Ok(Examined {
        endpoint: door.endpoint.name().to_owned(),
        findings: found.iter().map(tell).collect(),
        certificates,
    })
}

/// RA, CA and all above it; the issuing CA is what Windows looks for, the root what the others do.
fn certificates(door: &Door) -> Result<Vec<Shown>> {
    let authority = &door.config.authority;
    let ca = authority.ca.issuer.certificate();
    let ra = Some(&authority.ra.certificate).filter(|ra| *ra != ca);
    let all = ra.map(|ra| ("ra", ra)).into_iter().chain([("ca", ca)]);
    let all = all.chain(authority.ca.chain.iter().map(|above| ("chain", above)));
    all.map(|(role, certificate)| {
        let mut choose_for = Vec::new();
        if role == "ca" {
            choose_for.push("Windows");
        }
        if role != "ra" && certificate.is_self_issued() {
            choose_for.extend(["Apple", "Android"]);
        }
        shown(role, certificate, choose_for)
    })
    .collect()
}

fn shown(
    role: &'static str,
    certificate: &Certificate,
    choose_for: Vec<&'static str>,
) -> Result<Shown> {
    let digests = aws_lc_rs::provider().digest;
    let digest = |kind| -> Result<String> {
        Ok(hex::upper(digests.digest(kind, certificate.der())?.as_ref()))
    };
    Ok(Shown {
        role,
        subject: certificate.subject().to_string(),
        choose_for,
        sha1: digest(DigestAlgorithm::Sha1)?,
        sha256: digest(DigestAlgorithm::Sha256)?,
        sha512: digest(DigestAlgorithm::Sha512)?,
    })
}

impl Examined {
    /// Whether certificates can be issued, as far as Microsoft is concerned.
    pub(super) fn is_set_up(&self) -> bool {
        let problem = doctor::name(Severity::Problem);
        self.findings.iter().all(|finding| finding.severity != problem)
    }
}

/// As text.
pub(super) fn show(examined: &[Examined]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Examined { endpoint, findings, certificates } in examined {
        writeln!(out, "endpoint {endpoint:?} and Microsoft:")?;
        for Told { severity, what } in findings {
            writeln!(out, "  {severity}: {what}")?;
        }
        if certificates.is_empty() {
            writeln!(
                out,
                "  the CA is generated at the first start; ask again then for its hashes"
            )?;
        }
        for Shown { role, subject, choose_for, sha1, sha256, sha512 } in certificates {
            writeln!(out, "  {role} {subject}")?;
            if !choose_for.is_empty() {
                writeln!(out, "    choose it in the SCEP profiles for {}", choose_for.join(", "))?;
            }
            for (name, hash) in [("SHA-1", sha1), ("SHA-256", sha256), ("SHA-512", sha512)] {
                writeln!(out, "    {name:<7} {hash}")?;
            }
        }
    }
    Ok(())
}
