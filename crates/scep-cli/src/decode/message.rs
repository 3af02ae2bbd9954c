//! SignedData: pkiMessages, and lists of certificates and CRLs.

use bytes::Bytes;
use scep_proto::inspect::{Signed, Signer};
use scep_types::asn1::Reader;
use scep_types::oid;
use scep_types::{Certificate, Name};

use super::certificate::certificate_node;
use super::text::{digest, hex, named, scheme, verdict};
use super::{Context, Node, crl, decode_der};

pub(super) fn signed_data(element: &Bytes, context: &Context<'_>) -> Node {
    let signed = match Signed::parse(element.clone()) {
        Ok(signed) => signed,
        Err(error) => return Node::new("SignedData").with_value(format_args!("({error})")),
    };
    let signers: Vec<_> = signed.signers().collect();
    let is_message = signers.iter().any(|signer| signer.attributes().transaction_id.is_ok());
    let label = match (is_message, signers.is_empty()) {
        (true, _) => "pkiMessage",
        (false, true) => "certificates and CRLs only",
        (false, false) => "SignedData",
    };
    let node = Node::new(label).with_value(format_args!("{} octets", element.len()));
    let node = node.children(signers.iter().map(|signer| signer_node(signer, &signed, context)));
    let node = match content(&signed, context) {
        Some(content) => node.child(content),
        None => node,
    };
    let certificates = signed.certificates().iter();
    node.children(certificates.map(|certificate| certificate_node(certificate, context)))
        .children(signed.crls().iter().map(crl::crl))
}

/// The content: an envelope as a rule; none in a FAILURE or PENDING, or (NDES) one zero octet.
fn content(signed: &Signed, context: &Context<'_>) -> Option<Node> {
    let octets = signed.content();
    let label = format!("content of type {}", named(&signed.content_type()));
    if octets.is_empty() {
        return (signed.signers().next().is_some()).then(|| Node::new(label).with_value("none"));
    }
    let node = Node::new(label).with_value(format_args!("{} octets", octets.len()));
    Some(match decode_der(octets, context) {
        Ok(inner) => node.child(inner),
        Err(_) => node.field("octets", hex(octets)),
    })
}

fn signer_node(signer: &Signer<'_>, signed: &Signed, context: &Context<'_>) -> Node {
    let node = Node::new("signer").with_value(signer.identifier());
    let node = node
        .result("digest", signer.digest().map(digest))
        .result("signature algorithm", signer.scheme().map(scheme))
        .field("signature", signature(signer, signed, context));
    attributes(node, signer)
}

/// Verifies with the certificate the sid names, or with any at hand if it names none.
fn signature(signer: &Signer<'_>, signed: &Signed, context: &Context<'_>) -> String {
    if let Some(certificate) = signer.certificate() {
        let verdict = verdict(signer.verify(certificate, &context.provider));
        return format!("{verdict}, by {} in the message", whose(certificate));
    }
    let others = || context.certificates.iter().chain(signed.certificates());
    let fits = others().find(|certificate| signer.verify(certificate, &context.provider).is_ok());
    match fits {
        Some(certificate) => format!("valid, by {}", whose(certificate)),
        None if context.certificates.is_empty() => {
            "not verified: the signer's certificate is not in the message (--cert)".to_owned()
        }
        None => "INVALID: by none of the certificates at hand".to_owned(),
    }
}

fn whose(certificate: &Certificate) -> String {
    let own = if certificate.is_self_issued() { "self-signed " } else { "" };
    format!("the {own}certificate of {}", certificate.subject())
}

fn attributes(node: Node, signer: &Signer<'_>) -> Node {
    let attributes = signer.attributes();
    let nonce = |nonce: Option<scep_proto::Nonce>| nonce.map(|nonce| hex(nonce.octets()));
    let node = if attributes.transaction_id.is_ok() || attributes.message_type.is_ok() {
        node.result("messageType", attributes.message_type)
            .result("transactionID", attributes.transaction_id)
    } else {
        node
    };
    let node = node
        .optional("pkiStatus", attributes.pki_status.ok())
        .optional("failInfo", attributes.fail_info.ok().flatten())
        .optional("failInfoText", attributes.fail_info_text.ok().flatten())
        .optional("senderNonce", attributes.sender_nonce.ok().and_then(nonce))
        .optional("recipientNonce", attributes.recipient_nonce.ok().and_then(nonce))
        .optional("signingTime", attributes.signing_time.ok().flatten());
    let others = signer.attribute_values().filter(|(oid, _)| !SHOWN.contains(oid));
    node.children(others.map(|(oid, values)| {
        Node::new(format!("attribute {}", named(&oid))).with_value(hex(values))
    }))
}

/// Attributes that are shown by name, or that say nothing once the signature is verified.
const SHOWN: [oid::Oid; 10] = [
    oid::CONTENT_TYPE,
    oid::MESSAGE_DIGEST,
    oid::SIGNING_TIME,
    oid::MESSAGE_TYPE,
    oid::PKI_STATUS,
    oid::FAIL_INFO,
    oid::SENDER_NONCE,
    oid::RECIPIENT_NONCE,
    oid::TRANSACTION_ID,
    oid::FAIL_INFO_TEXT,
];

/// What GetCert and GetCRL ask for (RFC 8894 §3.3.4).
pub(super) fn issuer_and_serial(element: &Bytes) -> Node {
    let node = Node::new("issuer and serial number");
    let read = || -> Option<(Name, &[u8])> {
        let mut fields = Reader::ber(element).sequence().ok()?;
        let issuer = Name::parse(element.slice_ref(fields.any().ok()?.raw)).ok()?;
        Some((issuer, fields.integer().ok()?))
    };
    match read() {
        Some((issuer, serial)) => node.field("issuer", issuer).field("serial number", hex(serial)),
        None => node.with_value("(malformed)"),
    }
}

/// What a CertPoll says (RFC 8894 §3.3.3).
pub(super) fn issuer_and_subject(element: &Bytes) -> Node {
    let node = Node::new("issuer and subject");
    let read = || -> Option<(Name, Name)> {
        let mut fields = Reader::ber(element).sequence().ok()?;
        let issuer = Name::parse(element.slice_ref(fields.any().ok()?.raw)).ok()?;
        Some((issuer, Name::parse(element.slice_ref(fields.any().ok()?.raw)).ok()?))
    };
    match read() {
        Some((issuer, subject)) => node.field("issuer", issuer).field("subject", subject),
        None => node.with_value("(malformed)"),
    }
}
