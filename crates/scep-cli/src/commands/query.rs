//! `getcert` and `getcrl`.

use std::io::Write;

use scep_client::{Client, Correspondent};
use scep_crypto::aws_lc_rs::SoftwareKey;
use scep_proto::client::EnrolmentSettings;
use scep_types::{Certificate, oid};
use serde_json::json;

use super::enrolment::message_settings;
use crate::cli::{GetcertArgs, GetcrlArgs, QueryArgs};
use crate::error::{Error, Query, Usage};
use crate::files::{self, Target};
use crate::{output, trust};

/// Who asks, and for what.
struct Asked {
    settings: EnrolmentSettings,
    client: Client,
    certificate: Certificate,
    key: SoftwareKey,
    serial: Vec<u8>,
}

impl Asked {
    fn read(args: &QueryArgs, notes: &mut dyn Write) -> Result<Self, Error> {
        let settings = message_settings(&args.trust, &args.message, notes)?;
        let client = super::client(&args.server)?;
        let (certificate, key) = files::read_pair(&args.cert, &args.key)?;
        let serial = match &args.serial {
            Some(text) => serial(text)?,
            None => certificate.serial().to_vec(),
        };
        Ok(Self { settings, client, certificate, key, serial })
    }

    fn correspondent(&self) -> Correspondent<'_> {
        Correspondent::new(self.certificate.clone(), &self.key)
    }
}

pub(super) async fn getcert(
    args: &GetcertArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let asked = Asked::read(&args.query, notes)?;
    let target = Target::prepare(&args.out)?;
    let session = asked.client.session(&asked.settings, asked.correspondent()).await?;
    let found = session.certificate(asked.certificate.issuer(), &asked.serial).await;
    let found = found.map_err(|error| Query::GetCert.failed(error))?;
    target.write_public(files::certificates_to_pem([&found]).as_bytes())?;
    output::issued(out, &found, &args.out, args.query.json)
}

pub(super) async fn getcrl(
    args: &GetcrlArgs,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Error> {
    let asked = Asked::read(&args.query, notes)?;
    if asked.certificate.extension(&oid::CRL_DISTRIBUTION_POINTS).is_some() {
        let text = "the certificate says where its CRL is; fetching it there costs the CA nothing";
        super::note(notes, text)?;
    }
    let target = Target::prepare(&args.out)?;
    let session = asked.client.session(&asked.settings, asked.correspondent()).await?;
    let crl = session.crl(asked.certificate.issuer(), &asked.serial).await;
    let crl = crl.map_err(|error| Query::GetCrl.failed(error))?;
    target.write_public(files::to_pem("X509 CRL", &crl).as_bytes())?;
    let issuer = asked.certificate.issuer();
    if args.query.json {
        let file = args.out.display().to_string();
        let value = json!({ "file": file, "issuer": issuer.to_string(), "octets": crl.len() });
        return output::json_value(out, &value);
    }
    output::line(out, format_args!("CRL            {}", args.out.display()))?;
    output::line(out, format_args!("issuer         {issuer}"))?;
    output::line(out, format_args!("octets         {}", crl.len()))
}

/// The content octets of an INTEGER from hexadecimal digits, as certificates are printed: positive, no octet too many.
fn serial(text: &str) -> Result<Vec<u8>, Usage> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    let digits = digits.trim_start_matches('0');
    let even =
        if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    let mut octets = trust::hex(&even).ok_or_else(|| Usage::Serial(text.to_owned()))?;
    if octets.first().is_none_or(|first| first & 0x80 != 0) {
        octets.insert(0, 0);
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_a_positive_integer_however_it_is_written() {
        assert_eq!(serial("00:1f").unwrap(), [0x1F]);
        assert_eq!(serial("F0").unwrap(), [0, 0xF0]);
        assert_eq!(serial("abc").unwrap(), [0x0A, 0xBC]);
        assert_eq!(serial("0").unwrap(), [0]);
        assert_eq!(serial("xyz").unwrap_err(), Usage::Serial("xyz".to_owned()));
    }
}
