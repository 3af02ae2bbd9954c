//! The issued certificate (RFC 5280 §4).

use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{BasicConstraints, Certificate, KeyUsage};

use crate::conformance::lab::Lab;
use crate::conformance::row::{Finding, Level, Outcome, Row, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row { id: "R-5280-01", level: Level::Must, title: "v3", certificates: 0, check: version },
    Row {
        id: "R-5280-02",
        level: Level::Must,
        title: "a positive serial number of 8 to 20 octets",
        certificates: 0,
        check: serial,
    },
    Row {
        id: "R-5280-03",
        level: Level::Must,
        title: "both signature algorithms are the same",
        certificates: 0,
        check: algorithms,
    },
    Row {
        id: "R-5280-04",
        level: Level::Must,
        title: "issuer: the CA's subject, octet for octet",
        certificates: 0,
        check: issuer,
    },
    Row {
        id: "R-5280-05",
        level: Level::Must,
        title: "UTCTime through 2049, GeneralizedTime after",
        certificates: 0,
        check: times,
    },
    Row {
        id: "R-5280-06",
        level: Level::Practice,
        title: "ends no later than the CA",
        certificates: 0,
        check: not_after,
    },
    Row {
        id: "R-5280-08",
        level: Level::Must,
        title: "authorityKeyIdentifier: the CA's, not critical",
        certificates: 0,
        check: authority_key_identifier,
    },
    Row {
        id: "R-5280-09",
        level: Level::Should,
        title: "subjectKeyIdentifier",
        certificates: 0,
        check: subject_key_identifier,
    },
    Row {
        id: "R-5280-10",
        level: Level::Should,
        title: "keyUsage: critical, with digitalSignature",
        certificates: 0,
        check: key_usage,
    },
    Row {
        id: "R-5280-11",
        level: Level::Must,
        title: "no CA, and DEFAULT FALSE not written",
        certificates: 0,
        check: end_entity,
    },
    Row {
        id: "R-5280-13",
        level: Level::Must,
        title: "the subject as the CSR has it, octet for octet",
        certificates: 0,
        check: subject,
    },
];

const ENROLMENT: &str = "PKCSReq with the challenge";

/// The parts of a certificate that [`Certificate`] does not keep.
struct Parts {
    version: Vec<u8>,
    inner_algorithm: Vec<u8>,
    outer_algorithm: Vec<u8>,
    times: Vec<(Tag, Vec<u8>)>,
}

fn parts(certificate: &Certificate) -> Result<Parts, Asn1Error> {
    let mut outer = Reader::ber(certificate.der()).sequence()?;
    let mut tbs = outer.sequence()?;
    let outer_algorithm = outer.expect(Tag::SEQUENCE)?.raw.to_vec();
    let version = match tbs.optional(Tag::context(0))? {
        Some(version) => version.open()?.integer()?.to_vec(),
        None => Vec::new(),
    };
    tbs.integer()?;
    let inner_algorithm = tbs.expect(Tag::SEQUENCE)?.raw.to_vec();
    tbs.sequence()?;
    let mut validity = tbs.sequence()?;
    let mut times = Vec::new();
    while !validity.is_empty() {
        let time = validity.any()?;
        times.push((time.tag, time.content.to_vec()));
    }
    Ok(Parts { version, inner_algorithm, outer_algorithm, times })
}

/// Whether an extension is critical; `None` without it.
fn is_critical(certificate: &Certificate, wanted: Oid) -> Result<Option<bool>, Asn1Error> {
    let mut tbs = Reader::ber(certificate.der()).sequence()?.sequence()?;
    while !tbs.is_empty() {
        let field = tbs.any()?;
        if field.tag != Tag::context(3) {
            continue;
        }
        let mut extensions = field.open()?.sequence()?;
        while !extensions.is_empty() {
            let mut extension = extensions.sequence()?;
            if extension.oid()? == wanted {
                return Ok(Some(extension.peek() == Some(Tag::BOOLEAN)));
            }
        }
    }
    Ok(None)
}

fn version(lab: &mut Lab) -> Outcome {
    let version = parts(&lab.granted()?.certificate)?.version;
    Ok(Finding::new(version == [2], ENROLMENT, format_args!("version field {version:?}")))
}

fn serial(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let serial = certificate.serial();
    let positive =
        serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|o| *o != 0);
    let passes = positive && (8..=20).contains(&serial.len());
    Ok(Finding::new(passes, ENROLMENT, certificate.serial_hex()))
}

fn algorithms(lab: &mut Lab) -> Outcome {
    let parts = parts(&lab.granted()?.certificate)?;
    let same = parts.inner_algorithm == parts.outer_algorithm;
    Ok(Finding::new(same, ENROLMENT, if same { "the same" } else { "two" }))
}

fn issuer(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let mut certificates = lab.setting.ca.certificates().iter();
    let passes = certificates.any(|ca| ca.subject().der() == certificate.issuer().der());
    Ok(Finding::new(passes, ENROLMENT, certificate.issuer()))
}

fn times(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let fits = |(tag, content): &(Tag, Vec<u8>)| match *tag {
        Tag::UTC_TIME => content.len() == 13 && content.ends_with(b"Z"),
        Tag::GENERALIZED_TIME => {
            content.len() == 15
                && content.ends_with(b"Z")
                && content.as_slice() >= b"2050".as_slice()
        }
        _ => false,
    };
    let validity = certificate.validity();
    let passes = parts(&certificate)?.times.iter().all(fits);
    let came = format!("{} to {}", validity.not_before, validity.not_after);
    Ok(Finding::new(passes, ENROLMENT, came))
}

fn not_after(lab: &mut Lab) -> Outcome {
    let end = lab.granted()?.certificate.validity().not_after;
    let ca = lab.setting.ca.issuer().validity().not_after;
    Ok(Finding::new(end <= ca, ENROLMENT, format_args!("{end}, the CA {ca}")))
}

fn authority_key_identifier(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let Some(value) = certificate.extension(&oid::AUTHORITY_KEY_IDENTIFIER) else {
        return Ok(Finding::new(false, ENROLMENT, "none"));
    };
    let mut fields = Reader::ber(&value).sequence()?;
    let found = fields.optional(Tag::context(0))?.map(|found| found.content.to_vec());
    let Some(expected) = lab.setting.ca.issuer().subject_key_identifier() else {
        return not_tested("the CA has no subjectKeyIdentifier");
    };
    let same = found.as_deref() == Some(expected.as_ref());
    let critical = is_critical(&certificate, oid::AUTHORITY_KEY_IDENTIFIER)? == Some(true);
    let text = match (same, critical) {
        (true, false) => "the CA's",
        (true, true) => "the CA's, critical",
        (false, _) => "another",
    };
    Ok(Finding::new(same && !critical, ENROLMENT, text))
}

fn subject_key_identifier(lab: &mut Lab) -> Outcome {
    let found = lab.granted()?.certificate.subject_key_identifier();
    let text = found.as_ref().map_or("none".to_owned(), |it| scep_types::hex::upper(it));
    Ok(Finding::new(found.is_some(), ENROLMENT, text))
}

fn key_usage(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let critical = is_critical(&certificate, oid::KEY_USAGE)? == Some(true);
    let usage = certificate.key_usage();
    let signs = usage.is_some_and(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
    let text = usage.map_or("none".to_owned(), |usage| usage.to_string());
    let text = if critical { format!("{text}, critical") } else { text };
    Ok(Finding::new(critical && signs, ENROLMENT, text))
}

fn end_entity(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let is_ca = certificate.basic_constraints() == BasicConstraints::Ca;
    let written = match certificate.extension(&oid::BASIC_CONSTRAINTS) {
        Some(value) => !Reader::ber(&value).sequence()?.is_empty(),
        None => false,
    };
    let text = match (is_ca, written) {
        (true, _) => "a CA certificate",
        (false, true) => "FALSE is written",
        (false, false) => "no CA certificate",
    };
    Ok(Finding::new(!is_ca && !written, ENROLMENT, text))
}

fn subject(lab: &mut Lab) -> Outcome {
    let certificate = lab.granted()?.certificate;
    let same = certificate.subject().der() == lab.setting.subject.der();
    Ok(Finding::new(same, ENROLMENT, certificate.subject()))
}
