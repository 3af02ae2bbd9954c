//! Every field by name, with its place.

use scep_cli::decode::{Context, Node, Offsets, Secrets};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::Payload;
use scep_test::ber;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid;

use super::{csr, key, request, tree};

fn context<'a>() -> Context<'a> {
    Context { offsets: Offsets::Shown, ..Context::new(provider()) }
}

/// The one node at this path of labels.
fn at<'a>(node: &'a Node, path: &str) -> &'a Node {
    path.split('/').fold(node, |node, label| {
        let found = node.below().iter().find(|child| child.label() == label);
        found.unwrap_or_else(|| panic!("no {label} of {path} in\n{node}"))
    })
}

/// Asserts that places lie within their parents', one after the other, and begin with what an element begins with.
fn check_places(node: &Node, octets: &[u8]) -> usize {
    let (offset, length) = node.place().unwrap_or_else(|| panic!("no place for {node}"));
    let element = &octets[offset..offset + length];
    assert!(scep_types::asn1::survey(element, scep_types::asn1::Limits::MESSAGE).is_ok());
    let mut end = offset;
    for child in node.below().iter().filter(|child| child.place().is_some()) {
        let (offset, length) = child.place().unwrap();
        assert!(offset > node.place().unwrap().0 && offset >= end, "{node}");
        end = offset + length;
        assert!(end <= node.place().unwrap().0 + node.place().unwrap().1, "{node}");
    }
    1 + node
        .below()
        .iter()
        .filter(|it| it.place().is_some())
        .map(|it| check_places(it, octets))
        .sum::<usize>()
}

#[test]
fn every_field_of_a_request_has_its_name_and_place() {
    let message = request(Payload::Enrol(&csr()));
    let shown = tree(&message, &context());
    let fields = shown.find("fields").unwrap();
    assert_eq!(fields.place(), Some((0, message.len())));
    assert!(check_places(fields, &message) > 100);
    let data = "content/content";
    let type_of = |path: &str| at(fields, &format!("{data}/{path}")).value().unwrap().to_owned();
    assert_eq!(at(fields, "contentType").value(), Some("id-signedData (1.2.840.113549.1.7.2)"));
    assert_eq!(type_of("version"), "INTEGER 01");
    assert_eq!(type_of("encapContentInfo/eContentType"), "id-data (1.2.840.113549.1.7.1)");
    let envelope = "encapContentInfo/eContent/content/message/content/content";
    assert_eq!(type_of(&format!("{envelope}/version")), "INTEGER 00");
    let recipient = format!("{envelope}/recipientInfos/recipientInfo");
    assert!(type_of(&format!("{recipient}/encryptedKey")).starts_with("OCTET STRING "));
    let signer = "signerInfos/signerInfo";
    assert!(type_of(&format!("{signer}/signature")).starts_with("OCTET STRING "));
    at(fields, &format!("{data}/{signer}/signedAttrs/attribute/values/value"));
    let certificate = "certificates/certificate/tbsCertificate";
    assert!(type_of(&format!("{certificate}/validity/notBefore")).starts_with("UTCTime "));
    at(fields, &format!("{data}/{certificate}/extensions/content/extension/critical"));
    let text = shown.to_string();
    assert!(text.contains(&format!("\n  0+{} fields\n", message.len())), "{text}");
}

#[test]
fn the_fields_of_a_decrypted_csr_hide_its_challenge() {
    let message = request(Payload::Enrol(&csr()));
    let ra = key("rsa2048-ra");
    let mut context = context();
    context.keys.push(&ra);
    let closed = tree(&message, &context).to_string();
    assert!(closed.contains("certificationRequestInfo"), "{closed}");
    assert!(closed.contains("values: hidden (--show-secrets)"), "{closed}");
    let hex: String = b"hunter2".iter().map(|octet| format!("{octet:02X}")).collect();
    assert!(!closed.contains("hunter2") && !closed.contains(&hex), "{closed}");
    context.secrets = Secrets::Shown;
    assert!(tree(&message, &context).to_string().contains("PrintableString \"hunter2\""));
}

#[test]
fn a_password_recipient_has_its_own_fields() {
    let pwri = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.oid(&oid::ID_ENVELOPED_DATA);
            der.constructed(Tag::context(0), |der| {
                der.sequence(|der| {
                    der.unsigned(3_u64);
                    der.set(|der| {
                        der.constructed(Tag::context(3), |der| {
                            der.unsigned(0_u64);
                            der.constructed(Tag::context(0), |der| der.oid(&oid::ID_DATA));
                            der.sequence(|der| der.oid(&oid::ID_DATA));
                            der.primitive(Tag::OCTET_STRING, b"key");
                        });
                    });
                    der.sequence(|der| {
                        der.oid(&oid::ID_DATA);
                        der.sequence(|der| der.oid(&oid::AES128_CBC));
                        der.primitive(Tag::context(0), b"content");
                    });
                });
            });
        });
    });
    let shown = tree(&pwri, &context());
    let fields = shown.find("fields").unwrap();
    check_places(fields, &pwri);
    let recipient = at(fields, "content/content/recipientInfos/recipientInfo");
    let labels: Vec<_> = recipient.below().iter().map(Node::label).collect();
    let expected = ["version", "keyDerivationAlgorithm", "keyEncryptionAlgorithm", "encryptedKey"];
    assert_eq!(labels, expected);
}

#[test]
fn a_streamed_message_has_places_too() {
    let message = request(Payload::Enrol(&csr()));
    let streamed = ber::signed_data(&message, &ber::Style::streamed());
    let shown = tree(&streamed, &context());
    assert!(check_places(shown.find("fields").unwrap(), &streamed) > 80);
}

#[test]
fn fields_are_shown_on_request_only() {
    let message = request(Payload::Enrol(&csr()));
    assert!(tree(&message, &Context::new(provider())).find("fields").is_none());
}
