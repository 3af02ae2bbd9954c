//! What the children and the one who checks them agree on: requests, certificates, moments.

use std::time::Duration;

use scep_store::{
    Allowance, Begin, CertificateId, ChallengeUse, DeviceLimit, EndpointId, NewCertificate,
    NewNotice, NoticeBody, OneTimePassword, Operator, PasswordBinding, PasswordFacts, PasswordId,
    PasswordVerifier, RequestId, SerialNumber, Sha256, Submission, Terms, TransactionId,
    TransactionKey,
};
use scep_types::{Basis, UnixTime};

/// CSRs that compete for one challenge.
pub(crate) const CSRS: u64 = 3;
/// Challenges of a round.
pub(crate) const CHALLENGES: u64 = 60;
/// Certificates of a device in its window, which is longer than the test.
pub(crate) const DEVICE_LIMIT: u32 = 20;
/// Certificates that a round may have of its allowance, in a window that is longer than the test.
pub(crate) const ALLOWANCE: u32 = 15;
/// One-time passwords of a round that may be live at a time.
pub(crate) const LIVE_PASSWORDS: usize = 10;

/// The time at which a round works: all leases of the rounds before have ended.
pub(crate) fn time_of(round: u64) -> UnixTime {
    UnixTime::from_secs(1_700_000_000 + 1_000 * round as i64)
}

/// The time at which a round is checked: all of its leases have ended.
pub(crate) fn check_time_of(round: u64) -> UnixTime {
    time_of(round).plus(Duration::from_secs(500))
}

/// One of the requests that compete for a challenge.
pub(crate) fn request(challenge: u64, csr: u64, attempt: &str) -> Begin {
    let submission = Submission {
        signer_key: digest(b's', csr),
        csr_info: digest(b'c', challenge * CSRS + csr),
    };
    let transaction = TransactionKey {
        endpoint: EndpointId::new("devices").unwrap(),
        transaction_id: TransactionId::new(format!("{challenge}/{csr}/{attempt}").as_bytes())
            .unwrap(),
    };
    let terms = Terms::new(Duration::from_secs(30), Duration::from_secs(60)).unwrap();
    let used = ChallengeUse { key: digest(b'k', challenge), remember_until: the_end() };
    Begin::new(RequestId { transaction, submission }, terms).with_challenge(used)
}

/// The limit of the device that a round's challenges count against.
pub(crate) fn device(round: u64) -> DeviceLimit {
    let window = Duration::from_secs(100_000_000);
    DeviceLimit::new(digest(b'd', round), DEVICE_LIMIT, window).unwrap()
}

/// What all requests of a round that count may have together.
pub(crate) fn allowance(round: u64) -> Allowance {
    let window = Duration::from_secs(100_000_000);
    Allowance::new(digest(b'a', round), ALLOWANCE, window).unwrap()
}

/// Every third challenge is that of a one-time password.
pub(crate) fn is_password(challenge: u64) -> bool {
    challenge.is_multiple_of(3)
}

/// The password of such a challenge. Each round has an endpoint of its own for its passwords, so that few are on its shelf.
pub(crate) fn password(challenge: u64) -> OneTimePassword {
    OneTimePassword {
        key: digest(b'k', challenge),
        facts: PasswordFacts {
            id: PasswordId::new(&challenge.to_string()).unwrap(),
            endpoint: shelf(challenge / CHALLENGES),
            minted_at: time_of(0),
            expires: the_end(),
            minted_by: Operator::new("ann").unwrap(),
            binding: PasswordBinding::default(),
        },
        verifier: PasswordVerifier { salt: [7; 16], hash: digest(b'h', challenge) },
        sealed: None,
        withdrawn: None,
    }
}

/// Where the passwords of a round are.
pub(crate) fn shelf(round: u64) -> EndpointId {
    EndpointId::new(&format!("passwords-{round}")).unwrap()
}

/// No test comes so far.
fn the_end() -> UnixTime {
    time_of(1_000_000)
}

pub(crate) fn certificate(serial: u64) -> NewCertificate {
    let not_after = the_end();
    let der = format!("certificate {serial}");
    let basis = Basis::SignedChallenge("kill".into());
    NewCertificate::new(certificate_id(serial), der.as_bytes(), issuer(), not_after, basis).unwrap()
}

/// Every other certificate has something to be told about it.
pub(crate) fn notice(serial: u64) -> Option<NewNotice> {
    let body = NoticeBody::new(&serial.to_be_bytes()).unwrap();
    let (lease, keep) = (Duration::from_secs(30), Duration::from_secs(100_000_000));
    serial.is_multiple_of(2).then(|| NewNotice::new(body, lease, keep).unwrap())
}

pub(crate) fn certificate_id(serial: u64) -> CertificateId {
    let serial = SerialNumber::new(&serial.to_be_bytes()).unwrap();
    CertificateId { issuer: issuer(), serial }
}

pub(crate) fn issuer() -> Sha256 {
    digest(b'i', 0)
}

fn digest(kind: u8, number: u64) -> Sha256 {
    let mut octets = [kind; 32];
    octets[..8].copy_from_slice(&number.to_be_bytes());
    Sha256::new(octets)
}
