//! CAs and RAs whose keys cannot decrypt: requests come encrypted by the password that all devices share.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use scep_proto::FailInfo;
use scep_server::{Execution, RegistrationAuthority, RenewalPolicy, WorkerPool};
use scep_types::{
    ContentCipher, ContentKey, CryptoError, CryptoProvider, DigestAlgorithm, EnvelopeProvider,
    KeyTransport, SigningKey as _, oid,
};

use crate::support::device::{Device, challenged, granted, refused};
use crate::support::forge::{Forged, attributes_of, envelope_of};
use crate::support::pki::{CA_USAGES, Template, certificate_authority, profiles, with_ra};
use crate::support::server::{PASSWORD, Server, signed};
use crate::support::{DAY, key, provider};

/// A CA with a P-256 key that speaks for itself.
pub(crate) fn elliptic_ca() -> scep_server::Authority {
    let usages = [CA_USAGES, &[rcgen::KeyUsagePurpose::DigitalSignature]].concat();
    let ca = certificate_authority(&Template { key: "p256-ca", usages, ..Template::ca() });
    let ra = RegistrationAuthority::of_ca(&ca, key("p256-ca"));
    scep_server::Authority { ca, ra, profiles: profiles() }
}

/// A server of that CA.
fn elliptic() -> Server {
    Server::with_password(|config| config.authority = elliptic_ca())
}

fn phone() -> Device {
    Device::new("phone").challenge(PASSWORD)
}

/// How often a key was derived from a password.
static DERIVATIONS: AtomicUsize = AtomicUsize::new(0);

/// Tells of derivations before they begin: what it is told is how many iterations they have.
pub(crate) struct Watched(pub(crate) fn(NonZeroU32));

impl EnvelopeProvider for Watched {
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

    fn derive_key(
        &self,
        prf: DigestAlgorithm,
        password: &[u8],
        salt: &[u8],
        iterations: NonZeroU32,
        key_len: usize,
    ) -> Result<ContentKey, CryptoError> {
        (self.0)(iterations);
        provider().envelope.derive_key(prf, password, salt, iterations, key_len)
    }

    fn encrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        provider().envelope.encrypt_blocks(cipher, key, iv, blocks)
    }

    fn decrypt_blocks(
        &self,
        cipher: ContentCipher,
        key: &ContentKey,
        iv: &[u8],
        blocks: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        provider().envelope.decrypt_blocks(cipher, key, iv, blocks)
    }
}

fn counting() -> CryptoProvider {
    fn count(_: NonZeroU32) {
        DERIVATIONS.fetch_add(1, Ordering::SeqCst);
    }
    CryptoProvider { envelope: &Watched(count), ..provider() }
}

/// Those that derive keys from passwords, held until the gate opens.
static HELD: (Mutex<Held>, Condvar) =
    (Mutex::new(Held { now: 0, most: 0, open: false }), Condvar::new());

struct Held {
    now: usize,
    /// How many there were at a time.
    most: usize,
    open: bool,
}

fn holding() -> CryptoProvider {
    fn hold(iterations: NonZeroU32) {
        if iterations == NonZeroU32::MIN {
            return; // whether it can be done at all is tried out
        }
        let mut held = HELD.0.lock().unwrap();
        held.now += 1;
        held.most = held.most.max(held.now);
        while !held.open {
            held = HELD.1.wait(held).unwrap();
        }
        held.now -= 1;
    }
    CryptoProvider { envelope: &Watched(hold), ..provider() }
}

// R-3.1-03, R-3.1-04, R-3211-07
#[tokio::test]
async fn a_ca_that_cannot_decrypt_enrols_whoever_knows_the_password() {
    let server = elliptic();
    let by_key = granted(phone().enrol(&server).await);
    assert!(server.ca().issued(&by_key, &provider()));
    let tablet = Device::with_key("tablet", key("p256-device")).challenge(PASSWORD);
    let by_password = granted(tablet.enrol(&server).await);
    assert_eq!(by_password.spki(), tablet.key.spki());
    assert_eq!(server.certificates(), 2);
}

#[tokio::test]
async fn an_ra_that_cannot_decrypt_enrols_whoever_knows_the_password() {
    let ca = Template { key: "p256-ca", ..Template::ca() };
    let ra = Template { key: "p384-device", ..Template::ra() };
    let server = Server::with_password(|config| config.authority = with_ra(&ca, &ra));
    granted(phone().enrol(&server).await);
}

#[tokio::test]
async fn a_request_by_password_is_taken_where_a_key_could_have_opened_it_too() {
    let (elliptic, rsa) = (elliptic(), Server::with_password(|_| ()));
    let envelope = envelope_of(&phone().ask(&elliptic).message);
    let answer = rsa.post(Forged::new(&phone(), 19, &envelope).build()).await;
    assert_eq!((answer.status.as_u16(), rsa.last().outcome), (200, "issued"));
}

// R-3211-08
#[tokio::test]
async fn a_certificate_is_renewed_by_password() {
    let server = Server::with_password(|config| {
        config.authority = elliptic_ca();
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: DAY };
    });
    let device = Device::with_key("phone", key("p256-device")).challenge(PASSWORD);
    let old = granted(device.enrol(&server).await);
    let renewal = device.renewing(&old, "p384-device").challenge(PASSWORD);
    assert_eq!(granted(renewal.enrol(&server).await).spki(), renewal.key.spki());
    assert_eq!(server.last().basis, Some("renewal"));
}

// R-3211-03
#[tokio::test]
async fn whatever_is_wrong_with_a_password_the_answer_is_the_same_and_nothing_is_issued() {
    let server = elliptic();
    let honest = envelope_of(&phone().ask(&server).message);
    let wrong = envelope_of(&Device::new("phone").challenge("wrong").ask(&server).message);
    let flipped = |at: usize| {
        let mut envelope = honest.clone();
        envelope[at] ^= 1;
        envelope
    };
    let key_at = honest.windows(2).position(|w| w == [0x04, 0x20]).unwrap() + 2;
    let mut answers = Vec::new();
    for envelope in [wrong, flipped(key_at), flipped(honest.len() - 1), flipped(honest.len() / 2)] {
        let answer = server.post(Forged::new(&phone(), 19, &envelope).build()).await;
        assert_eq!(server.last().reason, Some("undecipherable"));
        let fixed: Vec<_> = attributes_of(&answer.body)
            .into_iter()
            .filter(|(oid, _)| *oid != oid::SENDER_NONCE)
            .collect();
        answers.push(fixed);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.certificates(), 0);
}

// R-3211-05
#[tokio::test]
async fn an_endpoint_without_a_password_refuses_such_requests_without_deriving_a_key() {
    let envelope = envelope_of(&phone().ask(&elliptic()).message);
    let message = Forged::new(&phone(), 19, &envelope).build();
    let server = Server::with(signed(), |config| config.host.provider = counting());
    let garbled = {
        let mut envelope = envelope_of(&challenged("phone", "n1").ask(&server).message);
        *envelope.last_mut().unwrap() ^= 1;
        Forged::new(&phone(), 19, &envelope).build()
    };
    let mut answers = Vec::new();
    for message in [message.clone(), garbled] {
        let answer = server.post(message).await;
        assert_eq!(server.last().reason, Some("undecipherable"));
        let fixed: Vec<_> = attributes_of(&answer.body)
            .into_iter()
            .filter(|(oid, _)| *oid != oid::SENDER_NONCE)
            .collect();
        answers.push(fixed);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(DERIVATIONS.load(Ordering::SeqCst), 0);
    let with_password = Server::with_password(|config| config.host.provider = counting());
    with_password.post(message).await;
    assert_eq!(with_password.last().outcome, "issued");
    assert_eq!(DERIVATIONS.load(Ordering::SeqCst), 1, "one password, one derivation");
}

#[tokio::test]
async fn whoever_encrypted_to_an_earlier_ra_is_answered_by_it_and_refused_by_it() {
    let old = Template { key: "rsa2048-signer", common_name: "Old RA", ..Template::ra() };
    let earlier = Server::with_password(|config| {
        config.authority = with_ra(&Template::ca(), &old);
    });
    let server = Server::with_password(|config| {
        let old = with_ra(&Template::ca(), &old).ra;
        config.authority.ra = config.authority.ra.clone().with_earlier(vec![old]);
    });
    let sent = phone().ask(&earlier);
    let answer = server.post(sent.message.clone()).await;
    granted(phone().read(&earlier, &sent, &answer));
    for refused_here in [
        Device::new("tablet").challenge("wrong"),
        phone().message(crate::support::device::MessageKind::GetCert),
        phone().message(crate::support::device::MessageKind::Renew),
    ] {
        let sent = refused_here.ask(&earlier);
        let answer = server.post(sent.message.clone()).await;
        assert_eq!(refused(refused_here.read(&earlier, &sent, &answer)), FailInfo::BAD_REQUEST);
    }
}

#[tokio::test]
async fn those_whose_password_costs_most_wait_for_each_other_and_keep_nobody_else_waiting() {
    const FLOOD: usize = 24;
    let elliptic = elliptic();
    let server = Arc::new(Server::with_password(|config| {
        config.host.provider = holding();
        let pool = WorkerPool::new(NonZeroUsize::new(4).unwrap(), 64);
        config.host.execution = Execution::Pool(pool.with_password_workers(NonZeroUsize::MIN));
    }));
    let flood: Vec<_> = (0..FLOOD)
        .map(|number| {
            let device = phone().transaction(&number.to_string());
            let envelope = envelope_of(&device.ask(&elliptic).message);
            let message = Forged::new(&device, 19, &envelope).build();
            let server = server.clone();
            tokio::spawn(async move { server.post(message).await.status.as_u16() })
        })
        .collect();
    // One is at work, 16 wait, and the others are told to come again.
    while flood.iter().filter(|request| request.is_finished()).count() < FLOOD - 17 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.last().reason, Some("overloaded"));
    granted(Device::new("tablet").challenge(PASSWORD).enrol(&server).await);
    let most = {
        let mut held = HELD.0.lock().unwrap();
        held.open = true;
        HELD.1.notify_all();
        held.most
    };
    let mut statuses = Vec::new();
    for request in flood {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 17], vec![503; FLOOD - 17]].concat());
    assert_eq!(most, 1, "one worker derives keys");
}

pub(crate) fn openssl(folder: &std::path::Path, arguments: &[&str]) {
    let mut command = std::process::Command::new("openssl");
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

// R-3211-01, R-3211-03, R-3211-06
#[tokio::test]
#[ignore = "needs openssl"]
async fn what_openssl_encrypts_by_the_password_is_opened_and_granted() {
    let server = elliptic();
    for cipher in ["-aes128", "-aes192", "-aes256"] {
        let folder = tempfile::tempdir().unwrap();
        let device = phone().transaction(cipher);
        std::fs::write(folder.path().join("csr.der"), device.csr().der()).unwrap();
        let encrypt = ["cms", "-encrypt", "-binary", "-in", "csr.der", cipher, "-outform", "der"];
        let password = ["-pwri_password", PASSWORD, "-out", "request.der"];
        openssl(folder.path(), &[&encrypt[..], &password].concat());
        let envelope = std::fs::read(folder.path().join("request.der")).unwrap();
        server.post(Forged::new(&device, 19, &envelope).build()).await;
        assert_eq!(server.last().outcome, "issued", "{cipher}");
    }
    assert_eq!(server.certificates(), 3);
}

// R-3211-01, R-3211-02
#[tokio::test]
#[ignore = "needs openssl"]
async fn openssl_opens_the_answer_to_a_device_that_cannot_decrypt() {
    let server = elliptic();
    let device = Device::with_key("phone", key("p256-device")).challenge(PASSWORD);
    let answer = server.post(device.ask(&server).message).await;
    let reply = envelope_of(&answer.body);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reply.der"), &reply).unwrap();
    let decrypt = ["cms", "-decrypt", "-binary", "-inform", "der", "-in", "reply.der"];
    let password = ["-pwri_password", PASSWORD, "-out", "certificates.der"];
    openssl(folder.path(), &[&decrypt[..], &password].concat());
    let list = ["pkcs7", "-inform", "der", "-in", "certificates.der", "-print_certs"];
    openssl(folder.path(), &[&list[..], &["-out", "certificates.pem"]].concat());
    let certificates = std::fs::read_to_string(folder.path().join("certificates.pem")).unwrap();
    assert!(certificates.contains("subject=CN = phone"), "{certificates}");
}
