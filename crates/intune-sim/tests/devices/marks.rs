use std::time::Duration;

use intune_sim::device::{Device, Family, Request};
use rasn_cms::ContentInfo;
use scep_proto::inspect::{Enveloped, Signed};
use scep_test::keys;
use scep_test::pki::NOW;
use scep_types::asn1::{Reader, Tag};
use scep_types::oid::{self, Oid};
use scep_types::{
    Certificate, ContentCipher, DigestAlgorithm, EnrollmentPair, KeyTransport, SignatureScheme,
};

use crate::support::{Asked, Server, device, policy, provider, simulator};

const AUTHORITY_KEY_IDENTIFIER: [u8; 5] = [0x06, 0x03, 0x55, 0x1D, 0x23];

/// What a family sends to a server with these capabilities, and how.
async fn sent(family: Family, capabilities: Option<&'static str>) -> (Request, Vec<Asked>) {
    sent_by(device(family), capabilities).await
}

async fn sent_by(device: Device, capabilities: Option<&'static str>) -> (Request, Vec<Asked>) {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let server = Server::start(policy.challenge(), capabilities).await;
    let session = device.connect(&server.url).await.unwrap();
    let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
    session.send(&request).await.unwrap();
    (request, server.asked())
}

struct View {
    signed: Signed,
    envelope: Enveloped,
}

impl View {
    fn of(request: &Request) -> Self {
        let signed = Signed::parse(request.message().clone()).unwrap();
        let envelope = Enveloped::parse(signed.content().clone()).unwrap();
        Self { signed, envelope }
    }

    fn signer(&self) -> &Certificate {
        let signer = self.signed.signers().next().unwrap();
        signer.verify(signer.certificate().unwrap(), &provider()).unwrap();
        signer.certificate().unwrap()
    }

    fn digest(&self) -> DigestAlgorithm {
        self.signed.signers().next().unwrap().digest().unwrap()
    }

    fn transaction_id(&self) -> String {
        let signer = self.signed.signers().next().unwrap();
        signer.attributes().transaction_id.unwrap().to_string()
    }

    fn nonce(&self) -> Vec<u8> {
        let signer = self.signed.signers().next().unwrap();
        signer.attributes().sender_nonce.unwrap().unwrap().octets().to_vec()
    }

    fn transport(&self) -> KeyTransport {
        self.envelope.recipients().next().unwrap().transport().unwrap()
    }

    fn has_attribute(&self, wanted: Oid) -> bool {
        let signer = self.signed.signers().next().unwrap();
        signer.attribute_values().any(|(oid, _)| oid == wanted)
    }
}

fn operations(asked: &[Asked]) -> Vec<(&str, &str)> {
    let query = |asked: &Asked| asked.query.split("&message=MI").next().unwrap().to_owned();
    let queries: Vec<String> = asked.iter().map(query).collect();
    asked.iter().map(|asked| asked.method.as_str()).zip(queries.iter().map(|q| leak(q))).collect()
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// The tag and content of the challengePassword in a CSR.
fn challenge(request: &Request) -> (Tag, Vec<u8>) {
    let attributes = request.csr().attributes().iter();
    let mut found = attributes.filter(|attribute| attribute.oid == oid::CHALLENGE_PASSWORD);
    let attribute = found.next().unwrap();
    let value = Reader::der(&attribute.values).any().unwrap();
    (value.tag, value.content.to_vec())
}

#[tokio::test]
async fn windows_asks_in_its_order_with_its_words() {
    let (_, asked) = sent(Family::Windows, None).await;
    assert_eq!(
        operations(&asked),
        [
            ("GET", "operation=GetCACaps&message=default"),
            ("GET", "operation=GetCACert&message=default"),
            ("POST", "operation=PKIOperation"),
        ]
    );
    for asked in asked {
        assert_eq!(asked.path, "/scep/pkiclient.exe");
        assert!(asked.user_agent.starts_with("Mozilla/4.0 (compatible; Win32; NDES client 10.0."));
    }
}

#[tokio::test]
async fn windows_signs_with_a_certificate_it_throws_away() {
    let (request, _) = sent(Family::Windows, None).await;
    let view = View::of(&request);
    let signer = view.signer();
    assert_eq!(signer.subject().to_string(), "CN=SCEP Protocol Certificate");
    assert!(signer.is_self_issued());
    assert_ne!(signer.spki(), request.csr().spki(), "another key than the CSR's");
    assert_eq!(signer.serial().len(), 16);
    let policy = scep_types::AlgorithmPolicy::Modern;
    let sha1 = signer.verify_signature(signer.spki(), provider().verify, policy);
    let digest = DigestAlgorithm::Sha1;
    assert_eq!(sha1, Err(scep_types::Error::DigestNotAllowed { digest }));
    let policy = scep_types::AlgorithmPolicy::Legacy;
    signer.verify_signature(signer.spki(), provider().verify, policy).unwrap();
    let at = signer.der().windows(5).position(|window| window == AUTHORITY_KEY_IDENTIFIER).unwrap();
    assert_eq!(signer.der().get(at + 5..at + 8), Some(&[0x01, 0x01, 0xFF][..]), "critical");
    let days = signer.validity().not_after.as_secs() - signer.validity().not_before.as_secs();
    assert_eq!(days / 86_400, 366);
}

#[tokio::test]
async fn windows_wraps_with_oaep_and_signs_with_sha1_although_more_is_offered() {
    let (request, _) = sent(Family::Windows, None).await;
    let view = View::of(&request);
    assert_eq!(view.transport(), KeyTransport::Oaep(DigestAlgorithm::Sha1));
    let empty_parameters = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x07\x30\x00";
    let found = view.signed.content().windows(15).any(|window| window == empty_parameters);
    assert!(found, "the parameters are an empty SEQUENCE");
    assert_eq!(view.digest(), DigestAlgorithm::Sha1);
    assert_eq!(view.envelope.cipher().unwrap(), ContentCipher::Aes128Cbc);
    assert_eq!(view.nonce().len(), 16);
    let id = view.transaction_id();
    assert!(id.len() == 40 && !id.contains(|c: char| c.is_ascii_uppercase()), "{id}");
    assert!(request.message().len() > 7_000, "{} octets", request.message().len());
    cms_reads(request.message());
}

/// The `cms` crate reads DER only.
fn cms_reads(message: &[u8]) {
    use cms::content_info::ContentInfo;
    use cms::signed_data::SignedData;
    use der::{Decode as _, Encode as _};
    let info = ContentInfo::from_der(message).unwrap();
    assert_eq!(info.content_type.to_string(), oid::ID_SIGNED_DATA.to_string());
    let signed = SignedData::from_der(&info.content.to_der().unwrap()).unwrap();
    assert_eq!(signed.signer_infos.0.len(), 1);
    assert_eq!(signed.certificates.unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_windows_csr_has_what_only_windows_adds() {
    let (request, _) = sent(Family::Windows, None).await;
    let csr = request.csr();
    assert_eq!(challenge(&request).0, Tag::PRINTABLE_STRING);
    let pair =
        |name: &str, value: &str| EnrollmentPair { name: name.to_owned(), value: value.to_owned() };
    let pairs = csr.enrollment_pairs().unwrap();
    assert!(pairs.contains(&pair("ValidityPeriod", "Years")));
    assert!(pairs.contains(&pair("ValidityPeriodUnits", "1")));
    // The attribute of the reference, octet by octet.
    let der =
        "302a1e1c00560061006c006900640069007400790050006500720069006f00641e0a00590065006100720073";
    let hex: String = csr.der().iter().map(|octet| format!("{octet:02x}")).collect();
    assert!(hex.contains(der));
    let constraints = csr.extension(&oid::BASIC_CONSTRAINTS).unwrap();
    assert_eq!(&*constraints.value, [0x30, 3, 2, 1, 0], "cA FALSE with a pathLenConstraint");
    for dotted in ["1.3.6.1.4.1.311.13.2.3", "1.3.6.1.4.1.311.13.2.2", "1.3.6.1.4.1.311.21.20"] {
        let oid = Oid::parse(dotted).unwrap();
        assert!(csr.attributes().iter().any(|attribute| attribute.oid == oid), "{dotted}");
    }
}

#[tokio::test]
async fn windows_takes_triple_des_if_there_is_no_aes() {
    let (request, asked) = sent(Family::Windows, Some("SHA-1\nDES3\n")).await;
    assert_eq!(View::of(&request).envelope.cipher().unwrap(), ContentCipher::TripleDesCbc);
    assert_eq!(asked.last().unwrap().method, "POST", "whatever is advertised");
}

#[tokio::test]
async fn apple_asks_for_certificates_first() {
    let (_, asked) = sent(Family::Apple, None).await;
    assert_eq!(
        operations(&asked),
        [
            ("GET", "operation=GetCACert&message="),
            ("GET", "operation=GetCACaps&message="),
            ("POST", "operation=PKIOperation"),
        ]
    );
    for asked in asked {
        assert_eq!(asked.path, "/scep");
        assert!(asked.user_agent.starts_with("profiled/1.0 CFNetwork/"));
    }
}

#[tokio::test]
async fn apple_writes_ber_of_indefinite_length() {
    let (request, _) = sent(Family::Apple, None).await;
    let view = View::of(&request);
    assert_eq!(request.message().get(..2), Some(&[0x30, 0x80][..]));
    assert_eq!(view.signed.content().get(..2), Some(&[0x30, 0x80][..]), "the envelope, too");
    assert!(request.message().ends_with(&[0; 6]));
    rasn_reads(request.message(), view.signed.content());
    assert_eq!(view.nonce().len(), 8);
    assert_eq!(view.digest(), DigestAlgorithm::Sha512);
    assert_eq!(view.transport(), KeyTransport::Pkcs1v15);
    assert_eq!(view.envelope.cipher().unwrap(), ContentCipher::Aes128Cbc);
    let id = view.transaction_id();
    assert!(id.len() == 40 && !id.contains(|c: char| c.is_ascii_lowercase()), "{id}");
    let signer = view.signer();
    assert_eq!(signer.subject().to_string(), "C=US,CN=MDM SCEP SIGNER");
    assert_eq!(signer.serial(), [1]);
    assert_eq!(signer.spki(), request.csr().spki(), "one key for both");
    assert!(request.csr().enrollment_pairs().unwrap().is_empty(), "Apple asks for no validity");
    let mut info = Reader::der(request.csr().info()).sequence().unwrap();
    assert_eq!(info.integer().unwrap(), [2], "the version in the CSR");
}

/// What somebody else reads of BER.
fn rasn_reads(message: &[u8], content: &[u8]) {
    let info: ContentInfo = rasn::ber::decode(message).unwrap();
    assert_eq!(&*info.content_type, &**rasn_cms::CONTENT_SIGNED_DATA);
    let signed: rasn_cms::SignedData = rasn::ber::decode(info.content.as_bytes()).unwrap();
    assert_eq!(signed.signer_infos.len(), 1);
    let inner = signed.encap_content_info.content.unwrap();
    assert_eq!(&*inner, content);
    let envelope: ContentInfo = rasn::ber::decode(&inner).unwrap();
    assert_eq!(&*envelope.content_type, &**rasn_cms::CONTENT_ENVELOPED_DATA);
}

#[tokio::test]
async fn apple_signs_with_the_best_that_is_offered_and_uses_get_if_post_is_not() {
    let (request, asked) = sent(Family::Apple, Some("SHA-256\nDES3\nRenewal\n")).await;
    let view = View::of(&request);
    assert_eq!(view.digest(), DigestAlgorithm::Sha256);
    assert_eq!(view.envelope.cipher().unwrap(), ContentCipher::TripleDesCbc);
    let last = asked.last().unwrap();
    assert_eq!(last.method, "GET");
    let message = last.query.strip_prefix("operation=PKIOperation&message=").unwrap();
    assert!(message.contains('+') && message.contains('/') && !message.contains('='));
    assert!(message.len() > 8_000, "{} characters", message.len());
}

#[tokio::test]
async fn android_gets_with_raw_base64() {
    let (request, asked) = sent(Family::Android, None).await;
    assert_eq!(
        operations(&asked),
        [
            ("GET", "operation=GetCACaps&message=ca"),
            ("GET", "operation=GetCACert&message=ca"),
            ("GET", "operation=PKIOperation"),
        ]
    );
    let last = asked.last().unwrap();
    let message = last.query.strip_prefix("operation=PKIOperation&message=").unwrap();
    assert!(message.contains('+') && message.contains('/') && !message.contains('%'));
    assert!(message.len() > request.message().len(), "{} characters", message.len());
    assert!(last.user_agent.starts_with("Dalvik/"));
    assert_eq!(last.path, "/scep");
}

#[tokio::test]
async fn android_writes_what_bouncy_castle_writes() {
    let (request, _) = sent(Family::Android, None).await;
    let view = View::of(&request);
    assert_eq!(request.message().get(..2), Some(&[0x30, 0x80][..]));
    let segment = b"\x24\x80\x04\x82\x03\xE8";
    let segmented = request.message().windows(6).any(|window| window == segment);
    assert!(segmented, "eContent in segments of 1,000 octets");
    rasn_reads(request.message(), view.signed.content());
    assert_eq!(view.digest(), DigestAlgorithm::Sha512);
    let scheme = view.signed.signers().next().unwrap().scheme().unwrap();
    assert_eq!(scheme, SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha512));
    let bare_digest = b"\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03";
    let without = request.message().windows(13).any(|window| window == bare_digest);
    assert!(without, "the digest has no parameters");
    assert!(
        view.has_attribute(Oid::parse("1.2.840.113549.1.9.52").unwrap()),
        "cmsAlgorithmProtection"
    );
    assert!(view.has_attribute(oid::SIGNING_TIME));
    let signer = view.signer();
    assert_eq!(signer.serial(), [1]);
    assert_eq!(signer.subject(), request.csr().subject());
    let id = view.transaction_id();
    assert!(id.len() == 40 && !id.contains(|c: char| c.is_ascii_lowercase()), "{id}");
    let sha1 = provider().digest.digest(DigestAlgorithm::Sha1, request.csr().spki()).unwrap();
    assert_eq!(id, sha1.to_hex(), "SHA-1 of the key");
}

#[tokio::test]
async fn a_request_says_nothing_twice() {
    let simulator = simulator().await;
    let policy = policy(&simulator);
    let server = Server::start(policy.challenge(), None).await;
    for family in crate::support::FAMILIES {
        let session = device(family).connect(&server.url).await.unwrap();
        let prepare = || session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        let (one, other) = (prepare(), prepare());
        assert_ne!(View::of(&one).nonce(), View::of(&other).nonce());
        let ciphertext = |request| View::of(request).envelope.ciphertext().to_vec();
        assert_ne!(ciphertext(&one), ciphertext(&other), "{family}");
    }
}

#[tokio::test]
async fn a_device_whose_clock_is_elsewhere_says_so() {
    let day = Duration::from_secs(86_400);
    let key = std::sync::Arc::new(keys::software("rsa2048-device"));
    let device = Device::new(Family::Android, key, provider()).with_time(NOW.minus(day));
    let (request, _) = sent_by(device, None).await;
    let signer = View::of(&request).signed;
    let time = signer.signers().next().unwrap().attributes().signing_time.unwrap();
    assert_eq!(time, Some(NOW.minus(day)));
}
