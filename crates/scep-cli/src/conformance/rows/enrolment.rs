//! Who gets a certificate, and who does not (RFC 8894 §2.3 to §2.5, §4.3 to §4.6).

use scep_client::{now, self_signed};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::PkiStatus;
use scep_types::{BasicConstraints, Certificate, Name, Secret, oid};

use super::attributes::attributes;
use crate::answer::AnswerKind;
use crate::conformance::craft::{
    Sender, Signature, challenge_password, csr, extension_request, issuer_and_serial,
};
use crate::conformance::lab::{Came, Granted, Lab};
use crate::conformance::row::{
    Finding, Level, NoVerdict, Outcome, Row, not_applicable, not_tested,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-2.4-07",
        level: Level::Must,
        title: "a self-signed certificate alone gets no certificate",
        certificates: 1,
        check: without_challenge,
    },
    Row {
        id: "R-2.4-04",
        level: Level::Practice,
        title: "a wrong challenge: FAILURE or PENDING",
        certificates: 1,
        check: wrong_challenge,
    },
    Row {
        id: "R-2.4-09",
        level: Level::Practice,
        title: "wrong challenges of all kinds are answered alike",
        certificates: 3,
        check: wrong_alike,
    },
    Row {
        id: "R-4.3-01",
        level: Level::Must,
        title: "the right challenge: SUCCESS, or PENDING",
        certificates: 1,
        check: right_challenge,
    },
    Row {
        id: "R-5.2-05",
        level: Level::Practice,
        title: "the same request again gets the same certificate",
        certificates: 1,
        check: same_again,
    },
    Row {
        id: "R-2.4-02",
        level: Level::Should,
        title: "a challenge is good for one certificate",
        certificates: 1,
        check: challenge_twice,
    },
    Row {
        id: "R-2.3-05",
        level: Level::Practice,
        title: "somebody else who wraps the request anew gets nothing new",
        certificates: 1,
        check: wrapped_anew,
    },
    Row {
        id: "R-4.5.1-01",
        level: Level::Must,
        title: "GetCert: the certificate asked for, or FAILURE",
        certificates: 0,
        check: get_cert,
    },
    Row {
        id: "R-4.6.1-01",
        level: Level::Must,
        title: "GetCRL: one CRL and nothing else, or FAILURE",
        certificates: 0,
        check: get_crl,
    },
    Row {
        id: "R-2.3-04",
        level: Level::Practice,
        title: "the signer may have another subject than the CSR",
        certificates: 1,
        check: other_signer_subject,
    },
    Row {
        id: "R-P10-07",
        level: Level::Must,
        title: "a CSR that asks for cA gets no CA certificate",
        certificates: 1,
        check: asks_to_be_ca,
    },
];

fn is_pending(came: &Came) -> bool {
    matches!(came.kind, AnswerKind::CertRep(PkiStatus::PENDING, _))
}

fn without_challenge(lab: &mut Lab) -> Outcome {
    let stranger = lab.stranger.clone();
    let csr = lab.csr_with(&stranger, None)?;
    let message = lab.message_of(&stranger, "19", lab.sealed(&csr)?)?;
    let came = lab.send(&message)?;
    Ok(Finding::new(lab.refuses(&came)? || is_pending(&came), "PKCSReq, no challenge", came))
}

fn wrong_challenge(lab: &mut Lab) -> Outcome {
    let csr = lab.hopeless_csr()?;
    let came = lab.send(&lab.message("19", lab.sealed(&csr)?)?)?;
    Ok(Finding::new(lab.refuses(&came)? || is_pending(&came), "PKCSReq, wrong challenge", came))
}

/// Of another length, of the same length, and none.
fn wrong_alike(lab: &mut Lab) -> Outcome {
    let Some(right) = lab.setting.challenges.first() else {
        return not_applicable("no challenge is given");
    };
    let near: String = right.expose().chars().rev().collect();
    let near = if near == right.expose() { format!("{near}x") } else { near };
    let mut answers = Vec::new();
    for challenge in [Some(Secret::new("x")), Some(Secret::new(near)), None] {
        let csr = lab.csr_with(&lab.device, challenge.as_ref())?;
        let came = lab.send(&lab.message("19", lab.sealed(&csr)?)?)?;
        let text = attributes(&came).ok().and_then(|found| found.fail_info_text.ok().flatten());
        answers.push((came.kind.clone(), text));
    }
    let same = answers.windows(2).all(|pair| pair.first() == pair.last());
    let refused = !answers.iter().any(|(kind, _)| kind.is_success());
    let mut came: Vec<_> = answers.iter().map(|(kind, _)| kind.to_string()).collect();
    came.dedup();
    let sent = "challenges: short, of the right length, none";
    Ok(Finding::new(same && refused, sent, came.join(" / ")))
}

fn right_challenge(lab: &mut Lab) -> Outcome {
    let sent = "PKCSReq with the challenge";
    match lab.first()? {
        Ok(granted) => {
            let authentic = lab.is_authentic(&granted.reply)?;
            let subject = granted.certificate.subject();
            Ok(Finding::new(authentic, sent, format_args!("SUCCESS, {subject}")))
        }
        Err(came) if is_pending(&came) => Ok(Finding::new(true, sent, came)),
        Err(came) if lab.setting.challenges.is_empty() => {
            not_tested(format_args!("{came}; give --challenge"))
        }
        Err(came) => Ok(Finding::new(false, sent, came)),
    }
}

fn same_again(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = lab.post(&granted.request);
    let sent = "the same octets once more";
    if !came.kind.is_success() {
        return Ok(Finding::new(false, sent, came));
    }
    let same = holds(lab, &came, &lab.device, &granted.certificate)?;
    let text = if same { "SUCCESS, the same certificate" } else { "SUCCESS, another certificate" };
    Ok(Finding::new(same, sent, text))
}

fn holds(
    lab: &Lab,
    came: &Came,
    receiver: &Sender,
    wanted: &Certificate,
) -> Result<bool, NoVerdict> {
    Ok(lab.open(came, &receiver.key)?.certificates().contains(wanted))
}

fn challenge_twice(lab: &mut Lab) -> Outcome {
    lab.granted()?;
    let Some(challenge) = lab.setting.challenges.first().cloned() else {
        return not_applicable("no challenge is given");
    };
    let stranger = lab.stranger.clone();
    let csr = lab.csr_with(&stranger, Some(&challenge))?;
    let message = lab.message_of(&stranger, "19", lab.sealed(&csr)?)?;
    let came = lab.send(&message)?;
    let refused = lab.refuses(&came)? || is_pending(&came);
    if refused {
        lab.learn_one_time();
    }
    let text =
        if refused { came.to_string() } else { format!("{came}: it is good for any number") };
    Ok(Finding::new(refused, "another CSR with the same challenge", text))
}

/// The envelope of the first request in a message of somebody else (RFC 8894 §7.6).
fn wrapped_anew(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let stranger = lab.stranger.clone();
    let sealed = lab.sealed(&granted.csr)?;
    let came = lab.send(&lab.message_of(&stranger, "19", sealed)?)?;
    let sent = "the same CSR in a message that another key signed";
    if !came.kind.is_success() {
        return Ok(Finding::new(true, sent, came));
    }
    let same = holds(lab, &came, &stranger, &granted.certificate)?;
    let text = if same { "SUCCESS, the same certificate" } else { "SUCCESS, a new certificate" };
    Ok(Finding::new(same, sent, text))
}

/// Asks as the owner of the first certificate.
fn query(lab: &Lab, message_type: &str, granted: &Granted) -> Result<Came, NoVerdict> {
    let certificate = granted.certificate.clone();
    let content = issuer_and_serial(certificate.issuer().der(), certificate.serial());
    let sender = Sender { certificate, key: lab.device.key.clone() };
    lab.send(&lab.message_of(&sender, message_type, lab.sealed(&content)?)?)
}

fn get_cert(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = query(lab, "21", &granted)?;
    let sent = "GetCert for our certificate";
    if lab.refuses(&came)? {
        return not_applicable(format_args!("not offered: {came}"));
    }
    let found = came.kind.is_success() && holds(lab, &came, &lab.device, &granted.certificate)?;
    Ok(Finding::new(found, sent, came))
}

fn get_crl(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = query(lab, "22", &granted)?;
    if lab.refuses(&came)? {
        return not_applicable(format_args!("not offered: {came}"));
    }
    if !came.kind.is_success() {
        return Ok(Finding::new(false, "GetCRL", came));
    }
    let inner = lab.open(&came, &lab.device.key)?;
    let (crls, certificates) = (inner.crls().len(), inner.certificates().len());
    let text = format!("{crls} CRLs, {certificates} certificates");
    Ok(Finding::new((crls, certificates) == (1, 0), "GetCRL", text))
}

fn other_signer_subject(lab: &mut Lab) -> Outcome {
    lab.granted()?;
    let challenge = lab.challenge()?;
    let name = Name::build(&[(oid::COMMON_NAME, "4A1B8D3E-5F60-4C7D-9E21-0B3C4D5E6F70")]);
    let key = lab.stranger.key.clone();
    let certificate = self_signed(&*key, &name, now(), provider().random)?;
    let sender = Sender { certificate, key };
    let csr = lab.csr_with(&sender, challenge.as_ref())?;
    let (_, came) = lab.request(&sender, "19", &csr)?;
    let passes = came.kind.is_success() || is_pending(&came);
    Ok(Finding::new(passes, "signer CN=4A1B8D3E-…, the key of the CSR", came))
}

fn asks_to_be_ca(lab: &mut Lab) -> Outcome {
    lab.granted()?;
    let challenge = lab.challenge()?;
    // BasicConstraints ::= SEQUENCE { cA TRUE }
    let mut attributes = vec![extension_request(oid::BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 0xFF])];
    attributes.extend(challenge.as_ref().map(challenge_password));
    let stranger = lab.stranger.clone();
    let csr = csr(&lab.setting.subject, &stranger.key, &attributes, Signature::Good)?;
    let (_, came) = lab.request(&stranger, "19", &csr)?;
    let sent = "a CSR with basicConstraints cA TRUE";
    if !came.kind.is_success() {
        return Ok(Finding::new(true, sent, came));
    }
    let inner = lab.open(&came, &stranger.key)?;
    let spki = stranger.certificate.spki();
    let is_ours = |certificate: &&Certificate| certificate.spki() == spki;
    let Some(issued) = inner.certificates().iter().find(is_ours) else {
        return not_tested("SUCCESS without a certificate for the key");
    };
    let is_ca = issued.basic_constraints() == BasicConstraints::Ca;
    let text = if is_ca { "SUCCESS, a CA certificate" } else { "SUCCESS, no CA certificate" };
    Ok(Finding::new(!is_ca, sent, text))
}
