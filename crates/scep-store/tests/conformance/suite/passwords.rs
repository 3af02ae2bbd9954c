//! One-time passwords: as many as an endpoint may have, each one used through the ledger of challenges.

use std::sync::Arc;

use scep_store::{
    Begun, BoundName, Capacity, ChallengeUse, OneTimePassword, PasswordBinding, PasswordFacts,
    PasswordId, PasswordVerifier, SealedPassword, StoreError, Withdrawn,
};

use super::fixtures::*;

/// A password of this endpoint with this number, made at the beginning of the test.
pub fn password_on(name: &str, number: u32, expires: i64) -> OneTimePassword {
    OneTimePassword {
        key: digest(b'w', number),
        facts: PasswordFacts {
            id: PasswordId::new(&format!("id{number}")).unwrap(),
            endpoint: endpoint(name),
            minted_at: at(0),
            expires: at(expires),
            minted_by: operator("ann"),
            binding: PasswordBinding::default(),
        },
        verifier: PasswordVerifier { salt: [7; 16], hash: digest(b'h', number) },
        sealed: None,
        withdrawn: None,
    }
}

pub fn password(number: u32) -> OneTimePassword {
    password_on("devices", number, 600)
}

/// The use of such a password.
fn used(password: &OneTimePassword) -> ChallengeUse {
    ChallengeUse { key: password.key, remember_until: password.facts.expires }
}

fn too_many(limit: usize) -> Result<(), StoreError> {
    Err(StoreError::Full { what: Capacity::LivePasswords, limit })
}

async fn ids(store: &Store, name: &str, now: i64) -> Vec<String> {
    let listed = store.list_passwords(&endpoint(name), at(now)).await.unwrap();
    listed.iter().map(|listed| listed.facts.id.to_string()).collect()
}

pub async fn a_password_is_found_as_it_was_kept_and_shows_no_secret(store: Store) {
    let mut kept = password(1);
    kept.facts.binding = PasswordBinding::new(vec![
        BoundName::CommonName("Gerät 7".into()),
        BoundName::Dns("a.example".into()),
        BoundName::Rfc822("a@b.example".into()),
        BoundName::Upn("u@b.example".into()),
        BoundName::Uri("urn:x".into()),
        BoundName::Ip("2001:db8::1".parse().unwrap()),
        BoundName::Ip("192.0.2.1".parse().unwrap()),
    ])
    .unwrap();
    store.add_password(&kept, 1, at(0)).await.unwrap();
    let found = store.password(&kept.key).await.unwrap();
    assert_eq!(found.as_ref(), Some(&kept));
    assert_eq!(store.password(&digest(b'w', 2)).await, Ok(None));
    assert_eq!(store.list_passwords(&endpoint("devices"), at(1)).await, Ok(vec![kept]));
    let shown = format!("{found:?}");
    assert!(shown.contains("PasswordVerifier(..)") && !shown.contains("7, 7"), "{shown}");
    assert!(!shown.contains(&digest(b'h', 1).to_string()), "{shown}");
}

pub async fn a_sealed_password_comes_back_octet_for_octet_and_stays_when_it_is_withdrawn(
    store: Store,
) {
    let longest: Vec<u8> = (0..SealedPassword::MAX_OCTETS).map(|at| at as u8).collect();
    let mut kept = password(1);
    kept.sealed = Some(SealedPassword::new(&longest).unwrap());
    let hashed = password(2);
    store.add_password(&kept, 2, at(0)).await.unwrap();
    store.add_password(&hashed, 2, at(0)).await.unwrap();
    assert_eq!(store.password(&kept.key).await, Ok(Some(kept.clone())));
    let listed = store.list_passwords(&endpoint("devices"), at(1)).await;
    assert_eq!(listed, Ok(vec![kept.clone(), hashed]));
    let shown = format!("{listed:?}");
    assert!(shown.contains("SealedPassword(..)") && !shown.contains("254, 255"), "{shown}");
    let withdrawn = store.withdraw_password(&endpoint("devices"), &kept.key, at(1)).await;
    assert_eq!(withdrawn, Ok(Withdrawn::Now));
    kept.withdrawn = Some(at(1));
    assert_eq!(store.password(&kept.key).await, Ok(Some(kept)));
    for refused in [&[][..], &[0; SealedPassword::MAX_OCTETS + 1]] {
        let refused = SealedPassword::new(refused);
        assert!(matches!(refused, Err(StoreError::OutOfRange { .. })), "{refused:?}");
    }
}

pub async fn an_endpoint_has_no_more_live_passwords_than_it_may(store: Store) {
    store.add_password(&password_on("devices", 1, 100), 2, at(0)).await.unwrap();
    store.add_password(&password(2), 2, at(0)).await.unwrap();
    assert_eq!(store.add_password(&password(3), 2, at(99)).await, too_many(2));
    assert_eq!(store.password(&password(3).key).await, Ok(None));
    store.add_password(&password_on("others", 4, 600), 1, at(99)).await.unwrap();
    // The first one is over now.
    store.add_password(&password(3), 2, at(100)).await.unwrap();
    assert_eq!(store.add_password(&password(5), 2, at(100)).await, too_many(2));
    store.add_password(&password(5), 3, at(100)).await.unwrap();
    assert_eq!(ids(&store, "devices", 101).await, ["id2", "id3", "id5"]);
    assert_eq!(ids(&store, "others", 101).await, ["id4"]);
    assert_eq!(ids(&store, "others", 600).await, [""; 0]);
    assert_eq!(ids(&store, "nobody", 0).await, [""; 0]);
}

pub async fn a_used_password_does_not_count_and_serves_its_csr_alone(store: Store) {
    store.add_password(&password(1), 2, at(0)).await.unwrap();
    store.add_password(&password(2), 2, at(0)).await.unwrap();
    let first = request("t", 1, 1).with_challenge(used(&password(1)));
    let reservation = fresh(&store, &first, at(1)).await;
    // What is only reserved may be given back, so it counts.
    assert_eq!(store.add_password(&password(3), 2, at(1)).await, too_many(2));
    assert_eq!(ids(&store, "devices", 1).await, ["id1", "id2"]);
    store.commit(reservation, certificate(7), None, at(1)).await.unwrap();
    assert_eq!(ids(&store, "devices", 1).await, ["id2"]);
    assert_eq!(store.password(&password(1).key).await, Ok(Some(password(1))));
    store.add_password(&password(3), 2, at(1)).await.unwrap();
    assert_eq!(ids(&store, "devices", 1).await, ["id2", "id3"]);
    assert_eq!(store.add_password(&password(4), 2, at(1)).await, too_many(2));

    assert!(is_same_certificate(&store.begin(&first, at(2)).await.unwrap(), 7));
    let copy = request("copy", 2, 1).with_challenge(used(&password(1)));
    assert!(is_same_certificate(&store.begin(&copy, at(2)).await.unwrap(), 7));
    let other = request("u", 2, 2).with_challenge(used(&password(1)));
    assert_eq!(store.begin(&other, at(2)).await, Ok(Begun::Replayed));
}

pub async fn a_withdrawn_password_is_known_as_such_and_does_not_count(store: Store) {
    let devices = endpoint("devices");
    let withdraw =
        async |number, now| store.withdraw_password(&devices, &password(number).key, at(now)).await;
    store.add_password(&password(1), 1, at(0)).await.unwrap();
    let elsewhere = store.withdraw_password(&endpoint("others"), &password(1).key, at(1)).await;
    assert_eq!(elsewhere, Ok(Withdrawn::Unknown));
    assert_eq!(withdraw(2, 1).await, Ok(Withdrawn::Unknown));
    assert_eq!(withdraw(1, 1).await, Ok(Withdrawn::Now));
    assert_eq!(withdraw(1, 2).await, Ok(Withdrawn::Unknown));
    let found = store.password(&password(1).key).await.unwrap();
    assert_eq!(found, Some(OneTimePassword { withdrawn: Some(at(1)), ..password(1) }));
    assert_eq!(ids(&store, "devices", 1).await, [""; 0]);

    store.add_password(&password(2), 1, at(2)).await.unwrap();
    issue(&store, &request("t", 1, 1).with_challenge(used(&password(2))), 7, at(2)).await;
    assert_eq!(withdraw(2, 3).await, Ok(Withdrawn::Used));
    store.add_password(&password(3), 1, at(3)).await.unwrap();
    assert_eq!(withdraw(3, 600).await, Ok(Withdrawn::Unknown), "it has expired");
}

pub async fn an_id_is_given_once_and_again_when_its_use_is_forgotten(store: Store) {
    store.add_password(&password(1), 5, at(0)).await.unwrap();
    let again = async |now| store.add_password(&password_on("others", 1, 90_000), 5, at(now)).await;
    assert_eq!(again(1).await, Err(StoreError::DuplicatePassword));
    assert_eq!(again(600 + 300).await, Err(StoreError::DuplicatePassword));
    assert_eq!(again(600 + 301).await, Ok(()));
    assert_eq!(ids(&store, "others", 902).await, ["id1"]);
}

pub async fn the_most_has_bounds(store: Store) {
    for most in [0, scep_store::MAX_LIVE_PASSWORDS + 1] {
        let refused = store.add_password(&password(1), most, at(0)).await;
        assert!(matches!(refused, Err(StoreError::OutOfRange { .. })), "{refused:?}");
    }
    store.add_password(&password(1), scep_store::MAX_LIVE_PASSWORDS, at(0)).await.unwrap();
}

pub async fn racing_minters_never_exceed_the_most(store: Store) {
    const MOST: usize = 5;
    let mint = |number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add_password(&password(number), MOST, at(0)).await })
    };
    let minting: Vec<_> = (0..24).map(mint).collect();
    let mut added = 0;
    for minted in minting {
        match minted.await.unwrap() {
            Ok(()) => added += 1,
            other => assert_eq!(other, too_many(MOST)),
        }
    }
    assert_eq!((added, ids(&store, "devices", 1).await.len()), (MOST, MOST));
}
