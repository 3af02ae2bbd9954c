//! Whatever sequence of requests: each is answered under its own transaction and nonce, and to its own signer's key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{answer, recipient_and_ids, requests, signer_and_ids};

fuzz_target!(|data: &[u8]| {
    for request in requests(data) {
        if let Some(reply) = answer(&request) {
            assert_eq!(recipient_and_ids(&reply), signer_and_ids(&request));
        }
    }
});
