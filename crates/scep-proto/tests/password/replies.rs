//! Replies to devices whose key cannot encrypt.

use bytes::Bytes;
use der::{Decode, Encode};
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{Algorithms, Awaiting, CertRep, Payload, ReplyCheck, RequestSettings};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::server::{Reply, Verified};
use scep_proto::{
    CaAnchor, CaCertificates, Error, FailInfo, FallbackKey, MessageRandom, UnauthenticatedCa,
    Unsupported,
};
use scep_test::ber::{self, Segments, Style};
use scep_test::craft::{Derivation, Envelope, SignedMessage, content_key};
use scep_test::pki::{NOW, Pki, Role};
use scep_test::requests::{CHALLENGE, Device, Draft, Sent, csr, random};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, ContentKey, CryptoError, CryptoProvider,
    DigestAlgorithm, EnvelopeProvider, KeyKind, KeyTransport, Secret,
};

use crate::support::{
    AES, MODERN, derivation, ec_device, ec_pki, enrolment, open, rsa_device, rsa_pki,
};

fn ca(pki: &Pki) -> CaCertificates {
    let (_, answer) = scep_proto::write_ca_certificates(&[&pki.ca, &pki.ra]);
    let anchor = CaAnchor::Certificate(Box::new(pki.ca.clone()));
    UnauthenticatedCa::parse(answer).unwrap().authenticate(&anchor, &provider(), NOW).unwrap()
}

fn issued(pki: &Pki, device: &Device) -> Certificate {
    pki.issue("device", &[0x11], Role::Device, device.csr.spki())
}

fn succeed(pki: &Pki, device: &Device, reply: Reply) -> Bytes {
    let provider = provider();
    let certificate = issued(pki, device);
    let settings = pki.reply_settings(&provider);
    pki.sign_reply(reply.succeed(&[certificate.der()], &random(9), settings).unwrap())
}

fn receive(
    awaiting: &Awaiting,
    reply: Bytes,
    pki: &Pki,
    device: &Device,
) -> Result<CertRep, Error> {
    let check = ReplyCheck {
        ca: &ca(pki),
        key: &*device.opening_key,
        provider: &provider(),
        policy: MODERN,
    };
    awaiting.receive(reply, check, &FallbackKey::new([3; 32]))
}

fn version_of_envelope(reply: &Bytes) -> (u8, usize) {
    let content = Signed::parse(reply.clone()).unwrap().content().clone();
    let recipients = Enveloped::parse(content.clone()).unwrap().recipients().count();
    let info: rasn_cms::ContentInfo = rasn::der::decode(&content).unwrap();
    let data: rasn_cms::EnvelopedData = rasn::der::decode(info.content.as_bytes()).unwrap();
    (u8::try_from(&data.version).unwrap(), recipients)
}

// R-3.1-04, R-3.1-03
#[test]
fn the_ca_decides_about_the_request_and_the_device_about_the_reply() {
    for (pki, device, by_password) in [
        (rsa_pki(), ec_device(), true),
        (ec_pki(), ec_device(), true),
        (ec_pki(), rsa_device(), false),
        (rsa_pki(), rsa_device(), false),
    ] {
        let Sent { message, awaiting } = device.enrol(&Draft::default(), pki);
        let reply = match pki.open(&message, MODERN) {
            Ok(opened) => enrolment(Ok(opened)).reply,
            Err(_) => open(&message, MODERN).reply,
        };
        assert_eq!(reply.check_encryptable(), Ok(()));
        let reply = succeed(pki, device, reply);
        assert_eq!(version_of_envelope(&reply), if by_password { (3, 0) } else { (0, 1) });
        let received = receive(&awaiting, reply, pki, device).unwrap();
        let CertRep::Success { certificates, .. } = received else { panic!("{received:?}") };
        assert_eq!(certificates.len(), 1);
        assert_eq!(certificates[0].spki(), device.csr.spki().as_ref());
    }
}

// R-3211-08, R-4.4-03
#[test]
fn after_pending_the_host_brings_the_password_along() {
    let (pki, device) = (rsa_pki(), ec_device());
    let settings = RequestSettings {
        transaction_id: &scep_proto::TransactionId::new("1f3a5b7c9d").unwrap(),
        signer: &device.signer,
        recipient: &pki.ra,
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &provider(),
    };
    let payload = Payload::Poll { issuer: pki.ca.subject(), subject: device.csr.subject() };
    let password = Secret::new(CHALLENGE);
    let (message, awaiting) =
        scep_proto::client::build_with_password(payload, settings, &password, &random(1)).unwrap();
    let message = scep_test::pki::finish(message, &*device.key);
    let Ok(Verified::Poll(poll)) = Pki::verify(&message, MODERN) else { panic!("a poll") };
    let refused = poll.reply.check_encryptable().unwrap_err();
    assert_eq!(refused, Unsupported::ReplyKey(KeyKind::P256).into());
    let reply = poll.reply.with_password(&password, &provider());
    assert_eq!(reply.check_encryptable(), Ok(()));
    let reply = succeed(pki, device, reply);
    assert!(matches!(receive(&awaiting, reply, pki, device), Ok(CertRep::Success { .. })));
}

// R-3.1-07
#[test]
fn without_a_password_nothing_is_issued_to_an_ec_key() {
    let csr = csr("device", None, &[], &*ec_device().key);
    let device = Device { csr, ..ec_device().clone() };
    let sent = device.enrol(&Draft::default(), rsa_pki());
    let reply = enrolment(rsa_pki().open(&sent.message, MODERN)).reply;
    let refused = reply.check_encryptable().unwrap_err();
    assert_eq!(refused, Unsupported::ReplyKey(KeyKind::P256).into());
    assert_eq!(FailInfo::from(&refused), FailInfo::BAD_ALG);
    let reply = reply.with_password(&Secret::new(""), &provider());
    assert!(reply.check_encryptable().is_err(), "an empty one is none");
}

/// AWS-LC without passwords, as a provider that was written before there were any.
struct NoPasswords;

impl EnvelopeProvider for NoPasswords {
    fn encrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        provider().envelope.encrypt(cipher, key, iv, plaintext)
    }

    fn decrypt(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        provider().envelope.decrypt(cipher, key, iv, ciphertext)
    }

    fn wrap_key(
        &self,
        transport: KeyTransport,
        spki: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        provider().envelope.wrap_key(transport, spki, key)
    }
}

// R-3.1-07
#[test]
fn nor_by_a_provider_that_cannot_encrypt_with_one() {
    let lacking = CryptoProvider { envelope: &NoPasswords, ..provider() };
    let sent = ec_device().enrol(&Draft::default(), rsa_pki());
    let reply = enrolment(rsa_pki().open_with(&sent.message, MODERN, &lacking)).reply;
    assert!(reply.check_encryptable().is_err());
    let sent = ec_device().enrol(&Draft::default(), ec_pki());
    let secrets = [Secret::new(CHALLENGE)];
    let refused = crate::support::open_with(&sent.message, &secrets, &lacking, MODERN);
    assert_eq!(refused.unwrap_err().error, Error::Crypto(CryptoError::Unsupported));
}

/// A SUCCESS around this envelope, as the RA signs it.
fn around(envelope: &Envelope, request: &Bytes) -> Bytes {
    let pki = rsa_pki();
    let key = std::sync::Arc::new(scep_test::keys::software("rsa2048-ra"));
    SignedMessage::reply(key, &pki.ra, request, "0", envelope.build()).build()
}

// R-3218-04, R-3211-03
#[test]
fn a_reply_that_does_not_open_fails_in_one_way() {
    let (pki, device) = (rsa_pki(), ec_device());
    let Sent { message, awaiting } = device.enrol(&Draft::default(), pki);
    let honest = || Envelope::by_password(b"no certificates", &derivation(), CHALLENGE, AES);
    let other = Envelope::by_password(b"no matter", &derivation(), "another", AES);
    let mut flipped = derivation().wrap(CHALLENGE, content_key(AES).octets());
    flipped[0] ^= 1;
    let mut recipient =
        scep_test::craft::PasswordRecipient::new(&derivation(), CHALLENGE, &content_key(AES));
    recipient.encrypted_key = flipped;
    let flipped = Envelope::around(b"no matter", recipient.build(), AES);
    for envelope in [honest(), other, flipped] {
        let received = receive(&awaiting, around(&envelope, &message), pki, device);
        assert_eq!(received, Err(Error::Undecipherable(None)));
    }
}

// R-3211-05
#[test]
fn a_server_may_not_make_a_device_compute_for_ever_either() {
    let (pki, device) = (rsa_pki(), ec_device());
    let Sent { message, awaiting } = device.enrol(&Draft::default(), pki);
    let mut recipient =
        scep_test::craft::PasswordRecipient::new(&derivation(), CHALLENGE, &content_key(AES));
    let endless =
        Derivation { iterations: 1_000_001, ..Derivation::new(DigestAlgorithm::Sha256, AES) };
    recipient.derivation = Some(endless.pbkdf2());
    let envelope = Envelope::around(b"no matter", recipient.build(), AES);
    let received = receive(&awaiting, around(&envelope, &message), pki, device);
    let limit = Unsupported::Iterations { limit: 1_000_000 };
    assert_eq!(received, Err(limit.into()));
}

// R-3.2.1.5-06
#[test]
fn salt_vector_and_key_are_as_fresh_as_the_rest() {
    let (pki, device) = (rsa_pki(), ec_device());
    let sent = device.enrol(&Draft::default(), pki);
    let pwri = |random: &MessageRandom| {
        let provider = provider();
        let reply = enrolment(pki.open(&sent.message, MODERN)).reply;
        let certificate = issued(pki, device);
        let settings = pki.reply_settings(&provider);
        let reply = reply.succeed(&[certificate.der()], random, settings).unwrap();
        let content = Signed::parse(pki.sign_reply(reply)).unwrap().content().clone();
        let info = cms::content_info::ContentInfo::from_der(&content).unwrap();
        let data: cms::enveloped_data::EnvelopedData = info.content.decode_as().unwrap();
        match data.recip_infos.0.as_slice() {
            [cms::enveloped_data::RecipientInfo::Pwri(pwri)] => pwri.clone(),
            other => panic!("one pwri: {other:?}"),
        }
    };
    let (one, other) = (pwri(&random(1)), pwri(&random(2)));
    assert_eq!(pwri(&random(1)), one, "nothing but the octets drawn decides");
    assert_ne!(one.key_derivation_alg, other.key_derivation_alg, "salt");
    assert_ne!(one.key_enc_alg, other.key_enc_alg, "initialisation vector");
    assert_ne!(one.enc_key, other.enc_key);
}

/// What a server may say.
#[derive(Debug, Clone)]
enum Say {
    Certificates(usize),
    Crl,
    Pending,
    Failure(u8, Option<String>),
}

fn sayings() -> impl Strategy<Value = Say> {
    prop_oneof![
        (1..4_usize).prop_map(Say::Certificates),
        Just(Say::Crl),
        Just(Say::Pending),
        (0..5_u8, prop::option::of("\\PC{1,60}")).prop_map(|(info, text)| Say::Failure(info, text)),
    ]
}

/// What the server says, and what the client must hear.
fn say(what: &Say, reply: Reply, random: &MessageRandom) -> (Bytes, CertRep) {
    let (pki, provider) = (rsa_pki(), provider());
    let settings = pki.reply_settings(&provider);
    let (unsigned, heard) = match what {
        Say::Certificates(count) => {
            let all = [issued(pki, rsa_device()), pki.ca.clone(), pki.ra.clone()];
            let certificates: Vec<_> = all.into_iter().take(*count).collect();
            let der: Vec<&[u8]> = certificates.iter().map(|c| c.der().as_ref()).collect();
            let unsigned = reply.succeed(&der, random, settings);
            (unsigned, CertRep::Success { certificates, crls: Vec::new() })
        }
        Say::Crl => {
            let crl = pki.crl();
            let unsigned = reply.succeed_with_crl(&crl, random, settings);
            (unsigned, CertRep::Success { certificates: Vec::new(), crls: vec![crl.into()] })
        }
        Say::Pending => (reply.pend(random, settings), CertRep::Pending),
        Say::Failure(info, text) => {
            let info = FailInfo::new(*info);
            let unsigned = reply.fail(info, text.as_deref(), random, settings);
            (unsigned, CertRep::Failure { fail_info: Some(info), text: text.clone() })
        }
    };
    (pki.sign_reply(unsigned.unwrap()), heard)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // R-3.2-06, R-3.3.2-01, R-CMS5.3-02
    #[test]
    fn every_reply_reads_as_it_was_written_in_der_and_in_ber(
        what in sayings(),
        digest in prop::sample::select(DigestAlgorithm::ALL[1..].to_vec()),
        cipher in prop::sample::select(ContentCipher::ALL.to_vec()),
        by_password: bool,
        seed in 1..200_u8,
        segment in 20..1500_usize,
    ) {
        let device = if by_password { ec_device() } else { rsa_device() };
        let algorithms = Algorithms { digest, cipher };
        let sent = device.enrol(&Draft { algorithms, ..Draft::default() }, rsa_pki());
        let policy = AlgorithmPolicy::Obsolete;
        let reply = enrolment(rsa_pki().open(&sent.message, policy)).reply;
        prop_assert_eq!(reply.cipher(), cipher);
        let (message, heard) = say(&what, reply, &random(seed));
        let info = cms::content_info::ContentInfo::from_der(&message).unwrap();
        prop_assert_eq!(info.to_der().unwrap(), message.to_vec(), "DER");
        let style = Style { segments: Segments::OfOctets(segment), ..Style::streamed() };
        let ber: Bytes = ber::signed_data(&message, &style).into();
        for message in [message, ber] {
            let (ca, provider) = (ca(rsa_pki()), provider());
            let check = ReplyCheck { ca: &ca, key: &*device.opening_key, provider: &provider, policy };
            let received = sent.awaiting.receive(message, check, &FallbackKey::new([3; 32]));
            prop_assert_eq!(received, Ok(heard.clone()));
        }
    }
}
