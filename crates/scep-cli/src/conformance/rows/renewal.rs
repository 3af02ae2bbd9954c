//! Renewal by a certificate the server issued (RFC 8894 §2.3 to §2.5).

use scep_proto::Capabilities;
use scep_types::{Certificate, DigestAlgorithm, Name, oid};

use crate::answer::AnswerKind;
use crate::conformance::craft::{Sender, Signature, challenge_password, csr};
use crate::conformance::lab::Lab;
use crate::conformance::row::{
    Finding, Level, NoVerdict, Outcome, Row, not_applicable, not_tested,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-2.3-10",
        level: Level::Must,
        title: "RenewalReq where it is not announced: refused",
        certificates: 1,
        check: not_announced,
    },
    Row {
        id: "R-2.5-03",
        level: Level::Must,
        title: "RenewalReq while the certificate is valid",
        certificates: 1,
        check: renews,
    },
    Row {
        id: "R-3.3.1-05",
        level: Level::Practice,
        title: "PKCSReq signed with an issued certificate renews",
        certificates: 1,
        check: renews_by_pkcs_req,
    },
    Row {
        id: "R-2.4-08",
        level: Level::Practice,
        title: "RenewalReq by a self-signed certificate: refused",
        certificates: 1,
        check: self_signed_renewal,
    },
    Row {
        id: "R-2.4-11",
        level: Level::Practice,
        title: "a renewal with another subject: refused",
        certificates: 1,
        check: other_subject,
    },
    Row {
        id: "R-3.3.1-04",
        level: Level::Practice,
        title: "a renewal whose CSR is not proven: refused",
        certificates: 1,
        check: unproven,
    },
    Row {
        id: "R-7.9-02",
        level: Level::Practice,
        title: "a renewal signed with SHA-1: refused",
        certificates: 1,
        check: sha1,
    },
];

/// The device with the certificate it was issued, and a CSR for another key.
struct Renewal {
    owner: Sender,
    next: Sender,
}

fn renewal(lab: &mut Lab) -> Result<Renewal, NoVerdict> {
    if !lab.capabilities().contains(Capabilities::RENEWAL) {
        return not_applicable("Renewal is not announced");
    }
    let certificate = lab.granted()?.certificate;
    let owner = Sender { certificate, key: lab.device.key.clone() };
    Ok(Renewal { owner, next: lab.stranger.clone() })
}

fn not_announced(lab: &mut Lab) -> Outcome {
    if lab.capabilities().contains(Capabilities::RENEWAL) {
        return not_applicable("Renewal is announced");
    }
    let certificate = lab.granted()?.certificate;
    let owner = Sender { certificate, key: lab.device.key.clone() };
    let csr = lab.csr_with(&lab.stranger, None)?;
    let came = lab.send(&lab.message_of(&owner, "17", lab.sealed(&csr)?)?)?;
    Ok(Finding::new(lab.refuses(&came)?, "RenewalReq", came))
}

/// Sends a renewal without a challenge and, if that is refused, with one.
fn renew(lab: &mut Lab, message_type: &str) -> Outcome {
    let Renewal { owner, next } = renewal(lab)?;
    let csr = lab.csr_with(&next, None)?;
    let mut came = lab.send(&lab.message_of(&owner, message_type, lab.sealed(&csr)?)?)?;
    let mut sent = "a CSR for another key, no challenge";
    if let (true, Ok(Some(challenge))) =
        (lab.refuses(&came)? && message_type == "17", lab.challenge())
    {
        let csr = lab.csr_with(&next, Some(&challenge))?;
        (_, came) = lab.request(&owner, message_type, &csr)?;
        sent = "a CSR for another key, first without and then with challenge";
    }
    if !came.kind.is_success() {
        return Ok(Finding::new(false, sent, came));
    }
    let inner = lab.open(&came, &owner.key)?;
    let is_new = |certificate: &&Certificate| certificate.spki() == next.certificate.spki();
    let found = inner.certificates().iter().find(is_new);
    let passes = found.is_some_and(|new| new.serial() != owner.certificate.serial());
    let text = if passes { "SUCCESS, a new certificate" } else { "SUCCESS, no new certificate" };
    Ok(Finding::new(passes, sent, text))
}

fn renews(lab: &mut Lab) -> Outcome {
    renew(lab, "17")
}

fn renews_by_pkcs_req(lab: &mut Lab) -> Outcome {
    renew(lab, "19")
}

fn self_signed_renewal(lab: &mut Lab) -> Outcome {
    let stranger = lab.stranger.clone();
    let csr = lab.csr_with(&stranger, None)?;
    let came = lab.send(&lab.message_of(&stranger, "17", lab.sealed(&csr)?)?)?;
    Ok(Finding::new(lab.refuses(&came)?, "RenewalReq, self-signed signer, no challenge", came))
}

/// With the challenge, if one is still good: then it is the subject that is refused.
fn other_subject(lab: &mut Lab) -> Outcome {
    let Renewal { owner, next } = renewal(lab)?;
    let name = Name::build(&[(oid::COMMON_NAME, "somebody else")]);
    let csr = csr(&name, &next.key, &challenge(lab), Signature::Good)?;
    let (_, came) = lab.request(&owner, "17", &csr)?;
    Ok(Finding::new(lab.refuses(&came)?, "RenewalReq for CN=somebody else", came))
}

fn unproven(lab: &mut Lab) -> Outcome {
    let Renewal { owner, next } = renewal(lab)?;
    let subject = lab.setting.subject.clone();
    let csr = csr(&subject, &next.key, &challenge(lab), Signature::Broken)?;
    let (_, came) = lab.request(&owner, "17", &csr)?;
    Ok(Finding::new(lab.refuses(&came)?, "RenewalReq, a bit of the CSR's signature flipped", came))
}

fn sha1(lab: &mut Lab) -> Outcome {
    let Renewal { owner, next } = renewal(lab)?;
    let csr = lab.csr_with(&next, None)?;
    let message = lab.message_of(&owner, "17", lab.sealed(&csr)?)?;
    let came = lab.send(&message.changed(|message| message.digest = DigestAlgorithm::Sha1))?;
    if came.kind == AnswerKind::Nothing {
        return not_tested(came);
    }
    Ok(Finding::new(!came.kind.is_success(), "RenewalReq with SHA-1", came))
}

fn challenge(lab: &Lab) -> Vec<Vec<u8>> {
    let challenge = lab.challenge().unwrap_or(None);
    challenge.as_ref().map(challenge_password).into_iter().collect()
}
