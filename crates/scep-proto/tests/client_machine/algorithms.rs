//! Which algorithms a request uses, and which it would rather not be sent with.

use scep_proto::http::Method;
use scep_proto::inspect::{Enveloped, Signed};
use scep_proto::{Error, MessageType, Unfinished, Unsupported};
use scep_types::{AlgorithmPolicy, ContentCipher, DigestAlgorithm};

use crate::server::{Act, Server};
use crate::support::{Host, device, pki, settings};

fn used(server: &Server<'_>) -> (DigestAlgorithm, ContentCipher) {
    let signed = Signed::parse(server.seen[0].message.clone()).unwrap();
    let digest = signed.signers().next().unwrap().digest().unwrap();
    let envelope = Enveloped::parse(signed.content().clone()).unwrap();
    (digest, envelope.cipher().unwrap())
}

// R-2.9-06, R-3.5.2-20, R-3.5.2-21, R-3.5.2-23
#[test]
fn the_capabilities_choose_digest_and_cipher() {
    let (pki, device) = (pki(), device());
    let cases = [
        ("SCEPStandard", DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc),
        ("POSTPKIOperation\nSHA-512\nAES", DigestAlgorithm::Sha512, ContentCipher::Aes128Cbc),
        ("SHA-1\nSHA-256\nSHA-512\nAES\nDES3", DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc),
        ("", DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc),
    ];
    for (capabilities, digest, cipher) in cases {
        let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(capabilities);
        Host::new().drive(&device, settings(pki), &mut server).unwrap();
        assert_eq!(used(&server), (digest, cipher), "{capabilities:?}");
    }
}

// R-2.9-01
#[test]
fn what_every_server_must_have_is_enough_from_first_to_last() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mandatory = "POSTPKIOperation\nSHA-256\nAES\n";
    let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(mandatory);
    let issued = host.drive(&device, settings(pki), &mut server).unwrap();
    assert_eq!(issued.certificate.spki(), device.csr.spki().as_ref());
    let asked: Vec<_> = host.requests.iter().map(|r| (r.method, r.query.as_str())).collect();
    let expected = [
        (Method::Get, "operation=GetCACaps"),
        (Method::Get, "operation=GetCACert"),
        (Method::Post, "operation=PKIOperation"),
    ];
    assert_eq!(asked, expected);
    assert_eq!(used(&server), (DigestAlgorithm::Sha256, ContentCipher::Aes128Cbc));
    assert_eq!(server.seen[0].message_type, MessageType::PKCS_REQ);
}

// R-3.5.2-14
#[test]
fn an_ndes_that_lists_no_aes_gets_it_only_if_told_so() {
    let (pki, device) = (pki(), device());
    let ndes = "POSTPKIOperation\nRenewal\nSHA-512\nSHA-256\nSHA-1\nDES3\n";
    let mut server = Server::new(pki, []).with_capabilities(ndes);
    let refused = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Cipher(ContentCipher::TripleDesCbc)));
    assert!(server.seen.is_empty(), "nothing is sent under a banned algorithm");

    let mut settings = settings(pki);
    settings.cipher = Some(ContentCipher::Aes256Cbc);
    let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(ndes);
    Host::new().drive(&device, settings, &mut server).unwrap();
    assert_eq!(used(&server), (DigestAlgorithm::Sha256, ContentCipher::Aes256Cbc));
}

#[test]
fn sha_1_is_refused_before_anything_is_sent() {
    let (pki, device) = (pki(), device());
    let mut server = Server::new(pki, []).with_capabilities("POSTPKIOperation\nSHA-1\nAES");
    let refused = Host::new().drive(&device, settings(pki), &mut server).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Digest(DigestAlgorithm::Sha1)));
    assert!(server.seen.is_empty());
}

// R-2.9-05
#[test]
fn a_reply_signed_with_sha_1_is_believed_under_the_legacy_policy_only() {
    let (pki, device) = (pki(), device());
    for (policy, expected) in [
        (AlgorithmPolicy::Modern, Unsupported::Digest(DigestAlgorithm::Sha1).into()),
        (AlgorithmPolicy::Legacy, Error::Unfinished(Unfinished::PollLimit { polls: 0 })),
    ] {
        let mut settings = settings(pki);
        settings.policy = policy;
        settings.polling.max_polls = 0;
        let mut server = Server::new(pki, [Act::PendWith(DigestAlgorithm::Sha1)]);
        assert_eq!(Host::new().drive(&device, settings, &mut server).unwrap_err(), expected);
    }
}

#[test]
fn md5_needs_more_than_the_legacy_policy() {
    let (pki, device) = (pki(), device());
    let mut settings = settings(pki);
    settings.policy = AlgorithmPolicy::Legacy;
    settings.digest = Some(DigestAlgorithm::Md5);
    let mut server = Server::new(pki, []);
    let refused = Host::new().drive(&device, settings, &mut server).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Digest(DigestAlgorithm::Md5)));
}
