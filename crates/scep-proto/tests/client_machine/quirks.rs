//! Servers as they are: each quirk is built as the server sends it, taken by default, and refused where it is switched off.

use std::sync::Arc;

use bytes::Bytes;
use scep_proto::client::{
    CaTrust, EnrolmentSettings, Issued, PollBy, Purpose, RenewalMessage, ServerFamily, ServerQuirk,
    ServerQuirks,
};
use scep_proto::{Error, FailInfo, MessageType, Misbehaviour, Refusal, Unfinished, Unsupported};
use scep_test::ber::{self, Style};
use scep_test::craft::{
    Envelope, SignedMessage, content_key, issuer_and_serial, key_transport, octets, printable,
};
use scep_test::keys;
use scep_test::pki::Role;
use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{AlgorithmPolicy, ContentCipher, DigestAlgorithm, KeyTransport, SignatureScheme};

use crate::server::{Act, Server};
use crate::support::{Host, device, device_with_certificate, fingerprint, pki};

const AES: ContentCipher = ContentCipher::Aes128Cbc;
/// The HRESULT that NDES adds to a refusal, and the disposition that it adds to a grant.
const NDES_HRESULT: Oid = Oid::new("1.3.6.1.4.1.311.21.33");
const NDES_DISPOSITION: Oid = Oid::new("1.3.6.1.4.1.311.21.38");

fn reply(request: &Bytes, status: &str, content: Vec<u8>) -> SignedMessage {
    let key = Arc::new(keys::software("rsa2048-ra"));
    SignedMessage::reply(key, &pki().ra, request, status, content)
}

/// A refusal as NDES writes it: one octet of content, an HRESULT, no certificates.
fn ndes_refusal(request: &Bytes) -> Bytes {
    let mut reply = reply(request, "2", vec![0])
        .with(oid::FAIL_INFO, &[printable("2")])
        .with(NDES_HRESULT, &[printable("-2147024809")]);
    reply.certificates.clear();
    reply.build()
}

/// The same, with its signer's certificate.
fn stray_content(request: &Bytes) -> Bytes {
    reply(request, "2", vec![0]).with(oid::FAIL_INFO, &[printable("2")]).build()
}

fn certificate() -> Vec<u8> {
    let key = keys::software("rsa2048-device");
    let spki = scep_types::SigningKey::spki(&key);
    let issued = pki().issue("device", &[0x11], Role::Device, spki);
    scep_proto::write_ca_certificates(&[&issued, &pki().ca]).1.to_vec()
}

fn envelope(cipher: ContentCipher) -> Envelope {
    Envelope::new(&certificate(), &device().signer, cipher)
}

/// A grant as NDES 2012 writes it: OAEP, a disposition, no certificates.
fn ndes_grant(request: &Bytes) -> Bytes {
    let rid = issuer_and_serial(&device().signer);
    let oaep = KeyTransport::Oaep(DigestAlgorithm::Sha1);
    let spki = device().signer.spki().to_vec();
    let recipients = vec![key_transport(&rid, oaep, &spki, &content_key(AES))];
    let envelope = Envelope { recipients, ..envelope(AES) };
    let issued = DerWriter::encode(|der| der.primitive(Tag::UTF8_STRING, b"Issued"));
    let mut reply = reply(request, "0", envelope.build()).with(NDES_DISPOSITION, &[issued]);
    reply.certificates.clear();
    reply.build()
}

/// As micromdm's server and step-ca write it: single DES, and our own nonce once more.
fn des_grant(request: &Bytes) -> Bytes {
    let signed = scep_proto::inspect::Signed::parse(request.clone()).unwrap();
    let nonce = signed.signers().next().unwrap().attributes().sender_nonce.unwrap().unwrap();
    reply(request, "0", envelope(ContentCipher::DesCbc).build())
        .with(oid::SENDER_NONCE, &[octets(nonce.octets())])
        .build()
}

/// As jscep's server writes it: triple DES, SHA-1, BER.
fn jscep_grant(request: &Bytes) -> Bytes {
    let sha_1 = DigestAlgorithm::Sha1;
    let envelope = envelope(ContentCipher::TripleDesCbc).build();
    let content = ber::enveloped_data(&envelope, &Style::streamed());
    let digest = octets(scep_test::craft::digest_of(sha_1, &content).as_ref());
    let reply = reply(request, "0", content).with(oid::MESSAGE_DIGEST, &[digest]);
    let reply = reply.signed_by(|signer| {
        signer.digest_algorithm = DerWriter::encode(|der| sha_1.write(der));
        signer.scheme = SignatureScheme::RsaPkcs1(sha_1);
        signer.key = Arc::new(keys::textbook("rsa2048-ra"));
    });
    ber::signed_data(&reply.build(), &Style::streamed()).into()
}

fn for_server(family: ServerFamily) -> EnrolmentSettings {
    EnrolmentSettings::for_server(CaTrust::Anchor(fingerprint(pki())), family)
}

fn drive(settings: EnrolmentSettings, script: Vec<Act>) -> Result<Issued, Error> {
    drive_with(settings, script, "SCEPStandard")
}

fn drive_with(
    settings: EnrolmentSettings,
    script: Vec<Act>,
    capabilities: &str,
) -> Result<Issued, Error> {
    let mut server = Server::new(pki(), script).with_capabilities(capabilities);
    server.policy = AlgorithmPolicy::Obsolete;
    Host::new().drive(&device(), settings, &mut server)
}

fn without(quirk: ServerQuirk) -> EnrolmentSettings {
    let mut settings = for_server(ServerFamily::Ndes);
    settings.quirks = ServerQuirks::default().without(quirk);
    settings
}

// R-3.2-07, R-3.3.2.3-02
#[test]
fn ndes_puts_an_octet_of_content_into_a_refusal() {
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_REQUEST), text: None };
    let script = || vec![Act::Craft(200, stray_content)];
    let refused = drive(for_server(ServerFamily::Ndes), script()).unwrap_err();
    assert_eq!(refused, Error::Refused(refusal));
    let refused = drive(without(ServerQuirk::ContentWithoutEnvelope), script()).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::StrayContent));
}

// R-3.2-09, R-3.2.1-06
#[test]
fn ndes_leaves_its_certificates_out_and_adds_attributes() {
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_REQUEST), text: None };
    let script = || vec![Act::Craft(200, ndes_refusal)];
    let refused = drive(for_server(ServerFamily::Ndes), script()).unwrap_err();
    assert_eq!(refused, Error::Refused(refusal));
    let refused = drive(without(ServerQuirk::SignerCertificateMissing), script()).unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::SignerNotFound));
}

// R-CMS6.2.1-06
#[test]
fn ndes_2012_wraps_its_key_by_oaep() {
    let script = || vec![Act::Craft(200, ndes_grant)];
    assert!(drive(for_server(ServerFamily::Ndes), script()).is_ok());
    let refused = drive(without(ServerQuirk::OaepReply), script()).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Algorithm(oid::RSAES_OAEP)));
}

// R-3.5.2-07, R-3.5.2-23
#[test]
fn ndes_without_its_hotfix_says_nothing_about_itself() {
    assert!(drive_with(for_server(ServerFamily::Ndes), vec![Act::Succeed], "").is_ok());
    let refused = drive_with(without(ServerQuirk::NoCapabilities), vec![], "").unwrap_err();
    assert_eq!(refused, Error::Misbehaved(Misbehaviour::NoCapabilities));
}

// R-3.5.2-14, R-2.3-07
#[test]
fn ndes_gets_triple_des_and_a_pkcs_req_for_a_renewal() {
    let (pki, device) = (pki(), device_with_certificate(pki()));
    let ndes = "POSTPKIOperation\nRenewal\nSHA-512\nSHA-256\nSHA-1\nDES3\n";
    let mut settings = for_server(ServerFamily::Ndes);
    settings.purpose = Purpose::Renew(ServerFamily::Ndes.renewal());
    let mut server = Server::new(pki, [Act::Succeed]).with_capabilities(ndes);
    server.policy = AlgorithmPolicy::Legacy;
    let mut host = Host::with_distinct_octets();
    host.drive(&device, settings, &mut server).unwrap();
    assert_eq!(server.seen[0].message_type, MessageType::PKCS_REQ);
    let signed = scep_proto::inspect::Signed::parse(server.seen[0].message.clone()).unwrap();
    let envelope = scep_proto::inspect::Enveloped::parse(signed.content().clone()).unwrap();
    assert_eq!(envelope.cipher(), Ok(ContentCipher::TripleDesCbc));
}

// R-4.3-06
#[test]
fn openxpki_sends_refusals_with_an_http_error() {
    let script = || vec![Act::FailWithStatus(400, FailInfo::BAD_REQUEST)];
    let refusal = Refusal { fail_info: Some(FailInfo::BAD_REQUEST), text: None };
    let refused = drive(for_server(ServerFamily::OpenXpki), script()).unwrap_err();
    assert_eq!(refused, Error::Refused(refusal));
    let refused = drive(without(ServerQuirk::CertRepWithHttpError), script()).unwrap_err();
    assert_eq!(refused, Error::Unfinished(Unfinished::HttpStatus(400)));
}

// R-2.9-05
#[test]
fn a_reply_in_single_des_names_the_setting_of_the_server() {
    for family in [ServerFamily::Micromdm, ServerFamily::StepCa, ServerFamily::Ejbca] {
        let refused = drive(for_server(family), vec![Act::Craft(200, des_grant)]).unwrap_err();
        let expected = Unsupported::ReplyCipher(ContentCipher::DesCbc);
        assert_eq!(refused, Error::Unsupported(expected));
        assert!(refused.to_string().contains("encryptionAlgorithmIdentifier"), "{refused}");
    }
    let mut settings = for_server(ServerFamily::Micromdm);
    settings.policy = AlgorithmPolicy::Obsolete;
    assert!(drive(settings, vec![Act::Craft(200, des_grant)]).is_ok(), "by whoever insists");
}

// R-5.2-05
#[test]
fn micromdm_and_step_ca_are_polled_by_the_request_itself() {
    for family in [ServerFamily::Micromdm, ServerFamily::StepCa] {
        let mut server = Server::new(pki(), [Act::Pend, Act::Pend, Act::Succeed]);
        Host::new().drive(&device(), for_server(family), &mut server).unwrap();
        assert!(server.seen.iter().all(|seen| seen.message_type == MessageType::PKCS_REQ));
    }
}

// R-3.2-06, R-2.9-02
#[test]
fn jscep_answers_in_ber_with_triple_des_and_sha_1() {
    let script = || vec![Act::Craft(200, jscep_grant)];
    assert!(drive(for_server(ServerFamily::Jscep), script()).is_ok());
    let refused = drive(for_server(ServerFamily::Rfc8894), script()).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Digest(DigestAlgorithm::Sha1)));
}

#[test]
fn no_preset_takes_more_than_its_server_needs() {
    for family in ServerFamily::ALL {
        let settings = for_server(family);
        assert_eq!(settings.quirks, family.quirks());
        assert_eq!(settings.policy, family.algorithms());
        assert!(settings.policy < AlgorithmPolicy::Obsolete, "{family:?}: single DES never");
    }
    let strict = for_server(ServerFamily::Rfc8894);
    assert_eq!(strict.quirks, ServerQuirks::NONE);
    assert_eq!(strict.policy, AlgorithmPolicy::Modern);
    assert_eq!(strict.polling.by, PollBy::CertPoll);
    assert_eq!(ServerFamily::Rfc8894.renewal(), RenewalMessage::Auto);
    assert!(drive(strict, vec![Act::Pend, Act::Succeed]).is_ok());
    for quirk in ServerQuirk::ALL {
        assert!(ServerQuirks::default().takes(quirk));
        assert!(!ServerQuirks::NONE.takes(quirk) && ServerQuirks::NONE.with(quirk).takes(quirk));
        let others = ServerQuirk::ALL.into_iter().filter(|other| *other != quirk);
        let without = ServerQuirks::default().without(quirk);
        assert!(others.clone().all(|other| without.takes(other)) && !without.takes(quirk));
    }
}

#[test]
fn a_quirk_that_is_taken_already_stays_taken() {
    for quirk in ServerQuirk::ALL {
        let once = ServerQuirks::NONE.with(quirk);
        assert_eq!(once.with(quirk), once, "{quirk:?}");
        assert!(once.with(quirk).takes(quirk), "{quirk:?}");
    }
}
