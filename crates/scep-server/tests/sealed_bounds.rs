//! What a stranger can make a server do that opens requests by one-time passwords.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use scep_server::{Error, Execution, MAX_SEALED_PASSWORDS, Misconfigured, WorkerPool};
use scep_store::{Capacity, MemoryStore, StoreError, StoreLimits};
use scep_test::counting::Counting;
use scep_test::craft::{Derivation, Envelope, PasswordRecipient, content_key};
use scep_types::{ContentCipher, CryptoProvider, DigestAlgorithm};

use crate::config::defect;
use crate::one_time::{mint, order};
use crate::passwords::{Watched, elliptic_ca};
use crate::sealed_passwords::{device, elliptic, elliptic_with, sealed, sealed_by};
use crate::support::device::{Device, granted};
use crate::support::faults::{FailingStore, Verb};
use crate::support::forge::{Forged, envelope_of};
use crate::support::server::Server;
use crate::support::{NOW, provider};

/// A PKCSReq of a device with an RSA key by this password, of so many iterations.
fn asking_for(iterations: u32, password: &str) -> bytes::Bytes {
    let cipher = ContentCipher::Aes128Cbc;
    let derivation =
        Derivation { iterations: 1, ..Derivation::new(DigestAlgorithm::Sha256, cipher) };
    let honest = PasswordRecipient::new(&derivation, password, &content_key(cipher));
    let derivation = Derivation { iterations, ..derivation };
    let recipient = PasswordRecipient { derivation: Some(derivation.pbkdf2()), ..honest };
    let phone = Device::new("phone").challenge(password);
    let envelope = Envelope::around(phone.csr().der(), recipient.build(), cipher);
    Forged::new(&phone, 19, &envelope.build()).build()
}

// R-3211-05, R-3211-07
#[tokio::test]
async fn each_live_password_is_tried_once_and_what_would_cost_too_much_not_at_all() {
    let counting = Counting::new(provider());
    let server = elliptic_with(sealed(), |config| config.host.provider = counting.provider());
    let derivations = async |message| {
        counting.take();
        server.post(message).await;
        (counting.take().derivations, server.last().reason)
    };
    let message = |password: &str| Device::new("phone").challenge(password).ask(&server).message;
    assert_eq!(derivations(message("wrong")).await, (1, Some("undecipherable")));
    let minted = mint(&server).await;
    assert_eq!(derivations(message("wrong")).await, (1, Some("undecipherable")));
    mint(&server).await;
    mint(&server).await;
    assert_eq!(derivations(message("wrong")).await, (3, Some("undecipherable")));
    // Two million iterations over the 17 that may come to be tried.
    let limit = 2_000_000 / 17;
    for (iterations, expected) in [(limit, 3), (limit + 1, 0), (1_000_000, 0)] {
        let (derived, reason) = derivations(asking_for(iterations, "wrong")).await;
        assert_eq!(derived, expected, "{iterations}");
        assert_eq!(reason, Some(if expected == 0 { "algorithm" } else { "undecipherable" }));
    }
    let (derived, reason) = derivations(asking_for(1, minted.password.expose())).await;
    assert_eq!((derived, reason), (3, None), "what fits hides nothing");
    assert_eq!(server.certificates(), 1);
}

/// A derivation begins and waits here until it is let go.
static GATE: (Mutex<Gate>, Condvar) =
    (Mutex::new(Gate { at_work: 0, open: false }), Condvar::new());

struct Gate {
    at_work: usize,
    open: bool,
}

fn waiting_at_the_gate() -> CryptoProvider {
    fn wait(iterations: NonZeroU32) {
        if iterations == NonZeroU32::MIN {
            return; // whether it can be done at all is tried out
        }
        let mut gate = GATE.0.lock().unwrap();
        gate.at_work += 1;
        assert_eq!(gate.at_work, 1, "one worker derives keys");
        while !gate.open {
            gate = GATE.1.wait(gate).unwrap();
        }
        gate.at_work -= 1;
    }
    CryptoProvider { envelope: &Watched(wait), ..provider() }
}

// R-3211-05
#[tokio::test]
async fn who_finds_no_place_to_derive_is_told_to_come_again_before_anything_is_looked_up() {
    const FLOOD: usize = 20; // of which one is at work, 16 wait, and the others find no place
    let asked = elliptic();
    let memory = Arc::new(MemoryStore::new(StoreLimits::in_memory()));
    let store = FailingStore::new(memory.clone(), Verb::ListPasswords);
    store.recover();
    let server = Arc::new(Server::on_store(memory, sealed(), |config| {
        config.authority = elliptic_ca();
        config.host.provider = waiting_at_the_gate();
        config.host.store = store.clone();
        let pool = WorkerPool::new(NonZeroUsize::new(4).unwrap(), 64);
        config.host.execution = Execution::Pool(pool.with_password_workers(NonZeroUsize::MIN));
    }));
    let message = |number: usize| {
        let device = Device::new("phone").challenge("wrong").transaction(&number.to_string());
        Forged::new(&device, 19, &envelope_of(&device.ask(&asked).message)).build()
    };
    let send = |message| {
        let server = server.clone();
        tokio::spawn(async move { server.post(message).await.status.as_u16() })
    };
    let flood: Vec<_> = (0..FLOOD).map(|number| send(message(number))).collect();
    while flood.iter().filter(|request| request.is_finished()).count() < FLOOD - 17 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    store.fail(Verb::ListPasswords);
    assert_eq!(send(message(99)).await.unwrap(), 503);
    assert_eq!(server.last().reason, Some("overloaded"), "the store was not asked");
    store.recover();
    GATE.0.lock().unwrap().open = true;
    GATE.1.notify_all();
    let mut statuses = Vec::new();
    for request in flood {
        statuses.push(request.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 17], vec![503; FLOOD - 17]].concat());
    assert_eq!(server.certificates(), 0);
}

#[tokio::test]
async fn no_more_are_made_than_may_be_tried() {
    let server = elliptic_with(sealed_by([7; 32], 2), |_| ());
    let first = mint(&server).await;
    mint(&server).await;
    let full = StoreError::Full { what: Capacity::LivePasswords, limit: 2 };
    let refused = server.endpoint.mint_password(order(), NOW).await.err();
    assert_eq!(refused, Some(Error::Store(full)));
    granted(device("phone", &first).enrol(&server).await);
    mint(&server).await;
    for most in [0, MAX_SEALED_PASSWORDS + 1] {
        let refused = defect(|config| {
            config.mode = sealed_by([7; 32], most);
            config.authority = elliptic_ca();
        });
        assert_eq!(refused, Misconfigured::SealedPasswordCount { most });
        assert!(refused.to_string().contains("not 1 to 32"), "{refused}");
    }
}
