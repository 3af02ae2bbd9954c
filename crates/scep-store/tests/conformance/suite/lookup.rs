//! Certificates are found by key and by device, newest first, a page at a time.

use scep_store::{
    CertificatePage, CertificatePlace, CertificatesOf, DeviceName, IssuedCertificate,
    NewCertificate, Revocation, StoreError,
};

use super::fixtures::*;

fn of_key(number: u32) -> CertificatesOf {
    CertificatesOf::Key(digest(b'p', number))
}

fn of_device(name: &str) -> CertificatesOf {
    CertificatesOf::Device(DeviceName::of(name).unwrap())
}

fn newest(most: usize) -> CertificatePage {
    CertificatePage::newest(most).unwrap()
}

/// A certificate of this key, for this device.
fn made(serial: u32, key: u32, device: &str) -> NewCertificate {
    let mut certificate = certificate(serial).with_device(DeviceName::of(device));
    certificate.subject_key = digest(b'p', key);
    certificate
}

/// Issues a certificate at an endpoint, in a transaction of its own.
async fn issued(store: &Store, endpoint: &str, certificate: NewCertificate, second: i64) {
    let id = format!("{:?}", certificate.id.serial);
    let begin = request_on(endpoint, &id, 1, 1);
    let reservation = fresh(store, &begin, at(second)).await;
    store.commit(reservation, certificate, None, at(second)).await.unwrap();
}

async fn found(
    store: &Store,
    of: &CertificatesOf,
    page: &CertificatePage,
    second: i64,
) -> Vec<IssuedCertificate> {
    store.certificates(of, page, at(second)).await.unwrap()
}

/// The serial numbers of the first ten.
async fn serials(store: &Store, of: &CertificatesOf, second: i64) -> Vec<String> {
    let found = found(store, of, &newest(10), second).await;
    found.iter().map(|issued| issued.certificate.id.serial.to_string()).collect()
}

fn expected(serials: impl IntoIterator<Item = u32>) -> Vec<String> {
    serials.into_iter().map(|serial| certificate_id(serial).serial.to_string()).collect()
}

pub async fn certificates_of_a_key_come_newest_first_from_all_endpoints(store: Store) {
    issued(&store, "one", made(1, 7, "ann"), 10).await;
    issued(&store, "two", made(2, 7, "ben"), 30).await;
    issued(&store, "one", made(3, 8, "ann"), 20).await;
    issued(&store, "one", made(4, 7, ""), 20).await;
    assert_eq!(serials(&store, &of_key(7), 40).await, expected([2, 4, 1]));
    assert_eq!(serials(&store, &of_key(8), 40).await, expected([3]));
    assert_eq!(serials(&store, &of_key(9), 40).await, expected([]));
    let first = found(&store, &of_key(7), &newest(1), 40).await;
    let origin = IssuedCertificate::new(made(2, 7, "ben"), first[0].transaction.clone(), at(30));
    assert_eq!(first, [origin]);
    assert_eq!(first[0].transaction.endpoint, endpoint("two"));
}

pub async fn certificates_of_a_device_come_newest_first_whatever_their_keys(store: Store) {
    let long = "x".repeat(1_000);
    for (serial, key, device) in [(1, 7, "ann"), (2, 8, "ann"), (3, 7, "anna"), (4, 7, &long)] {
        issued(&store, "one", made(serial, key, device), i64::from(serial)).await;
    }
    issued(&store, "one", certificate(5), 5).await; // for nobody in particular
    assert_eq!(serials(&store, &of_device("ann"), 9).await, expected([2, 1]));
    assert_eq!(serials(&store, &of_device("anna"), 9).await, expected([3]));
    assert_eq!(serials(&store, &of_device(&long), 9).await, expected([4]));
    assert_eq!(serials(&store, &of_device("an"), 9).await, expected([]));
}

pub async fn pages_show_each_of_many_certificates_once(store: Store) {
    for serial in 0..35 {
        // Some at one moment.
        issued(&store, "one", made(serial, 7, "ann"), i64::from(serial / 4)).await;
        issued(&store, "two", made(100 + serial, 8, "ben"), i64::from(serial / 4)).await;
    }
    for of in [of_key(7), of_device("ann")] {
        let mut page = newest(10);
        let (mut shown, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let found = found(&store, &of, &page, 100).await;
            sizes.push(found.len());
            let Some(last) = found.last() else { break };
            page = page.before(CertificatePlace::of(last));
            shown.extend(found.iter().map(|issued| issued.certificate.id.serial.to_string()));
        }
        assert_eq!(sizes, [10, 10, 10, 5, 0]);
        assert_eq!(shown, expected((0..35).rev()));
    }
    assert!(matches!(CertificatePage::newest(0), Err(StoreError::OutOfRange { .. })));
    assert!(matches!(CertificatePage::newest(101), Err(StoreError::OutOfRange { .. })));
}

pub async fn an_ended_certificate_is_not_found_and_leaves_its_page_to_others(store: Store) {
    for serial in 1..=6 {
        let mut certificate = made(serial, 7, "ann");
        if serial > 2 {
            certificate.not_after = at(10);
        }
        issued(&store, "one", certificate, i64::from(serial)).await;
    }
    let later = 50 * 86_400; // after any retention, and long before the end of the others
    for of in [of_key(7), of_device("ann")] {
        assert_eq!(serials(&store, &of, 9).await, expected([6, 5, 4, 3, 2, 1]));
        assert_eq!(serials(&store, &of, later).await, expected([2, 1]));
        let found = found(&store, &of, &newest(1), later).await;
        assert_eq!(found[0].certificate.id, certificate_id(2));
    }
    // Once its place is swept, too.
    for number in 0..200 {
        assert!(is_fresh(&store, &request(&format!("{number}"), 2, 2), at(later)).await);
    }
    assert_eq!(serials(&store, &of_key(7), later).await, expected([2, 1]));
    issued(&store, "one", made(7, 7, "ann"), later).await;
    assert_eq!(serials(&store, &of_device("ann"), later).await, expected([7, 2, 1]));
}

pub async fn a_found_certificate_says_whether_it_is_revoked(store: Store) {
    issued(&store, "one", made(1, 7, "ann"), 1).await;
    let revocation = Revocation { at: at(5), reason: 1 };
    store.revoke(&certificate_id(1), revocation).await.unwrap();
    for of in [of_key(7), of_device("ann")] {
        let found = found(&store, &of, &newest(10), 9).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].revocation, Some(revocation));
    }
}
