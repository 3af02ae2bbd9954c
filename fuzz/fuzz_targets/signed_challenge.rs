//! A challenge that parses is canonical: no other text means the same, so nobody can vary a used one.
#![no_main]

use intune_challenge::signed::SignedChallenge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(challenge) = SignedChallenge::parse(data) {
        assert!(data.is_ascii() && data.len() <= 16 * 1024);
        assert_eq!(data.iter().filter(|octet| **octet == b'.').count(), 2);
        assert!(!data.contains(&b'='));
        assert!(!format!("{challenge:?}").contains(std::str::from_utf8(data).unwrap()));
    }
});
