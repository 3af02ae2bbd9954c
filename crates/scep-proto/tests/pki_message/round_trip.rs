//! What we write is what we read, in every combination of what may be written, and also when others encode it as BER.

use bytes::Bytes;
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Algorithms, CertRep, Payload, ReplyCheck};
use scep_proto::inspect::Signed;
use scep_proto::server::{Opened, Reply, SealedKind, Verified};
use scep_proto::{
    CaAnchor, CaCertificates, FailInfo, FallbackKey, UnauthenticatedCa, write_ca_certificates,
};
use scep_test::ber::{self, Lengths, Segments, Style};
use scep_test::craft::{Content, Envelope, SignedMessage};
use scep_test::pki::{NOW, Pki};
use scep_test::requests::{Draft, random};
use scep_types::{AlgorithmPolicy, ContentCipher, Csr, DigestAlgorithm, UnixTime};

use crate::support::{device, open, pki};

/// A message type with what it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    PkcsReq,
    RenewalReq,
    CertPoll,
    GetCert,
    GetCrl,
}

impl Kind {
    pub(crate) fn message_type(self) -> &'static str {
        match self {
            Self::PkcsReq => "19",
            Self::RenewalReq => "17",
            Self::CertPoll => "20",
            Self::GetCert => "21",
            Self::GetCrl => "22",
        }
    }
}

pub(crate) fn payload(kind: Kind) -> Payload<'static> {
    let (csr, issuer) = (&device().csr, pki().ca.subject());
    match kind {
        Kind::PkcsReq => Payload::Enrol(csr),
        Kind::RenewalReq => Payload::Renew(csr),
        Kind::CertPoll => Payload::Poll { issuer, subject: csr.subject() },
        Kind::GetCert => Payload::GetCert { issuer, serial: pki().ra.serial() },
        Kind::GetCrl => Payload::GetCrl { issuer, serial: pki().ra.serial() },
    }
}

pub(crate) fn kinds() -> impl Strategy<Value = Kind> {
    let all = [Kind::PkcsReq, Kind::RenewalReq, Kind::CertPoll, Kind::GetCert, Kind::GetCrl];
    prop::sample::select(all.to_vec())
}

prop_compose! {
    pub(crate) fn drafts()(
        transaction_id in "[A-Za-z0-9 '()+,./:=?-]{1,255}",
        digest in prop::sample::select(DigestAlgorithm::ALL[1..].to_vec()),
        cipher in prop::sample::select(ContentCipher::ALL.to_vec()),
        signing_time in prop::option::of((0..4_000_000_000_i64).prop_map(UnixTime::from_secs)),
        seed in any::<u8>(),
    ) -> Draft {
        Draft { transaction_id, algorithms: Algorithms { digest, cipher }, signing_time, seed }
    }
}

pub(crate) fn styles() -> impl Strategy<Value = Style> {
    let lengths = prop_oneof![
        Just(Lengths::Indefinite),
        Just(Lengths::Minimal),
        (0..4_u8).prop_map(Lengths::Padded),
    ];
    let segments = prop_oneof![
        Just(Segments::One),
        Just(Segments::Nested),
        (1..1500_usize).prop_map(Segments::OfOctets),
        prop::collection::vec(0..1500_usize, 0..8).prop_map(|mut places| {
            places.sort_unstable();
            Segments::CutAt(places)
        }),
    ];
    (lengths, segments).prop_map(|(lengths, segments)| Style { lengths, segments })
}

/// Opens a message, and checks that it says what it was made of.
fn check(message: &Bytes, kind: Kind, draft: &Draft) {
    let verified = Pki::verify(message, AlgorithmPolicy::Obsolete).unwrap();
    let (reply, signer) = match (kind, verified) {
        (Kind::CertPoll, Verified::Poll(poll)) => (poll.reply, poll.signer),
        (_, Verified::Sealed(sealed)) => {
            assert_eq!(sealed.signing_time(), draft.signing_time);
            check_sealed(message, kind, sealed.kind(), draft);
            let signer = sealed.signer().clone();
            (sealed.into_reply(), signer)
        }
        (_, other) => panic!("{other:?}"),
    };
    assert_eq!(signer, device().signer);
    assert_eq!(reply.transaction_id().octets(), draft.transaction_id.as_bytes());
    assert_eq!(reply.digest(), draft.algorithms.digest);
}

fn check_sealed(message: &Bytes, kind: Kind, sealed: SealedKind, draft: &Draft) {
    let opened = pki().open(message, AlgorithmPolicy::Obsolete).unwrap();
    let reply = match (kind, sealed, opened) {
        (Kind::PkcsReq, SealedKind::Enrol, Opened::Enrol(enrolment))
        | (Kind::RenewalReq, SealedKind::Renew, Opened::Renew(enrolment)) => {
            assert_eq!(*enrolment.csr, device().csr);
            assert_eq!(enrolment.recipient, Some(0));
            enrolment.reply
        }
        (Kind::GetCert, SealedKind::GetCert, Opened::GetCert(query))
        | (Kind::GetCrl, SealedKind::GetCrl, Opened::GetCrl(query)) => {
            assert_eq!(&query.issuer, pki().ca.subject());
            assert_eq!(query.serial, pki().ra.serial());
            query.reply
        }
        (_, _, other) => panic!("{other:?}"),
    };
    assert_eq!(reply.cipher(), draft.algorithms.cipher);
}

/// A PKCSReq whose envelope, and whose outer message, are in these styles.
fn styled_request(csr: &Csr, inner: &Style, outer: &Style) -> Bytes {
    let envelope = Envelope::new(csr.der(), &pki().ra, ContentCipher::Aes128Cbc).build();
    let envelope = ber::enveloped_data(&envelope, inner);
    let message = SignedMessage::request(device(), "19", envelope).build();
    ber::signed_data(&message, outer).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // R-2.5-01, R-3.1-01
    #[test]
    fn every_request_reads_as_it_was_written(kind in kinds(), draft in drafts()) {
        let sent = device().send(payload(kind), &draft, &pki().ra);
        check(&sent.message, kind, &draft);
    }

    // R-3.2-06
    #[test]
    fn a_request_in_ber_reads_as_the_same(kind in kinds(), draft in drafts(), style in styles()) {
        let sent = device().send(payload(kind), &draft, &pki().ra);
        let message: Bytes = ber::signed_data(&sent.message, &style).into();
        check(&message, kind, &draft);
        let (der, ber) = (Signed::parse(sent.message).unwrap(), Signed::parse(message).unwrap());
        prop_assert_eq!(der.content(), ber.content());
        prop_assert_eq!(der.certificates(), ber.certificates());
        let attributes = |signed: &Signed| {
            let signer = signed.signers().next().unwrap();
            signer.attribute_values().map(|(oid, value)| (oid, value.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(attributes(&der), attributes(&ber));
    }

    // R-CMS6.1-02
    #[test]
    fn an_envelope_in_ber_opens_to_the_same(inner in styles(), outer in styles()) {
        let message = styled_request(&device().csr, &inner, &outer);
        let enrolment = open(&message, AlgorithmPolicy::Modern);
        prop_assert_eq!(&*enrolment.csr, &device().csr);
    }
}

/// What a server says.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Success(usize),
    Crl,
    Pending,
    Failure(u8, Option<String>),
}

impl Said {
    pub(crate) fn has_an_envelope(&self) -> bool {
        matches!(self, Self::Success(_) | Self::Crl)
    }
}

pub(crate) fn replies() -> impl Strategy<Value = Said> {
    prop_oneof![
        (1..6_usize).prop_map(Said::Success),
        Just(Said::Crl),
        Just(Said::Pending),
        (0..5_u8, prop::option::of("[^\\p{C}]{1,80}"))
            .prop_map(|(fail_info, text)| Said::Failure(fail_info, text)),
    ]
}

/// What the server writes, and what the client should make of it.
pub(crate) fn answer(said: &Said, reply: Reply, seed: u8) -> (Bytes, CertRep) {
    let (provider, random) = (provider(), random(seed));
    let settings = pki().reply_settings(&provider);
    let issued = [pki().ra.clone(), pki().ca.clone(), device().signer.clone()];
    let (unsigned, expected) = match said {
        Said::Success(count) => {
            let certificates: Vec<_> = issued.iter().cycle().take(*count).cloned().collect();
            let der: Vec<&[u8]> = certificates.iter().map(|c| &c.der()[..]).collect();
            let expected = CertRep::Success { certificates: certificates.clone(), crls: vec![] };
            (reply.succeed(&der, &random, settings), expected)
        }
        Said::Crl => {
            let crls = vec![pki().crl().into()];
            let expected = CertRep::Success { certificates: vec![], crls };
            (reply.succeed_with_crl(&pki().crl(), &random, settings), expected)
        }
        Said::Pending => (reply.pend(&random, settings), CertRep::Pending),
        Said::Failure(number, text) => {
            let fail_info = FailInfo::new(*number);
            let expected = CertRep::Failure { fail_info: Some(fail_info), text: text.clone() };
            (reply.fail(fail_info, text.as_deref(), &random, settings), expected)
        }
    };
    (pki().sign_reply(unsigned.unwrap()), expected)
}

fn ca() -> CaCertificates {
    let anchor = CaAnchor::Certificate(Box::new(pki().ca.clone()));
    let answer = write_ca_certificates(&[&pki().ra]).1;
    UnauthenticatedCa::parse(answer).unwrap().authenticate(&anchor, &provider(), NOW).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // R-3.3.2-01, R-3.2.1.4-04, R-2.9-01
    #[test]
    fn every_reply_is_received_as_it_was_said(
        said in replies(),
        draft in drafts(),
        style in prop::option::of(styles()),
    ) {
        let sent = device().enrol(&draft, pki());
        let enrolment = open(&sent.message, AlgorithmPolicy::Obsolete);
        let (reply, expected) = answer(&said, enrolment.reply, draft.seed.wrapping_add(1));
        let reply = style.map_or(reply.clone(), |style| ber::signed_data(&reply, &style).into());
        let (ca, provider) = (ca(), provider());
        let (key, policy) = (&*device().opening_key, AlgorithmPolicy::Obsolete);
        let check = ReplyCheck { ca: &ca, key, provider: &provider, policy };
        let received = sent.awaiting.receive(reply, check, &FallbackKey::new([0x44; 32]));
        prop_assert_eq!(received, Ok(expected));
    }
}

// R-3.2-06
#[test]
fn each_style_of_apple_and_bouncy_castle_reads_as_der_does() {
    let segments = [
        Segments::One,
        Segments::OfOctets(1),
        Segments::OfOctets(1000),
        Segments::CutAt(vec![0, 0, 7]),
        Segments::CutAt(vec![5000]),
        Segments::Nested,
    ];
    for lengths in [Lengths::Indefinite, Lengths::Padded(2), Lengths::Minimal] {
        for segments in &segments {
            let outer = Style { lengths, segments: segments.clone() };
            let inner = Style { lengths, segments: segments.clone() };
            let message = styled_request(&device().csr, &inner, &outer);
            assert_eq!(*open(&message, AlgorithmPolicy::Modern).csr, device().csr, "{outer:?}");
        }
    }
}

#[test]
fn a_message_without_content_reads_the_same_in_ber() {
    let mut message = SignedMessage::request(device(), "20", Vec::new()).with(
        scep_types::oid::SIGNING_TIME,
        &[scep_types::asn1::DerWriter::encode(|der| NOW.write(der))],
    );
    message.content = Content::Absent;
    let ber = ber::signed_data(&message.build(), &Style::streamed());
    assert!(matches!(Pki::verify(&ber.into(), AlgorithmPolicy::Modern), Ok(Verified::Poll(_))));
}
