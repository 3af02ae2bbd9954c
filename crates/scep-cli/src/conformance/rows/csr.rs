//! The CSR (RFC 2986, RFC 2985 §5.4).

use scep_proto::PkiStatus;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::{ContentCipher, Secret, oid};

use crate::answer::AnswerKind;
use crate::conformance::craft::{Signature, attribute, challenge_password, csr, text_of};
use crate::conformance::lab::{Came, Lab};
use crate::conformance::row::{Finding, Level, Outcome, Row, not_applicable};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-P10-01",
        level: Level::Must,
        title: "a CSR whose field attributes is empty",
        certificates: 0,
        check: no_attributes,
    },
    Row {
        id: "R-P10-03",
        level: Level::Must,
        title: "challengePassword in every kind of string",
        certificates: 4,
        check: challenge_strings,
    },
    Row {
        id: "R-P10-04",
        level: Level::Practice,
        title: "challengePassword twice: refused",
        certificates: 1,
        check: two_challenges,
    },
];

fn no_attributes(lab: &mut Lab) -> Outcome {
    let csr = csr(&lab.setting.subject, &lab.device.key, &[], Signature::Good)?;
    let envelope = lab.envelope(&csr, ContentCipher::Aes128Cbc)?;
    let came = lab.send(&lab.openable(&envelope)?)?;
    let opened = lab.was_opened(&came) || is_pending(&came);
    Ok(Finding::new(opened, "a CSR with no attribute, so without challenge", came))
}

fn is_pending(came: &Came) -> bool {
    matches!(came.kind, AnswerKind::CertRep(PkiStatus::PENDING, _))
}

fn challenge_strings(lab: &mut Lab) -> Outcome {
    lab.granted()?;
    let mut tries = Vec::new();
    for (tag, name) in [
        (Tag::UTF8_STRING, "UTF8String"),
        (Tag::IA5_STRING, "IA5String"),
        (Tag::T61_STRING, "T61String"),
        (Tag::BMP_STRING, "BMPString"),
    ] {
        let Some(challenge) = lab.challenge()? else {
            return not_applicable("no challenge is given");
        };
        let value = encoded(tag, &challenge);
        let attributes = [attribute(&(oid::CHALLENGE_PASSWORD, vec![value]))];
        let stranger = lab.stranger.clone();
        let csr = csr(&lab.setting.subject, &stranger.key, &attributes, Signature::Good)?;
        let (_, came) = lab.request(&stranger, "19", &csr)?;
        tries.push(Finding::new(came.kind.is_success() || is_pending(&came), name, came));
    }
    Ok(Finding::all(&tries))
}

fn encoded(tag: Tag, challenge: &Secret) -> Vec<u8> {
    let text = challenge.expose();
    if tag != Tag::BMP_STRING {
        return text_of(tag, text);
    }
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    DerWriter::encode(|der| der.primitive(tag, &octets))
}

fn two_challenges(lab: &mut Lab) -> Outcome {
    let Some(challenge) = lab.challenge()? else {
        return not_applicable("no challenge is given");
    };
    let attributes = vec![challenge_password(&challenge); 2];
    let csr = csr(&lab.setting.subject, &lab.device.key, &attributes, Signature::Good)?;
    let device = lab.device.clone();
    let (_, came) = lab.request(&device, "19", &csr)?;
    Ok(Finding::new(lab.refuses(&came)?, "the right challenge, twice", came))
}
