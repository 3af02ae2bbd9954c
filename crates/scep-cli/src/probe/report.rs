//! The report of a probe, for people and for programs.

use std::io::Write;

use scep_client::{Observed, now};
use scep_types::{BasicConstraints, Certificate, DigestAlgorithm, KeyUsage};
use serde_json::{Value, json};

use super::facts::Facts;
use super::families::{FAMILIES, Outlook};
use super::hashes::{digest, profile_hashes};
use crate::error::Error;
use crate::output::{certificate_json, certificate_lines, line};

/// Prints the report.
pub(crate) fn text(facts: &Facts, out: &mut dyn Write) -> Result<(), Error> {
    line(out, format_args!("server         {}", facts.url))?;
    line(out, format_args!("GetCACaps      {}", seen(facts.caps.as_ref())))?;
    line(out, format_args!("  as sent      {}", or_none(&raw(facts).join(" | "))))?;
    line(out, format_args!("  understood   {}", or_none(&facts.capabilities().to_string())))?;
    line(out, format_args!("GetCACert      {}", seen(facts.ca.as_ref())))?;
    for (certificate, number) in facts.all().iter().zip(1..) {
        line(out, "")?;
        line(out, format_args!("certificate {number}: {}", roles(facts, certificate).join(", ")))?;
        certificate_lines(out, certificate)?;
        line(out, format_args!("SHA-1          {}", digest(certificate, DigestAlgorithm::Sha1)))?;
        line(out, format_args!("keyUsage       {}", usage(certificate)))?;
        for remark in remarks(facts, certificate) {
            line(out, format_args!("remark         {remark}"))?;
        }
    }
    http(facts, out)?;
    line(out, "\nFor a profile")?;
    for hash in profile_hashes(facts) {
        line(out, format_args!("  {}", hash.place))?;
        line(out, format_args!("    {} of {}: {}", hash.algorithm, hash.certificate, hash.value))?;
    }
    clients(facts, out)
}

fn http(facts: &Facts, out: &mut dyn Write) -> Result<(), Error> {
    line(out, "\nHTTP")?;
    for (what, came) in behaviours(facts) {
        line(out, format_args!("  {what:<44} {came}"))?;
    }
    Ok(())
}

/// What was tried, and what came back.
fn behaviours(facts: &Facts) -> Vec<(String, String)> {
    let http = &facts.http;
    let status =
        |status: Option<u16>| status.map_or("no answer".to_owned(), |s| format!("HTTP {s}"));
    let mut all = vec![
        ("GetCACaps, target of 65,000 octets".to_owned(), status(http.long_target)),
        ("GetCACaps, /pkiclient.exe after the path".to_owned(), status(http.pkiclient)),
        ("GetCACert, message=any".to_owned(), status(http.named_ca)),
        ("GetNextCACert".to_owned(), status(http.next_ca)),
        ("operation=NoSuchOperation".to_owned(), status(http.unknown_operation)),
    ];
    if let Some(post) = &http.post {
        all.push(("CertPoll for nothing, POST".to_owned(), post.to_string()));
    }
    let forms = http.get.iter();
    all.extend(forms.map(|(form, answer)| {
        (format!("CertPoll for nothing, GET, {}", form.name()), answer.to_string())
    }));
    all
}

fn clients(facts: &Facts, out: &mut dyn Write) -> Result<(), Error> {
    line(out, "\nClients")?;
    for family in FAMILIES {
        let outlook = family.outlook(facts);
        line(out, format_args!("  {:<24} {}", family.name, outlook.words()))?;
        for (need, holds) in family.remarks(facts) {
            let how = if holds.is_some() { "not so" } else { "not seen" };
            line(
                out,
                format_args!("    {how}: {}; {} [{}]", need.what, need.otherwise, need.source),
            )?;
        }
    }
    Ok(())
}

/// The report as JSON.
pub(crate) fn json(facts: &Facts) -> Value {
    let certificates = facts.all().iter().map(|certificate| {
        let mut value = certificate_json(certificate);
        if let Value::Object(members) = &mut value {
            members.insert("sha1".to_owned(), digest(certificate, DigestAlgorithm::Sha1).into());
            members.insert("roles".to_owned(), roles(facts, certificate).into());
            members.insert("key_usage".to_owned(), usage(certificate).into());
            members.insert("remarks".to_owned(), remarks(facts, certificate).into());
        }
        value
    });
    let certificates: Vec<Value> = certificates.collect();
    let http: Vec<Value> = behaviours(facts)
        .into_iter()
        .map(|(sent, came)| json!({ "sent": sent, "came": came }))
        .collect();
    let hashes: Vec<Value> = profile_hashes(facts)
        .into_iter()
        .map(|hash| {
            json!({ "place": hash.place, "certificate": hash.certificate,
                    "algorithm": hash.algorithm, "value": hash.value })
        })
        .collect();
    json!({
        "server": facts.url,
        "get_ca_caps": {
            "answer": seen(facts.caps.as_ref()),
            "lines": raw(facts),
            "understood": facts.capabilities().keywords().collect::<Vec<_>>(),
        },
        "get_ca_cert": { "answer": seen(facts.ca.as_ref()), "certificates": certificates },
        "http": http,
        "profile": hashes,
        "clients": FAMILIES.iter().map(|family| {
            let remarks = family.remarks(facts).map(|(need, holds)| {
                json!({ "needs": need.what, "holds": holds, "otherwise": need.otherwise,
                        "source": need.source })
            });
            json!({
                "family": family.name,
                "works": match family.outlook(facts) {
                    Outlook::Works | Outlook::WorksWithRemarks => Some(true),
                    Outlook::WillNotWork => Some(false),
                    Outlook::CannotTell => None,
                },
                "remarks": remarks.collect::<Vec<_>>(),
            })
        }).collect::<Vec<_>>(),
    })
}

/// HTTP status and media type.
fn seen(observed: Option<&Observed>) -> String {
    let Some(observed) = observed else { return "no answer".to_owned() };
    let status = observed.answer.status;
    let octets = observed.answer.body.len();
    match observed.header("content-type") {
        Some(media_type) => {
            format!("HTTP {status}, {}, {octets} octets", media_type.escape_debug())
        }
        None => format!("HTTP {status}, no Content-Type, {octets} octets"),
    }
}

fn raw(facts: &Facts) -> Vec<String> {
    facts.caps_lines().iter().map(|line| line.escape_debug().to_string()).collect()
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(nothing)" } else { text }
}

/// What a certificate is for, as far as a client can tell.
fn roles(facts: &Facts, certificate: &Certificate) -> Vec<&'static str> {
    let is_ca = certificate.basic_constraints() == BasicConstraints::Ca;
    let signs =
        certificate.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
    let roles = [
        (is_ca && certificate.is_self_issued(), "root CA"),
        (is_ca && !certificate.is_self_issued(), "intermediate CA"),
        (!is_ca, "RA"),
        (facts.issuing_ca() == Some(certificate), "issues"),
        (facts.recipient() == Some(certificate), "requests are encrypted to it"),
        (signs, "may sign answers"),
    ];
    roles.into_iter().filter(|(holds, _)| *holds).map(|(_, role)| role).collect()
}

fn usage(certificate: &Certificate) -> String {
    certificate.key_usage().map_or("(none)".to_owned(), |usage| usage.to_string())
}

/// What whoever runs the server should know of a certificate.
fn remarks(facts: &Facts, certificate: &Certificate) -> Vec<&'static str> {
    let (now, validity) = (now(), certificate.validity());
    let month = std::time::Duration::from_secs(30 * 24 * 60 * 60);
    let remarks = [
        (validity.not_after < now, "has expired"),
        (now < validity.not_before, "is not valid yet"),
        (validity.contains(now) && validity.not_after < now.plus(month), "expires within 30 days"),
        (
            !facts.chained.contains(certificate),
            "its issuer is not in the answer, or did not sign it",
        ),
    ];
    remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, remark)| remark).collect()
}
