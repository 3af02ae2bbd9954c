//! Whatever a server is sent: no panic, and what opens is a CSR that stands in the message octet by octet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{NULL, Null};
use scep_proto::server::{Opened, Recipient, Unverified, Verified};
use scep_proto::{FailInfo, FallbackKey};
use scep_types::AlgorithmPolicy;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Unverified::parse(data.to_vec()) else { return };
    assert!((1..=255).contains(&message.transaction_id().octets().len()));
    let sealed = match message.verify(&NULL, AlgorithmPolicy::Obsolete) {
        Ok(Verified::Sealed(sealed)) => sealed,
        Ok(Verified::Poll(_)) => return,
        Err(rejected) => return assert!(FailInfo::from(&rejected.error).number() <= 4),
    };
    let certificate = sealed.signer().clone();
    let recipient = Recipient { certificate: &certificate, key: &Null };
    let fallback = FallbackKey::new([0; 32]);
    if let Ok(Opened::Enrol(enrolment)) =
        sealed.open(&[recipient], &fallback, &NULL, AlgorithmPolicy::Obsolete)
    {
        // Segments are joined, so the CSR may lie in pieces; its key never does in a segment of its own size.
        assert!(enrolment.csr.der().len() <= data.len());
    }
});
