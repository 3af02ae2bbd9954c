//! CSRs (RFC 2986).

use bytes::Bytes;
use scep_types::{AlgorithmPolicy, Csr, CsrAttribute, oid};

use super::text::{hex, list, named, verdict};
use super::{Context, Node, Secrets};

pub(super) fn csr(element: &Bytes, context: &Context<'_>) -> Node {
    let csr = match Csr::parse(element.clone()) {
        Ok(csr) => csr,
        Err(error) => return Node::new("CSR").with_value(format_args!("({error})")),
    };
    let proof = csr.verify(context.provider.verify, AlgorithmPolicy::Obsolete).map(|_| ());
    let node = Node::new("CSR")
        .with_value(format_args!("{} octets", element.len()))
        .field("subject", csr.subject())
        .field("key", csr.key_kind())
        .field("signature", verdict(proof))
        .optional("challengePassword", challenge(&csr, context.secrets));
    let node = requested(node, &csr);
    let others = csr.attributes().iter().filter(|attribute| !SHOWN.contains(&attribute.oid));
    node.children(others.map(attribute))
}

fn challenge(csr: &Csr, secrets: Secrets) -> Option<String> {
    let challenge = csr.challenge_password()?.expose();
    Some(match secrets {
        Secrets::Shown => challenge.to_owned(),
        Secrets::Hidden => {
            format!("hidden, {} characters (--show-secrets)", challenge.chars().count())
        }
    })
}

/// The extensions asked for.
fn requested(node: Node, csr: &Csr) -> Node {
    let names = csr.subject_alt_names();
    let node = node
        .optional("subjectAltName", (!names.is_empty()).then(|| list(names)))
        .optional("keyUsage", csr.key_usage());
    let node = match csr.extended_key_usages() {
        Ok(usages) if usages.is_empty() => node,
        usages => node.result("extKeyUsage", usages.map(|usages| list(usages.iter().map(named)))),
    };
    let typed = [oid::SUBJECT_ALT_NAME, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE];
    let others = csr.extensions().iter().filter(|extension| !typed.contains(&extension.oid));
    node.children(others.map(|extension| {
        Node::new(format!("extension {}", named(&extension.oid))).with_value(hex(&extension.value))
    }))
}

fn attribute(attribute: &CsrAttribute) -> Node {
    Node::new(format!("attribute {}", named(&attribute.oid))).with_value(hex(&attribute.values))
}

/// Attributes that are shown in another way.
const SHOWN: [oid::Oid; 4] = [
    oid::CHALLENGE_PASSWORD,
    oid::EXTENSION_REQUEST,
    oid::MS_CERT_EXTENSIONS,
    oid::VERISIGN_EXTENSION_REQUEST,
];
