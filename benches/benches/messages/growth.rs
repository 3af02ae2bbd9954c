//! What a hostile sender can make grow: four times the input costs about four times the time, never sixteen.

use std::hint::black_box;

use anyhow::Result;
use bytes::Bytes;
use scep_benches::{Bench, Row};
use scep_proto::server::{Unverified, Verified};
use scep_test::ber::{self, Lengths, Segments, Style};
use scep_test::craft::{Attribute, Envelope, SignedMessage, octets};
use scep_test::pki::Pki;
use scep_types::AlgorithmPolicy;
use scep_types::asn1::DerWriter;
use scep_types::oid::Oid;

use crate::samples;

/// A message of a given size.
type Shape = fn(usize) -> Bytes;

/// Four times the work, and room for caches and the clock.
const LINEAR: f64 = 5.5;
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
    rows.collect()
}

/// All that a server does before it uses a key of its own, whether it accepts or refuses.
fn answer(message: &Bytes) -> Result<()> {
    let Ok(request) = Unverified::parse(message.clone()) else { return Ok(()) };
    if let Ok(Verified::Sealed(sealed)) = request.verify(&samples::without_rsa(), POLICY) {
        black_box(sealed.wrapped_key(&[&Pki::shared().ra], POLICY).is_ok());
    }
    Ok(())
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
