//! EnvelopedData in requests (RFC 8894 §3.2.2, RFC 5652 §6, RFC 3218). Each of these has a wrong challenge, so that a server
//! which opens it refuses it all the same.

use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{ContentCipher, DigestAlgorithm, KeyTransport, Name, Secret, is_printable_string};

use super::attributes::attributes;
use crate::answer::AnswerKind;
use crate::conformance::craft::{
    Envelope, Signature, challenge_password, csr, issuer_and_serial, key_transport,
    key_transport_of, octets,
};
use crate::conformance::lab::{Came, Lab};
use crate::conformance::row::{Finding, Level, NoVerdict, Outcome, Row, not_applicable};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "R-3.1-05",
        level: Level::Should,
        title: "a CSR without envelope: refused",
        certificates: 1,
        check: no_envelope,
    },
    Row {
        id: "R-3.2-03",
        level: Level::Must,
        title: "content that does not fit the messageType: refused",
        certificates: 0,
        check: other_content,
    },
    Row {
        id: "R-CMS6.1-02",
        level: Level::Practice,
        title: "encryptedContent in segments",
        certificates: 0,
        check: segments,
    },
    Row {
        id: "R-CMS6.2.1-01",
        level: Level::Must,
        title: "the recipient by subjectKeyIdentifier",
        certificates: 0,
        check: key_identifier,
    },
    Row {
        id: "R-CMS6.2.1-02",
        level: Level::Practice,
        title: "several recipients, the server's last",
        certificates: 0,
        check: several_recipients,
    },
    Row {
        id: "R-CMS6.2.1-03",
        level: Level::Practice,
        title: "one recipient with a stale serial number",
        certificates: 0,
        check: stale_recipient,
    },
    Row {
        id: "R-CMS6.2.1-04",
        level: Level::Practice,
        title: "the recipient's issuer in another kind of string",
        certificates: 0,
        check: other_strings,
    },
    Row {
        id: "R-3.1-08",
        level: Level::Practice,
        title: "KeyAgreeRecipientInfo: refused",
        certificates: 0,
        check: key_agreement,
    },
    Row {
        id: "R-3211-05",
        level: Level::Practice,
        title: "PBKDF2 with 2^31 iterations: refused",
        certificates: 0,
        check: endless_password,
    },
    Row {
        id: "R-CMS6.2.1-06",
        level: Level::Practice,
        title: "RSAES-OAEP, as Windows sends it",
        certificates: 0,
        check: oaep,
    },
    Row {
        id: "R-3218-01",
        level: Level::Must,
        title: "a key that does not unwrap is answered as garbage is",
        certificates: 0,
        check: bad_key,
    },
    Row {
        id: "R-3218-02",
        level: Level::Must,
        title: "one answer to all that fails up to the CSR's signature",
        certificates: 1,
        check: uniform_failure,
    },
    Row {
        id: "R-3.3.1-03",
        level: Level::Must,
        title: "a CSR whose signature is wrong: refused",
        certificates: 1,
        check: unproven_csr,
    },
];

/// Whether the server opened this.
fn opened(lab: &Lab, sent: &str, envelope: &Envelope) -> Result<Finding, NoVerdict> {
    let came = lab.send(&lab.openable(envelope)?)?;
    Ok(Finding::new(lab.was_opened(&came), sent, came))
}

/// An envelope around a CSR with a wrong challenge.
fn hopeless(lab: &Lab) -> Result<Envelope, NoVerdict> {
    lab.envelope(&lab.hopeless_csr()?, ContentCipher::Aes128Cbc)
}

fn no_envelope(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.message("19", lab.hopeless_csr()?)?)?;
    Ok(Finding::new(lab.refuses(&came)?, "PKCSReq around a bare CSR", came))
}

fn other_content(lab: &mut Lab) -> Outcome {
    let came = lab.send(&lab.message("19", lab.sealed(&lab.issuer_and_subject())?)?)?;
    Ok(Finding::new(lab.refuses(&came)?, "PKCSReq around issuer and subject", came))
}

fn segments(lab: &mut Lab) -> Outcome {
    let mut envelope = hopeless(lab)?;
    let content = Reader::der(&envelope.encrypted_content).any()?.content;
    let segments: Vec<u8> = content.chunks(500).flat_map(octets).collect();
    envelope.encrypted_content = DerWriter::encode(|der| {
        der.constructed(Tag::context(0), |der| der.raw(&segments));
    });
    opened(lab, "encryptedContent in segments of 500", &envelope)
}

fn key_identifier(lab: &mut Lab) -> Outcome {
    let recipient = lab.setting.ca.encryption().clone();
    let Some(identifier) = recipient.subject_key_identifier() else {
        return not_applicable("the recipient's certificate has no subjectKeyIdentifier");
    };
    let mut envelope = hopeless(lab)?;
    let rid = DerWriter::encode(|der| der.primitive(Tag::context(0), &identifier));
    let pkcs1 = KeyTransport::Pkcs1v15;
    envelope.recipients = vec![key_transport(&rid, pkcs1, &recipient, &envelope.key)?];
    opened(lab, "rid subjectKeyIdentifier", &envelope)
}

fn several_recipients(lab: &mut Lab) -> Outcome {
    let mut envelope = hopeless(lab)?;
    for other in [&lab.stranger.certificate, &lab.device.certificate] {
        let rid = issuer_and_serial(other.issuer().der(), other.serial());
        let info = key_transport(&rid, KeyTransport::Pkcs1v15, other, &envelope.key)?;
        envelope.recipients.insert(0, info);
    }
    opened(lab, "three recipients", &envelope)
}

fn stale_recipient(lab: &mut Lab) -> Outcome {
    let recipient = lab.setting.ca.encryption().clone();
    let mut envelope = hopeless(lab)?;
    let rid = issuer_and_serial(recipient.issuer().der(), &[0x42, 0x42]);
    let pkcs1 = KeyTransport::Pkcs1v15;
    envelope.recipients = vec![key_transport(&rid, pkcs1, &recipient, &envelope.key)?];
    opened(lab, "rid with another serial number, the key right", &envelope)
}

/// PrintableString for UTF8String and the other way round: the same name.
fn other_strings(lab: &mut Lab) -> Outcome {
    let recipient = lab.setting.ca.encryption().clone();
    let Some(issuer) = in_other_strings(recipient.issuer()) else {
        return not_applicable("the recipient's issuer has no strings of these kinds");
    };
    let mut envelope = hopeless(lab)?;
    let rid = issuer_and_serial(&issuer, recipient.serial());
    let pkcs1 = KeyTransport::Pkcs1v15;
    envelope.recipients = vec![key_transport(&rid, pkcs1, &recipient, &envelope.key)?];
    opened(lab, "rid with the issuer's strings exchanged", &envelope)
}

fn in_other_strings(name: &Name) -> Option<Vec<u8>> {
    let mut der = name.der().to_vec();
    let mut changed = false;
    for attribute in name.attributes() {
        let value = attribute.value;
        let exchanged = match value.tag {
            Tag::UTF8_STRING if is_printable_string(&attribute.text()) => Tag::PRINTABLE_STRING,
            Tag::PRINTABLE_STRING if attribute.oid != oid::COUNTRY_NAME => Tag::UTF8_STRING,
            _ => continue,
        };
        let at = value.raw.as_ptr().addr().checked_sub(name.der().as_ptr().addr())?;
        *der.get_mut(at)? = exchanged.primitive();
        changed = true;
    }
    changed.then_some(der)
}

/// Refused, whatever the server would do with what is inside.
fn refused(lab: &Lab, sent: &str, envelope: &Envelope) -> Result<Finding, NoVerdict> {
    let came = ask(lab, envelope)?;
    Ok(Finding::new(lab.refuses(&came)?, sent, came))
}

fn key_agreement(lab: &mut Lab) -> Outcome {
    let mut envelope = hopeless(lab)?;
    envelope.recipients = vec![DerWriter::encode(|der| {
        der.constructed(Tag::context(1), |der| der.unsigned(3_u64));
    })];
    refused(lab, "one recipient, key agreement", &envelope)
}

/// PasswordRecipientInfo (RFC 5652 §6.2.4) whose key would take hours.
fn endless_password(lab: &mut Lab) -> Outcome {
    let mut envelope = hopeless(lab)?;
    let algorithm = envelope.algorithm.clone();
    envelope.recipients = vec![DerWriter::encode(|der| {
        der.constructed(Tag::context(3), |der| {
            der.unsigned(0_u64);
            der.constructed(Tag::context(0), |der| {
                der.oid(&PBKDF2);
                der.sequence(|der| {
                    der.primitive(Tag::OCTET_STRING, &[7; 16]);
                    der.unsigned(1_u64 << 31);
                });
            });
            der.sequence(|der| {
                der.oid(&PWRI_KEK);
                der.raw(&algorithm);
            });
            der.primitive(Tag::OCTET_STRING, &[7; 32]);
        });
    })];
    refused(lab, "one recipient, a password, 2^31 iterations", &envelope)
}

const PBKDF2: Oid = Oid::new("1.2.840.113549.1.5.12");
const PWRI_KEK: Oid = Oid::new("1.2.840.113549.1.9.16.3.9");

fn oaep(lab: &mut Lab) -> Outcome {
    let recipient = lab.setting.ca.encryption().clone();
    let rid = issuer_and_serial(recipient.issuer().der(), recipient.serial());
    let tries = [DigestAlgorithm::Sha1, DigestAlgorithm::Sha256].map(|digest| {
        let mut envelope = hopeless(lab)?;
        let transport = KeyTransport::Oaep(digest);
        envelope.recipients = vec![key_transport(&rid, transport, &recipient, &envelope.key)?];
        opened(lab, &format!("OAEP with {digest:?}"), &envelope)
    });
    Ok(Finding::all(&tries.into_iter().collect::<Result<Vec<_>, NoVerdict>>()?))
}

/// What the peer may learn of a request that does not open.
#[derive(PartialEq, Eq)]
struct Seen {
    kind: AnswerKind,
    text: Option<String>,
}

impl Seen {
    fn of(came: &Came) -> Self {
        let text = attributes(came).ok().and_then(|found| found.fail_info_text.ok().flatten());
        Self { kind: came.kind.clone(), text }
    }
}

fn ask(lab: &Lab, envelope: &Envelope) -> Result<Came, NoVerdict> {
    lab.send(&lab.message("19", envelope.build())?)
}

/// A wrapped key that is no PKCS #1 block.
fn with_bad_key(lab: &Lab) -> Result<Envelope, NoVerdict> {
    let recipient = lab.setting.ca.encryption();
    let rid = issuer_and_serial(recipient.issuer().der(), recipient.serial());
    let mut envelope = hopeless(lab)?;
    let mut wrapped = lab.random::<256>()?.to_vec();
    if let Some(first) = wrapped.first_mut() {
        *first = 0; // below any modulus
    }
    envelope.recipients = vec![key_transport_of(&rid, KeyTransport::Pkcs1v15, &wrapped)];
    Ok(envelope)
}

fn garbage(lab: &Lab) -> Result<Envelope, NoVerdict> {
    lab.envelope(b"what is this", ContentCipher::Aes128Cbc)
}

/// The last block of the ciphertext changed, and the padding with it.
fn with_bad_padding(lab: &Lab) -> Result<Envelope, NoVerdict> {
    let mut envelope = hopeless(lab)?;
    if let Some(last) = envelope.encrypted_content.last_mut() {
        *last ^= 0xFF;
    }
    Ok(envelope)
}

/// A CSR with this challenge and a wrong signature.
fn unproven(lab: &Lab, challenge: Option<&Secret>) -> Result<Vec<u8>, NoVerdict> {
    let attributes: Vec<_> = challenge.map(challenge_password).into_iter().collect();
    Ok(csr(&lab.setting.subject, &lab.device.key, &attributes, Signature::Broken)?)
}

fn alike(lab: &Lab, tries: &[(&str, Envelope)]) -> Outcome {
    lab.harmless()?; // where everything is refused, all is alike
    let mut answers = Vec::new();
    for (sent, envelope) in tries {
        answers.push((*sent, ask(lab, envelope)?));
    }
    let mut kinds = answers.iter().map(|(_, came)| Seen::of(came));
    let first = kinds.next();
    let same = kinds.all(|seen| Some(&seen) == first.as_ref());
    let nothing_granted = answers.iter().all(|(_, came)| !came.kind.is_success());
    let sent: Vec<_> = answers.iter().map(|(sent, _)| *sent).collect();
    let came: Vec<_> = answers.iter().map(|(_, came)| came.to_string()).collect();
    let came = if same { came.first().cloned().unwrap_or_default() } else { came.join(" / ") };
    Ok(Finding::new(same && nothing_granted, sent.join(" / "), came))
}

fn bad_key(lab: &mut Lab) -> Outcome {
    let tries = [("a bad key", with_bad_key(lab)?), ("garbage", garbage(lab)?)];
    alike(lab, &tries)
}

fn uniform_failure(lab: &mut Lab) -> Outcome {
    let wrong = Secret::new("wrong");
    let csr = lab.envelope(&unproven(lab, Some(&wrong))?, ContentCipher::Aes128Cbc)?;
    let tries = [
        ("a bad key", with_bad_key(lab)?),
        ("bad padding", with_bad_padding(lab)?),
        ("garbage", garbage(lab)?),
        ("a CSR with a wrong signature", csr),
    ];
    alike(lab, &tries)
}

fn unproven_csr(lab: &mut Lab) -> Outcome {
    let csr = unproven(lab, lab.challenge()?.as_ref())?;
    let device = lab.device.clone();
    let (_, came) = lab.request(&device, "19", &csr)?;
    Ok(Finding::new(lab.refuses(&came)?, "a bit of the CSR's signature flipped", came))
}
