//! CertPoll (RFC 8894 §4.4): answered to whoever has the request's key, and to nobody else.

use scep_client::{now, self_signed};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::inspect::Signed;
use scep_types::asn1::DerWriter;
use scep_types::{Name, oid};

use crate::answer::AnswerKind;
use crate::conformance::craft::Sender;
use crate::conformance::lab::{Came, Granted, Lab};
use crate::conformance::row::{
    Finding, Level, NoVerdict, Outcome, Row, not_applicable, not_tested,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-4.4-02",
        level: Level::Must,
        title: "CertPoll for a transaction nobody knows: refused",
        certificates: 0,
        check: unknown,
    },
    Row {
        id: "R-3.2.1.1-05",
        level: Level::Must,
        title: "the transactionID alone gets no certificate",
        certificates: 0,
        check: by_stranger,
    },
    Row {
        id: "R-5.2-03",
        level: Level::Must,
        title: "a poll after SUCCESS gets the same certificate",
        certificates: 0,
        check: by_device,
    },
    Row {
        id: "R-4.4-03",
        level: Level::Practice,
        title: "a poll by another certificate for the same key",
        certificates: 0,
        check: by_another_certificate,
    },
    Row {
        id: "R-3.3.3-02",
        level: Level::Should,
        title: "the names in a poll do not matter",
        certificates: 0,
        check: with_other_names,
    },
    Row {
        id: "R-3.3.3-03",
        level: Level::Practice,
        title: "a poll whose envelope holds nothing",
        certificates: 0,
        check: around_garbage,
    },
];

fn unknown(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.message("20", lab.sealed(&lab.issuer_and_subject())?)?)?;
    Ok(Finding::new(lab.refuses(&came)?, "CertPoll, fresh transactionID", came))
}

/// Polls for the first request.
fn poll(lab: &Lab, sender: &Sender, granted: &Granted, payload: &[u8]) -> Result<Came, NoVerdict> {
    let Some(id) = transaction_id(granted) else {
        return not_tested("the transactionID is not to be found");
    };
    let message = lab.message_of(sender, "20", lab.sealed(payload)?)?;
    lab.send(&message.with(oid::TRANSACTION_ID, vec![id]))
}

/// The value of the attribute, encoded.
fn transaction_id(granted: &Granted) -> Option<Vec<u8>> {
    let signed = Signed::parse(granted.request.clone()).ok()?;
    let signer = signed.signers().next()?;
    let mut attributes = signer.attribute_values();
    attributes.find(|(oid, _)| *oid == oid::TRANSACTION_ID).map(|(_, values)| values.to_vec())
}

/// The first certificate again, for a server that knows CertPoll.
fn same_certificate(lab: &Lab, sent: &str, came: &Came, granted: &Granted) -> Outcome {
    if matches!(came.kind, AnswerKind::Http(_)) {
        return not_applicable(format_args!("no CertPoll: {came}"));
    }
    if !came.kind.is_success() {
        return Ok(Finding::new(false, sent, came));
    }
    let inner = lab.open(came, &lab.device.key)?;
    let same = inner.certificates().contains(&granted.certificate);
    let text = if same { "SUCCESS, the same certificate" } else { "SUCCESS, another certificate" };
    Ok(Finding::new(same, sent, text))
}

fn by_stranger(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = poll(lab, &lab.stranger, &granted, &lab.issuer_and_subject())?;
    let sent = "CertPoll of a finished transaction, another key";
    Ok(Finding::new(lab.refuses(&came)?, sent, came))
}

fn by_device(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = poll(lab, &lab.device, &granted, &lab.issuer_and_subject())?;
    same_certificate(lab, "CertPoll of a finished transaction", &came, &granted)
}

/// As cryptlib makes one for each poll.
fn by_another_certificate(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let key = lab.device.key.clone();
    let certificate = self_signed(&*key, &lab.setting.subject, now(), provider().random)?;
    let sender = Sender { certificate, key };
    let came = poll(lab, &sender, &granted, &lab.issuer_and_subject())?;
    same_certificate(lab, "CertPoll, a new certificate for the same key", &came, &granted)
}

fn with_other_names(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let name = Name::build(&[(oid::COMMON_NAME, "nobody")]);
    let payload = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.raw(name.der());
            der.raw(name.der());
        });
    });
    let came = poll(lab, &lab.device, &granted, &payload)?;
    same_certificate(lab, "CertPoll with issuer and subject CN=nobody", &came, &granted)
}

fn around_garbage(lab: &mut Lab) -> Outcome {
    let granted = lab.granted()?;
    let came = poll(lab, &lab.device, &granted, b"nothing")?;
    same_certificate(lab, "CertPoll around seven octets", &came, &granted)
}
