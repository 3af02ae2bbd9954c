//! What a hostile sender can make grow: four times the input costs about four times the time, never sixteen.

use std::hint::black_box;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use scep_benches::{Bench, Row};
use scep_proto::FallbackKey;
use scep_proto::server::{Lock, Unverified, Verified};
use scep_test::ber::{self, Lengths, Segments, Style};
use scep_test::craft::{
    Attribute, Derivation, Envelope, PasswordRecipient, SignedMessage, content_key, octets,
};
use scep_test::pki::Pki;
use scep_test::requests::CHALLENGE;
use scep_types::asn1::DerWriter;
use scep_types::oid::Oid;
use scep_types::{AlgorithmPolicy, DigestAlgorithm, Secret};

use crate::samples;

/// A message of a given size.
type Shape = fn(usize) -> Bytes;

/// Four times the work, and room for caches and the clock.
const LINEAR: f64 = 5.5;
/// The same work, and room for the clock.
const AS_MUCH: f64 = 1.2;
const POLICY: AlgorithmPolicy = AlgorithmPolicy::Modern;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let shapes: [(&str, Shape, usize); 6] = [
        ("growth/segments", segments, 1_500),
        ("growth/elements_in_an_attribute", elements, 1_500),
        ("growth/attributes", attributes, 250),
        ("growth/certificates", certificates, 4),
        ("growth/recipients", recipients, 4),
        ("growth/nesting", nesting, 3),
    ];
    let rows = shapes.into_iter().map(|(name, shape, size)| {
        let (large, small) = (shape(4 * size), shape(size));
        Bench::new(name, &mut || answer(&large), &mut || answer(&small)).within(LINEAR).run()
    });
    rows.chain([iterations_row(), refusal_row()]).collect()
}

/// So many iterations are paid for one by one, and by nothing else.
fn iterations_row() -> Result<Row> {
    let (large, small) = (by_password(10_000), by_password(2_500));
    let mut large = || open_by_password(&large);
    let mut small = || open_by_password(&small);
    Bench::new("growth/pbkdf2_iterations", &mut large, &mut small).within(LINEAR).run()
}

/// Above the limit, four thousand million iterations cost what none cost: nothing was begun.
fn refusal_row() -> Result<Row> {
    let (refused, locked) = (by_password(u32::MAX), by_password(1));
    Bench::new("growth/pbkdf2_refused", &mut || answer(&refused), &mut || answer(&locked))
        .within(AS_MUCH)
        .run()
}

/// All that a server does before it uses a key of its own, whether it accepts or refuses.
fn answer(message: &Bytes) -> Result<()> {
    let Ok(request) = Unverified::parse(message.clone()) else { return Ok(()) };
    if let Ok(Verified::Sealed(sealed)) = request.verify(&samples::without_rsa(), POLICY) {
        black_box(sealed.lock(&[&Pki::shared().ra], POLICY).is_ok());
    }
    Ok(())
}

/// The same, and what one password costs.
fn open_by_password(message: &Bytes) -> Result<()> {
    let provider = samples::without_rsa();
    let verified = Unverified::parse(message.clone())?.verify(&provider, POLICY);
    let Ok(Verified::Sealed(sealed)) = verified else { bail!("it is refused") };
    let Ok(Lock::Password(wrapped)) = sealed.lock(&[&Pki::shared().ra], POLICY) else {
        bail!("there is no password to try")
    };
    let fallback = FallbackKey::new([0x3C; 32]);
    let opened = wrapped.open_with(&[Secret::new(CHALLENGE)], &fallback, &provider, POLICY);
    ensure!(opened.is_ok(), "the password does not open it");
    Ok(())
}

/// A request that a password encrypts, by so many iterations.
fn by_password(iterations: u32) -> Bytes {
    let cheap =
        Derivation { iterations: 1, ..Derivation::new(DigestAlgorithm::Sha256, samples::AES) };
    // Too many iterations are only claimed: nobody here derives that long, either.
    let honest = Derivation { iterations, ..cheap.clone() };
    let payable = if iterations > 1_000_000 { &cheap } else { &honest };
    let mut recipient = PasswordRecipient::new(payable, CHALLENGE, &content_key(samples::AES));
    recipient.derivation = Some(honest.pbkdf2());
    let envelope = Envelope::around(samples::device().csr.der(), recipient.build(), samples::AES);
    SignedMessage::request(samples::device(), "19", envelope.build()).build()
}

/// A content in so many segments.
fn segments(count: usize) -> Bytes {
    let content = vec![7; count * 8];
    let message = SignedMessage::request(samples::device(), "19", content).build();
    let style = Style { lengths: Lengths::Indefinite, segments: Segments::OfOctets(8) };
    ber::signed_data(&message, &style).into()
}

/// A signed attribute that nobody knows, of so many elements.
fn elements(count: usize) -> Bytes {
    let value = DerWriter::encode(|der| der.sequence(|der| (0..count).for_each(|_| der.null())));
    samples::request().with_another(attribute(0, value)).build()
}

/// So many signed attributes that nobody knows.
fn attributes(count: usize) -> Bytes {
    let numbers = 0..u16::try_from(count).unwrap_or(u16::MAX);
    let all = numbers.map(|number| attribute(number, octets(&[7; 8])));
    all.fold(samples::request(), SignedMessage::with_another).build()
}

fn attribute(number: u16, value: Vec<u8>) -> Attribute {
    let [high, low] = [number >> 7, number & 0x7F].map(|arc| arc.to_be_bytes()[1]);
    let oid =
        Oid::from_content(&[0x2A, 0x03, 0x80 | high, low]).unwrap_or(scep_types::oid::ID_DATA);
    Attribute::one(oid, value)
}

/// So many certificates beside the signer's, which comes last.
fn certificates(count: usize) -> Bytes {
    let mut message = samples::request();
    let other = Pki::shared().ca.der().to_vec();
    message.certificates.splice(0..0, std::iter::repeat_n(other, count - 1));
    message.build()
}

/// An envelope for so many recipients.
fn recipients(count: usize) -> Bytes {
    let mut envelope: Envelope = samples::envelope();
    let recipient = envelope.recipients.first().cloned().unwrap_or_default();
    envelope.recipients = vec![recipient; count];
    SignedMessage::request(samples::device(), "19", envelope.build()).build()
}

/// A signed attribute with so many levels.
fn nesting(levels: usize) -> Bytes {
    let value = (0..levels).fold(octets(&[7; 8]), |inner, _| {
        DerWriter::encode(|der| der.sequence(|der| der.raw(&inner)))
    });
    samples::request().with_another(attribute(0, value)).build()
}
