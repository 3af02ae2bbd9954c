//! What entries cost, counted by an allocator.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]
#![expect(unsafe_code, reason = "a global allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use scep_store::{
    Begin, Begun, CertificateId, ChallengeUse, DeviceLimit, EndpointId, EnrolmentStore,
    MemoryStore, NewCertificate, Rejection, RequestId, SerialNumber, Sha256, StoreLimits,
    Submission, Terms, TransactionId, TransactionKey,
};
use scep_types::{Basis, UnixTime};

/// Just above a power of two times the index's load factor, where it has just grown.
const ENTRIES: u64 = 120_000;
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

#[test]
fn a_used_challenge_costs_at_most_150_octets() {
    let without = octets_of(|begin, _| begin);
    let with = octets_of(|begin, number| {
        // Ends in no particular order.
        let seconds = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50;
        let remember_until = NOW.plus(Duration::from_secs(seconds));
        begin.with_challenge(ChallengeUse { key: digest(b'k', number), remember_until })
    });
    let each = with.saturating_sub(without) / ENTRIES as usize;
    println!("{each} octets for each of {ENTRIES} used challenges");
    assert!((56..=150).contains(&each), "{each} octets");
}

#[test]
fn a_device_keeps_no_more_slots_than_its_window_has() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = MemoryStore::default();
    let endpoint = EndpointId::new("devices").unwrap();
    let window = Duration::from_secs(100);
    let limit = DeviceLimit::new(digest(b'd', 1), 3, window).unwrap();
    let mut octets = Vec::with_capacity(2_000);
    runtime.block_on(async {
        for round in 0..2_000 {
            let now = NOW.plus(Duration::from_secs(round * 50));
            let begin = begin(&endpoint, 1).with_device_limit(limit);
            let Begun::Fresh(reservation) = store.begin(&begin, now).await.unwrap() else {
                panic!("not fresh")
            };
            store.reject(reservation, Rejection { fail_info: 2 }, now).await.unwrap();
            octets.push(IN_USE.get());
        }
    });
    assert_eq!(octets[10], octets[1_999]);
}

/// What a store holds after that many enrolments.
fn octets_of(request: impl Fn(Begin, u64) -> Begin) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let before = IN_USE.get();
    let mut limits = StoreLimits::in_memory();
    limits.transactions = usize::MAX;
    limits.certificates = usize::MAX;
    let store = MemoryStore::new(limits);
    let endpoint = EndpointId::new("devices").unwrap();
    runtime.block_on(async {
        for number in 0..ENTRIES {
            let begin = request(begin(&endpoint, number), number);
            let Begun::Fresh(reservation) = store.begin(&begin, NOW).await.unwrap() else {
                panic!("not fresh")
            };
            store.commit(reservation, certificate(number), None, NOW).await.unwrap();
        }
    });
    let octets = IN_USE.get().saturating_sub(before);
    assert_eq!(store.usage().unwrap().certificates, ENTRIES as usize);
    octets
}

fn begin(endpoint: &EndpointId, number: u64) -> Begin {
    let transaction_id = TransactionId::new(format!("{number:032x}").as_bytes()).unwrap();
    let submission =
        Submission { signer_key: digest(b's', number), csr_info: digest(b'c', number) };
    let transaction = TransactionKey { endpoint: endpoint.clone(), transaction_id };
    let terms = Terms::new(Duration::from_secs(30), Duration::from_secs(3_600)).unwrap();
    Begin::new(RequestId { transaction, submission }, terms)
}

fn certificate(number: u64) -> NewCertificate {
    let serial = SerialNumber::new(&[&[1], &number.to_be_bytes()[..]].concat()).unwrap();
    let id = CertificateId { issuer: digest(b'i', 0), serial };
    let not_after = NOW.plus(Duration::from_secs(86_400));
    NewCertificate::new(id, b"DER", digest(b'p', number), not_after, Basis::IntuneService).unwrap()
}

fn digest(kind: u8, number: u64) -> Sha256 {
    let mut octets = [kind; 32];
    octets[..8].copy_from_slice(&number.to_be_bytes());
    Sha256::new(octets)
}

thread_local! {
    /// What this thread has allocated and not given back: the harness reports other tests from threads of its own.
    static IN_USE: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

// SAFETY: each call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.set(IN_USE.get().wrapping_add(layout.size()));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get().wrapping_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
