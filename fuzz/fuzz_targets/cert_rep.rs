//! A reply, every signature of which verifies: it is believed only if it names our transaction and our nonce.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{ID, NONCE, NULL, Null, awaiting, ca, edited, reply, stands_in};
use scep_proto::FallbackKey;
use scep_proto::client::ReplyCheck;
use scep_types::AlgorithmPolicy;

fuzz_target!(|data: &[u8]| {
    let policy = AlgorithmPolicy::Obsolete;
    for message in [data.to_vec(), edited(reply(), data)] {
        let check = ReplyCheck { ca: ca(), key: &Null, provider: &NULL, policy };
        if awaiting().receive(message.clone(), check, &FallbackKey::new([0; 32])).is_ok() {
            assert!(stands_in(ID.as_bytes(), &message) && stands_in(&NONCE, &message));
        }
    }
});
