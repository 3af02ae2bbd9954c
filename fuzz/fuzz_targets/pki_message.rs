//! Whatever a server is sent: no panic, and what opens is a CSR that stands in the message octet by octet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{NULL, Null, sealed};
use scep_proto::FallbackKey;
use scep_proto::server::{Opened, Recipient};
use scep_types::AlgorithmPolicy;

fuzz_target!(|data: &[u8]| {
    let Some(sealed) = sealed(data) else { return };
    let (certificate, fallback) = (sealed.signer().clone(), FallbackKey::new([0; 32]));
    let recipients = [Recipient { certificate: &certificate, key: &Null }];
    let opened = sealed.open(&recipients, &fallback, &NULL, AlgorithmPolicy::Obsolete);
    if let Ok(Opened::Enrol(enrolment)) = opened {
        // Segments are joined, so the CSR may lie in pieces; its key never does in a segment of its own size.
        assert!(enrolment.csr.der().len() <= data.len());
    }
});
