//! Requests to a CA whose key cannot encrypt.

use bytes::Bytes;
use cms::enveloped_data::{EnvelopedData, RecipientInfo};
use der::{Decode, Encode};
use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{self, Algorithms, Payload, RequestSettings};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::server::{Lock, Opened, Verified};
use scep_proto::{ApiMisuse, TransactionId};
use scep_test::ber::{self, Style};
use scep_test::craft::{Derivation, Envelope, SignedMessage, algorithm, octets};
use scep_test::pki::{Pki, finish};
use scep_test::requests::{CHALLENGE, Draft, csr, random};
use scep_types::oid;
use scep_types::{AlgorithmPolicy, ContentCipher, DigestAlgorithm, Secret};

use crate::support::{
    AES, MODERN, around, ec_device, ec_pki, enrolment, envelope, open, open_with, rsa_device,
    rsa_pki, secrets,
};

/// The EnvelopedData inside a message, as the `cms` crate sees it.
fn enveloped_data(message: &Bytes) -> EnvelopedData {
    let signed = Signed::parse(message.clone()).unwrap();
    let info = cms::content_info::ContentInfo::from_der(signed.content()).unwrap();
    assert_eq!(info.to_der().unwrap(), signed.content().to_vec(), "it is DER");
    info.content.decode_as().unwrap()
}

/// The same, as `rasn-cms` sees it.
fn by_rasn(message: &Bytes) -> rasn_cms::EnvelopedData {
    let signed = Signed::parse(message.clone()).unwrap();
    let info: rasn_cms::ContentInfo = rasn::der::decode(signed.content()).unwrap();
    rasn::der::decode(info.content.as_bytes()).unwrap()
}

// R-3211-01, R-3211-06, R-3.1-03, R-CMS6.1-01
#[test]
fn the_structure_is_the_one_of_the_rfcs() {
    let sent = rsa_device().enrol(&Draft::default(), ec_pki());
    let data = enveloped_data(&sent.message);
    assert_eq!(data.version as u8, 3);
    let [RecipientInfo::Pwri(pwri)] = data.recip_infos.0.as_slice() else { panic!("one pwri") };
    assert_eq!(pwri.version as u8, 0);
    let derivation = pwri.key_derivation_alg.as_ref().unwrap();
    assert_eq!(derivation.oid.to_string(), "1.2.840.113549.1.5.12");
    let parameters = derivation.parameters.as_ref().unwrap().to_der().unwrap();
    let prf = algorithm(oid::HMAC_WITH_SHA256, Some(&[5, 0]));
    assert!(parameters.ends_with(&[&[2, 2, 0x27, 0x10][..], &prf].concat()), "10,000 times");
    assert_eq!(pwri.key_enc_alg.oid.to_string(), "1.2.840.113549.1.9.16.3.9");
    let cipher = pwri.key_enc_alg.parameters.as_ref().unwrap().to_der().unwrap();
    assert!(cipher.starts_with(&[0x30, 29]) && cipher.len() == 31);
    assert_eq!(&cipher[4..13], oid::AES128_CBC.content());
    assert_eq!(pwri.enc_key.as_bytes().len(), 32);

    let content = Signed::parse(sent.message.clone()).unwrap().content().clone();
    let view = Enveloped::parse(content).unwrap().password_recipient().unwrap().unwrap();
    let seen = (view.prf, view.iterations, view.cipher);
    assert_eq!(seen, (DigestAlgorithm::Sha256, 10_000, AES));

    let data = by_rasn(&sent.message);
    let recipients = data.recipient_infos.to_vec();
    let [rasn_cms::RecipientInfo::PasswordRecipientInfo(other)] = recipients.as_slice() else {
        panic!("one pwri")
    };
    assert_eq!(other.encrypted_eey.to_vec(), pwri.enc_key.as_bytes());
}

// R-3211-02
#[test]
fn the_key_is_wrapped_as_rfc_3211_says() {
    for (cipher, blocks) in [(AES, 2), (ContentCipher::Aes192Cbc, 2), (ContentCipher::Aes256Cbc, 3)]
    {
        let algorithms = Algorithms { cipher, ..Algorithms::default() };
        let draft = Draft { algorithms, ..Draft::default() };
        let sent = rsa_device().enrol(&draft, ec_pki());
        let data = enveloped_data(&sent.message);
        let [RecipientInfo::Pwri(pwri)] = data.recip_infos.0.as_slice() else { panic!("one pwri") };
        let wrapped = pwri.enc_key.as_bytes();
        assert_eq!(wrapped.len(), blocks * 16);
        let formatted = unwrap(pwri, cipher, wrapped);
        assert_eq!(usize::from(formatted[0]), cipher.key_len());
        let key = &formatted[4..4 + cipher.key_len()];
        assert!(formatted[1..4].iter().zip(key).all(|(not, octet)| *not == !octet));
        let padding = &formatted[4 + cipher.key_len()..];
        assert!(padding.windows(2).any(|pair| pair[0] != pair[1]), "random, not constant");
    }
}

/// The formatted blocks, unwrapped as RFC 3211 §2.3.2 says.
fn unwrap(
    pwri: &cms::enveloped_data::PasswordRecipientInfo,
    cipher: ContentCipher,
    wrapped: &[u8],
) -> Vec<u8> {
    let derivation = pwri.key_derivation_alg.as_ref().unwrap();
    let parameters = derivation.parameters.as_ref().unwrap().to_der().unwrap();
    let (salt, iterations) = (&parameters[4..20], 10_000.try_into().unwrap());
    let envelopes = provider().envelope;
    let (prf, len) = (DigestAlgorithm::Sha256, cipher.key_len());
    let kek = envelopes.derive_key(prf, CHALLENGE.as_bytes(), salt, iterations, len).unwrap();
    let parameters = pwri.key_enc_alg.parameters.as_ref().unwrap().to_der().unwrap();
    let iv = &parameters[parameters.len() - 16..];
    let decrypt =
        |iv: &[u8], blocks: &[u8]| envelopes.decrypt_blocks(cipher, &kek, iv, blocks).unwrap();
    let (before, last) = wrapped.split_at(wrapped.len() - 16);
    let last = decrypt(&before[before.len() - 16..], last);
    let first = [decrypt(&last, before), last].concat();
    decrypt(iv, &first)
}

// R-3.1-03, R-3.1-04
#[test]
fn an_ec_ca_opens_what_devices_of_either_kind_send() {
    for device in [rsa_device(), ec_device()] {
        for sent in
            [device.enrol(&Draft::default(), ec_pki()), device.renew(&Draft::default(), ec_pki())]
        {
            assert_eq!(*open(&sent.message, MODERN).csr, device.csr);
        }
    }
}

// R-3.1-03, R-3.1-04, R-4.2.1-04
#[test]
fn where_the_ra_has_an_rsa_key_no_password_is_used() {
    let sent = ec_device().enrol(&Draft::default(), rsa_pki());
    let data = enveloped_data(&sent.message);
    assert!(matches!(data.recip_infos.0.as_slice(), [RecipientInfo::Ktri(_)]));
    let Ok(Opened::Enrol(enrolment)) = rsa_pki().open(&sent.message, MODERN) else { panic!() };
    assert_eq!((enrolment.recipient, &*enrolment.csr), (Some(0), &ec_device().csr));
}

// R-3.1-03
#[test]
fn without_a_password_nothing_is_built() {
    let csr = csr("device", None, &[], &*rsa_device().key);
    let settings = RequestSettings {
        transaction_id: &TransactionId::new("1f3a5b7c9d").unwrap(),
        signer: &rsa_device().signer,
        recipient: &ec_pki().ra,
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &provider(),
    };
    let issuer = ec_pki().ca.subject();
    let poll = Payload::Poll { issuer, subject: csr.subject() };
    for payload in [Payload::Enrol(&csr), Payload::Renew(&csr), poll] {
        let refused = client::build(payload, settings, &random(1)).unwrap_err();
        assert_eq!(refused, ApiMisuse::RecipientKey.into());
    }
    let empty = client::build_with_password(poll, settings, &Secret::new(""), &random(1));
    assert_eq!(empty.unwrap_err(), ApiMisuse::RecipientKey.into());
    let password = Secret::new(CHALLENGE);
    assert!(client::build_with_password(poll, settings, &password, &random(1)).is_ok());
}

// R-3.3.4-01
#[test]
fn queries_reach_an_ec_ca_too_and_their_answers_have_the_same_password() {
    let settings = RequestSettings {
        transaction_id: &TransactionId::new("1f3a5b7c9d").unwrap(),
        signer: &ec_device().signer,
        recipient: &ec_pki().ra,
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &provider(),
    };
    let (issuer, serial) = (ec_pki().ca.subject(), ec_pki().ra.serial());
    let payload = Payload::GetCert { issuer, serial };
    let password = Secret::new(CHALLENGE);
    let (message, _) =
        client::build_with_password(payload, settings, &password, &random(1)).unwrap();
    let message = finish(message, &*ec_device().key);
    let opened = open_with(&message, &secrets(&["x", CHALLENGE]), &provider(), MODERN);
    let Ok(Opened::GetCert(query)) = opened else { panic!("{opened:?}") };
    assert_eq!((&query.issuer, &query.serial[..]), (issuer, serial));
    assert_eq!(query.reply.check_encryptable(), Ok(()));
}

// R-3211-06
#[test]
fn every_function_and_cipher_opens_whether_the_default_is_written_out_or_not() {
    for prf in [
        DigestAlgorithm::Sha1,
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    ] {
        for cipher in ContentCipher::ALL {
            let derivation = Derivation::new(prf, cipher);
            let envelope =
                Envelope::by_password(rsa_device().csr.der(), &derivation, CHALLENGE, AES);
            let enrolment = open(&around(&envelope), AlgorithmPolicy::Obsolete);
            assert_eq!(*enrolment.csr, rsa_device().csr, "{prf:?} {cipher:?}");
        }
    }
    let derivation = Derivation::new(DigestAlgorithm::Sha1, AES);
    let mut recipient = scep_test::craft::PasswordRecipient::new(
        &derivation,
        CHALLENGE,
        &scep_test::craft::content_key(AES),
    );
    let sha_1 = algorithm(oid::HMAC_WITH_SHA1, None);
    let iterations = [2, 2, 0x03, 0xE8].to_vec();
    let fields = [octets(&derivation.salt), iterations, sha_1];
    recipient.derivation = Some(scep_test::craft::pbkdf2(&fields));
    let envelope = Envelope::around(rsa_device().csr.der(), recipient.build(), AES);
    assert_eq!(*open(&around(&envelope), MODERN).csr, rsa_device().csr);
}

// R-CMS6.2.1-02
#[test]
fn our_key_comes_before_a_password() {
    let ours = &rsa_device().signer; // any certificate whose name the EC CA does not share
    let key = Envelope::new(rsa_device().csr.der(), ours, AES);
    let password = envelope();
    let both = Envelope {
        recipients: [password.recipients, key.recipients.clone()].concat(),
        version: 3,
        ..key
    };
    let message = around(&both);
    let Ok(Verified::Sealed(sealed)) = Pki::verify(&message, MODERN) else { panic!("no poll") };
    let Ok(Lock::Key(wrapped)) = sealed.lock(&[&ec_pki().ra, ours], MODERN) else { panic!() };
    assert_eq!(wrapped.recipient(), 1);
    assert_eq!(open(&message, MODERN).recipient, None, "who has no key takes the password");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // R-3211-09
    #[test]
    fn any_password_round_trips_in_der_and_ber(
        password in "\\PC{1,40}",
        cipher in prop::sample::select(ContentCipher::ALL.to_vec()),
        inner in 1..200_usize,
    ) {
        let csr = csr("device", Some(&password), &[], &*rsa_device().key);
        let device = scep_test::requests::Device { csr, ..rsa_device().clone() };
        let algorithms = Algorithms { cipher, ..Algorithms::default() };
        let sent = device.enrol(&Draft { algorithms, ..Draft::default() }, ec_pki());
        let policy = AlgorithmPolicy::Obsolete;
        let secrets = secrets(&[&password]);
        let opened = enrolment(open_with(&sent.message, &secrets, &provider(), policy));
        prop_assert_eq!(&*opened.csr, &device.csr);
        prop_assert_eq!(opened.reply.cipher(), cipher);

        let signed = Signed::parse(sent.message).unwrap();
        let style = Style { segments: ber::Segments::OfOctets(inner), ..Style::streamed() };
        let envelope = ber::enveloped_data(signed.content(), &style);
        let message = SignedMessage::request(&device, "19", envelope).build();
        let message = ber::signed_data(&message, &Style::streamed()).into();
        let opened = enrolment(open_with(&message, &secrets, &provider(), policy));
        prop_assert_eq!(&*opened.csr, &device.csr);
    }
}
