//! What foreign clients really sent, kept under `testdata/<peer>` with its PROVENANCE.md.

use bytes::Bytes;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::http::{Method, Request};
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::server::{Enrolment, Opened, Recipient, Unverified, Verified};
use scep_proto::{Error, FailInfo, FallbackKey, Unsupported};
use scep_test::captures::capture;
use scep_test::craft::{Content, SignedMessage};
use scep_test::keys;
use scep_test::requests::Device;
use scep_types::oid::{self, Oid};
use scep_types::{
    AlgorithmPolicy, Certificate, ContentCipher, Csr, DigestAlgorithm, KeyKind, KeyTransport,
    SignatureScheme, SigningKey,
};

use crate::support::{because, device};

const MODERN: AlgorithmPolicy = AlgorithmPolicy::Modern;
const LEGACY: AlgorithmPolicy = AlgorithmPolicy::Legacy;
const OBSOLETE: AlgorithmPolicy = AlgorithmPolicy::Obsolete;

/// A captured request and what it holds.
struct Case {
    file: &'static str,
    /// The strictest policy that takes it, and what a stricter one says.
    policy: AlgorithmPolicy,
    refusal: Option<Unsupported>,
    scheme: SignatureScheme,
    cipher: ContentCipher,
    transaction_id: &'static str,
    subject: &'static str,
    dns_names: &'static [&'static str],
    challenge: Option<&'static str>,
    /// Octets of the signer's serial number.
    serial_octets: usize,
}

const SCEPCLIENT: Case = Case {
    file: "scepclient/pkcsreq.der",
    policy: OBSOLETE,
    refusal: Some(Unsupported::Digest(DigestAlgorithm::Sha1)),
    scheme: SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha1),
    cipher: ContentCipher::DesCbc,
    transaction_id: "EOb2L8aFF26sYIa1vEJ9FSwURz8=",
    subject: "CN=device1,OU=MDM,O=Example,C=US",
    dns_names: &[],
    challenge: Some("secret"),
    serial_octets: 17,
};

const STRONGSWAN: Case = Case {
    file: "strongswan/pkcsreq.der",
    policy: MODERN,
    refusal: None,
    scheme: SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
    cipher: ContentCipher::Aes128Cbc,
    transaction_id: "F0930105DA295DCC297E580972903746D7342367",
    subject: "CN=device2,O=Example,C=US",
    dns_names: &["device2.example"],
    challenge: Some("secret"),
    serial_octets: 21,
};

const CERTMONGER: Case = Case {
    file: "certmonger/pkcsreq.query",
    policy: MODERN,
    refusal: None,
    scheme: SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256),
    cipher: ContentCipher::Aes256Cbc,
    transaction_id: "83610694061884722760124588459654623276732762348490931982443479948707910475703",
    subject: "O=Example,CN=device3",
    dns_names: &["device3.example"],
    challenge: Some("secret"),
    serial_octets: 33,
};

fn cases() -> Vec<Case> {
    let rsa = SignatureScheme::RsaPkcs1;
    vec![
        SCEPCLIENT,
        Case { file: "scepclient/pkcsreq-two-recipients.der", serial_octets: 16, ..SCEPCLIENT },
        Case { file: "scepclient/pkcsreq-get.query", serial_octets: 16, ..SCEPCLIENT },
        Case { file: "scepclient/renewalreq.der", serial_octets: 1, ..SCEPCLIENT },
        STRONGSWAN,
        Case {
            file: "strongswan/pkcsreq-des3.der",
            policy: LEGACY,
            refusal: Some(Unsupported::Cipher(ContentCipher::TripleDesCbc)),
            cipher: ContentCipher::TripleDesCbc,
            ..STRONGSWAN
        },
        Case {
            file: "strongswan/pkcsreq-sha512.der",
            scheme: rsa(DigestAlgorithm::Sha512),
            ..STRONGSWAN
        },
        Case {
            file: "strongswan/pkcsreq-sha1.der",
            policy: LEGACY,
            refusal: Some(Unsupported::Digest(DigestAlgorithm::Sha1)),
            scheme: rsa(DigestAlgorithm::Sha1),
            ..STRONGSWAN
        },
        Case {
            file: "strongswan/pkcsreq-pss.der",
            scheme: SignatureScheme::RsaPss(DigestAlgorithm::Sha256),
            ..STRONGSWAN
        },
        Case { file: "strongswan/pkcsreq-profile.der", ..STRONGSWAN },
        Case {
            file: "strongswan/renewalreq.der",
            transaction_id: "914DA2F27C1E04E6293C0EC6A3C03C01CFBA2650",
            challenge: None,
            serial_octets: 1,
            ..STRONGSWAN
        },
        CERTMONGER,
        Case { file: "certmonger/pkcsreq-again.query", serial_octets: 1, ..CERTMONGER },
    ]
}

/// The message in a file: as it is, or out of a query.
fn message(file: &str) -> Bytes {
    let octets = capture(file);
    if !file.ends_with(".query") {
        return octets;
    }
    let query = std::str::from_utf8(&octets).unwrap();
    match Request::parse(Method::Get, Some(query), Bytes::new()).unwrap() {
        Request::PkiOperation(message) => message,
        other => panic!("{file}: {other:?}"),
    }
}

fn certificate(file: &str) -> Certificate {
    Certificate::parse(capture(file)).unwrap()
}

/// Opens a capture as the server did that it was sent to.
fn open(message: &Bytes, policy: AlgorithmPolicy) -> Result<Opened, (Error, FailInfo)> {
    let (ca_key, ra_key) = (keys::software("rsa2048-ca"), keys::software("rsa2048-ra"));
    let (ca, ra) = (certificate("pki/ca.der"), certificate("pki/ra.der"));
    let recipients = [
        Recipient { certificate: &ra, key: &ra_key },
        Recipient { certificate: &ca, key: &ca_key },
    ];
    let provider = provider();
    let unverified = Unverified::parse(message.clone()).unwrap();
    match unverified.verify(&provider, policy).map_err(because)? {
        Verified::Sealed(sealed) => {
            sealed.open(&recipients, &FallbackKey::new([9; 32]), &provider, policy).map_err(because)
        }
        Verified::Poll(_) => panic!("a poll has nothing to open"),
    }
}

fn enrolment(case: &Case) -> Enrolment {
    match open(&message(case.file), case.policy) {
        Ok(Opened::Enrol(enrolment)) if !case.file.contains("renewal") => enrolment,
        Ok(Opened::Renew(enrolment)) if case.file.contains("renewal") => enrolment,
        other => panic!("{}: {other:?}", case.file),
    }
}

#[test]
fn each_request_verifies_and_opens_to_what_was_asked_for() {
    for case in cases() {
        let Enrolment { csr, signer, reply, .. } = enrolment(&case);
        let file = case.file;
        assert_eq!(csr.subject().to_string(), case.subject, "{file}");
        assert_eq!(dns_names(&csr), case.dns_names, "{file}");
        assert_eq!(csr.challenge_password().map(|c| c.expose()), case.challenge, "{file}");
        assert_eq!(csr.key_kind(), KeyKind::Rsa { bits: 2048 }, "{file}");
        assert_eq!(reply.transaction_id().to_string(), case.transaction_id, "{file}");
        assert_eq!(Some(reply.digest()), case.scheme.digest(), "{file}");
        assert_eq!(reply.cipher(), case.cipher, "{file}");
        assert_eq!(signer.serial().len(), case.serial_octets, "{file}");
    }
}

fn dns_names(csr: &Csr) -> Vec<String> {
    csr.subject_alt_names()
        .iter()
        .map(|name| match name.value() {
            scep_types::GeneralNameValue::Dns(name) => name.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

// R-2.9-02, R-2.9-03
#[test]
fn each_request_is_a_bad_algorithm_below_the_policy_it_needs() {
    for case in cases() {
        let message = message(case.file);
        match case.refusal {
            None => assert_eq!(case.policy, MODERN),
            Some(refusal) => {
                let (error, fail_info) = open(&message, MODERN).unwrap_err();
                assert_eq!(error, Error::Unsupported(refusal), "{}", case.file);
                assert_eq!(fail_info, FailInfo::BAD_ALG);
            }
        }
    }
    // SHA-1 passes the legacy policy, single DES does not.
    let (error, fail_info) = open(&message(SCEPCLIENT.file), LEGACY).unwrap_err();
    assert_eq!(error, Unsupported::Cipher(ContentCipher::DesCbc).into());
    assert_eq!(fail_info, FailInfo::BAD_ALG);
}

// R-5758-02
#[test]
fn each_signature_is_made_as_the_peer_was_told() {
    for case in cases() {
        let signed = Signed::parse(message(case.file)).unwrap();
        let signer = signed.signers().next().unwrap();
        assert_eq!(signer.scheme(), Ok(case.scheme), "{}", case.file);
        let nonce = signer.attributes().sender_nonce.unwrap().unwrap();
        assert_eq!(nonce.octets().len(), 16, "{}", case.file);
    }
}

// R-2.3-04, R-2.3-05
#[test]
fn first_requests_are_signed_with_the_csrs_key_and_renewals_with_the_old_one() {
    for case in cases() {
        let enrolment = enrolment(&case);
        let is_other_key = case.file == "strongswan/renewalreq.der";
        assert_eq!(enrolment.check_same_key().is_err(), is_other_key, "{}", case.file);
        let is_issued = case.serial_octets == 1;
        assert_eq!(enrolment.signer.is_self_issued(), !is_issued, "{}", case.file);
        if is_issued {
            assert_eq!(enrolment.signer.issuer(), certificate("pki/ca.der").subject());
        }
    }
    let device2 = keys::software("rsa2048-device2");
    let renewal = Case { challenge: None, file: "strongswan/renewalreq.der", ..STRONGSWAN };
    assert_eq!(enrolment(&renewal).csr.spki(), SigningKey::spki(&device2));
}

// R-CMS6.2.1-02
#[test]
fn scepclient_encrypts_to_every_certificate_and_ours_is_found() {
    let message = message("scepclient/pkcsreq-two-recipients.der");
    let signed = Signed::parse(message).unwrap();
    let envelope = Enveloped::parse(signed.content().clone()).unwrap();
    assert_eq!(envelope.recipients().count(), 2);
    let case = Case { file: "scepclient/pkcsreq-two-recipients.der", ..SCEPCLIENT };
    assert_eq!(enrolment(&case).recipient, Some(1), "the CA's stands first");
}

// R-4.4-03, R-3.3.3-02
#[test]
fn a_poll_is_known_by_its_transaction_and_key() {
    let poll = message("strongswan/certpoll.der");
    match Unverified::parse(poll).unwrap().verify(&provider(), MODERN).unwrap() {
        Verified::Poll(poll) => {
            assert_eq!(poll.reply.transaction_id().to_string(), STRONGSWAN.transaction_id);
            assert_eq!(poll.signer.spki(), device().key.spki());
        }
        Verified::Sealed(other) => panic!("{other:?}"),
    }
}

#[test]
fn certmongers_signer_is_a_v1_certificate_with_a_hundred_years_of_generalized_time() {
    let signer = enrolment(&CERTMONGER).signer;
    let (version, generalized_time) = ([0xA0, 3, 2, 1], [0x18, 0x0F]);
    assert!(!signer.der().windows(4).any(|window| window == version), "no version: v1");
    assert_eq!(signer.der().windows(2).filter(|window| *window == generalized_time).count(), 2);
    let validity = signer.validity();
    let seconds = validity.not_after.as_secs() - validity.not_before.as_secs();
    assert!(seconds > 99 * 365 * 86_400);
    assert!(signer.subject_key_identifier().is_none() && signer.key_usage().is_none());
}

// R-P10-06
#[test]
fn extensions_that_peers_ask_for_are_seen() {
    const CERTIFICATE_TYPE: Oid = Oid::new("1.3.6.1.4.1.311.20.2");
    let profile = Case { file: "strongswan/pkcsreq-profile.der", ..STRONGSWAN };
    assert!(enrolment(&profile).csr.extension(&CERTIFICATE_TYPE).is_some());
    assert!(enrolment(&STRONGSWAN).csr.extension(&CERTIFICATE_TYPE).is_none());
    const FRIENDLY_NAME: Oid = Oid::new("1.2.840.113549.1.9.20");
    let csr = enrolment(&CERTMONGER).csr;
    assert!(csr.attributes().iter().any(|attribute| attribute.oid == FRIENDLY_NAME));
}

/// A PKCSReq around an envelope that OpenSSL made, and the recipient that it is for.
fn around(envelope: &str) -> Bytes {
    SignedMessage::request(openssl_device(), "19", capture(envelope).to_vec()).build()
}

fn openssl_device() -> &'static Device {
    static DEVICE: std::sync::LazyLock<Device> = std::sync::LazyLock::new(|| {
        let csr = Csr::parse(capture("openssl/csr.der")).unwrap();
        Device { signer: certificate("openssl/device.der"), csr, ..device().clone() }
    });
    &DEVICE
}

// R-CMS6.2.1-01, R-CMS6.2.1-06, R-CMS6.1-02
#[test]
fn envelopes_of_openssl_open_to_the_csr_it_was_given() {
    use ContentCipher::{Aes128Cbc, Aes192Cbc, Aes256Cbc, DesCbc, TripleDesCbc};
    let oaep = KeyTransport::Oaep;
    let pkcs1 = KeyTransport::Pkcs1v15;
    for (file, policy, cipher, transport) in [
        ("aes128.der", MODERN, Aes128Cbc, pkcs1),
        ("aes192.der", MODERN, Aes192Cbc, pkcs1),
        ("aes256.der", MODERN, Aes256Cbc, pkcs1),
        ("des3.der", LEGACY, TripleDesCbc, pkcs1),
        ("des.der", OBSOLETE, DesCbc, pkcs1),
        ("aes128-stream.ber", MODERN, Aes128Cbc, pkcs1),
        ("keyid.der", MODERN, Aes128Cbc, pkcs1),
        ("oaep-sha1.der", MODERN, Aes128Cbc, oaep(DigestAlgorithm::Sha1)),
        ("oaep-sha256.der", MODERN, Aes128Cbc, oaep(DigestAlgorithm::Sha256)),
        ("oaep-sha384.der", MODERN, Aes128Cbc, oaep(DigestAlgorithm::Sha384)),
        ("oaep-sha512.der", MODERN, Aes128Cbc, oaep(DigestAlgorithm::Sha512)),
        ("two-recipients.der", MODERN, Aes128Cbc, pkcs1),
    ] {
        let file = format!("openssl/{file}");
        let envelope = Enveloped::parse(capture(&file)).unwrap();
        assert_eq!(envelope.cipher(), Ok(cipher), "{file}");
        assert_eq!(envelope.recipients().next().unwrap().transport(), Ok(transport), "{file}");
        let Ok(Opened::Enrol(enrolment)) = open(&around(&file), policy) else { panic!("{file}") };
        assert_eq!(*enrolment.csr, openssl_device().csr, "{file}");
        assert_eq!(dns_names(&enrolment.csr), ["device4.example"]);
    }
}

/// OpenSSL leaves a mask by SHA-1 out, as RFC 4055 wants it; smallstep's pkcs7 leaves one by SHA-256 out. We read the latter.
#[test]
fn oaep_with_two_digests_fails_like_any_other_wrong_key() {
    let (error, fail_info) =
        open(&around("openssl/oaep-sha256-mgf1-sha1.der"), MODERN).unwrap_err();
    assert_eq!(error, Error::Undecipherable(None));
    assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
}

// R-CMS5.3-01, R-3370-01
#[test]
fn signatures_of_openssl_verify_and_hold_the_content_it_was_given() {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    for (file, scheme) in [
        ("signed-sha1.der", SignatureScheme::RsaPkcs1(Sha1)),
        ("signed-sha256.der", SignatureScheme::RsaPkcs1(Sha256)),
        ("signed-sha384.der", SignatureScheme::RsaPkcs1(Sha384)),
        ("signed-sha512.der", SignatureScheme::RsaPkcs1(Sha512)),
        ("signed-stream.ber", SignatureScheme::RsaPkcs1(Sha256)),
        ("signed-keyid.der", SignatureScheme::RsaPkcs1(Sha256)),
        ("signed-pss.der", SignatureScheme::RsaPss(Sha256)),
    ] {
        let signed = Signed::parse(capture(&format!("openssl/{file}"))).unwrap();
        assert_eq!(signed.content(), &capture("openssl/aes128.der"), "{file}");
        let signer = signed.signers().next().unwrap();
        assert_eq!(signer.scheme(), Ok(scheme), "{file}");
        let certificate = certificate("openssl/device.der");
        assert_eq!(signer.certificate(), Some(&certificate), "{file}");
        assert_eq!(signer.verify(&certificate, &provider()), Ok(()), "{file}");
        assert!(signer.verify(&device().signer, &provider()).is_ok(), "the same key");
        assert!(signer.verify(&certificate_of_another(), &provider()).is_err(), "{file}");
    }
}

fn certificate_of_another() -> Certificate {
    crate::support::attacker().signer.clone()
}

/// OpenSSL's default is the longest salt that fits; the backend verifies one as long as the digest only.
#[test]
fn rsassa_pss_with_another_salt_is_a_bad_algorithm() {
    let signed = Signed::parse(capture("openssl/signed-pss-max-salt.der")).unwrap();
    let refused = signed.signers().next().unwrap().scheme().unwrap_err();
    assert_eq!(refused, Unsupported::Algorithm(oid::RSASSA_PSS).into());
    assert_eq!(FailInfo::from(&refused), FailInfo::BAD_ALG);
}

/// A changed capture fails where it must: the captures are not merely parsed.
#[test]
fn a_capture_with_another_content_does_not_verify() {
    let mut changed = message(STRONGSWAN.file).to_vec();
    let content = Signed::parse(changed.clone()).unwrap().content().clone();
    let at = changed.windows(content.len()).position(|window| window == content).unwrap();
    changed[at + content.len() - 1] ^= 1;
    let (error, fail_info) = open(&changed.into(), MODERN).unwrap_err();
    assert_eq!(error, scep_proto::Misbehaviour::DigestMismatch.into());
    assert_eq!(fail_info, FailInfo::BAD_MESSAGE_CHECK);
    let octets = Content::Octets(capture("openssl/aes256.der").to_vec());
    let mut around =
        SignedMessage::request(openssl_device(), "19", capture("openssl/aes128.der").to_vec());
    around.content = octets;
    assert!(open(&around.build(), MODERN).is_err());
}
