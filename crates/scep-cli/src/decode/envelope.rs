//! EnvelopedData, opened where a key fits.

use bytes::Bytes;
use scep_proto::inspect::{Enveloped, PasswordRecipient, Recipient};
use scep_types::{ContentKey, CryptoError, DecryptionKey};
use zeroize::Zeroizing;

use super::text::{cipher, digest, hex, transport};
use super::{Context, Node, Secrets, decode_whole};

pub(super) fn enveloped_data(element: &Bytes, context: &Context<'_>) -> Node {
    let envelope = match Enveloped::parse(element.clone()) {
        Ok(envelope) => envelope,
        Err(error) => return Node::new("EnvelopedData").with_value(format_args!("({error})")),
    };
    let recipients = envelope.recipients().map(|recipient| {
        Node::new("recipient")
            .with_value(recipient.identifier())
            .result("key transport", recipient.transport().map(transport))
    });
    let by_password = match envelope.password_recipient() {
        Ok(recipient) => recipient.map(password_recipient),
        Err(error) => Some(Node::new("recipient").with_value(format_args!("a password ({error})"))),
    };
    Node::new("EnvelopedData")
        .with_value(format_args!("{} octets", element.len()))
        .children(recipients)
        .children(by_password)
        .result("cipher", envelope.cipher().map(cipher))
        .child(plaintext(&envelope, context))
}

/// Whoever knows a password (RFC 8894 §3.1).
fn password_recipient(recipient: PasswordRecipient) -> Node {
    let PasswordRecipient { prf, iterations, cipher: kek_cipher, .. } = recipient;
    Node::new("recipient")
        .with_value("whoever knows a password")
        .field("key derivation", format_args!("PBKDF2, HMAC with {}", digest(prf)))
        .field("iterations", iterations)
        .field("key encryption", format_args!("PWRI-KEK, {}", cipher(kek_cipher)))
}

/// What is inside, by the first key that gives ASN.1 we know. A wrong key may decrypt as well, to nothing.
fn plaintext(envelope: &Enveloped, context: &Context<'_>) -> Node {
    let octets = envelope.ciphertext().len();
    let node = Node::new("encrypted content");
    if context.keys.is_empty() {
        return node
            .with_value(format_args!("{octets} octets, not decrypted: no key given (--key)"));
    }
    let mut unknown = None;
    for recipient in envelope.recipients() {
        for (key, number) in context.keys.iter().zip(1..) {
            let Some(plaintext) = open(envelope, recipient, *key, context) else { continue };
            let by = format!("{octets} octets, decrypted with key {number}");
            match decode_whole(&plaintext, context) {
                Ok(inner) => return node.with_value(by).child(inner),
                Err(_) => unknown = unknown.or(Some((by, plaintext))),
            }
        }
    }
    match (unknown, context.secrets) {
        (Some((by, plaintext)), Secrets::Shown) => {
            node.with_value(by).field("octets of no kind we know", hex(&plaintext))
        }
        (Some((by, plaintext)), Secrets::Hidden) => {
            let octets = format!("{}, hidden (--show-secrets)", plaintext.len());
            node.with_value(by).field("octets of no kind we know", octets)
        }
        (None, _) => node.with_value(format_args!("{octets} octets, not decrypted: no key fits")),
    }
}

/// What this key decrypts the content to, if it does.
fn open(
    envelope: &Enveloped,
    recipient: Recipient<'_>,
    key: &dyn DecryptionKey,
    context: &Context<'_>,
) -> Option<Bytes> {
    let fallback = fallback(envelope, context).ok()?;
    let transport = recipient.transport().ok()?;
    let content_key = key.unwrap_key(transport, recipient.encrypted_key(), &fallback).ok()?;
    Some(Bytes::from_owner(envelope.decrypt(&content_key, &context.provider).ok()?))
}

/// A random key of the cipher's length, as unwrapping demands (RFC 3218 §2.3.2).
fn fallback(envelope: &Enveloped, context: &Context<'_>) -> Result<ContentKey, CryptoError> {
    let cipher = envelope.cipher().map_err(|_| CryptoError::Unsupported)?;
    let mut drawn = Zeroizing::new([0; ContentKey::MAX_OCTETS]);
    context.provider.random.fill(&mut *drawn)?;
    Ok(ContentKey::from_prefix(&drawn, cipher.key_len()))
}
