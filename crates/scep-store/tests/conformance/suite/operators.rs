//! An operator decides what was seen, and exactly one asker issues what was approved.

use scep_store::{Begun, Outcome, Polled, StoreError};

use super::fixtures::*;

pub async fn the_queue_shows_what_waits(store: Store) {
    let first = request_on("one", "t", 1, 1);
    queue(&store, &first, at(5)).await;
    queue(&store, &request_on("two", "t", 1, 2), at(6)).await;
    let shown = store.list_pending(&endpoint("one"), at(7)).await.unwrap();
    let [only] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!(only.request, first.request);
    assert_eq!(&only.csr[..], b"a CSR");
    assert_eq!((only.since, only.expires), (at(5), at(86_400)));
    assert_eq!(only.approved_by, None);
    assert!(!format!("{only:?}").contains("a CSR"));

    store.approve(&first.request, &operator("ann"), at(8)).await.unwrap();
    let shown = store.list_pending(&endpoint("one"), at(9)).await.unwrap();
    assert_eq!(shown[0].approved_by, Some(operator("ann")));
}

pub async fn an_approved_request_is_issued_by_the_first_poll(store: Store) {
    let first = request("t", 1, 1);
    queue(&store, &first, at(0)).await;
    let poll = async || store.poll(&transaction("t"), &signer(1), terms(), at(2)).await.unwrap();
    assert_eq!(poll().await, Polled::Pending);
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    let Polled::Approved { reservation, csr, operator: by } = poll().await else {
        panic!("not approved")
    };
    assert_eq!((&csr[..], by), (&b"a CSR"[..], operator("ann")));
    assert_eq!(poll().await, Polled::Pending);
    assert_eq!(store.begin(&first, at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    store.commit(reservation, certificate(7), None, at(3)).await.unwrap();
    assert!(matches!(poll().await, Polled::Issued(issued) if issued.certificate == certificate(7)));
    assert!(store.list_pending(&endpoint("devices"), at(3)).await.unwrap().is_empty());
}

pub async fn an_approved_request_is_issued_by_the_first_retry(store: Store) {
    let first = request("t", 1, 1);
    queue(&store, &first, at(0)).await;
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    let recalled = store.recall(&first.request, terms(), at(2)).await.unwrap();
    let Some(Begun::Approved { reservation, operator: by }) = recalled else {
        panic!("not approved")
    };
    assert_eq!(by, operator("ann"));
    assert_eq!(store.begin(&first, at(2)).await, Ok(Begun::Same(Outcome::Pending)));
    assert_eq!(
        store.poll(&transaction("t"), &signer(1), terms(), at(2)).await,
        Ok(Polled::Pending)
    );
    store.commit(reservation, certificate(7), None, at(3)).await.unwrap();
    assert!(is_same_certificate(&store.begin(&first, at(4)).await.unwrap(), 7));
}

pub async fn an_approval_covers_only_the_csr_that_was_seen(store: Store) {
    let (seen, later) = (request("t", 1, 1), request("t", 1, 2));
    queue(&store, &seen, at(0)).await;
    store.approve(&seen.request, &operator("ann"), at(1)).await.unwrap();
    queue(&store, &later, at(2)).await;
    assert_eq!(store.begin(&later, at(3)).await, Ok(Begun::Same(Outcome::Pending)));
    let poll = store.poll(&transaction("t"), &signer(1), terms(), at(3)).await;
    assert_eq!(poll, Ok(Polled::Pending));
    let again = store.approve(&seen.request, &operator("ann"), at(3)).await;
    assert_eq!(again, Err(StoreError::NotPending));
}

pub async fn the_first_operator_counts(store: Store) {
    let first = request("t", 1, 1);
    queue(&store, &first, at(0)).await;
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    store.approve(&first.request, &operator("bob"), at(1)).await.unwrap();
    assert!(matches!(
        store.begin(&first, at(2)).await,
        Ok(Begun::Approved { operator: by, .. }) if by == operator("ann")
    ));
}

pub async fn an_approval_can_be_withdrawn_until_it_is_used(store: Store) {
    let first = request("t", 1, 1);
    queue(&store, &first, at(0)).await;
    store.approve(&first.request, &operator("ann"), at(1)).await.unwrap();
    store.deny(&first.request, BAD_REQUEST, terms(), at(2)).await.unwrap();
    let polled = store.poll(&transaction("t"), &signer(1), terms(), at(3)).await;
    assert_eq!(polled, Ok(Polled::Rejected(BAD_REQUEST)));

    let second = request("u", 1, 2);
    queue(&store, &second, at(0)).await;
    store.approve(&second.request, &operator("ann"), at(1)).await.unwrap();
    let Ok(Begun::Approved { reservation, .. }) = store.begin(&second, at(2)).await else {
        panic!("not approved")
    };
    let late = store.deny(&second.request, BAD_REQUEST, terms(), at(3)).await;
    assert_eq!(late, Err(StoreError::NotPending));
    store.commit(reservation, certificate(7), None, at(3)).await.unwrap();
    let late = store.deny(&second.request, BAD_REQUEST, terms(), at(4)).await;
    assert_eq!(late, Err(StoreError::NotPending));
}

pub async fn what_does_not_wait_cannot_be_decided(store: Store) {
    issue(&store, &request("issued", 1, 1), 7, at(0)).await;
    let _held = fresh(&store, &request("held", 1, 2), at(0)).await;
    queue(&store, &request("pending", 1, 3), at(0)).await;
    let not_pending = Err(StoreError::NotPending);
    for (id, key, csr) in
        [("issued", 1, 1), ("held", 1, 2), ("pending", 2, 3), ("pending", 1, 4), ("unknown", 1, 1)]
    {
        let request = request(id, key, csr).request;
        let approved = store.approve(&request, &operator("ann"), at(1)).await;
        assert_eq!(approved, not_pending, "{id}");
        let denied = store.deny(&request, BAD_REQUEST, terms(), at(1)).await;
        assert_eq!(denied, not_pending, "{id}");
    }
}
