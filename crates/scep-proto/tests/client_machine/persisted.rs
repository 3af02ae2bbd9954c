//! A pending enrolment that outlives its process.

use std::time::Duration;

use proptest::prelude::*;
use scep_crypto::aws_lc_rs::provider;
use scep_proto::client::{
    CaTrust, Enrolment, EnrolmentSettings, MethodChoice, PollBy, Purpose, RenewalMessage, Step,
    TransactionIdSource, Waiting,
};
use scep_proto::http::Method;
use scep_proto::{ApiMisuse, Error, MessageType, Unfinished, Unsupported};
use scep_test::keys;
use scep_test::pki::Pki;
use scep_test::requests::{CHALLENGE, Device};
use scep_types::{AlgorithmPolicy, ContentCipher, DigestAlgorithm};

use crate::server::{Act, Server};
use crate::support::{Host, device, device_with_certificate, fingerprint, pki, settings, start};

/// Drives a machine until it has been told to wait so often.
fn wait(host: &mut Host, device: &Device, settings: EnrolmentSettings, times: u32) -> Waiting {
    let mut server = Server::new(pki(), (0..times).map(|_| Act::Pend));
    let mut step = start(device, settings);
    let mut waits = 0;
    loop {
        step = match step {
            Step::Wait(waiting) if waits + 1 == times => return waiting,
            other => {
                waits += u32::from(matches!(other, Step::Wait(_)));
                host.take(other, device, &mut server).unwrap()
            }
        };
    }
}

fn restore(state: &[u8], settings: EnrolmentSettings) -> Waiting {
    match Enrolment::restore(state, settings, provider()).unwrap() {
        Step::Wait(waiting) => waiting,
        other => panic!("it waits: {other:?}"),
    }
}

// R-5.2-02, R-2.3-15, R-4.4-01
#[test]
fn a_restored_enrolment_polls_under_its_old_id_with_a_fresh_nonce_and_ends_well() {
    let (pki, device, mut host) = (pki(), device(), Host::new());
    let mut before = Server::new(pki, [Act::Pend]);
    let mut step = start(&device, settings(pki));
    let state = loop {
        step = match step {
            Step::Wait(waiting) => break waiting.persist().unwrap(),
            other => host.take(other, &device, &mut before).unwrap(),
        };
    };
    let restored = restore(&state, settings(pki));
    assert_eq!(restored.pending_polls(), Some(0));
    let mut after = Server::new(pki, [Act::Pend, Act::Succeed]).having_seen(&device.csr);
    let mut step = Step::Wait(restored);
    let issued = loop {
        step = match step {
            Step::Done(issued) => break issued,
            other => host.take(other, &device, &mut after).unwrap(),
        };
    };
    assert_eq!(issued.certificate.spki(), device.csr.spki().as_ref());
    let (sent, polls) = (&before.seen[0], &after.seen);
    assert!(polls.iter().all(|poll| poll.message_type == MessageType::CERT_POLL));
    assert!(polls.iter().all(|poll| poll.transaction_id == sent.transaction_id));
    assert!(polls[0].nonce != sent.nonce && polls[0].nonce != polls[1].nonce);
}

// R-2.5.1-03
#[test]
fn polls_and_time_are_counted_on() {
    let (device, mut host) = (device(), Host::new());
    let mut settings = settings(pki());
    settings.polling.max_polls = 3;
    settings.polling.interval = Duration::from_secs(100);
    let waiting = wait(&mut host, &device, settings.clone(), 3);
    let restored = restore(&waiting.persist().unwrap(), settings);
    assert_eq!(restored.until(), waiting.until());
    assert_eq!(restored.pending_polls(), Some(2));
    let mut server = Server::new(pki(), [Act::Pend]);
    let mut step = Step::Wait(restored);
    let ended = loop {
        step = match host.take(step, &device, &mut server) {
            Ok(step) => step,
            Err(ended) => break ended,
        };
    };
    assert_eq!(ended, Error::Unfinished(Unfinished::PollLimit { polls: 3 }));
}

#[test]
fn only_what_waits_for_approval_is_worth_keeping() {
    let (device, mut host) = (device(), Host::new());
    let mut server = Server::new(pki(), [Act::Silence]);
    let mut step = start(&device, settings(pki()));
    let waiting = loop {
        step = match step {
            Step::Wait(waiting) => break waiting,
            other => host.take(other, &device, &mut server).unwrap(),
        };
    };
    assert_eq!(waiting.persist(), None);
}

// R-2.3-15
#[test]
fn no_key_is_in_the_state_and_the_challenge_is_not_printed() {
    let (device, mut host) = (device(), Host::new());
    let waiting = wait(&mut host, &device, settings(pki()), 1);
    let state = waiting.persist().unwrap();
    let pkcs8 = keys::software("rsa2048-device").to_pkcs8_pem().unwrap();
    let base64: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    let key = scep_proto::http::decode_message(&base64).unwrap();
    // The primes stand in the second half; the modulus is public.
    assert!(
        key.windows(24).skip(key.len() / 2).all(|window| !state.windows(24).any(|s| s == window))
    );
    assert!(!format!("{waiting:?}").contains(CHALLENGE));
}

#[test]
fn a_policy_that_became_stricter_ends_it() {
    let (device, mut host) = (device(), Host::new());
    let mut settings = settings(pki());
    settings.policy = AlgorithmPolicy::Legacy;
    settings.digest = Some(DigestAlgorithm::Sha1);
    let mut server = Server::new(pki(), []);
    server.policy = AlgorithmPolicy::Legacy;
    server.script.push_back(Act::Pend);
    let mut step = start(&device, settings.clone());
    let state = loop {
        step = match step {
            Step::Wait(waiting) => break waiting.persist().unwrap(),
            other => host.take(other, &device, &mut server).unwrap(),
        };
    };
    assert!(Enrolment::restore(&state, settings.clone(), provider()).is_ok());
    settings.policy = AlgorithmPolicy::Modern;
    let refused = Enrolment::restore(&state, settings, provider()).unwrap_err();
    assert_eq!(refused, Error::Unsupported(Unsupported::Digest(DigestAlgorithm::Sha1)));
}

#[test]
fn other_versions_are_refused() {
    let waiting = wait(&mut Host::new(), &device(), settings(pki()), 1);
    let mut state = waiting.persist().unwrap().to_vec();
    let at = state.windows(3).position(|window| window == [2, 1, 1]).unwrap() + 2;
    for version in [0, 2, 0x7F] {
        state[at] = version;
        let refused = Enrolment::restore(&state, settings(pki()), provider()).unwrap_err();
        assert_eq!(refused, Error::ApiMisuse(ApiMisuse::PersistedState));
    }
    let long = vec![0; 1024 * 1024 + 1];
    assert!(Enrolment::restore(&long, settings(pki()), provider()).is_err());
}

#[test]
fn a_method_that_was_given_up_is_not_tried_again() {
    let (device, mut host) = (device(), Host::new());
    let mut server = Server::new(pki(), [Act::Http(200, ""), Act::Pend]);
    let mut step = start(&device, settings(pki()));
    let state = loop {
        step = match step {
            Step::Wait(waiting) => break waiting.persist().unwrap(),
            other => host.take(other, &device, &mut server).unwrap(),
        };
    };
    let mut server = Server::new(pki(), [Act::Http(405, "no"), Act::Pend]);
    let mut step = Step::Wait(restore(&state, settings(pki())));
    let ended = loop {
        step = match host.take(step, &device, &mut server) {
            Ok(step) => step,
            Err(ended) => break ended,
        };
    };
    assert_eq!(ended, Error::Unfinished(Unfinished::HttpStatus(405)));
    assert_eq!(server.seen.len(), 1);
    assert_eq!(server.seen[0].method, Method::Get);
}

#[test]
fn nothing_is_encrypted_to_a_certificate_that_is_not_of_the_ca() {
    let waiting = wait(&mut Host::new(), &device(), settings(pki()), 1);
    let mut state = waiting.persist().unwrap().to_vec();
    let ra = pki().ra.der();
    let at = state.windows(ra.len()).position(|window| window == ra.as_ref()).unwrap();
    state[at + ra.len() - 1] ^= 1; // the first of two: whose key requests are encrypted to
    let refused = Enrolment::restore(&state, settings(pki()), provider()).unwrap_err();
    assert_eq!(refused, Error::ApiMisuse(ApiMisuse::PersistedState));
}

prop_compose! {
    fn all_settings()(
        method in prop::sample::select(vec![MethodChoice::Auto, MethodChoice::Get, MethodChoice::Post]),
        by in prop::sample::select(vec![
            PollBy::CertPoll, PollBy::CertPollThenResubmission, PollBy::Resubmission,
        ]),
        purpose in prop::sample::select(vec![
            Purpose::Enrol,
            Purpose::Renew(RenewalMessage::Auto),
            Purpose::Renew(RenewalMessage::RenewalReq),
            Purpose::Renew(RenewalMessage::PkcsReq),
        ]),
        source in prop::sample::select(vec![TransactionIdSource::Random, TransactionIdSource::KeyHash]),
        digest in prop::sample::select(vec![DigestAlgorithm::Sha256, DigestAlgorithm::Sha512]),
        cipher in prop::sample::select(vec![
            ContentCipher::Aes128Cbc, ContentCipher::Aes192Cbc, ContentCipher::Aes256Cbc,
        ]),
        interval in 1..10_000_u64,
    ) -> EnrolmentSettings {
        let mut settings = EnrolmentSettings::new(CaTrust::Anchor(fingerprint(Pki::shared())));
        settings.method = method;
        settings.polling.by = by;
        settings.polling.interval = Duration::from_secs(interval);
        settings.purpose = purpose;
        settings.transaction_id = source;
        settings.digest = Some(digest);
        settings.cipher = Some(cipher);
        settings
    }
}

/// What the machine wants signed next.
fn next_message(waiting: Waiting) -> Vec<u8> {
    match waiting.resume(&Host::new().turn()).unwrap() {
        Step::Sign(request) => request.bytes().to_vec(),
        other => panic!("it polls: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // R-5.2-02
    #[test]
    fn restoring_what_was_persisted_changes_nothing(settings in all_settings(), times in 1..4_u32) {
        let device = match settings.purpose {
            Purpose::Enrol => device(),
            Purpose::Renew(_) => device_with_certificate(pki()),
        };
        let waiting = wait(&mut Host::new(), &device, settings.clone(), times);
        let state = waiting.persist().unwrap();
        let restored = restore(&state, settings);
        prop_assert_eq!(&restored.persist().unwrap(), &state);
        prop_assert_eq!(restored.until(), waiting.until());
        prop_assert_eq!(restored.pending_polls(), waiting.pending_polls());
        prop_assert_eq!(next_message(restored).len(), next_message(waiting).len());
    }

    #[test]
    fn octets_that_are_no_state_are_an_error_or_a_state(
        at in any::<prop::sample::Index>(), octet: u8, cut in any::<prop::sample::Index>(),
    ) {
        let settings = settings(pki());
        let waiting = wait(&mut Host::new(), &device(), settings.clone(), 1);
        let mut state = waiting.persist().unwrap().to_vec();
        let cut_off = &state[..cut.index(state.len())];
        let refused = Enrolment::restore(cut_off, settings.clone(), provider());
        prop_assert_eq!(refused.unwrap_err(), Error::ApiMisuse(ApiMisuse::PersistedState));
        let at = at.index(state.len());
        state[at] = octet;
        if let Ok(Step::Wait(waiting)) = Enrolment::restore(&state, settings, provider()) {
            prop_assert_eq!(waiting.persist().unwrap().to_vec(), state);
        }
    }
}
