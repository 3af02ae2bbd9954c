//! What the fuzz targets share: a crypto provider that believes everything, so that fuzzing reaches the code behind it,
//! and answers of the Intune service in a form that a person can write.

mod openssl;
mod world;

use std::num::NonZeroU32;
use std::sync::LazyLock;

use bytes::Bytes;
use der::Decode;
use intune_challenge::service::{self, Enrolment, HttpResponse};
use scep_proto::client::{Algorithms, Awaiting, Payload, RequestSettings, build_with_password};
use scep_proto::inspect::{Enveloped, Identifier, Signed};
use scep_proto::server::{Lock, Opened, Reply, ReplySettings, Sealed, Unverified, Verified};
use scep_proto::{
    CaAnchor, CaCertificates, FailInfo, FallbackKey, MessageRandom, TransactionId, UnauthenticatedCa,
};
use scep_types::{AlgorithmPolicy, Certificate, Csr, Name, Secret, UnixTime};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, DecryptionKey, Digest, DigestAlgorithm,
    DigestProvider, EnvelopeProvider, KeyTransport, SecureRandom, SignatureScheme,
    SignatureVerifier, VerifyingKey,
};

pub use openssl::by_openssl;
pub use world::{Step, World, steps};

/// Status, `Retry-After` (empty for none), body: two lines and the rest.
pub fn response(data: &[u8]) -> HttpResponse {
    let mut parts = data.splitn(3, |octet| *octet == b'\n');
    let mut line = || parts.next().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let (status, retry_after) = (line().parse().unwrap_or(200), line());
    let retry_after = Some(retry_after).filter(|value| !value.is_empty());
    let body = parts.next().unwrap_or_default().to_vec();
    HttpResponse { retry_after, ..HttpResponse::new(status, body) }
}

/// Whether another reader finds a `code` of success in an answer with a status of success.
pub fn says_success(response: &HttpResponse) -> bool {
    let json = response.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&response.body);
    let json: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    let code = json.as_ref().and_then(|json| json["code"].as_str());
    response.status / 100 == 2 && code.is_some_and(|code| code.eq_ignore_ascii_case("success"))
}

/// An enrolment whose challenge is [`CHALLENGE`].
pub static ENROLMENT: LazyLock<Enrolment> = LazyLock::new(|| {
    let csr = Csr::parse(include_bytes!("../seeds/csr/rsa.der").as_slice()).unwrap();
    Enrolment::new(service::TransactionId::new("transaction").unwrap(), csr).unwrap()
});

/// The challengePassword of `seeds/csr/rsa.der`.
pub const CHALLENGE: &str = "secret";

/// All digests are zeros, all signatures verify, and ciphertext is plaintext.
pub static NULL: CryptoProvider =
    CryptoProvider { digest: &Null, verify: &Null, envelope: &Null, random: &Null };

/// See [`NULL`]; as a decryption key it unwraps nothing and takes the fallback.
#[derive(Debug)]
pub struct Null;

impl DigestProvider for Null {
    fn digest(&self, algorithm: DigestAlgorithm, _: &[u8]) -> Result<Digest, CryptoError> {
        Ok(Digest::new(&[0; 64][..algorithm.output_len()]))
    }
}

impl SignatureVerifier for Null {
    fn verify(&self, _: SignatureScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn verifying_key(
        &self,
        _: SignatureScheme,
        _: &[u8],
    ) -> Result<Box<dyn VerifyingKey>, CryptoError> {
        Ok(Box::new(Self))
    }
}

impl VerifyingKey for Null {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

impl EnvelopeProvider for Null {
    fn encrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(plaintext.to_vec())
    }

    fn decrypt(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(ciphertext.to_vec())
    }

    fn wrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        key: &ContentKey,
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(key.octets().to_vec())
    }

    fn derive_key(
        &self,
        _: DigestAlgorithm,
        _: &[u8],
        _: &[u8],
        iterations: NonZeroU32,
        key_len: usize,
    ) -> Result<ContentKey, CryptoError> {
        assert!(iterations.get() <= 1_000_000, "nobody may make us compute for ever");
        Ok(ContentKey::from_prefix(&[0; 32], key_len))
    }

    fn encrypt_blocks(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(blocks.to_vec())
    }

    fn decrypt_blocks(
        &self,
        _: ContentCipher,
        _: &ContentKey,
        _: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Ok(blocks.to_vec())
    }
}

impl SecureRandom for Null {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0);
        Ok(())
    }
}

impl DecryptionKey for Null {
    fn spki(&self) -> &[u8] {
        &[]
    }

    fn unwrap_key(
        &self,
        _: KeyTransport,
        _: &[u8],
        fallback: &ContentKey,
    ) -> Result<ContentKey, CryptoError> {
        Ok(fallback.clone())
    }
}

/// The transactionID of [`awaiting`].
pub const ID: &str = "1f3a5b7c9d";
/// The nonce of [`awaiting`].
pub const NONCE: [u8; 16] = [0x5A; 16];
const POLICY: AlgorithmPolicy = AlgorithmPolicy::Obsolete;

static CA: LazyLock<CaCertificates> = LazyLock::new(|| {
    let answer = include_bytes!("../../testdata/pki/ca-and-ra.der").to_vec();
    let now = UnixTime::from_secs(1_795_219_200);
    UnauthenticatedCa::parse(answer)
        .and_then(|ca| ca.authenticate(&CaAnchor::TrustUnverified, &NULL, now))
        .expect("a CA and its RA")
});

/// Our CA and its RA.
pub fn ca() -> &'static CaCertificates {
    &CA
}

fn random() -> MessageRandom {
    MessageRandom::new(&[0x5A; MessageRandom::OCTETS])
}

/// What waits for the reply to a poll that the RA's key signed.
pub fn awaiting() -> Awaiting {
    let name = Name::build(&[]);
    honest(Payload::Poll { issuer: &name, subject: &name }, ca().encryption()).1
}

/// Whether these octets stand in the others.
pub fn stands_in(needle: &[u8], data: &[u8]) -> bool {
    needle.is_empty() || data.windows(needle.len()).any(|window| window == needle)
}

/// Octets with some of them changed: each three of `edits` are a place and what is changed there.
///
/// Honest messages under [`NULL`] have digests of zeros and ciphertext that is plaintext; chance would not find one.
pub fn edited(honest: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut message = honest.to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % message.len();
        message[at] ^= edit[2];
    }
    message
}

fn honest(payload: Payload<'_>, signer: &Certificate) -> (Bytes, Awaiting) {
    let settings = RequestSettings {
        transaction_id: &TransactionId::new(ID).expect("an id"),
        signer,
        recipient: ca().encryption(),
        algorithms: Algorithms::default(),
        signing_time: None,
        provider: &NULL,
    };
    let password = Secret::new("secret");
    let built = build_with_password(payload, settings, &password, &random());
    let (message, awaiting) = built.expect("a request");
    (message.finish(&[0; 256]), awaiting)
}

/// The reply to [`awaiting`], as an honest server writes it.
pub fn reply() -> &'static [u8] {
    static REPLY: LazyLock<Bytes> = LazyLock::new(|| {
        let name = Name::build(&[]);
        let poll = Payload::Poll { issuer: &name, subject: &name };
        answer(&honest(poll, ca().encryption()).0).expect("it is honest")
    });
    &REPLY
}

/// A request with an envelope: its transactionID can stand in a reply, and what is refused has a failInfo of RFC 8894.
pub fn sealed(data: &[u8]) -> Option<Sealed> {
    let message = Unverified::parse(data.to_vec()).ok()?;
    assert!((1..=255).contains(&message.transaction_id().octets().len()));
    match message.verify(&NULL, POLICY) {
        Ok(Verified::Sealed(sealed)) => Some(sealed),
        Ok(Verified::Poll(_)) => None,
        Err(rejected) => {
            assert!(FailInfo::from(&rejected.error).number() <= 4);
            None
        }
    }
}

/// SUCCESS to whatever can be granted, as a server with these certificates writes it.
pub fn answer(request: &[u8]) -> Option<Bytes> {
    let verified = Unverified::parse(request.to_vec()).ok()?.verify(&NULL, POLICY).ok()?;
    let reply: Reply = match verified {
        Verified::Poll(poll) => poll.reply,
        Verified::Sealed(sealed) => {
            let ours: Vec<&Certificate> = ca().certificates().iter().collect();
            let fallback = FallbackKey::new([0; 32]);
            let opened = match sealed.lock(&ours, POLICY).ok()? {
                Lock::Key(wrapped) => {
                    let key = wrapped.fallback(&fallback);
                    wrapped.open_with(&key, &NULL, POLICY)
                }
                Lock::Password(wrapped) => {
                    wrapped.open_with(&[Secret::new("secret")], &fallback, &NULL, POLICY)
                }
            };
            match opened.ok()? {
                Opened::Enrol(enrolment) | Opened::Renew(enrolment) => enrolment.reply,
                Opened::GetCert(query) | Opened::GetCrl(query) => query.reply,
            }
        }
    };
    reply.check_encryptable().ok()?;
    let signer = ca().encryption();
    let settings = ReplySettings { signer, provider: &NULL, now: UnixTime::from_secs(0) };
    let reply = reply.succeed(&[signer.der()], &random(), settings).expect("it was checked");
    Some(reply.finish(&[0; 256]))
}

/// Who a message concerns: the name of a certificate (`None` for a password), the transactionID, and the client's nonce.
pub type Concern = (Option<Identifier>, Vec<u8>, Option<Vec<u8>>);

/// Who signed a request, under which id and nonce.
pub fn signer_and_ids(request: &[u8]) -> Concern {
    let signed = Signed::parse(request.to_vec()).expect("it was answered");
    let signer = signed.signers().next().expect("it was answered");
    let can_encrypt = |certificate: &&Certificate| {
        certificate.key_kind().is_ok_and(scep_types::KeyKind::can_encrypt)
    };
    let name = signer.certificate().filter(can_encrypt).map(|certificate| {
        let serial = Bytes::copy_from_slice(certificate.serial());
        Identifier::IssuerAndSerial(certificate.issuer().clone(), serial)
    });
    let attributes = signer.attributes();
    let nonce = attributes.sender_nonce.ok().flatten().map(|nonce| nonce.octets().to_vec());
    let id = attributes.transaction_id.expect("it was answered").octets().to_vec();
    (name, id, nonce)
}

/// As [`recipient_and_ids`], of a reply that may hold nothing: then nobody can be the wrong one.
pub fn concerns(reply: &Bytes, request: &[u8]) -> bool {
    let (signer, id, nonce) = signer_and_ids(request);
    let signed = Signed::parse(reply.clone()).expect("we wrote it");
    if !signed.content().is_empty() {
        return recipient_and_ids(reply) == (signer, id, nonce);
    }
    let attributes = signed.signers().next().expect("we wrote it").attributes();
    let answered = attributes.recipient_nonce.expect("we wrote it");
    let answered = answered.map(|nonce| nonce.octets().to_vec());
    // A request that does not verify may have a nonce that cannot be read.
    attributes.transaction_id.expect("we wrote it").octets() == id.as_slice()
        && (answered == nonce || answered.is_none())
}

/// To whom a reply is encrypted, under which id and to which nonce.
pub fn recipient_and_ids(reply: &Bytes) -> Concern {
    let signed = Signed::parse(reply.clone()).expect("we wrote it");
    let attributes = signed.signers().next().expect("we wrote it").attributes();
    let envelope = Enveloped::parse(signed.content().clone()).expect("we wrote it");
    let recipient = envelope.recipients().next().map(|recipient| recipient.identifier());
    let nonce = attributes.recipient_nonce.expect("we wrote it");
    let id = attributes.transaction_id.expect("we wrote it").octets().to_vec();
    (recipient, id, nonce.map(|nonce| nonce.octets().to_vec()))
}

/// What a library sees in a SignedData: the type of the content, the content, and how many sign it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    content_type: String,
    content: Vec<u8>,
    signers: usize,
}

impl Seen {
    /// What we see.
    pub fn of(signed: &Signed) -> Self {
        Self {
            content_type: low_halves(&signed.content_type().to_string()),
            content: signed.content().to_vec(),
            signers: signed.signers().count(),
        }
    }
}

/// An OID with the low 32 bits of its arcs: rasn cuts the rest off, where OpenSSL and we do not.
fn low_halves(dotted: &str) -> String {
    let low = |arc: &str| arc.parse().map(|arc: u128| (arc & 0xFFFF_FFFF).to_string());
    dotted.split('.').map(|arc| low(arc).unwrap_or_default()).collect::<Vec<_>>().join(".")
}

/// What `rasn-cms` sees, which reads BER.
pub fn by_rasn(data: &[u8]) -> Option<Seen> {
    let info: rasn_cms::ContentInfo = rasn::ber::decode(data).ok()?;
    let signed: rasn_cms::SignedData = rasn::ber::decode(info.content.as_bytes()).ok()?;
    let content = signed.encap_content_info;
    Some(Seen {
        content_type: content.content_type.iter().map(u32::to_string).collect::<Vec<_>>().join("."),
        content: content.content.map(|content| content.to_vec()).unwrap_or_default(),
        signers: signed.signer_infos.len(),
    })
}

/// What `cms` sees, which reads DER.
pub fn by_cms(data: &[u8]) -> Option<Seen> {
    let info = cms::content_info::ContentInfo::from_der(data).ok()?;
    let signed: cms::signed_data::SignedData = info.content.decode_as().ok()?;
    let content = signed.encap_content_info;
    let octets = match content.econtent {
        Some(content) => content.decode_as::<der::asn1::OctetString>().ok()?.into_bytes(),
        None => Vec::new(),
    };
    Some(Seen {
        content_type: low_halves(&content.econtent_type.to_string()),
        content: octets,
        signers: signed.signer_infos.0.len(),
    })
}
