//! What is printed: text for people, JSON for programs.

use std::io::Write;

use scep_crypto::aws_lc_rs::provider;
use scep_types::{BasicConstraints, Certificate, DigestAlgorithm};
use serde_json::{Value, json};

use crate::error::Error;

/// SHA-256 of the certificate, upper-case hexadecimal.
pub(crate) fn fingerprint(certificate: &Certificate) -> String {
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, certificate.der());
    digest.map(|digest| digest.to_hex()).unwrap_or_default()
}

/// A line of output.
pub(crate) fn line(out: &mut dyn Write, text: impl std::fmt::Display) -> Result<(), Error> {
    writeln!(out, "{text}").map_err(|error| Error::Output(error.kind()))
}

/// A JSON value, indented.
pub(crate) fn json_value(out: &mut dyn Write, value: &Value) -> Result<(), Error> {
    line(out, format_args!("{value:#}"))
}

/// A certificate for programs.
pub(crate) fn certificate_json(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "serial_number": certificate.serial_hex(),
        "not_before": certificate.validity().not_before.to_string(),
        "not_after": certificate.validity().not_after.to_string(),
        "key": certificate.key_kind().map(|kind| kind.to_string()).ok(),
        "ca": certificate.basic_constraints() == BasicConstraints::Ca,
        "sha256": fingerprint(certificate),
    })
}

/// A certificate for people.
pub(crate) fn certificate_lines(
    out: &mut dyn Write,
    certificate: &Certificate,
) -> Result<(), Error> {
    let validity = certificate.validity();
    line(out, format_args!("subject        {}", certificate.subject()))?;
    line(out, format_args!("issuer         {}", certificate.issuer()))?;
    line(out, format_args!("serial number  {}", certificate.serial_hex()))?;
    line(out, format_args!("valid          {} to {}", validity.not_before, validity.not_after))?;
    if let Ok(kind) = certificate.key_kind() {
        line(out, format_args!("key            {kind}"))?;
    }
    line(out, format_args!("SHA-256        {}", fingerprint(certificate)))
}

/// What was issued, for people or for programs.
pub(crate) fn issued(
    out: &mut dyn Write,
    certificate: &Certificate,
    path: &std::path::Path,
    as_json: bool,
) -> Result<(), Error> {
    if as_json {
        let mut value = certificate_json(certificate);
        if let Value::Object(members) = &mut value {
            members.insert("file".to_owned(), path.display().to_string().into());
        }
        return json_value(out, &value);
    }
    line(out, format_args!("issued         {}", path.display()))?;
    certificate_lines(out, certificate)
}
