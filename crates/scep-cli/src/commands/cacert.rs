use std::io::Write;
use std::path::Path;

use scep_client::now;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::CaCertificates;
use scep_types::{BasicConstraints, Certificate};
use serde_json::{Value, json};

use crate::cli::CacertArgs;
use crate::error::{Error, FileProblem};
use crate::files::{self, Target};
use crate::output;
use crate::trust::Fingerprints;

pub(super) async fn run(
    args: &CacertArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let anchor = match &args.fingerprint {
        Some(text) => Some(Fingerprints::allowed(args.allow_sha1_fingerprint).parse(text)?),
        None => None,
    };
    let client = super::client(&args.server)?;
    let found = client.ca_certificates(args.ca_identifier.as_deref()).await?;
    let mut certificates = found.certificates().to_vec();
    let mut authentic = None;
    if let Some(anchor) = anchor {
        let ca = found.authenticate(&anchor, &provider(), now());
        let ca = ca.map_err(scep_client::Error::from)?;
        certificates = ca.certificates().to_vec();
        authentic = Some(ca);
    }
    show(&certificates, authentic.as_ref(), args.json, out)?;
    if authentic.is_none() {
        super::note(notes, "not authenticated: compare a fingerprint with whoever runs the CA")?;
    }
    match &args.out {
        Some(directory) => write(&certificates, directory),
        None => Ok(()),
    }
}

fn show(
    certificates: &[Certificate],
    authentic: Option<&CaCertificates>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    if as_json {
        let list: Vec<Value> = certificates.iter().map(output::certificate_json).collect();
        let value = json!({ "authenticated": authentic.is_some(), "certificates": list });
        return output::json_value(out, &value);
    }
    for (position, certificate) in certificates.iter().enumerate() {
        if position > 0 {
            output::line(out, "")?;
        }
        let role = match certificate.basic_constraints() {
            BasicConstraints::Ca => "CA",
            BasicConstraints::EndEntity => "RA",
        };
        let encryption = authentic.is_some_and(|ca| ca.encryption() == certificate);
        let encryption = if encryption { ", requests are encrypted to it" } else { "" };
        output::line(out, format_args!("role           {role}{encryption}"))?;
        output::certificate_lines(out, certificate)?;
    }
    Ok(())
}

/// `ca-1.pem`, `ca-2.pem` and so on, in the order shown.
fn write(certificates: &[Certificate], directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(|error| Error::File {
        path: directory.to_owned(),
        problem: FileProblem::Write(error.kind()),
    })?;
    for (certificate, number) in certificates.iter().zip(1..) {
        let target = Target::prepare(&directory.join(format!("ca-{number}.pem")))?;
        target.write_public(files::certificates_to_pem([certificate]).as_bytes())?;
    }
    Ok(())
}
