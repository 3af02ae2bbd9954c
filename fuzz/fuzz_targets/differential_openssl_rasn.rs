//! A SignedData that we and another library read is read alike: type, content, and number of signers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{Seen, by_cms, by_openssl, by_rasn};
use scep_proto::inspect::Signed;

fuzz_target!(|data: &[u8]| {
    let Ok(ours) = Signed::parse(data.to_vec()) else { return };
    let ours = Seen::of(&ours);
    for theirs in [by_openssl(data), by_rasn(data), by_cms(data)].into_iter().flatten() {
        assert_eq!(theirs, ours);
    }
});
