//! Requests, certificates and moments for the suite.

use std::sync::Arc;
use std::time::Duration;

use scep_store::{
    Begin, Begun, CertificateId, ChallengeUse, DeviceLimit, EndpointId, EnrolmentStore,
    IssuedCertificate, NewCertificate, NewPending, Operator, Outcome, Rejection, RequestId,
    Reservation, SerialNumber, Sha256, Submission, Terms, TransactionId, TransactionKey,
};
use scep_types::{Basis, UnixTime};

pub type Store = Arc<dyn EnrolmentStore>;

pub const LEASE: u64 = 30;
pub const REPLAY_WINDOW: u64 = 600;
/// How long the challenges of the suite are valid.
pub const CHALLENGE: i64 = 3_600;
pub const BAD_REQUEST: Rejection = Rejection { fail_info: 2 };

/// Seconds after the beginning of a test.
pub fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(1_700_000_000 + seconds)
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn terms() -> Terms {
    Terms::new(seconds(LEASE), seconds(REPLAY_WINDOW)).unwrap()
}

/// A digest of something of this kind with this number.
pub fn digest(kind: u8, number: u32) -> Sha256 {
    let mut octets = [kind; 32];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    Sha256::new(octets)
}

pub fn signer(number: u32) -> Sha256 {
    digest(b's', number)
}

pub fn issuer(number: u32) -> Sha256 {
    digest(b'i', number)
}

pub fn endpoint(name: &str) -> EndpointId {
    EndpointId::new(name).unwrap()
}

pub fn operator(name: &str) -> Operator {
    Operator::new(name).unwrap()
}

pub fn transaction(id: &str) -> TransactionKey {
    transaction_on("devices", id)
}

pub fn transaction_on(name: &str, id: &str) -> TransactionKey {
    let transaction_id = TransactionId::new(id.as_bytes()).unwrap();
    TransactionKey { endpoint: endpoint(name), transaction_id }
}

/// A request under this transactionID, signed by this key, for this CSR.
pub fn request(id: &str, signer_key: u32, csr: u32) -> Begin {
    let submission = Submission { signer_key: signer(signer_key), csr_info: digest(b'c', csr) };
    Begin::new(RequestId { transaction: transaction(id), submission }, terms())
}

pub fn request_on(name: &str, id: &str, signer_key: u32, csr: u32) -> Begin {
    let mut begin = request(id, signer_key, csr);
    begin.request.transaction = transaction_on(name, id);
    begin
}

pub fn challenge(number: u32) -> ChallengeUse {
    ChallengeUse { key: digest(b'k', number), remember_until: at(CHALLENGE) }
}

pub fn device(number: u32, limit: u32, window: u64) -> DeviceLimit {
    DeviceLimit::new(digest(b'd', number), limit, seconds(window)).unwrap()
}

pub fn certificate_id(serial: u32) -> CertificateId {
    let mut content = [1; 17];
    content[13..].copy_from_slice(&serial.to_be_bytes());
    CertificateId { issuer: issuer(1), serial: SerialNumber::new(&content).unwrap() }
}

pub fn certificate(serial: u32) -> NewCertificate {
    let id = certificate_id(serial);
    let der = format!("certificate {serial}");
    let basis = Basis::SignedChallenge(format!("{serial:08x}"));
    let not_after = at(365 * 86_400);
    NewCertificate::new(id, der.as_bytes(), digest(b'p', serial), not_after, basis).unwrap()
}

pub fn certificate_until(serial: u32, not_after: UnixTime) -> NewCertificate {
    let mut certificate = certificate(serial);
    certificate.not_after = not_after;
    certificate
}

pub fn pending() -> NewPending {
    NewPending::new(b"a CSR", at(86_400)).unwrap()
}

/// The reservation of a request that must be fresh.
pub async fn fresh(store: &Store, begin: &Begin, now: UnixTime) -> Reservation {
    match store.begin(begin, now).await.unwrap() {
        Begun::Fresh(reservation) => reservation,
        other => panic!("not fresh but {other:?}"),
    }
}

/// Whether a request would be fresh; it is released again.
pub async fn is_fresh(store: &Store, begin: &Begin, now: UnixTime) -> bool {
    match store.begin(begin, now).await.unwrap() {
        Begun::Fresh(reservation) => {
            store.release(reservation, now).await.unwrap();
            true
        }
        _ => false,
    }
}

pub async fn issue(store: &Store, begin: &Begin, serial: u32, now: UnixTime) {
    let reservation = fresh(store, begin, now).await;
    store.commit(reservation, certificate(serial), None, now).await.unwrap();
}

pub async fn queue(store: &Store, begin: &Begin, now: UnixTime) {
    let reservation = fresh(store, begin, now).await;
    store.pend(reservation, pending(), now).await.unwrap();
}

/// The serial number of the certificate that a request got before, made by [`certificate`].
pub fn same_certificate(begun: &Begun) -> Option<&IssuedCertificate> {
    match begun {
        Begun::Same(Outcome::Issued(issued)) => Some(issued),
        _ => None,
    }
}

pub fn is_same_certificate(begun: &Begun, serial: u32) -> bool {
    same_certificate(begun).is_some_and(|issued| issued.certificate == certificate(serial))
}

/// Of the stores that the claims of [`room`](super::room) are about.
pub fn small_limits() -> scep_store::StoreLimits {
    use super::room;
    let mut limits = scep_store::StoreLimits::default();
    limits.challenges = room::CHALLENGES;
    limits.transactions = room::TRANSACTIONS;
    limits.pending_requests = room::PENDING_REQUESTS;
    limits.devices = room::DEVICES;
    limits.certificates = room::CERTIFICATES;
    limits.issuers = room::ISSUERS;
    limits.notices = room::NOTICES;
    limits.passwords = room::PASSWORDS;
    limits.events = room::EVENTS;
    limits
}
