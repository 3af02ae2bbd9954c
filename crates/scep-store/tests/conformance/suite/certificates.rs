//! What was issued is known by serial number, with its origin; revocation is final.

use scep_store::{
    CertificateId, IssuedCertificate, Revocation, Revoked, RevokedCertificate, StoreError,
};

use super::fixtures::*;

fn revocation(second: i64, reason: u8) -> Revocation {
    Revocation { at: at(second), reason }
}

pub async fn a_certificate_is_found_with_its_origin(store: Store) {
    issue(&store, &request_on("one", "t", 1, 1), 7, at(3)).await;
    let found = store.certificate_by_serial(&certificate_id(7)).await.unwrap();
    let expected = IssuedCertificate::new(certificate(7), transaction_on("one", "t"), at(3));
    assert_eq!(found, Some(expected));
}

pub async fn what_was_not_issued_here_is_not_found(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    let other_issuer = CertificateId { issuer: issuer(2), ..certificate_id(7) };
    for id in [certificate_id(8), other_issuer] {
        assert_eq!(store.certificate_by_serial(&id).await, Ok(None));
        assert_eq!(store.revoke(&id, revocation(1, 1)).await, Ok(Revoked::Unknown));
    }
    assert_eq!(store.revoked(&issuer(1)).await, Ok(vec![]));
    assert_eq!(store.revoked(&issuer(2)).await, Ok(vec![]));
}

pub async fn an_uncommitted_certificate_is_not_known(store: Store) {
    let reservation = fresh(&store, &request("t", 1, 1), at(0)).await;
    store.release(reservation, at(0)).await.unwrap();
    assert_eq!(store.certificate_by_serial(&certificate_id(7)).await, Ok(None));
}

pub async fn a_serial_number_is_issued_once(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    let second = request("u", 2, 2).with_challenge(challenge(1));
    let reservation = fresh(&store, &second, at(1)).await;
    let refused = store.commit(reservation, certificate(7), None, at(1)).await;
    assert_eq!(refused, Err(StoreError::DuplicateSerial(certificate_id(7))));
    issue(&store, &second, 8, at(1)).await;

    let mut elsewhere = certificate(7);
    elsewhere.id.issuer = issuer(2);
    let reservation = fresh(&store, &request("v", 3, 3), at(1)).await;
    store.commit(reservation, elsewhere, None, at(1)).await.unwrap();
}

pub async fn the_first_revocation_stands(store: Store) {
    issue(&store, &request("t", 1, 1), 7, at(0)).await;
    assert_eq!(store.revoke(&certificate_id(7), revocation(5, 1)).await, Ok(Revoked::Now));
    let again = store.revoke(&certificate_id(7), revocation(9, 4)).await;
    assert_eq!(again, Ok(Revoked::Already(revocation(5, 1))));
    let found = store.certificate_by_serial(&certificate_id(7)).await.unwrap().unwrap();
    assert_eq!(found.revocation, Some(revocation(5, 1)));
    let same = store.begin(&request("t", 1, 1), at(10)).await.unwrap();
    let same = same_certificate(&same).unwrap();
    assert_eq!(same.revocation, Some(revocation(5, 1)));
}

pub async fn each_issuer_has_its_revoked_certificates_in_order(store: Store) {
    for serial in [9, 3, 5] {
        issue(&store, &request(&format!("t{serial}"), 1, serial), serial, at(0)).await;
        store.revoke(&certificate_id(serial), revocation(i64::from(serial), 4)).await.unwrap();
    }
    let line = |serial: u32| RevokedCertificate {
        serial: certificate_id(serial).serial,
        revocation: revocation(serial.into(), 4),
    };
    assert_eq!(store.revoked(&issuer(1)).await, Ok(vec![line(3), line(5), line(9)]));
    assert_eq!(store.revoked(&issuer(2)).await, Ok(vec![]));
    assert_eq!(store.revoked(&issuer(0)).await, Ok(vec![]));
}

pub async fn crl_numbers_rise_for_each_issuer(store: Store) {
    let mut last = 0;
    for _ in 0..5 {
        let number = store.next_crl_number(&issuer(1)).await.unwrap();
        assert!(number > last);
        last = number;
    }
    assert!(store.next_crl_number(&issuer(2)).await.unwrap() <= last);
}

pub async fn a_request_for_an_expired_certificate_is_new_but_its_challenge_stays_used(
    store: Store,
) {
    let short = certificate_until(7, at(10));
    let long_lived =
        scep_store::ChallengeUse { key: challenge(1).key, remember_until: at(100 * 86_400) };
    let first = request("t", 1, 1).with_challenge(long_lived);
    let reservation = fresh(&store, &first, at(0)).await;
    store.commit(reservation, short, None, at(0)).await.unwrap();
    // Long after any retention: the certificate is forgotten, the challenge is not.
    let begun = store.begin(&first, at(50 * 86_400)).await;
    assert_eq!(begun, Ok(scep_store::Begun::Replayed));
    assert!(is_fresh(&store, &request("t", 1, 1), at(50 * 86_400)).await);
}
