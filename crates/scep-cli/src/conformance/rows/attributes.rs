//! Signed attributes of requests and replies (RFC 8894 §3.2.1).

use scep_proto::FailInfo;
use scep_proto::inspect::SignedAttributes;
use scep_types::asn1::Tag;
use scep_types::oid::{self, Oid};

use crate::conformance::craft::{Message, octets, printable, text_of};
use crate::conformance::lab::{Came, Lab};
use crate::conformance::row::{Finding, Level, NoVerdict, Outcome, Row, not_tested};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-3.2.1-01",
        level: Level::Must,
        title: "no transactionID or no messageType: refused",
        certificates: 0,
        check: missing_scep_attributes,
    },
    Row {
        id: "R-3.2.1-02",
        level: Level::Must,
        title: "no contentType or no messageDigest: refused",
        certificates: 0,
        check: missing_cms_attributes,
    },
    Row {
        id: "R-3.2.1-03",
        level: Level::Must,
        title: "a CertRep has pkiStatus, recipientNonce and, on FAILURE, failInfo",
        certificates: 0,
        check: reply_attributes,
    },
    Row {
        id: "R-3.2.1-04",
        level: Level::Must,
        title: "an unsigned transactionID does not count",
        certificates: 0,
        check: unsigned_attribute,
    },
    Row {
        id: "R-3.2.1-05",
        level: Level::Practice,
        title: "each attribute once, with one value",
        certificates: 0,
        check: repeated_attributes,
    },
    Row {
        id: "R-3.2.1-06",
        level: Level::Practice,
        title: "unknown attributes do not matter",
        certificates: 0,
        check: unknown_attributes,
    },
    Row {
        id: "R-3.2.1-07",
        level: Level::Must,
        title: "replies use PrintableString and OCTET STRING",
        certificates: 0,
        check: string_types,
    },
    Row {
        id: "R-3.2.1-08",
        level: Level::Practice,
        title: "a transactionID as UTF8String or IA5String",
        certificates: 0,
        check: other_string_types,
    },
    Row {
        id: "R-3.2.1-09",
        level: Level::Practice,
        title: "the transactionID comes back as it was sent",
        certificates: 0,
        check: transaction_id_echoed,
    },
    Row {
        id: "R-3.2.1.1-02",
        level: Level::Must,
        title: "any form of transactionID",
        certificates: 0,
        check: any_transaction_id,
    },
    Row {
        id: "R-3.2.1.1-04",
        level: Level::Practice,
        title: "a transactionID of 10,000 characters: refused",
        certificates: 0,
        check: huge_transaction_id,
    },
    Row {
        id: "R-3.2.1.2-01",
        level: Level::Must,
        title: "messageType is a plain decimal number",
        certificates: 0,
        check: odd_message_types,
    },
    Row {
        id: "R-3.2.1.2-02",
        level: Level::Must,
        title: "message types that are none: refused",
        certificates: 6,
        check: unknown_message_types,
    },
    Row {
        id: "R-3.2.1.2-03",
        level: Level::Practice,
        title: "a CertRep as request: refused",
        certificates: 0,
        check: cert_rep_as_request,
    },
    Row {
        id: "R-3.2.1.4-01",
        level: Level::Must,
        title: "failInfo is 0 to 4",
        certificates: 0,
        check: fail_info_known,
    },
    Row {
        id: "R-3.2.1.5-02",
        level: Level::Must,
        title: "recipientNonce is the senderNonce, whatever its length",
        certificates: 0,
        check: nonce_copied,
    },
    Row {
        id: "R-3.2.1.5-05",
        level: Level::Practice,
        title: "a request without senderNonce is answered",
        certificates: 0,
        check: no_nonce,
    },
    Row {
        id: "R-3.2.1.5-06",
        level: Level::Practice,
        title: "the reply's own nonce: 16 fresh octets",
        certificates: 0,
        check: own_nonce,
    },
    Row {
        id: "R-5.2-06",
        level: Level::Practice,
        title: "the same message again gets a fresh reply",
        certificates: 0,
        check: fresh_replies,
    },
];

/// Not a CertRep of SUCCESS or PENDING, and not what an honest message gets.
fn refused(lab: &Lab, sent: &str, message: &Message) -> Result<Finding, NoVerdict> {
    let came = lab.send(message)?;
    let passes = !came.kind.is_success() && !lab.is_usual(&came);
    Ok(Finding::new(passes, sent, came))
}

fn usual(lab: &Lab, sent: &str, message: &Message) -> Result<Finding, NoVerdict> {
    let came = lab.send(message)?;
    Ok(Finding::new(lab.is_usual(&came), sent, came))
}

pub(super) fn attributes(came: &Came) -> Result<SignedAttributes, NoVerdict> {
    match came.signed()?.signers().next() {
        Some(signer) => Ok(signer.attributes()),
        None => not_tested("no signer in the reply"),
    }
}

/// The content of an attribute's SET of values.
pub(super) fn values(came: &Came, wanted: Oid) -> Result<Option<Vec<u8>>, NoVerdict> {
    let signed = came.signed()?;
    let signer = signed.signers().next();
    let found = signer.and_then(|signer| {
        signer.attribute_values().find(|(oid, _)| *oid == wanted).map(|(_, values)| values.to_vec())
    });
    Ok(found)
}

fn missing_scep_attributes(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?;
    Ok(Finding::all(&[
        refused(lab, "no transactionID", &message.clone().without(oid::TRANSACTION_ID))?,
        refused(lab, "no messageType", &message.without(oid::MESSAGE_TYPE))?,
    ]))
}

fn missing_cms_attributes(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?;
    Ok(Finding::all(&[
        refused(lab, "no contentType", &message.clone().without(oid::CONTENT_TYPE))?,
        refused(lab, "no messageDigest", &message.without_message_digest())?,
    ]))
}

fn reply_attributes(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let found = attributes(&came)?;
    let nonce = matches!(found.recipient_nonce, Ok(Some(_)));
    let info = !came.kind.is_failure() || matches!(found.fail_info, Ok(Some(_)));
    let missing = if nonce { "failInfo" } else { "recipientNonce" };
    let text = if nonce && info { came.to_string() } else { format!("{came}, no {missing}") };
    Ok(Finding::new(nonce && info, "PKIOperation", text))
}

fn unsigned_attribute(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.without(oid::TRANSACTION_ID).changed(|message| {
        message.unsigned_attributes = vec![(oid::TRANSACTION_ID, vec![printable("1")])];
    });
    refused(lab, "transactionID among the unsigned attributes only", &message)
}

fn repeated_attributes(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?;
    let nonce = || octets(&[1; 16]);
    let twice = message.clone().and(oid::SENDER_NONCE, vec![nonce()]);
    let two_values = message.clone().with(oid::SENDER_NONCE, vec![nonce(), octets(&[2; 16])]);
    let no_value = message.with(oid::TRANSACTION_ID, Vec::new());
    Ok(Finding::all(&[
        refused(lab, "senderNonce twice", &twice)?,
        refused(lab, "senderNonce with two values", &two_values)?,
        refused(lab, "transactionID without value", &no_value)?,
    ]))
}

fn unknown_attributes(lab: &mut Lab) -> Outcome {
    const HRESULT: Oid = Oid::new("1.3.6.1.4.1.311.21.33");
    const RANDOM_NONCE: Oid = Oid::new("1.2.840.113549.1.9.25.3");
    let message = lab.harmless()?;
    let message = message.and(HRESULT, vec![printable("-1")]);
    let message = message.and(RANDOM_NONCE, vec![octets(&[3; 16])]);
    usual(lab, "attributes 1.3.6.1.4.1.311.21.33 and randomNonce too", &message)
}

fn string_types(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?)?;
    let wanted = [
        (oid::TRANSACTION_ID, Tag::PRINTABLE_STRING, "transactionID"),
        (oid::MESSAGE_TYPE, Tag::PRINTABLE_STRING, "messageType"),
        (oid::PKI_STATUS, Tag::PRINTABLE_STRING, "pkiStatus"),
        (oid::FAIL_INFO, Tag::PRINTABLE_STRING, "failInfo"),
        (oid::SENDER_NONCE, Tag::OCTET_STRING, "senderNonce"),
        (oid::RECIPIENT_NONCE, Tag::OCTET_STRING, "recipientNonce"),
    ];
    for (oid, tag, name) in wanted {
        let found = values(&came, oid)?;
        if found.is_some_and(|values| values.first() != Some(&tag.primitive())) {
            return Ok(Finding::new(
                false,
                "PKIOperation",
                format_args!("{name} is another string"),
            ));
        }
    }
    Ok(Finding::new(true, "PKIOperation", came))
}

fn other_string_types(lab: &mut Lab) -> Outcome {
    let id = |tag| text_of(tag, "0123456789abcdef");
    let utf8 = lab.harmless()?.with(oid::TRANSACTION_ID, vec![id(Tag::UTF8_STRING)]);
    let ia5 = lab.harmless()?.with(oid::TRANSACTION_ID, vec![id(Tag::IA5_STRING)]);
    Ok(Finding::all(&[
        usual(lab, "transactionID as UTF8String", &utf8)?,
        usual(lab, "transactionID as IA5String", &ia5)?,
    ]))
}

fn transaction_id_echoed(lab: &mut Lab) -> Outcome {
    let id = text_of(Tag::UTF8_STRING, "0123456789abcdef");
    let came = lab.send(&lab.harmless()?.with(oid::TRANSACTION_ID, vec![id.clone()]))?;
    let found = values(&came, oid::TRANSACTION_ID)?;
    let same = found.as_deref() == Some(id.as_slice());
    let text = if same { "the same octets" } else { "other octets" };
    Ok(Finding::new(same, "transactionID as UTF8String", text))
}

fn any_transaction_id(lab: &mut Lab) -> Outcome {
    let ids =
        ["1", "5D1A0E9C6F7B3A2D4C8E0F1B2A3D4C5E6F708192", "q/8+Zm9v=", "00-1B-63-FF-FE-84-45-E6"];
    let tries = ids.map(|id| {
        let message = lab.harmless()?.with(oid::TRANSACTION_ID, vec![printable(id)]);
        usual(lab, &format!("transactionID {id}"), &message)
    });
    Ok(Finding::all(&tries.into_iter().collect::<Result<Vec<_>, NoVerdict>>()?))
}

fn huge_transaction_id(lab: &mut Lab) -> Outcome {
    let id = vec![printable(&"1".repeat(10_000))];
    refused(lab, "transactionID of 10,000 digits", &lab.harmless()?.with(oid::TRANSACTION_ID, id))
}

fn odd_message_types(lab: &mut Lab) -> Outcome {
    let tries = ["020", "20 ", "+20", "", "0x14"].map(|text| {
        let message = lab.harmless()?.with(oid::MESSAGE_TYPE, vec![printable(text)]);
        refused(lab, &format!("messageType {text:?}"), &message)
    });
    Ok(Finding::all(&tries.into_iter().collect::<Result<Vec<_>, NoVerdict>>()?))
}

/// With a CSR that a PKCSReq would carry, but no challenge: a type nobody checks must not lead around one.
fn unknown_message_types(lab: &mut Lab) -> Outcome {
    let tries = ["0", "1", "18", "23", "99", "255"].map(|number| {
        let content = lab.sealed(&lab.csr_with(&lab.device, None)?)?;
        let came = lab.send(&lab.message(number, content)?)?;
        let refused = lab.refuses(&came)?;
        Ok(Finding::new(refused, format_args!("messageType {number}, no challenge"), came))
    });
    Ok(Finding::all(&tries.into_iter().collect::<Result<Vec<_>, NoVerdict>>()?))
}

fn cert_rep_as_request(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.with(oid::MESSAGE_TYPE, vec![printable("3")]);
    refused(lab, "messageType 3", &message)
}

fn fail_info_known(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.with(oid::MESSAGE_TYPE, vec![printable("99")]);
    let came = lab.send(&message)?;
    if !came.kind.is_failure() {
        return not_tested(format_args!("no FAILURE: {came}"));
    }
    let known = |info: FailInfo| info.number() <= 4;
    Ok(Finding::new(came.kind.fail_info().is_some_and(known), "messageType 99", came))
}

fn nonce_copied(lab: &mut Lab) -> Outcome {
    let tries = [16, 8, 20, 32].map(|length| {
        let nonce = vec![0xA5; length];
        let came = lab.send(&lab.harmless()?.with(oid::SENDER_NONCE, vec![octets(&nonce)]))?;
        let found = values(&came, oid::RECIPIENT_NONCE)?;
        let same = found.as_deref() == Some(octets(&nonce).as_slice());
        let text = if same { "the same" } else { "another, or none" };
        Ok(Finding::new(same, format_args!("senderNonce of {length} octets"), text))
    });
    Ok(Finding::all(&tries.into_iter().collect::<Result<Vec<_>, NoVerdict>>()?))
}

fn no_nonce(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.harmless()?.without(oid::SENDER_NONCE))?;
    Ok(Finding::new(came.kind.is_cert_rep(), "no senderNonce", came))
}

fn own_nonce(lab: &mut Lab) -> Outcome {
    let (nonce, sent) = (octets(&[0x5A; 16]), "senderNonce of 16 octets");
    let came = lab.send(&lab.harmless()?.with(oid::SENDER_NONCE, vec![nonce.clone()]))?;
    let text = match values(&came, oid::SENDER_NONCE)? {
        None => "no senderNonce",
        Some(own) if own == nonce => "a copy of ours",
        Some(own) if own.len() != nonce.len() => "not 16 octets",
        Some(_) => return Ok(Finding::new(true, sent, "16 octets of its own")),
    };
    Ok(Finding::new(false, sent, text))
}

fn fresh_replies(lab: &mut Lab) -> Outcome {
    let message = lab.harmless()?.build()?;
    let (first, second) = (lab.post(&message), lab.post(&message));
    let (one, other) = (values(&first, oid::SENDER_NONCE)?, values(&second, oid::SENDER_NONCE)?);
    let text = match (one == other, one.is_some()) {
        (false, _) => return Ok(Finding::new(true, "one message twice", "two nonces")),
        (true, true) => "the same nonce twice",
        (true, false) => "no senderNonce",
    };
    Ok(Finding::new(false, "one message twice", text))
}
