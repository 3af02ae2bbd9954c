//! Cut off, changed and arbitrary input: nothing panics, and nothing opens to a CSR that its device did not sign.

use std::sync::LazyLock;

use bytes::Bytes;
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Awaiting, ReplyCheck};
use scep_proto::http::{Method, Request, decode_message};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::server::{Opened, Unverified, Verified};
use scep_proto::{CaAnchor, CaCertificates, Capabilities, FallbackKey, UnauthenticatedCa};
use scep_test::ber::{self, Style};
use scep_test::craft::SignedMessage;
use scep_test::pki::NOW;
use scep_test::requests::{Draft, random};
use scep_types::AlgorithmPolicy;
use scep_types::asn1::{Asn1Error, DerWriter, Tag};

use crate::support::{attacker, device, enrolment, envelope, pki};

static DER: LazyLock<Bytes> = LazyLock::new(|| device().enrol(&Draft::default(), pki()).message);
static BER: LazyLock<Bytes> = LazyLock::new(|| ber::signed_data(&DER, &Style::streamed()).into());
static REPLY: LazyLock<(Awaiting, Bytes)> = LazyLock::new(success);
static CA: LazyLock<CaCertificates> = LazyLock::new(|| {
    let (_, answer) = scep_proto::write_ca_certificates(&[&pki().ca, &pki().ra]);
    let anchor = CaAnchor::Certificate(Box::new(pki().ca.clone()));
    UnauthenticatedCa::parse(answer).unwrap().authenticate(&anchor, &provider(), NOW).unwrap()
});

fn success() -> (Awaiting, Bytes) {
    let sent = device().enrol(&Draft::default(), pki());
    let enrolment = enrolment(pki().open(&sent.message, AlgorithmPolicy::Modern).unwrap());
    let provider = provider();
    let certificate = pki().ra.der();
    let settings = pki().reply_settings(&provider);
    let unsigned = enrolment.reply.succeed(&[certificate], &random(2), settings).unwrap();
    (sent.awaiting, pki().sign_reply(unsigned))
}

/// Does all that a server does. What opens must be the CSR of the device that sent the message.
fn explore(message: &Bytes) -> Option<Opened> {
    let policy = AlgorithmPolicy::Obsolete;
    let unverified = Unverified::parse(message.clone()).ok()?;
    match unverified.verify(&provider(), policy).ok()? {
        Verified::Poll(_) => None,
        Verified::Sealed(sealed) => {
            let fallback = FallbackKey::new([0x77; 32]);
            sealed.open(&pki().recipients(), &fallback, &provider(), policy).ok()
        }
    }
}

fn opens_to_nothing_but_the_honest_csr(message: &Bytes, what: &dyn std::fmt::Debug) {
    match explore(message) {
        None => {}
        Some(Opened::Enrol(enrolment)) => assert_eq!(*enrolment.csr, device().csr, "{what:?}"),
        Some(other) => panic!("{what:?} became {other:?}"),
    }
}

fn changed(message: &Bytes, at: usize, change: u8) -> Bytes {
    let mut message = message.to_vec();
    message[at] ^= change;
    message.into()
}

#[test]
fn the_honest_messages_open() {
    for message in [&DER, &BER] {
        assert_eq!(*enrolment(explore(message).unwrap()).csr, device().csr);
    }
}

#[test]
fn no_prefix_of_a_request_is_one() {
    for message in [&DER, &BER] {
        for end in 0..message.len() {
            assert!(Unverified::parse(message.slice(..end)).is_err(), "{end}");
        }
    }
}

#[test]
fn a_request_with_one_octet_changed_is_refused_or_opens_to_the_same_csr() {
    for (message, changes) in [(&*DER, &[0x01, 0x20, 0x80, 0xFF][..]), (&*BER, &[0x01, 0x80])] {
        for at in 0..message.len() {
            for change in changes {
                let changed = changed(message, at, *change);
                opens_to_nothing_but_the_honest_csr(&changed, &(at, change));
            }
        }
    }
}

/// An attacker may take an envelope, change it, and sign it with a key of its own: the outer signature is no protection.
#[test]
fn an_envelope_with_one_octet_changed_opens_to_the_same_csr_or_not_at_all() {
    let envelope = envelope();
    let mut opened = 0;
    for at in 0..envelope.len() {
        for change in [0x01, 0x80] {
            let changed = changed(&Bytes::from(envelope.clone()), at, change).to_vec();
            let message = SignedMessage::request(attacker(), "19", changed).build();
            opens_to_nothing_but_the_honest_csr(&message, &(at, change));
            opened += usize::from(explore(&message).is_some());
        }
    }
    assert!(opened > 0, "versions and content types say nothing");
}

#[test]
fn an_octet_missing_or_doubled_is_refused_or_harmless() {
    for at in 0..DER.len() {
        let (before, after) = DER.split_at(at);
        let missing = [before, &after[1..]].concat();
        opens_to_nothing_but_the_honest_csr(&missing.into(), &at);
        let doubled = [before, &after[..1], after].concat();
        opens_to_nothing_but_the_honest_csr(&doubled.into(), &at);
    }
}

/// Does all that a client does with a reply.
fn receive(reply: &Bytes) -> bool {
    let policy = AlgorithmPolicy::Obsolete;
    let (key, provider) = (&*device().opening_key, provider());
    let check = ReplyCheck { ca: &CA, key, provider: &provider, policy };
    REPLY.0.receive(reply.clone(), check, &FallbackKey::new([0x55; 32])).is_ok()
}

#[test]
fn a_reply_with_one_octet_changed_never_panics() {
    let reply = &REPLY.1;
    assert!(receive(reply));
    for at in 0..reply.len() {
        assert!(!receive(&reply.slice(..at)), "{at}");
        receive(&changed(reply, at, 0x01));
        receive(&changed(reply, at, 0xFF));
    }
}

#[test]
fn input_is_bounded_before_it_is_believed() {
    let size = 256 * 1024 + 1;
    let too_large = Unverified::parse(vec![0x30; size]).unwrap_err();
    assert_eq!(too_large, Asn1Error::TooLarge { size, limit: 256 * 1024 }.into());

    let deep = [0x30, 0x80].repeat(100_000);
    assert_eq!(Unverified::parse(deep).unwrap_err(), Asn1Error::TooDeep { limit: 24 }.into());

    let many = DerWriter::encode(|der| {
        der.constructed(Tag::SEQUENCE, |der| {
            der.raw(&[5, 0].repeat(10_000));
        });
    });
    assert_eq!(
        Unverified::parse(many).unwrap_err(),
        Asn1Error::TooManyElements { limit: 8_192 }.into()
    );

    let claims_more = [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF];
    assert!(Unverified::parse(claims_more.to_vec()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn several_changes_at_once_never_open_another_csr(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6),
        streamed in any::<bool>(),
    ) {
        let mut message = if streamed { BER.to_vec() } else { DER.to_vec() };
        for (index, change) in &changes {
            let at = index.index(message.len());
            message[at] ^= change;
        }
        opens_to_nothing_but_the_honest_csr(&message.into(), &changes);
    }

    #[test]
    fn parts_put_elsewhere_never_open_another_csr(
        from in any::<prop::sample::Index>(),
        length in 1..400_usize,
        to in any::<prop::sample::Index>(),
    ) {
        let from = from.index(DER.len());
        let part = &DER[from..DER.len().min(from + length)];
        let to = to.index(DER.len());
        let message = [&DER[..to], part, &DER[to..]].concat();
        opens_to_nothing_but_the_honest_csr(&message.into(), &(from, length, to));
    }

    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        explore(&octets.clone().into());
        receive(&octets.clone().into());
        let _ = Enveloped::parse(octets.clone());
        let _ = Signed::parse(octets.clone());
        let _ = UnauthenticatedCa::parse(octets.clone());
        let text = String::from_utf8_lossy(&octets).into_owned();
        let _ = Capabilities::parse(&text);
        let _ = decode_message(&text);
        for method in [Method::Get, Method::Post] {
            let _ = Request::parse(method, Some(&text), octets.clone().into());
        }
    }

    #[test]
    fn arbitrary_plaintext_never_panics(plaintext in prop::collection::vec(any::<u8>(), 0..200)) {
        let cipher = scep_types::ContentCipher::Aes128Cbc;
        let envelope = scep_test::craft::Envelope::new(&plaintext, &pki().ra, cipher).build();
        for message_type in ["17", "19", "21", "22"] {
            let message = SignedMessage::request(device(), message_type, envelope.clone());
            prop_assert!(explore(&message.build()).is_none());
        }
    }
}
