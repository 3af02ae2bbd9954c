//! Several messages of one conversation: what one brings along helps to read another.

use bytes::Bytes;
use scep_proto::inspect::Signed;
use scep_types::Certificate;

use super::armour::{self, Armoured};
use super::kind::Kind;
use super::{Context, Error, Node, decode};

/// Certificates that are taken along from one message to another.
const MAX_CERTIFICATES: usize = 256;

/// One file of a conversation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// What is in it, or why that is not known.
    pub trees: Result<Vec<Node>, Error>,
    /// The request that it answers, by transactionID and nonce, if that is among the others.
    pub answers: Option<String>,
}

/// Decodes the files of a conversation, both sides of it: certificates in any of them may have signed any other, and a
/// reply is told which request it answers.
#[must_use]
pub fn decode_conversation(files: &[(String, Vec<u8>)], context: &Context<'_>) -> Vec<Part> {
    let messages: Vec<_> = files.iter().map(|(_, input)| first_message(input)).collect();
    let mut context = context.clone();
    for (_, input) in files {
        context.certificates.extend(certificates(input));
    }
    context.certificates.truncate(MAX_CERTIFICATES);
    let parts = files.iter().zip(&messages).map(|((name, input), message)| Part {
        name: name.clone(),
        trees: decode(input, &context),
        answers: message.as_ref().and_then(|message| {
            let request = messages
                .iter()
                .position(|other| other.as_ref().is_some_and(|other| message.answers(other)));
            request.and_then(|at| files.get(at)).map(|(name, _)| name.clone())
        }),
    });
    parts.collect()
}

/// What ties a reply to its request (RFC 8894 §3.2.1.1 and §3.2.1.5).
struct Message {
    transaction_id: Vec<u8>,
    sender_nonce: Option<Bytes>,
    recipient_nonce: Option<Bytes>,
}

impl Message {
    fn answers(&self, request: &Self) -> bool {
        let nonces = (&self.recipient_nonce, &request.sender_nonce);
        self.transaction_id == request.transaction_id
            && matches!(nonces, (Some(ours), Some(theirs)) if ours == theirs)
    }
}

fn elements(input: &[u8]) -> Vec<Bytes> {
    let opened = armour::open(input).unwrap_or_default();
    let elements = opened.into_iter().filter_map(|armoured| match armoured {
        Armoured::Der(der) => Some(der),
        Armoured::PrivateKey(_) => None,
    });
    elements.collect()
}

fn first_message(input: &[u8]) -> Option<Message> {
    let signed = elements(input).into_iter().find_map(|element| Signed::parse(element).ok())?;
    let attributes = signed.signers().next()?.attributes();
    let nonce = |nonce: Option<scep_proto::Nonce>| {
        nonce.map(|nonce| Bytes::copy_from_slice(nonce.octets()))
    };
    Some(Message {
        transaction_id: attributes.transaction_id.ok()?.octets().to_vec(),
        sender_nonce: attributes.sender_nonce.ok().and_then(nonce),
        recipient_nonce: attributes.recipient_nonce.ok().and_then(nonce),
    })
}

fn certificates(input: &[u8]) -> Vec<Certificate> {
    let found = elements(input).into_iter().flat_map(|element| match Kind::of(&element) {
        Kind::Certificate => Certificate::parse(element).into_iter().collect(),
        Kind::SignedData => {
            Signed::parse(element).map(|signed| signed.certificates().to_vec()).unwrap_or_default()
        }
        _ => Vec::new(),
    });
    found.collect()
}
