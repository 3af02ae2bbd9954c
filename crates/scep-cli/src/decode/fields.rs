//! Every field of an encoding by its name in the standards, with the place where it stands.

use scep_types::asn1::{Reader, Tag, Tlv};
use scep_types::oid::{self, Oid};

use super::grammar::{ATTRIBUTE_VALUES, CONTENT_INFO, Field, Shape, content_of, recipient_fields};
use super::kind::Kind;
use super::text::{hex, named};
use super::{Node, Secrets};

/// Levels that are followed.
const MAX_DEPTH: usize = 24;

/// All fields of an element of this kind.
pub(super) fn fields(element: &[u8], kind: Kind, secrets: Secrets) -> Node {
    let walk = Walk { base: element, secrets };
    match Reader::ber(element).any() {
        Ok(tlv) => walk.node("fields", &tlv, &kind.shape(), 0),
        Err(error) => Node::new("fields").with_value(format_args!("({error})")),
    }
}

struct Walk<'a> {
    /// Places are counted from its start.
    base: &'a [u8],
    secrets: Secrets,
}

impl<'a> Walk<'a> {
    fn node(&self, name: &str, tlv: &Tlv<'a>, shape: &Shape, depth: usize) -> Node {
        let offset = tlv.raw.as_ptr().addr().wrapping_sub(self.base.as_ptr().addr());
        let node = Node::new(name).at(offset, tlv.raw.len());
        if depth >= MAX_DEPTH {
            return node.with_value("(too deep to follow)");
        }
        let depth = depth.saturating_add(1);
        match (shape, tlv.open()) {
            (Shape::Sequence(fields), Ok(inner)) => self.named(node, inner, fields, depth),
            (Shape::ListOf(name, shape), Ok(inner)) => self.list(node, inner, name, shape, depth),
            (Shape::Explicit(shape), Ok(mut inner)) => match inner.any() {
                Ok(tlv) => node.child(self.node("content", &tlv, shape, depth)),
                Err(_) => node,
            },
            (Shape::RecipientInfo, Ok(inner)) => {
                self.named(node, inner, recipient_fields(tlv.tag), depth)
            }
            (Shape::ContentInfo, Ok(inner)) => self.content_info(node, inner, depth),
            (Shape::Attribute, Ok(inner)) => self.attribute(node, inner, depth),
            (Shape::OctetsOfMessage, Err(_)) => self.octets(node, tlv, depth),
            (_, Ok(inner)) => self.list(node, inner, "element", &Shape::Any, depth),
            (_, Err(_)) => node.with_value(primitive(tlv)),
        }
    }

    /// The fields in their order; what does not fit is shown as it is.
    fn named(&self, mut node: Node, mut inner: Reader<'a>, fields: &[Field], depth: usize) -> Node {
        let mut fields = fields.iter();
        while let Some(tag) = inner.peek() {
            let fits = |field: &&Field| field.tag.is_none_or(|wanted| wanted == tag);
            let field = fields.find(fits);
            let Ok(tlv) = inner.any() else { return node.field("not read", hex(inner.rest())) };
            node = node.child(match field {
                Some(field) => self.node(field.name, &tlv, &field.shape, depth),
                None => self.node("element", &tlv, &Shape::Any, depth),
            });
        }
        node
    }

    fn list(
        &self,
        mut node: Node,
        mut inner: Reader<'a>,
        name: &str,
        shape: &Shape,
        depth: usize,
    ) -> Node {
        while !inner.is_empty() {
            let Ok(tlv) = inner.any() else { return node.field("not read", hex(inner.rest())) };
            node = node.child(self.node(name, &tlv, shape, depth));
        }
        node
    }

    /// ContentInfo, whose content is what its type says.
    fn content_info(&self, node: Node, inner: Reader<'a>, depth: usize) -> Node {
        let content = content_of(first_oid(inner.clone()));
        let fields = [
            Field { name: "contentType", tag: Some(Tag::OBJECT_IDENTIFIER), shape: Shape::Any },
            Field { name: "content", tag: Some(Tag::context(0)), shape: Shape::Explicit(content) },
        ];
        self.named(node, inner, &fields, depth)
    }

    /// Attribute, extension or the like: what its type is called stands at its value.
    fn attribute(&self, node: Node, inner: Reader<'a>, depth: usize) -> Node {
        let oid = first_oid(inner.clone());
        let node = match oid {
            Some(oid) => node.with_value(named(&oid)),
            None => node,
        };
        if oid == Some(oid::CHALLENGE_PASSWORD) && self.secrets == Secrets::Hidden {
            return node.field("values", "hidden (--show-secrets)");
        }
        self.named(node, inner, ATTRIBUTE_VALUES, depth)
    }

    /// An OCTET STRING that may hold a message of its own.
    fn octets(&self, node: Node, tlv: &Tlv<'a>, depth: usize) -> Node {
        match Reader::ber(tlv.content).any() {
            Ok(inner) if Kind::of(inner.raw) != Kind::Unknown => {
                node.child(self.node("message", &inner, &CONTENT_INFO, depth))
            }
            _ => node.with_value(primitive(tlv)),
        }
    }
}

fn first_oid(mut inner: Reader<'_>) -> Option<Oid> {
    inner.oid().ok()
}

/// The type of an element and its content, as short as it can be told.
fn primitive(tlv: &Tlv<'_>) -> String {
    let content = tlv.content;
    let text = || String::from_utf8_lossy(content).chars().take(64).collect::<String>();
    match tlv.tag {
        Tag::OBJECT_IDENTIFIER => match Reader::ber(tlv.raw).oid() {
            Ok(oid) => named(&oid),
            Err(_) => format!("OBJECT IDENTIFIER {}", hex(content)),
        },
        Tag::INTEGER => format!("INTEGER {}", hex(content)),
        Tag::BOOLEAN => format!("BOOLEAN {}", hex(content)),
        Tag::NULL => "NULL".to_owned(),
        Tag::OCTET_STRING => format!("OCTET STRING {}", hex(content)),
        Tag::BIT_STRING => format!("BIT STRING {}", hex(content)),
        Tag::PRINTABLE_STRING => format!("PrintableString {:?}", text()),
        Tag::UTF8_STRING => format!("UTF8String {:?}", text()),
        Tag::IA5_STRING => format!("IA5String {:?}", text()),
        Tag::UTC_TIME => format!("UTCTime {}", text()),
        Tag::GENERALIZED_TIME => format!("GeneralizedTime {}", text()),
        other => format!("{other} {}", hex(content)),
    }
}
