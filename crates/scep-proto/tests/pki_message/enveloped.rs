//! EnvelopedData of requests: for whom, by which algorithms, and what is inside (RFC 5652 §6).

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::inspect::{Enveloped, Identifier};
use scep_proto::server::{Opened, Recipient, Unverified, Verified};
use scep_proto::{Error, FailInfo, FallbackKey, Misbehaviour, Unsupported};
use scep_test::counting::{Calls, Counting, CountingKey};
use scep_test::craft::{
    Content, Envelope, NULL, SignedMessage, algorithm, constructed, content_key, issuer_and_serial,
    key_identifier, key_transport, key_transport_with, name_and_serial, octets, primitive,
};
use scep_test::pki::Role;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, DecryptionKey, DigestAlgorithm, KeyTransport,
    SigningKey,
};

use crate::support::{
    attacker, because, device, envelope, open, opens_to, pkcs_req, pkcs_req_around, pki,
    refusal_to_open,
};

const AES: ContentCipher = ContentCipher::Aes128Cbc;

fn honest() -> Envelope {
    Envelope::new(device().csr.der(), &pki().ra, AES)
}

/// An envelope with these recipients instead.
fn for_recipients(recipients: &[Vec<u8>]) -> Bytes {
    let mut envelope = honest();
    envelope.recipients = recipients.to_vec();
    pkcs_req_around(&envelope)
}

fn pkcs1(rid: &[u8], certificate: &Certificate) -> Vec<u8> {
    key_transport(rid, KeyTransport::Pkcs1v15, certificate.spki(), &content_key(AES))
}

#[track_caller]
fn opens(message: &Bytes) {
    opens_to(message, &device().csr);
}

/// Opens with one certificate only, as a server without a separate RA does.
fn open_as(
    message: &Bytes,
    certificate: &Certificate,
    key: &dyn DecryptionKey,
) -> Result<Opened, (Error, FailInfo)> {
    let policy = AlgorithmPolicy::Modern;
    let recipient = Recipient { certificate, key };
    match Unverified::parse(message.clone()).unwrap().verify(&provider(), policy).unwrap() {
        Verified::Sealed(sealed) => sealed
            .open(&[recipient], &FallbackKey::new([3; 32]), &provider(), policy)
            .map_err(because),
        Verified::Poll(_) => panic!("no poll"),
    }
}

// R-CMS6.2.1-01
#[test]
fn the_recipient_may_be_named_by_subject_key_identifier() {
    opens(&for_recipients(&[pkcs1(&key_identifier(&pki().ra), &pki().ra)]));
}

// R-CMS6.2.1-02
#[test]
fn of_several_recipients_the_first_of_ours_is_taken() {
    let stranger = pkcs1(&issuer_and_serial(&attacker().signer), &attacker().signer);
    let ra = pkcs1(&issuer_and_serial(&pki().ra), &pki().ra);
    let ca = pkcs1(&issuer_and_serial(&pki().ca), &pki().ca);
    opens(&for_recipients(&[stranger.clone(), stranger.clone(), ra.clone()]));
    let to_both = for_recipients(&[stranger.clone(), ca, ra]);
    assert_eq!(open(&to_both, AlgorithmPolicy::Modern).recipient, Some(1), "the CA's stands first");
    let expected = Misbehaviour::NotRecipient { recipients: 2 };
    let refused = refusal_to_open(&for_recipients(&[stranger.clone(), stranger]));
    assert_eq!(refused, (expected.into(), FailInfo::BAD_REQUEST));
}

#[test]
fn recipients_are_bounded_in_number() {
    let stranger = pkcs1(&issuer_and_serial(&attacker().signer), &attacker().signer);
    let ours = pkcs1(&issuer_and_serial(&pki().ra), &pki().ra);
    let mut recipients = vec![stranger; 15];
    recipients.push(ours.clone());
    opens(&for_recipients(&recipients));
    recipients.push(ours);
    let expected = Misbehaviour::NotRecipient { recipients: 17 };
    assert_eq!(refusal_to_open(&for_recipients(&recipients)).0, expected.into());
}

// R-CMS6.2.1-03
#[test]
fn a_single_recipient_with_a_stale_name_is_tried_by_a_server_with_one_certificate() {
    let stale = name_and_serial(pki().ca.subject().der(), &[0x55]);
    let message = for_recipients(&[pkcs1(&stale, &pki().ra)]);
    let opened = open_as(&message, &pki().ra, &pki().ra_key).unwrap();
    assert!(matches!(opened, Opened::Enrol(enrolment) if *enrolment.csr == device().csr));
    let expected = Misbehaviour::NotRecipient { recipients: 1 };
    assert_eq!(refusal_to_open(&message).0, expected.into(), "with two it would be a guess");
}

// R-CMS6.2.1-04
#[test]
fn the_issuer_of_the_recipient_is_compared_as_a_name() {
    let name = DerWriter::encode(|der| {
        der.sequence(|der| {
            der.set(|der| {
                der.sequence(|der| {
                    der.oid(&oid::COMMON_NAME);
                    der.primitive(Tag::PRINTABLE_STRING, b"test  ca");
                });
            });
        });
    });
    assert_ne!(name, pki().ca.subject().der());
    opens(&for_recipients(&[pkcs1(&name_and_serial(&name, pki().ra.serial()), &pki().ra)]));
}

// R-CMS6.2.1-06
#[test]
fn oaep_opens_in_each_encoding_of_its_parameters() {
    let sha_1 = KeyTransport::Oaep(DigestAlgorithm::Sha1);
    let (rid, spki) = (issuer_and_serial(&pki().ra), pki().ra.spki());
    let provider = provider();
    let wrapped = provider.envelope.wrap_key(sha_1, spki, &content_key(AES)).unwrap();
    let sha_1_identifier = algorithm(oid::SHA1, Some(&NULL));
    let mask = algorithm(oid::MGF1, Some(&sha_1_identifier));
    let explicit = [
        constructed(Tag::context(0), &sha_1_identifier),
        constructed(Tag::context(1), &mask),
        constructed(Tag::context(2), &algorithm(oid::P_SPECIFIED, Some(&octets(&[])))),
    ];
    for parameters in
        [None, Some(vec![0x30, 0]), Some(constructed(Tag::SEQUENCE, &explicit.concat()))]
    {
        let oaep = algorithm(oid::RSAES_OAEP, parameters.as_deref());
        opens(&for_recipients(&[key_transport_with(&rid, &oaep, &wrapped)]));
    }
    for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
        let oaep = KeyTransport::Oaep(digest);
        opens(&for_recipients(&[key_transport(&rid, oaep, spki, &content_key(AES))]));
    }
}

#[test]
fn key_transports_that_nobody_knows_are_bad_algorithms() {
    let rid = issuer_and_serial(&pki().ra);
    let sha_256 = algorithm(oid::SHA256, Some(&NULL));
    let label = constructed(Tag::context(2), &algorithm(oid::P_SPECIFIED, Some(&octets(b"x"))));
    let sha_1 = algorithm(oid::SHA1, Some(&NULL));
    let mixed = [
        constructed(Tag::context(0), &sha_256),
        constructed(Tag::context(1), &algorithm(oid::MGF1, Some(&sha_1))),
    ]
    .concat();
    for (oid, parameters) in [
        (oid::SHA256_WITH_RSA, NULL.to_vec()),
        (oid::RSAES_OAEP, constructed(Tag::SEQUENCE, &label)),
        (oid::RSAES_OAEP, constructed(Tag::SEQUENCE, &mixed)),
    ] {
        let transport = algorithm(oid, Some(&parameters));
        let refused =
            refusal_to_open(&for_recipients(&[key_transport_with(&rid, &transport, &[7; 256])]));
        assert_eq!(refused, (Unsupported::Algorithm(oid).into(), FailInfo::BAD_ALG));
    }
}

// R-3.1-08, R-3.1-03
#[test]
fn other_kinds_of_recipients_are_bad_algorithms() {
    // KeyAgreeRecipientInfo [1], KEKRecipientInfo [2], PasswordRecipientInfo [3], OtherRecipientInfo [4]; nobody here
    // knows a password.
    let others: Vec<_> = (1..=4).map(|n| constructed(Tag::context(n), &[2, 1, 3])).collect();
    for other in &others {
        let refused = refusal_to_open(&for_recipients(std::slice::from_ref(other)));
        assert_eq!(refused, (Unsupported::RecipientKind.into(), FailInfo::BAD_ALG));
    }
    let ours = pkcs1(&issuer_and_serial(&pki().ra), &pki().ra);
    opens(&for_recipients(&[others, vec![ours]].concat()));
}

// R-CMS6.1-01
#[test]
fn the_version_says_nothing() {
    for version in [0, 1, 2, 3, 4] {
        opens(&pkcs_req_around(&Envelope { version, ..honest() }));
    }
}

// R-3.2.2-01
#[test]
fn the_content_type_inside_says_nothing() {
    for content_type in [oid::ID_DATA, oid::ID_SIGNED_DATA, Oid::new("1.2.3")] {
        opens(&pkcs_req_around(&Envelope { content_type, ..honest() }));
    }
}

// R-CMS6.1-02
#[test]
fn encrypted_content_may_be_constructed() {
    let honest = honest();
    let ciphertext = honest.encrypted_content[4..].to_vec(); // behind tag and three octets of length
    let whole = octets(&ciphertext);
    let halves = ciphertext.split_at(100);
    let halves = [octets(halves.0), octets(halves.1)].concat();
    for segments in [whole, halves, [octets(&[]), octets(&ciphertext), octets(&[])].concat()] {
        let encrypted_content = constructed(Tag::context(0), &segments);
        opens(&pkcs_req_around(&Envelope { encrypted_content, ..honest.clone() }));
    }
}

// R-3.3.2-02
#[test]
fn an_envelope_without_content_info_opens() {
    let der = envelope();
    let mut info = scep_types::asn1::Reader::der(&der).sequence().unwrap();
    info.oid().unwrap();
    let bare = info.expect(Tag::context(0)).unwrap().content.to_vec();
    opens(&SignedMessage::request(device(), "19", bare).build());
}

// R-3.1-05
#[test]
fn a_csr_without_an_envelope_is_refused() {
    let bare = SignedMessage::request(device(), "19", device().csr.der().to_vec()).build();
    assert_eq!(refusal_to_open(&bare).1, FailInfo::BAD_REQUEST);
    for content in [Content::Octets(vec![]), Content::Absent] {
        let mut nothing = SignedMessage::request(device(), "19", vec![]);
        nothing.content = content;
        let expected = (Misbehaviour::EnvelopeMissing.into(), FailInfo::BAD_REQUEST);
        assert_eq!(refusal_to_open(&nothing.build()), expected);
    }
}

// R-CMS6-03
#[test]
fn each_aes_opens_and_is_mirrored() {
    for cipher in [AES, ContentCipher::Aes192Cbc, ContentCipher::Aes256Cbc] {
        let message = pkcs_req_around(&Envelope::new(device().csr.der(), &pki().ra, cipher));
        let enrolment = open(&message, AlgorithmPolicy::Modern);
        assert_eq!(*enrolment.csr, device().csr);
        assert_eq!(enrolment.reply.cipher(), cipher);
    }
}

// R-2.9-02, R-2.9-03
#[test]
fn weak_ciphers_are_bad_algorithms_and_nothing_is_decrypted() {
    for (cipher, needed) in [
        (ContentCipher::TripleDesCbc, AlgorithmPolicy::Legacy),
        (ContentCipher::DesCbc, AlgorithmPolicy::Obsolete),
    ] {
        let message = pkcs_req_around(&Envelope::new(device().csr.der(), &pki().ra, cipher));
        for policy in [AlgorithmPolicy::Modern, AlgorithmPolicy::Legacy] {
            if policy < needed {
                let (error, calls) = refusal_with_counts(&message, policy);
                assert_eq!(error, Unsupported::Cipher(cipher).into());
                assert_eq!(FailInfo::from(&error), FailInfo::BAD_ALG);
                assert_eq!((calls.unwraps, calls.decryptions), (0, 0));
            }
        }
        let enrolment = open(&message, needed);
        assert_eq!(*enrolment.csr, device().csr);
        assert_eq!(enrolment.reply.cipher(), cipher);
    }
}

fn refusal_with_counts(message: &Bytes, policy: AlgorithmPolicy) -> (Error, Calls) {
    let counting = Counting::new(provider());
    let key = CountingKey { key: &pki().ra_key, counting };
    let recipient = Recipient { certificate: &pki().ra, key: &key };
    let provider = counting.provider();
    let unverified = Unverified::parse(message.clone()).unwrap();
    let Verified::Sealed(sealed) = unverified.verify(&provider, policy).unwrap() else {
        panic!("no poll");
    };
    let fallback = FallbackKey::new([3; 32]);
    let rejected = sealed.open(&[recipient], &fallback, &provider, policy).unwrap_err();
    (rejected.error, counting.take())
}

// R-CMS6-03
#[test]
fn authenticated_encryption_is_a_bad_algorithm() {
    const AES128_GCM: Oid = Oid::new("2.16.840.1.101.3.4.1.6");
    let parameters = constructed(Tag::SEQUENCE, &octets(&[1; 12]));
    let gcm = Envelope { algorithm: algorithm(AES128_GCM, Some(&parameters)), ..honest() };
    let expected = Unsupported::Algorithm(AES128_GCM);
    let refused = refusal_to_open(&pkcs_req_around(&gcm));
    assert_eq!(refused, (expected.into(), FailInfo::BAD_ALG));

    let data = constructed(Tag::SEQUENCE, &[2, 1, 0]);
    let explicit = constructed(Tag::context(0), &data);
    let oid = DerWriter::encode(|der| der.oid(&oid::ID_AUTH_ENVELOPED_DATA));
    let info = constructed(Tag::SEQUENCE, &[oid, explicit].concat());
    let refused = refusal_to_open(&SignedMessage::request(device(), "19", info).build());
    let expected = Unsupported::Algorithm(oid::ID_AUTH_ENVELOPED_DATA);
    assert_eq!(refused, (expected.into(), FailInfo::BAD_ALG));
}

// R-CMS6.3-02
#[test]
fn an_initialisation_vector_is_one_block() {
    for length in [0, 8, 15, 17, 32] {
        let algorithm = algorithm(AES.oid(), Some(&octets(&vec![1; length])));
        let refused = refusal_to_open(&pkcs_req_around(&Envelope { algorithm, ..honest() }));
        let expected = Unsupported::InitialisationVector(length);
        assert_eq!(refused, (expected.into(), FailInfo::BAD_ALG));
    }
    let without = Envelope { algorithm: algorithm(AES.oid(), None), ..honest() };
    assert!(pki().open(&pkcs_req_around(&without), AlgorithmPolicy::Obsolete).is_err());
}

#[test]
fn one_old_client_leaves_out_an_initialisation_vector_of_zeros() {
    let cipher = ContentCipher::DesCbc;
    let ciphertext = provider()
        .envelope
        .encrypt(cipher, &content_key(cipher), &[0; 8], device().csr.der())
        .unwrap();
    let envelope = Envelope {
        algorithm: algorithm(cipher.oid(), None),
        encrypted_content: primitive(Tag::context(0), &ciphertext),
        ..Envelope::new(device().csr.der(), &pki().ra, cipher)
    };
    let enrolment = open(&pkcs_req_around(&envelope), AlgorithmPolicy::Obsolete);
    assert_eq!(*enrolment.csr, device().csr);
}

// R-CMS6.3-01
#[test]
fn padding_is_always_there() {
    let parse = |plaintext: &[u8]| {
        let envelope = Envelope::new(plaintext, &pki().ra, AES).build();
        Enveloped::parse(envelope).unwrap()
    };
    for (length, ciphertext) in [(0, 16), (1, 16), (15, 16), (16, 32), (17, 32)] {
        let envelope = parse(&vec![7; length]);
        assert_eq!(envelope.ciphertext().len(), ciphertext);
        let plaintext = envelope.decrypt(&content_key(AES), &provider()).unwrap();
        assert_eq!(*plaintext, vec![7; length]);
    }
}

// R-3.2-03, R-3.2.2-02
#[test]
fn an_envelope_must_hold_what_the_message_type_promises() {
    let query = issuer_and_serial(&pki().ra);
    let sealed = |message_type: &str, plaintext: &[u8]| {
        let envelope = Envelope::new(plaintext, &pki().ra, AES).build();
        SignedMessage::request(device(), message_type, envelope).build()
    };
    let csr = device().csr.der().clone();
    for (message_type, plaintext) in
        [("19", &query[..]), ("17", &query), ("21", &csr), ("22", &csr)]
    {
        let (error, fail_info) = refusal_to_open(&sealed(message_type, plaintext));
        assert!(matches!(error, Error::Undecipherable(_)), "{message_type}: {error}");
        assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
    }
    for message_type in ["21", "22"] {
        let trailing = [&query[..], &[0]].concat();
        let (error, _) = refusal_to_open(&sealed(message_type, &trailing));
        assert!(matches!(error, Error::Undecipherable(_)), "{message_type}: {error}");
    }
}

// R-3.3.4-01, R-2.6-01
#[test]
fn a_query_names_issuer_and_serial_number() {
    let plaintext = issuer_and_serial(&pki().ra);
    for message_type in ["21", "22"] {
        let envelope = Envelope::new(&plaintext, &pki().ra, AES).build();
        let message = SignedMessage::request(device(), message_type, envelope).build();
        let opened = pki().open(&message, AlgorithmPolicy::Modern).unwrap();
        let query = match (message_type, opened) {
            ("21", Opened::GetCert(query)) | ("22", Opened::GetCrl(query)) => query,
            (_, other) => panic!("{other:?}"),
        };
        assert!(query.issuer.matches(pki().ca.subject()));
        assert_eq!(query.serial, pki().ra.serial());
        assert_eq!(query.signer, device().signer);
    }
}

#[test]
fn serial_numbers_of_64_octets_are_read_and_longer_ones_are_not() {
    let query = |length: usize| {
        let plaintext = name_and_serial(pki().ca.subject().der(), &vec![0x41; length]);
        let envelope = Envelope::new(&plaintext, &pki().ra, AES).build();
        pki().open(
            &SignedMessage::request(device(), "21", envelope).build(),
            AlgorithmPolicy::Modern,
        )
    };
    assert!(matches!(query(64).unwrap(), Opened::GetCert(query) if query.serial.len() == 64));
    assert!(query(65).is_err());
}

#[test]
fn signers_with_serial_numbers_of_33_octets_and_ra_certificates_of_20_are_found() {
    let signer = pki().issue("device", &[0x7A; 33], Role::Device, device().key.spki());
    let device = scep_test::requests::Device { signer, ..device().clone() };
    let message = SignedMessage::request(&device, "19", envelope());
    opens(&message.build());
    let other = pki().issue("Test RA", &[0x7B; 20], Role::Ra, SigningKey::spki(&pki().ra_key));
    let message = for_recipients(&[pkcs1(&issuer_and_serial(&other), &other)]);
    assert!(open_as(&message, &other, &pki().ra_key).is_ok());
}

#[test]
fn a_view_shows_recipients_and_cipher() {
    let view = Enveloped::parse(envelope()).unwrap();
    let recipients: Vec<_> = view.recipients().collect();
    let [recipient] = recipients.as_slice() else { panic!("one recipient") };
    assert_eq!(
        recipient.identifier(),
        Identifier::IssuerAndSerial(pki().ca.subject().clone(), Bytes::from_static(&[2]))
    );
    assert_eq!(recipient.identifier().to_string(), "serial number 02 of CN=Test CA");
    assert_eq!(recipient.transport(), Ok(KeyTransport::Pkcs1v15));
    assert_eq!(view.cipher(), Ok(AES));
    assert_eq!(recipient.encrypted_key().len(), 256);
    let message = pkcs_req().build();
    assert!(Enveloped::parse(message).is_err(), "a SignedData is no envelope");
}
