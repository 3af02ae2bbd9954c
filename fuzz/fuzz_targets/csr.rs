//! A CSR we read is read the same by an independent, strict reader wherever that one reads it at all.
#![no_main]

use der::{Decode, Encode};
use libfuzzer_sys::fuzz_target;
use scep_types::Csr;

fuzz_target!(|data: &[u8]| {
    let Ok(csr) = Csr::parse(data.to_vec()) else { return };
    let _ = (csr.extended_key_usages(), csr.enrollment_pairs(), format!("{csr:?}"));
    if let Ok(other) = x509_cert::request::CertReq::from_der(data) {
        assert_eq!(other.info.public_key.to_der().unwrap(), csr.spki().as_ref());
        assert_eq!(other.info.attributes.len(), csr.attributes().len());
    }
});
