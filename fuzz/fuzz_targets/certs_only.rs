//! An answer to GetCACert: what is read of it is read again from what we write of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_proto::{UnauthenticatedCa, write_ca_certificates};

fuzz_target!(|data: &[u8]| {
    let Ok(ca) = UnauthenticatedCa::parse(data.to_vec()) else { return };
    let certificates: Vec<_> = ca.certificates().iter().collect();
    assert!((1..=16).contains(&certificates.len()));
    let (_, answer) = write_ca_certificates(&certificates);
    assert_eq!(UnauthenticatedCa::parse(answer), Ok(ca.clone()));
});
