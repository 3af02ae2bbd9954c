//! Algorithms of messages (RFC 8894 §2.9, §3.5.2).

use scep_proto::inspect::Enveloped;
use scep_proto::{Capabilities, FailInfo};
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::Oid;
use scep_types::{ContentCipher, DigestAlgorithm};

use crate::conformance::craft::Signature;
use crate::conformance::lab::Lab;
use crate::conformance::row::{Finding, Level, Outcome, Row, not_applicable, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-2.9-01",
        level: Level::Must,
        title: "AES-128-CBC, SHA-256, POST",
        certificates: 0,
        check: mandatory_set,
    },
    Row {
        id: "R-2.9-02",
        level: Level::Practice,
        title: "SHA-1 and triple DES as announced",
        certificates: 0,
        check: legacy_as_announced,
    },
    Row {
        id: "R-2.9-03",
        level: Level::Must,
        title: "no single DES, neither taken nor sent",
        certificates: 0,
        check: no_des,
    },
    Row { id: "R-2.9-04", level: Level::Must, title: "no MD5", certificates: 0, check: no_md5 },
    Row {
        id: "R-3.5.2-22",
        level: Level::Practice,
        title: "a reply uses the request's digest and cipher",
        certificates: 0,
        check: mirrored,
    },
    Row {
        id: "R-CMS6-03",
        level: Level::Practice,
        title: "a content cipher that is none of SCEP's: refused",
        certificates: 0,
        check: other_cipher,
    },
    Row {
        id: "R-3.2.1.4-08",
        level: Level::Must,
        title: "failInfo says what was wrong",
        certificates: 1,
        check: fail_info_by_cause,
    },
];

fn mandatory_set(lab: &mut Lab) -> Outcome {
    if !lab.capabilities().contains(Capabilities::POST_PKI_OPERATION) {
        return Ok(Finding::new(false, "GET GetCACaps", "POSTPKIOperation is not announced"));
    }
    let envelope = lab.envelope(&lab.hopeless_csr()?, ContentCipher::Aes128Cbc)?;
    let came = lab.send(&lab.openable(&envelope)?)?;
    Ok(Finding::new(lab.was_opened(&came), "POST, AES-128-CBC, SHA-256, wrong challenge", came))
}

fn legacy_as_announced(lab: &mut Lab) -> Outcome {
    let sha1 = lab.harmless()?.changed(|message| message.digest = DigestAlgorithm::Sha1);
    let sha1 = lab.send(&sha1)?;
    let sha1_announced = lab.capabilities().contains(Capabilities::SHA_1);
    let announced = |it: bool| if it { "announced" } else { "not announced" };
    let mut tries = vec![Finding::new(
        lab.is_usual(&sha1) == sha1_announced,
        format_args!("SHA-1, {}", announced(sha1_announced)),
        &sha1,
    )];
    let envelope = lab.envelope(&lab.hopeless_csr()?, ContentCipher::TripleDesCbc)?;
    if let Ok(message) = lab.openable(&envelope) {
        let came = lab.send(&message)?;
        let des3_announced = lab.capabilities().contains(Capabilities::DES3);
        let passes = lab.was_opened(&came) == des3_announced;
        let sent = format!("triple DES, {}", announced(des3_announced));
        tries.push(Finding::new(passes, sent, came));
    }
    Ok(Finding::all(&tries))
}

fn no_des(lab: &mut Lab) -> Outcome {
    let envelope = lab.envelope(&lab.hopeless_csr()?, ContentCipher::DesCbc)?;
    let came = lab.send(&lab.openable(&envelope)?)?;
    let mut tries = vec![Finding::new(!lab.was_opened(&came), "DES-CBC", came)];
    if let Ok(cipher) = reply_cipher(lab) {
        let passes = cipher != ContentCipher::DesCbc;
        tries.push(Finding::new(passes, "AES-128-CBC", format_args!("SUCCESS with {cipher:?}")));
    }
    Ok(Finding::all(&tries))
}

/// What the first certificate came encrypted with.
fn reply_cipher(lab: &mut Lab) -> Result<ContentCipher, crate::conformance::row::NoVerdict> {
    let granted = lab.granted()?;
    let envelope = Enveloped::parse(granted.reply.signed()?.content().clone());
    match envelope.and_then(|envelope| envelope.cipher()) {
        Ok(cipher) => Ok(cipher),
        Err(error) => not_tested(format_args!("the reply's envelope: {error}")),
    }
}

fn no_md5(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.changed(|message| message.digest = DigestAlgorithm::Md5);
    let came = lab.send(&message)?;
    match came.kind.fail_info() {
        // Our keys do not sign with MD5: a server that takes it finds a bad signature.
        Some(FailInfo::BAD_MESSAGE_CHECK) => {
            not_tested("refused for its signature, which is not MD5's")
        }
        _ => Ok(Finding::new(!lab.is_usual(&came), "digest MD5", came)),
    }
}

fn mirrored(lab: &mut Lab) -> Outcome {
    let mut tries = Vec::new();
    for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let came = lab.send(&lab.harmless()?.changed(|message| message.digest = digest))?;
        let signed = came.signed()?;
        let found = signed.signers().next().and_then(|signer| signer.digest().ok());
        let text = found.map_or("none".to_owned(), |found| format!("{found:?}"));
        tries.push(Finding::new(found == Some(digest), format_args!("{digest:?}"), text));
    }
    if let Ok(cipher) = reply_cipher(lab) {
        let passes = cipher == ContentCipher::Aes128Cbc;
        tries.push(Finding::new(passes, "AES-128-CBC", format_args!("SUCCESS with {cipher:?}")));
    }
    Ok(Finding::all(&tries))
}

fn other_cipher(lab: &mut Lab) -> Outcome {
    const AES128_GCM: Oid = Oid::new("2.16.840.1.101.3.4.1.6");
    let mut envelope = lab.envelope(&lab.hopeless_csr()?, ContentCipher::Aes128Cbc)?;
    envelope.algorithm = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&AES128_GCM);
            der.sequence(|der| der.primitive(Tag::OCTET_STRING, &[7; 12]));
        });
    });
    let came = lab.send(&lab.openable(&envelope)?)?;
    let refused = lab.refuses(&came)?;
    Ok(Finding::new(refused && !lab.was_opened(&came), "AES-128-GCM in EnvelopedData", came))
}

fn fail_info_by_cause(lab: &mut Lab) -> Outcome {
    let signature = lab.harmless()?.changed(|message| message.signature = Signature::Broken);
    let signature = lab.send(&signature)?;
    let md5 = lab.harmless()?.changed(|message| message.digest = DigestAlgorithm::Md5);
    let md5 = lab.send(&md5)?;
    let csr = lab.csr_with(&lab.device, None)?;
    let unknown = lab.send(&lab.message("99", lab.sealed(&csr)?)?)?;
    if !lab.send(&lab.harmless()?)?.kind.is_failure() {
        return not_applicable("nothing harmless is answered by FAILURE");
    }
    let expected = |came: &crate::conformance::lab::Came, info| came.kind.fail_info() == Some(info);
    Ok(Finding::all(&[
        Finding::new(
            expected(&signature, FailInfo::BAD_MESSAGE_CHECK),
            "a broken signature",
            &signature,
        ),
        Finding::new(expected(&md5, FailInfo::BAD_ALG), "digest MD5", &md5),
        Finding::new(expected(&unknown, FailInfo::BAD_REQUEST), "messageType 99", &unknown),
    ]))
}
