//! A whole server on one store, and devices that ask it, without the cryptography.
//!
//! All signatures verify and ciphertext is plaintext, so that edited messages come far; but SHA-256, by which the store
//! tells keys, CSRs and challenges apart, is itself. Messages are digested by SHA-512, which is zeros here.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use intune_challenge::signed::{Algorithm, Claims, Issuer, TrustAnchor, Verifier, VerifierConfig};
use scep_ca::{Profile, ProfileConfig, Profiles};
use scep_proto::client::signer_certificate;
use scep_proto::client::{Algorithms, Payload, RequestSettings, build_with_password, csr};
use scep_proto::{MessageRandom, TransactionId};
use scep_server::{
    Authority, CertificateAuthority, Decision, Endpoint, EndpointConfig, Execution, Host, Mode,
    Observer, Outcome, QueryPolicy, RegistrationAuthority, RenewalPolicy, Response,
};
use scep_store::{MemoryStore, StoreLimits};
use scep_types::{
    Basis, Certificate, ContentCipher, ContentKey, CryptoError, CryptoProvider, Csr, DecryptionKey,
    Digest, DigestAlgorithm, DigestProvider, KeyTransport, Name, Secret, SecureRandom,
    SignatureScheme, SigningKey, UnixTime, Validity, oid,
};
use sha2::Digest as _;
use tokio::runtime::{Builder, Runtime};

use crate::{Null, edited};

/// Believes everything but SHA-256.
static BELIEVING: CryptoProvider =
    CryptoProvider { digest: &TrueSha256, verify: &Null, envelope: &Null, random: &Counted };
/// 2026-11-21T00:00:00Z.
const NOW: UnixTime = UnixTime::from_secs(1_795_219_200);
const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(DigestAlgorithm::Sha256);
/// Each value of each choice, twice: keys, subjects, transactions, challenges.
const EACH: [usize; 2] = [0, 1];

/// A server with its store, and what its devices did and got.
pub struct World {
    endpoint: Endpoint,
    runtime: Runtime,
    now: UnixTime,
    issued: Arc<Issued>,
    latest: Bytes,
}

/// What a device does next.
pub struct Step<'a> {
    /// Which message; see [`World::request`].
    message: u8,
    /// A bit for each: key, challenge, subject, transaction, whose key signs, whether its latest certificate does.
    choices: u8,
    /// After how many seconds.
    later: u8,
    /// What is changed in the message.
    edits: &'a [u8],
}

/// Steps one after the other: four octets, the last one says how many edits of three octets follow.
pub fn steps(mut data: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let ([message, choices, later, edits], rest) = data.split_first_chunk::<4>()?;
        let (edits, after) = rest.split_at(usize::from(*edits % 8 * 3).min(rest.len()));
        data = after;
        Some(Step { message: *message, choices: *choices, later: *later, edits })
    })
}

impl Step<'_> {
    fn choice(&self, bit: u8) -> usize {
        usize::from(self.choices >> bit & 1)
    }
}

impl World {
    /// An endpoint for signed challenges, which renews and answers anybody's queries.
    #[expect(clippy::new_without_default, reason = "it starts a runtime")]
    pub fn new() -> Self {
        DRAWN.set(0);
        let issued = Arc::new(Issued::default());
        let store = Arc::new(MemoryStore::new(StoreLimits::in_memory()));
        let mut host = Host::new(BELIEVING, store);
        host.execution = Execution::Inline;
        host.observer = issued.clone();
        let mode = Mode::Signed(FIXED.verifier.clone());
        let mut config = EndpointConfig::new("fuzz", mode, FIXED.authority.clone(), host);
        config.renewal = RenewalPolicy::AllowIssuedByUs { grace: Duration::ZERO };
        config.queries = QueryPolicy::Anyone;
        Self {
            endpoint: Endpoint::new(config, NOW).expect("an endpoint"),
            runtime: Builder::new_current_thread().build().expect("a runtime"),
            now: NOW,
            issued,
            latest: Bytes::new(),
        }
    }

    /// The message of this step, edited; the latest one again, if it says so.
    pub fn request(&mut self, step: &Step<'_>) -> Bytes {
        let honest = if step.message % 6 == 5 && !self.latest.is_empty() {
            self.latest.clone()
        } else {
            self.honest(step)
        };
        self.latest = edited(&honest, step.edits).into();
        self.now = self.now.plus(Duration::from_secs(u64::from(step.later)));
        self.latest.clone()
    }

    fn honest(&self, step: &Step<'_>) -> Bytes {
        let [key, challenge, subject, transaction] = [0, 1, 2, 3].map(|bit| step.choice(bit));
        let csr = &FIXED.csrs[key][challenge][subject];
        let own = &FIXED.signers[key ^ step.choice(4)];
        let latest = self.issued.latest(own.spki()).filter(|_| step.choice(5) == 1);
        let signer = latest.as_ref().unwrap_or(own);
        let (issuer, serial) = (FIXED.ca.subject(), signer.serial());
        let payload = match step.message % 6 {
            0 | 5 => Payload::Enrol(csr),
            1 => Payload::Renew(csr),
            2 => Payload::Poll { issuer, subject: csr.subject() },
            3 => Payload::GetCert { issuer, serial },
            _ => Payload::GetCrl { issuer, serial },
        };
        let settings = RequestSettings {
            transaction_id: &FIXED.transactions[transaction],
            signer,
            recipient: &FIXED.ca,
            algorithms: Algorithms {
                digest: DigestAlgorithm::Sha512,
                cipher: ContentCipher::Aes128Cbc,
            },
            signing_time: None,
            provider: &BELIEVING,
        };
        let random = MessageRandom::new(&[0x5A; MessageRandom::OCTETS]);
        let built = build_with_password(payload, settings, &Secret::new("none"), &random);
        built.expect("a request").0.finish(&[0; 256])
    }

    /// The CertRep to a message, if there is one.
    pub fn answer(&self, request: &Bytes) -> Option<Bytes> {
        match self.runtime.block_on(self.endpoint.handle(request.clone(), self.now)) {
            Response::Message(reply) => Some(reply),
            Response::Broken => panic!("no message is our fault"),
            _ => None,
        }
    }

    /// How many certificates the challenge has that has the most.
    pub fn most_for_a_challenge(&self) -> usize {
        let issued = self.issued.0.lock().expect("nobody panicked");
        let mut counts = HashMap::<&str, usize>::new();
        for (_, basis) in issued.iter() {
            if let Basis::SignedChallenge(challenge) = basis {
                *counts.entry(challenge).or_default() += 1;
            }
        }
        counts.values().copied().max().unwrap_or(0)
    }
}

/// What was issued, and on which authorisation.
#[derive(Default)]
struct Issued(Mutex<Vec<(Certificate, Basis)>>);

impl Issued {
    fn latest(&self, spki: &[u8]) -> Option<Certificate> {
        let issued = self.0.lock().expect("nobody panicked");
        issued.iter().rev().map(|(issued, _)| issued).find(|issued| issued.spki() == spki).cloned()
    }
}

impl Observer for Issued {
    fn decided(&self, decision: &Decision<'_>) {
        if let Outcome::Issued { certificate, basis } = decision.outcome {
            let mut issued = self.0.lock().expect("nobody panicked");
            issued.push((certificate.clone(), basis.clone()));
        }
    }
}

/// What never changes.
struct Fixed {
    ca: Certificate,
    authority: Authority,
    verifier: Arc<Verifier>,
    /// By key, challenge and subject.
    csrs: [[[Csr; 2]; 2]; 2],
    /// By key.
    signers: [Certificate; 2],
    transactions: [TransactionId; 2],
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let ca = include_bytes!("../../testdata/pki/ca-and-ra.der").to_vec();
    let ra = include_bytes!("../../testdata/pki/ra.der").to_vec();
    let [ca, ra] = [ca, ra].map(|der| Certificate::parse(der).expect("a certificate"));
    // Not the CA's: nobody gets a certificate for that.
    let other = Csr::parse(include_bytes!("../seeds/csr/rsa.der").to_vec()).expect("a CSR");
    let keys = [other.spki().to_vec(), ra.spki().to_vec()];
    let names = EACH.map(|number| Name::build(&[(oid::COMMON_NAME, &format!("device{number}"))]));
    let minted = EACH.map(|number| EACH.map(|subject| challenge(&ca, number, subject)));
    let signers = EACH.map(|key| {
        let validity =
            Validity { not_before: NOW, not_after: NOW.plus(Duration::from_secs(86_400)) };
        let unsigned = signer_certificate(&names[key], &keys[key], &[1], validity, SCHEME);
        unsigned.expect("a certificate").finish(&[0; 256]).expect("a certificate")
    });
    let csrs = EACH.map(|key| {
        EACH.map(|challenge| {
            EACH.map(|subject| {
                let challenge = Some(&minted[challenge][subject]);
                let unsigned = csr(&names[subject], &keys[key], challenge, &[], SCHEME);
                unsigned.finish(&[0; 256]).expect("a CSR")
            })
        })
    });
    let anchor = TrustAnchor::from_public_key(ca.spki()).expect("a key");
    let verifier = Verifier::new(VerifierConfig::new(vec![anchor], None), &BELIEVING);
    Fixed {
        authority: authority(&ca),
        verifier: Arc::new(verifier.expect("a verifier")),
        csrs,
        signers,
        transactions: EACH
            .map(|id| TransactionId::new(&format!("transaction{id}")).expect("an id")),
        ca,
    }
});

fn authority(ca: &Certificate) -> Authority {
    let key = Arc::new(Key(ca.spki().to_vec()));
    let issuer = scep_ca::Issuer::new(ca.clone(), &TrueSha256, NOW).expect("a CA");
    let ca = CertificateAuthority::root(issuer, key.clone());
    let profile = Profile::new(ProfileConfig::new(Duration::from_secs(86_400))).expect("a profile");
    let ra = RegistrationAuthority::of_ca(&ca, key);
    Authority { ca, ra, profiles: Profiles::new(profile) }
}

/// A challenge for this subject; those of one number share a nonce, so that they are one challenge.
fn challenge(ca: &Certificate, number: usize, subject: usize) -> Secret {
    let nonce = Secret::new(format!("nonce{number}"));
    let mut claims = Claims::new("device", nonce, NOW, NOW.plus(Duration::from_secs(600)));
    claims.device_name = Some(format!("device{subject}"));
    let key = Arc::new(Key(ca.spki().to_vec()));
    let issuer = Issuer::new(key, Algorithm::Rs256, None).expect("an issuer");
    issuer.mint(&claims).expect("a challenge")
}

/// Signs by zeros, and unwraps nothing.
struct Key(Vec<u8>);

impl SigningKey for Key {
    fn spki(&self) -> &[u8] {
        &self.0
    }

    fn sign(&self, _: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(vec![0; 256])
    }
}

impl DecryptionKey for Key {
    fn spki(&self) -> &[u8] {
        &self.0
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

#[derive(Debug)]
struct TrueSha256;

impl DigestProvider for TrueSha256 {
    fn digest(&self, algorithm: DigestAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Digest::new(&sha2::Sha256::digest(data))),
            other => Null.digest(other, data),
        }
    }
}

std::thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Octets that never come twice, the same in each run.
#[derive(Debug)]
struct Counted;

impl SecureRandom for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        DRAWN.set(DRAWN.get() + 1);
        for (number, chunk) in out.chunks_mut(32).enumerate() {
            let seed = [DRAWN.get().to_be_bytes(), (number as u64).to_be_bytes()].concat();
            chunk.copy_from_slice(&sha2::Sha256::digest(seed)[..chunk.len()]);
        }
        Ok(())
    }
}
