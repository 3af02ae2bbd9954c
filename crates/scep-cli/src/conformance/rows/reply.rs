//! What a CertRep holds (RFC 8894 §3.3.2).

use bytes::Bytes;
use scep_proto::inspect::{Enveloped, Identifier};
use scep_types::asn1::{Asn1Error, Reader, Tag};

use crate::conformance::lab::Lab;
use crate::conformance::row::{Finding, Level, Outcome, Row, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-3-01",
        level: Level::Must,
        title: "a FAILURE has no envelope",
        certificates: 0,
        check: failure_without_envelope,
    },
    Row {
        id: "R-3.2-07",
        level: Level::Practice,
        title: "a FAILURE has an empty content, not none",
        certificates: 0,
        check: failure_with_empty_content,
    },
    Row {
        id: "R-3.1-01",
        level: Level::Must,
        title: "a SUCCESS holds EnvelopedData",
        certificates: 0,
        check: success_has_envelope,
    },
    Row {
        id: "R-CMS6.1-01",
        level: Level::Must,
        title: "the version of EnvelopedData fits its recipients",
        certificates: 0,
        check: envelope_version,
    },
    Row {
        id: "R-2.3-14",
        level: Level::Must,
        title: "a reply is encrypted to the request's signer",
        certificates: 0,
        check: recipient_is_signer,
    },
    Row {
        id: "R-3.3.2-01",
        level: Level::Must,
        title: "in the envelope is a certs-only SignedData",
        certificates: 0,
        check: inner_is_degenerate,
    },
    Row {
        id: "R-3.3.2.1-01",
        level: Level::Must,
        title: "the issued certificate is there, and first",
        certificates: 0,
        check: issued_is_first,
    },
    Row {
        id: "R-3.3.2.1-06",
        level: Level::Practice,
        title: "no CRL beside a certificate",
        certificates: 0,
        check: no_crl,
    },
];

const ENROLMENT: &str = "PKCSReq with the challenge";

/// A FAILURE, if the server says so to anything harmless.
fn failure(lab: &Lab) -> Result<Bytes, crate::conformance::row::NoVerdict> {
    let came = lab.send(&lab.harmless()?)?;
    if came.kind.is_failure() {
        Ok(came.body())
    } else {
        not_tested(format_args!("no FAILURE: {came}"))
    }
}

/// The eContent of a SignedData: `None` if it is absent.
fn content(message: &[u8]) -> Result<Option<Vec<u8>>, Asn1Error> {
    let mut info = Reader::ber(message).sequence()?;
    info.oid()?;
    let mut data = info.expect(Tag::context(0))?.open()?.sequence()?;
    data.integer()?;
    data.set()?;
    let mut encapsulated = data.sequence()?;
    encapsulated.oid()?;
    match encapsulated.optional(Tag::context(0))? {
        Some(explicit) => Ok(Some(explicit.open()?.octet_string()?.into_owned())),
        None => Ok(None),
    }
}

fn failure_without_envelope(lab: &mut Lab) -> Outcome {
    let content = content(&failure(lab)?)?.unwrap_or_default();
    // NDES sends one octet.
    let passes = content.len() <= 1;
    Ok(Finding::new(passes, "PKIOperation", format_args!("content of {} octets", content.len())))
}

fn failure_with_empty_content(lab: &mut Lab) -> Outcome {
    let content = content(&failure(lab)?)?;
    let text = match &content {
        None => "no content".to_owned(),
        Some(content) => format!("content of {} octets", content.len()),
    };
    Ok(Finding::new(content.is_some_and(|content| content.is_empty()), "PKIOperation", text))
}

fn success_has_envelope(lab: &mut Lab) -> Outcome {
    let signed = lab.granted()?.reply.signed()?;
    let passes = Enveloped::parse(signed.content().clone()).is_ok();
    let text = if passes { "EnvelopedData" } else { "something else" };
    Ok(Finding::new(passes, ENROLMENT, text))
}

fn envelope_version(lab: &mut Lab) -> Outcome {
    let signed = lab.granted()?.reply.signed()?;
    let mut info = Reader::ber(signed.content()).sequence()?;
    info.oid()?;
    let mut data = info.expect(Tag::context(0))?.open()?.sequence()?;
    let version = data.integer()?.to_vec();
    let by_key_identifier = Enveloped::parse(signed.content().clone()).is_ok_and(|envelope| {
        envelope.recipients().any(|it| matches!(it.identifier(), Identifier::KeyIdentifier(_)))
    });
    let expected: &[u8] = if by_key_identifier { &[2] } else { &[0] };
    Ok(Finding::new(version == expected, ENROLMENT, format_args!("version {version:?}")))
}

fn recipient_is_signer(lab: &mut Lab) -> Outcome {
    let signed = lab.granted()?.reply.signed()?;
    let Ok(envelope) = Enveloped::parse(signed.content().clone()) else {
        return not_tested("no EnvelopedData");
    };
    let ours = &lab.device.certificate;
    let is_ours = |identifier: Identifier| match identifier {
        Identifier::IssuerAndSerial(issuer, serial) => {
            issuer.matches(ours.issuer()) && serial == ours.serial()
        }
        Identifier::KeyIdentifier(identifier) => ours.subject_key_identifier() == Some(identifier),
    };
    let recipients: Vec<_> = envelope.recipients().map(|it| it.identifier()).collect();
    let text = format!("{} recipients", recipients.len());
    let only_ours = recipients.len() == 1 && recipients.into_iter().all(is_ours);
    Ok(Finding::new(only_ours, ENROLMENT, text))
}

fn inner_is_degenerate(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let inner = lab.open(&granted.reply, &lab.device.key)?;
    let passes = inner.signers().next().is_none() && inner.content().is_empty();
    let text = if passes { "no signer, no content" } else { "a signer or a content" };
    Ok(Finding::new(passes, ENROLMENT, text))
}

fn issued_is_first(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let place = granted.certificates.iter().position(|c| *c == granted.certificate);
    let text = format!("{} certificates", granted.certificates.len());
    Ok(Finding::new(place == Some(0), ENROLMENT, text))
}

fn no_crl(lab: &mut Lab) -> Outcome {
    let crls = lab.granted()?.crls;
    Ok(Finding::new(crls == 0, ENROLMENT, format_args!("{crls} CRLs")))
}
