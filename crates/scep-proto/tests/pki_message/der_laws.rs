//! What we write is DER, whatever it says, as a strict encoder that is not ours sees it; copies in BER say the same.

use bytes::Bytes;
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{RequestSettings, build_with_password};
use scep_proto::inspect::Signed;
use scep_proto::server::{Opened, Verified};
use scep_proto::{TransactionId, UnauthenticatedCa, write_ca_certificates};
use scep_test::ber::{self, Lengths, Style};
use scep_test::craft::SignedMessage;
use scep_test::pki::{Pki, finish};
use scep_test::requests::{CHALLENGE, Draft, random};
use scep_types::{AlgorithmPolicy, Certificate, Secret};

use crate::oracle::assert_der;
use crate::round_trip::{Kind, answer, drafts, kinds, payload, replies, styles};
use crate::support::{attacker, device, open, pki};

/// A CA with an RA that cannot decrypt.
fn ec_pki() -> &'static Pki {
    static EC_PKI: std::sync::LazyLock<Pki> =
        std::sync::LazyLock::new(|| Pki::new("p256-ca", "p256-anchor"));
    &EC_PKI
}

/// A request that a password encrypts.
fn by_password(kind: Kind, draft: &Draft) -> Bytes {
    let provider = provider();
    let settings = RequestSettings {
        transaction_id: &TransactionId::new(&draft.transaction_id).unwrap(),
        signer: &device().signer,
        recipient: &ec_pki().ra,
        algorithms: draft.algorithms,
        signing_time: draft.signing_time,
        provider: &provider,
    };
    let (password, random) = (Secret::new(CHALLENGE), random(draft.seed));
    let (unsigned, _) = build_with_password(payload(kind), settings, &password, &random).unwrap();
    finish(unsigned, &*device().key)
}

/// The content of a message.
fn content(message: &Bytes) -> Bytes {
    Signed::parse(message.clone()).unwrap().content().clone()
}

/// Opens a message with the password, and checks that it says what it was made of.
fn check_by_password(message: &Bytes, kind: Kind) {
    if let Kind::CertPoll = kind {
        let verified = Pki::verify(message, AlgorithmPolicy::Obsolete);
        return assert!(matches!(verified, Ok(Verified::Poll(_))));
    }
    let passwords = [Secret::new(CHALLENGE)];
    let opened = ec_pki().open_knowing(message, AlgorithmPolicy::Obsolete, &passwords).unwrap();
    match (kind, opened) {
        (Kind::PkcsReq, Opened::Enrol(enrolment))
        | (Kind::RenewalReq, Opened::Renew(enrolment)) => {
            assert_eq!(*enrolment.csr, device().csr);
            assert_eq!(enrolment.recipient, None);
        }
        (Kind::GetCert, Opened::GetCert(query)) | (Kind::GetCrl, Opened::GetCrl(query)) => {
            assert_eq!(&query.issuer, pki().ca.subject());
            assert_eq!(query.serial, pki().ra.serial());
        }
        (_, other) => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // R-3.2-06, R-CMS5.3-02, R-CMS6.1-01
    #[test]
    fn every_request_is_der_and_so_is_its_envelope(kind in kinds(), draft in drafts()) {
        let message = device().send(payload(kind), &draft, &pki().ra).message;
        assert_der(&message);
        assert_der(&content(&message));
    }

    // R-3211-01, R-3211-09, R-3.2-06
    #[test]
    fn every_request_by_password_is_der_and_opens_in_any_ber(
        kind in kinds(),
        draft in drafts(),
        inner in styles(),
        outer in styles(),
    ) {
        let message = by_password(kind, &draft);
        assert_der(&message);
        assert_der(&content(&message));
        check_by_password(&message, kind);
        let message_type = kind.message_type();
        let envelope = ber::enveloped_data(&content(&message), &inner);
        let message = SignedMessage::request(device(), message_type, envelope).build();
        check_by_password(&ber::signed_data(&message, &outer).into(), kind);
    }

    // R-3.2-06, R-CMS5.3-02
    #[test]
    fn every_reply_is_der_and_so_is_its_envelope(said in replies(), draft in drafts()) {
        let sent = device().enrol(&draft, pki());
        let enrolment = open(&sent.message, AlgorithmPolicy::Obsolete);
        let (reply, _) = answer(&said, enrolment.reply, draft.seed.wrapping_add(1));
        assert_der(&reply);
        if said.has_an_envelope() {
            assert_der(&content(&reply));
        }
    }

    // R-4.2.1.2-01, R-2.2-02
    #[test]
    fn a_bundle_of_any_order_reads_the_same_in_any_ber(
        at in prop::collection::vec(0..4_usize, 2..16),
        style in styles(),
    ) {
        let all = [&pki().ca, &pki().ra, &device().signer, &attacker().signer];
        let bundle: Vec<&Certificate> = at.into_iter().map(|at| all[at]).collect();
        let (_, answer) = write_ca_certificates(&bundle);
        let read = UnauthenticatedCa::parse(answer.clone()).unwrap();
        prop_assert_eq!(read.certificates().iter().collect::<Vec<_>>(), bundle);
        let ber = ber::signed_data(&answer, &style);
        prop_assert_eq!(UnauthenticatedCa::parse(ber).unwrap(), read);
    }

    // R-CMS5.2-01
    #[test]
    fn a_bundle_is_der_if_its_host_sorted_it(count in 2..=4_usize) {
        let mut all = [&pki().ca, &pki().ra, &device().signer, &attacker().signer];
        all.sort_by_key(|certificate| certificate.der().clone());
        assert_der(&write_ca_certificates(&all[..count]).1);
    }
}

#[test]
fn the_judge_of_der_sees_a_length_that_is_too_long() {
    let message = device().enrol(&Draft::default(), pki()).message;
    for lengths in [Lengths::Padded(1), Lengths::Indefinite] {
        let style = Style { lengths, segments: ber::Segments::One };
        let ber = ber::signed_data(&message, &style);
        assert!(std::panic::catch_unwind(|| assert_der(&ber)).is_err(), "{lengths:?}");
    }
}
