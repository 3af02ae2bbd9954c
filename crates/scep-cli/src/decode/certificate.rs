//! Certificates (RFC 5280).

use bytes::Bytes;
use scep_types::{
    AlgorithmPolicy, BasicConstraints, Certificate, DigestAlgorithm, GeneralName, oid,
};

use super::text::{list, named, verdict};
use super::{Context, Node};

pub(super) fn certificate(element: &Bytes, context: &Context<'_>) -> Node {
    match Certificate::parse(element.clone()) {
        Ok(certificate) => certificate_node(&certificate, context),
        Err(error) => Node::new("certificate").with_value(format_args!("({error})")),
    }
}

pub(super) fn certificate_node(certificate: &Certificate, context: &Context<'_>) -> Node {
    let validity = certificate.validity();
    let digests = context.provider.digest;
    let fingerprint = digests.digest(DigestAlgorithm::Sha256, certificate.der());
    let node = Node::new("certificate")
        .with_value(certificate.subject())
        .field("issuer", certificate.issuer())
        .field("serial number", certificate.serial_hex())
        .field("valid", format_args!("{} to {}", validity.not_before, validity.not_after))
        .result("key", certificate.key_kind());
    extensions(node, certificate)
        .result("SHA-256", fingerprint.map(|digest| digest.to_hex()))
        .optional("signature", own_signature(certificate, context))
}

/// Of a self-issued certificate the signature can be verified with what is at hand.
fn own_signature(certificate: &Certificate, context: &Context<'_>) -> Option<String> {
    let verify = context.provider.verify;
    let policy = AlgorithmPolicy::Obsolete;
    certificate.is_self_issued().then(|| {
        let verdict = verdict(certificate.verify_signature(certificate.spki(), verify, policy));
        format!("{verdict}, self-signed")
    })
}

fn extensions(node: Node, certificate: &Certificate) -> Node {
    let node = match certificate.basic_constraints() {
        BasicConstraints::Ca => node.field("basicConstraints", "CA"),
        BasicConstraints::EndEntity => node,
    };
    let usages = certificate.extended_key_usages();
    let node = node
        .optional("keyUsage", certificate.key_usage())
        .optional("extKeyUsage", usages.map(|usages| list(usages.iter().map(named))));
    match certificate.extension(&oid::SUBJECT_ALT_NAME) {
        Some(value) => node.result("subjectAltName", GeneralName::parse_all(&value).map(list)),
        None => node,
    }
}
