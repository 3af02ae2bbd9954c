//! GetCACert and GetNextCACert (RFC 8894 §4.2, §4.7).

use scep_proto::http::{X509_CA_CERT, X509_CA_RA_CERT};
use scep_proto::inspect::Signed;
use scep_proto::{Capabilities, UnauthenticatedCa};
use scep_types::asn1::{Asn1Error, Reader, Tag};
use scep_types::{AlgorithmPolicy, BasicConstraints, Certificate, KeyUsage};

use crate::conformance::lab::{Came, Lab};
use crate::conformance::row::{
    Finding, Level, NoVerdict, Outcome, Row, not_applicable, not_tested,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-2.2-02",
        level: Level::Must,
        title: "one certificate bare, several as certs-only",
        certificates: 0,
        check: form_by_number,
    },
    Row {
        id: "R-4.2.1.1-01",
        level: Level::Must,
        title: "media type of one certificate",
        certificates: 0,
        check: type_of_one,
    },
    Row {
        id: "R-4.2.1.2-01",
        level: Level::Must,
        title: "media type of several certificates",
        certificates: 0,
        check: type_of_several,
    },
    Row {
        id: "R-CMS5.2-01",
        level: Level::Must,
        title: "certs-only has neither content nor signers",
        certificates: 0,
        check: is_degenerate,
    },
    Row {
        id: "R-2.1.2-01",
        level: Level::Must,
        title: "keyUsage fits what the certificate is used for",
        certificates: 0,
        check: key_usage_fits,
    },
    Row {
        id: "R-4.2-02",
        level: Level::Practice,
        title: "message= makes no difference",
        certificates: 0,
        check: message_is_ignored,
    },
    Row {
        id: "R-4.2.1-03",
        level: Level::Practice,
        title: "Apple finds what it looks for",
        certificates: 0,
        check: suits_apple,
    },
    Row {
        id: "R-4.7.1-01",
        level: Level::Must,
        title: "next CA certificates signed by the current CA",
        certificates: 0,
        check: next_ca_is_signed,
    },
    Row {
        id: "R-4.7.1-06",
        level: Level::Practice,
        title: "no next CA: HTTP 404 or 501",
        certificates: 0,
        check: no_next_ca,
    },
];

const ASKED: &str = "GET GetCACert";

struct Answer {
    came: Came,
    certificates: Vec<Certificate>,
}

fn answer(lab: &Lab) -> Result<Answer, NoVerdict> {
    let came = lab.get("operation=GetCACert");
    match UnauthenticatedCa::parse(came.body()) {
        Ok(found) => Ok(Answer { certificates: found.certificates().to_vec(), came }),
        Err(error) => not_tested(format_args!("GetCACert: {error}")),
    }
}

impl Answer {
    fn is_bundle(&self) -> bool {
        Signed::parse(self.came.body()).is_ok()
    }

    fn media_type(&self) -> &str {
        self.came.header("content-type").unwrap_or("no Content-Type")
    }
}

fn form_by_number(lab: &mut Lab) -> Outcome {
    let answer = answer(lab)?;
    let (number, bundle) = (answer.certificates.len(), answer.is_bundle());
    let form = if bundle { "as certs-only" } else { "bare" };
    Ok(Finding::new(bundle == (number > 1), ASKED, format_args!("{number} certificates, {form}")))
}

fn type_of_one(lab: &mut Lab) -> Outcome {
    let answer = answer(lab)?;
    if answer.is_bundle() {
        return not_applicable("several certificates");
    }
    let found = answer.media_type();
    Ok(Finding::new(found == X509_CA_CERT, ASKED, found.escape_debug()))
}

fn type_of_several(lab: &mut Lab) -> Outcome {
    let answer = answer(lab)?;
    if !answer.is_bundle() {
        return not_applicable("one certificate");
    }
    let found = answer.media_type();
    Ok(Finding::new(found == X509_CA_RA_CERT, ASKED, found.escape_debug()))
}

fn is_degenerate(lab: &mut Lab) -> Outcome {
    let answer = answer(lab)?;
    if !answer.is_bundle() {
        return not_applicable("one certificate");
    }
    let body = answer.came.body();
    let empty = nothing_signed(&body).unwrap_or(false);
    let came = if empty { "no content, no signers" } else { "content, digests or signers" };
    Ok(Finding::new(empty, ASKED, came))
}

/// Whether digestAlgorithms and signerInfos are empty, and eContent absent or empty.
fn nothing_signed(body: &[u8]) -> Result<bool, Asn1Error> {
    let mut info = Reader::ber(body).sequence()?;
    info.oid()?;
    let mut data = info.expect(Tag::context(0))?.open()?.sequence()?;
    data.integer()?;
    let no_digests = data.set()?.is_empty();
    let mut content = data.sequence()?;
    content.oid()?;
    let no_content = match content.optional(Tag::context(0))? {
        Some(explicit) => explicit.open()?.octet_string()?.is_empty(),
        None => true,
    };
    data.optional(Tag::context(0))?;
    data.optional(Tag::context(1))?;
    Ok(no_digests && no_content && data.set()?.is_empty())
}

fn key_usage_fits(lab: &mut Lab) -> Outcome {
    let recipient = lab.setting.ca.encryption();
    let wanted = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
    let wanted = match recipient.basic_constraints() {
        BasicConstraints::Ca => wanted.union(KeyUsage::KEY_CERT_SIGN),
        BasicConstraints::EndEntity => KeyUsage::KEY_ENCIPHERMENT,
    };
    let found = recipient.key_usage();
    let passes = found.is_none_or(|usage| usage.contains(wanted));
    let came = found.map_or("no keyUsage".to_owned(), |usage| usage.to_string());
    Ok(Finding::new(passes, ASKED, format_args!("{}: {came}", recipient.subject())))
}

fn message_is_ignored(lab: &mut Lab) -> Outcome {
    let plain = lab.get("operation=GetCACert").body();
    let tries = ["ca1", "*", "", "a%20b"].map(|name| {
        let came = lab.get(&format!("operation=GetCACert&message={name}"));
        let same = came.body() == plain;
        let text = if same { "the same".to_owned() } else { came.to_string() };
        Finding::new(same, format_args!("GET GetCACert&message={name}"), text)
    });
    Ok(Finding::all(&tries))
}

fn suits_apple(lab: &mut Lab) -> Outcome {
    let certificates = answer(lab)?.certificates;
    if certificates.len() == 1 {
        return Ok(Finding::new(true, ASKED, "one certificate"));
    }
    let below = certificates.iter().filter(|certificate| !certificate.is_self_issued());
    let usages = below.filter_map(Certificate::key_usage).fold(KeyUsage::empty(), KeyUsage::union);
    let wanted = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
    let came = format!("below the root: {usages}");
    Ok(Finding::new(usages.contains(wanted), ASKED, came))
}

fn next_ca_is_signed(lab: &mut Lab) -> Outcome {
    if !lab.capabilities().contains(Capabilities::GET_NEXT_CA_CERT) {
        return not_applicable("GetNextCACert is not announced");
    }
    let setting = &lab.setting;
    let next = setting.client.next_ca(&setting.ca, AlgorithmPolicy::Legacy);
    let (passes, came) = match setting.runtime.block_on(next) {
        Ok(next) => {
            (true, format!("{} certificates, signed by the CA", next.ca().certificates().len()))
        }
        Err(error) => (false, error.to_string()),
    };
    Ok(Finding::new(passes, "GET GetNextCACert", came))
}

fn no_next_ca(lab: &mut Lab) -> Outcome {
    if lab.capabilities().contains(Capabilities::GET_NEXT_CA_CERT) {
        return not_applicable("GetNextCACert is announced");
    }
    let came = lab.get("operation=GetNextCACert");
    let passes = matches!(came.status, Some(404 | 501));
    let status = came.status.map_or("nothing".to_owned(), |status| format!("HTTP {status}"));
    Ok(Finding::new(passes, "GET GetNextCACert", status))
}
