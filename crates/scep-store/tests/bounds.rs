//! Whatever comes from outside has a bound, and prints harmlessly.

use std::time::Duration;

use scep_store::{
    Argument, BoundName, Cause, CertificateId, EndpointId, NewCertificate, NewNotice, NewPending,
    NoticeBody, Operator, PasswordBinding, PasswordId, SerialNumber, Sha256, StoreError, Terms,
    TransactionId,
};
use scep_types::{Basis, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The sizes of which the constructor accepts each, checked at both ends.
fn bounds<T>(what: Argument, most: usize, construct: impl Fn(&[u8]) -> Result<T, StoreError>) {
    let refused = |found: usize| match construct(&vec![b'a'; found]) {
        Err(StoreError::OutOfRange { what: argument, found: size, .. }) => {
            argument == what && size == found as u64
        }
        _ => false,
    };
    assert!(refused(0) && refused(most + 1), "{what}");
    assert!(construct(b"a").is_ok() && construct(&vec![b'a'; most]).is_ok(), "{what}");
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap_or_default()
}

#[test]
fn names_and_contents_have_bounds() {
    bounds(Argument::TransactionId, 255, TransactionId::new);
    bounds(Argument::EndpointId, 64, |octets| EndpointId::new(text(octets)));
    bounds(Argument::Operator, 128, |octets| Operator::new(text(octets)));
    bounds(Argument::SerialNumber, 20, SerialNumber::new);
    bounds(Argument::NoticeBody, 64 * 1024, NoticeBody::new);
    bounds(Argument::Csr, 64 * 1024, |octets| NewPending::new(octets, NOW));
    bounds(Argument::Certificate, 64 * 1024, |octets| certificate(octets, Basis::Webhook));
}

#[test]
fn the_id_and_the_names_of_a_one_time_password_have_bounds() {
    bounds(Argument::PasswordId, 32, |octets| PasswordId::new(text(octets)));
    for strange in ["a b", "a-b", "é", "a\n"] {
        assert!(PasswordId::new(strange).is_err(), "{strange:?}");
    }
    let dns = |octets: &[u8]| BoundName::Dns(text(octets).to_owned());
    bounds(Argument::BoundName, 1024, |octets| PasswordBinding::new(vec![dns(octets)]));
    assert!(PasswordBinding::new(vec![dns(b"a"); 64]).is_ok());
    let refused = |names: Vec<BoundName>| match PasswordBinding::new(names) {
        Err(StoreError::OutOfRange { what, .. }) => Some(what),
        _ => None,
    };
    assert_eq!(refused(vec![dns(b"a"); 65]), Some(Argument::BoundNames));
    let two = vec![BoundName::CommonName("a".to_owned()), BoundName::CommonName("b".to_owned())];
    assert_eq!(refused(two), Some(Argument::BoundCommonNames), "which one would count?");
}

fn certificate(der: &[u8], basis: Basis) -> Result<NewCertificate, StoreError> {
    let id = CertificateId { issuer: Sha256::new([1; 32]), serial: SerialNumber::new(&[1])? };
    NewCertificate::new(id, der, Sha256::new([2; 32]), NOW, basis)
}

#[test]
fn the_basis_of_a_certificate_has_a_bound() {
    let of = |octets| Basis::SignedChallenge("a".repeat(octets));
    assert!(certificate(b"DER", of(512)).is_ok());
    let refused = certificate(b"DER", of(513));
    let (what, found, least, most) = (Argument::Basis, 513, 0, 512);
    assert_eq!(refused.err(), Some(StoreError::OutOfRange { what, found, least, most }));
}

#[test]
fn a_lease_lasts_at_least_a_second() {
    let lease = |milliseconds| Terms::new(Duration::from_millis(milliseconds), Duration::ZERO);
    assert!(matches!(
        lease(999),
        Err(StoreError::OutOfRange { what: Argument::Lease, found: 0, .. })
    ));
    assert!(lease(1_000).is_ok());
}

#[test]
fn a_notice_is_kept_for_at_least_a_second() {
    let keep = |milliseconds| {
        let body = NoticeBody::new(b"body")?;
        NewNotice::new(body, Duration::ZERO, Duration::from_millis(milliseconds))
    };
    assert!(matches!(
        keep(999),
        Err(StoreError::OutOfRange { what: Argument::NoticeKeep, found: 0, .. })
    ));
    assert!(keep(1_000).is_ok());
}

// R-3.2.1.1-04
#[test]
fn a_transaction_id_prints_escaped() {
    let id = TransactionId::new(b"line\nbreak\x1b[31m\xff");
    assert_eq!(id.map(|id| id.to_string()), Ok(r"line\nbreak\x1b[31m\xff".into()));
}

#[test]
fn a_serial_number_keeps_its_octets() {
    let serial = SerialNumber::new(&[0x00, 0xF0, 0x0D]);
    let content = serial.as_ref().map(|serial| serial.content().to_vec());
    assert_eq!(content, Ok(vec![0x00, 0xF0, 0x0D]));
    assert_eq!(serial.map(|serial| serial.to_string()), Ok("00F00D".into()));
}

#[test]
fn an_unavailable_store_equals_only_itself() {
    let cause = Cause::new("connection reset");
    let unavailable = StoreError::Unavailable(cause.clone());
    assert_eq!(unavailable, StoreError::Unavailable(cause));
    assert_ne!(unavailable, StoreError::Unavailable(Cause::new("connection reset")));
    assert_eq!(unavailable.to_string(), "the store is unavailable: connection reset");
}
