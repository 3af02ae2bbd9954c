//! Both sides of a conversation.

use scep_cli::decode::{Context, Error, decode_conversation};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::Payload;
use scep_proto::write_ca_certificates;

use super::{certificate, csr, failure, key, request};

fn files() -> Vec<(String, Vec<u8>)> {
    let ra = certificate("RA", &key("rsa2048-ra"));
    [
        ("1-cacert.der", write_ca_certificates(&[&ra]).1.to_vec()),
        ("2-request.der", request(Payload::Enrol(&csr())).to_vec()),
        ("3-reply.der", failure().to_vec()),
        ("4-note.txt", b"hello, world".to_vec()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .to_vec()
}

#[test]
fn a_reply_is_told_which_request_it_answers() {
    let parts = decode_conversation(&files(), &Context::new(provider()));
    let answers: Vec<_> = parts.iter().map(|part| part.answers.as_deref()).collect();
    assert_eq!(answers, [None, None, Some("2-request.der"), None]);
    assert_eq!(parts[3].trees, Err(Error::NoArmour));
}

#[test]
fn a_reply_without_its_request_answers_none() {
    let mut files = files();
    files.remove(1);
    let parts = decode_conversation(&files, &Context::new(provider()));
    assert!(parts.iter().all(|part| part.answers.is_none()));
}

#[test]
fn both_sides_keys_open_their_envelopes() {
    let (device, ra) = (key("rsa2048-device"), key("rsa2048-ra"));
    let mut context = Context::new(provider());
    context.keys = vec![&device, &ra];
    let parts = decode_conversation(&files(), &context);
    let request = &parts[1].trees.as_ref().unwrap()[0];
    assert!(request.find("CSR").is_some());
    let encrypted = request.find("encrypted content").unwrap().value().unwrap();
    assert!(encrypted.ends_with("decrypted with key 2"), "{encrypted}");
}
