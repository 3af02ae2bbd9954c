//! What an enrolment costs beside its raw cryptography: `cargo bench -p scep-benches [-- --json FILE]`.
//!
//! Nobody listens to `tracing` here; a subscriber costs what it costs.

mod raw;
mod world;

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use intune_challenge::signed::{Algorithm, Verifier};
use scep_benches::{Bench, Counting, Row, finish};
use scep_crypto::aws_lc_rs::provider;
use scep_proto::server::Unverified;
use scep_server::{Endpoint, Mode, Response};
use scep_store::{
    Begin, Begun, ChallengeUse, EndpointId, EnrolmentStore, MemoryStore, RequestId, Sha256,
    Submission, Terms, TransactionId, TransactionKey,
};
use scep_types::{AlgorithmPolicy, Csr, DigestAlgorithm, Secret};
use tokio::runtime::Runtime;

use self::raw::{Raw, RawChallenge};
use self::world::{Device, Issued, Mdm, NOW, P256_ANCHOR, RSA_ANCHOR, endpoint, verifier};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let rows = [
        pki_operation_signed(&runtime)?,
        pki_operation_static(&runtime)?,
        parse_and_verify()?,
        verify_rs256()?,
        verify_es256()?,
        gate(&runtime)?,
    ];
    Ok(finish(&rows)?)
}

/// The main job: three private and four public operations.
fn pki_operation_signed(runtime: &Runtime) -> Result<Row> {
    let issued = Arc::new(Issued::default());
    let endpoint = endpoint(Mode::Signed(Arc::new(verifier(RSA_ANCHOR)?)), Arc::clone(&issued))?;
    let device = Device::new(&endpoint)?;
    let csrs = fresh_csrs(&device)?;
    let challenge = Mdm::new(RSA_ANCHOR, Algorithm::Rs256)?.mint()?;
    let (raw, raw_challenge) =
        (raw_like(&csrs)?, RawChallenge::rs256(RSA_ANCHOR, challenge.expose())?);
    let mut requests = requests(&device, &csrs)?.into_iter();
    let row = Bench::new(
        "pki_operation/signed_rs256",
        &mut || pki_operation(runtime, &endpoint, requests.next()),
        &mut || raw.enrolment().and_then(|()| raw_challenge.verify()),
    )
    .within(1.06)
    .within_allocs(200)
    .run()?;
    ensure!(issued.count() == Bench::RUNS, "a request was refused");
    Ok(row)
}

/// One public operation less: there is no challenge to verify.
fn pki_operation_static(runtime: &Runtime) -> Result<Row> {
    let password = Secret::new("a password that all devices share".to_owned());
    let issued = Arc::new(Issued::default());
    let endpoint = endpoint(Mode::Static(password.clone()), Arc::clone(&issued))?;
    let device = Device::new(&endpoint)?;
    let csrs = vec![device.csr(&password)?; Bench::RUNS];
    let raw = raw_like(&csrs)?;
    let mut requests = requests(&device, &csrs)?.into_iter();
    let row = Bench::new(
        "pki_operation/static",
        &mut || pki_operation(runtime, &endpoint, requests.next()),
        &mut || raw.enrolment(),
    )
    .run()?;
    ensure!(issued.count() == Bench::RUNS, "a request was refused");
    Ok(row)
}

/// A message beside the verification of its signature.
fn parse_and_verify() -> Result<Row> {
    let password = Secret::new("secret".to_owned());
    let endpoint = endpoint(Mode::Static(password.clone()), Arc::default())?;
    let device = Device::new(&endpoint)?;
    let csr = device.csr(&password)?;
    let (request, raw) = (device.request(&csr)?, raw_like(&[csr])?);
    let provider = provider();
    Bench::new(
        "proto/parse_and_verify",
        &mut || {
            let request = Unverified::parse(request.clone())?;
            let verified = request.verify(&provider, AlgorithmPolicy::Modern);
            drop(black_box(verified.map_err(|rejected| rejected.error)?));
            Ok(())
        },
        &mut || raw.verify_message(),
    )
    .run()
}

fn verify_rs256() -> Result<Row> {
    let challenge = Mdm::new(RSA_ANCHOR, Algorithm::Rs256)?.mint()?;
    let (verifier, raw) =
        (verifier(RSA_ANCHOR)?, RawChallenge::rs256(RSA_ANCHOR, challenge.expose())?);
    Bench::new("challenge/verify_rs256", &mut || verify(&verifier, &challenge), &mut || {
        raw.verify()
    })
    .within(1.25)
    .run()
}

fn verify_es256() -> Result<Row> {
    let challenge = Mdm::new(P256_ANCHOR, Algorithm::Es256)?.mint()?;
    let (verifier, raw) =
        (verifier(P256_ANCHOR)?, RawChallenge::es256(P256_ANCHOR, challenge.expose())?);
    Bench::new("challenge/verify_es256", &mut || verify(&verifier, &challenge), &mut || {
        raw.verify()
    })
    .run()
}

/// All that guards an issuance, beside one RSA verification: parse the CSR, verify the challenge, bind, reserve. That the
/// CSR is signed is not the challenge's business and not in here.
fn gate(runtime: &Runtime) -> Result<Row> {
    let device =
        Device::new(&endpoint(Mode::Static(Secret::new("-".to_owned())), Arc::default())?)?;
    let challenge = Mdm::new(RSA_ANCHOR, Algorithm::Rs256)?.mint()?;
    let (verifier, raw) =
        (verifier(RSA_ANCHOR)?, RawChallenge::rs256(RSA_ANCHOR, challenge.expose())?);
    let mut csrs = fresh_csrs(&device)?.into_iter();
    let store = MemoryStore::default();
    let endpoint = EndpointId::new("bench")?;
    Bench::new(
        "gate/rs256",
        &mut || {
            let csr = Csr::parse(csrs.next().context("too few CSRs")?)?;
            let begin = admitted(&endpoint, &verifier, &csr)?;
            match runtime.block_on(store.begin(&begin, NOW))? {
                Begun::Fresh(reservation) => drop(black_box(reservation)),
                other => bail!("not reserved: {other:?}"),
            }
            Ok(())
        },
        &mut || raw.verify(),
    )
    .within(1.6)
    .run()
}

fn pki_operation(runtime: &Runtime, endpoint: &Endpoint, request: Option<Bytes>) -> Result<()> {
    let request = request.context("too few requests")?;
    match runtime.block_on(endpoint.handle(request, NOW)) {
        Response::Message(message) => drop(black_box(message)),
        other => bail!("no message: {other:?}"),
    }
    Ok(())
}

fn verify(verifier: &Verifier, challenge: &Secret) -> Result<()> {
    black_box(verifier.verify(verifier.parse(challenge.expose())?, NOW)?);
    Ok(())
}

/// What a host asks its store after the challenge was bound to the CSR.
fn admitted(endpoint: &EndpointId, verifier: &Verifier, csr: &Csr) -> Result<Begin> {
    let bound = verifier.check(csr, NOW)?;
    let key = sha256(csr.spki())?;
    let transaction = TransactionKey {
        endpoint: endpoint.clone(),
        transaction_id: TransactionId::new(&bound.replay_key())?,
    };
    let submission = Submission { signer_key: key, csr_info: sha256(csr.info())? };
    let challenge =
        ChallengeUse { key: Sha256::new(bound.replay_key()), remember_until: bound.expires() };
    let minute = std::time::Duration::from_secs(60);
    let terms = Terms::new(minute, minute)?;
    Ok(Begin::new(RequestId { transaction, submission }, terms).with_challenge(challenge))
}

fn sha256(data: &[u8]) -> Result<Sha256> {
    let digest = provider().digest.digest(DigestAlgorithm::Sha256, data)?;
    Sha256::from_digest(&digest).context("a SHA-256 digest has 32 octets")
}

/// CSRs for all runs, each with a challenge of its own.
fn fresh_csrs(device: &Device) -> Result<Vec<Bytes>> {
    let mdm = Mdm::new(RSA_ANCHOR, Algorithm::Rs256)?;
    (0..Bench::RUNS).map(|_| device.csr(&mdm.mint()?)).collect()
}

fn requests(device: &Device, csrs: &[Bytes]) -> Result<Vec<Bytes>> {
    csrs.iter().map(|csr| device.request(csr)).collect()
}

fn raw_like(csrs: &[Bytes]) -> Result<Raw> {
    let csr = csrs.first().context("no CSR")?;
    Raw::new(Csr::parse(csr.clone())?.info())
}
