//! An answer to GetCACaps: what is read of it, written down, says the same; and only what stands there is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_proto::Capabilities;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let read = Capabilities::parse(&text);
    let again = Capabilities::parse(&read.to_answer());
    assert!(read.contains(again) && again.contains(read));
    let says = |word: &str| text.to_ascii_lowercase().contains(word);
    assert!(!read.contains(Capabilities::RENEWAL) || says("renewal"));
    assert!(!read.contains(Capabilities::AES) || says("aes") || says("scepstandard"));
});
