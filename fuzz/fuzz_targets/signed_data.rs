//! SignedData in any encoding: bounded, and each certificate stands in the message octet by octet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{NULL, stands_in};
use scep_proto::inspect::Signed;

fuzz_target!(|data: &[u8]| {
    let Ok(signed) = Signed::parse(data.to_vec()) else { return };
    assert!(signed.content().len() <= data.len() && signed.certificates().len() <= 16);
    assert!(signed.certificates().iter().all(|certificate| stands_in(certificate.der(), data)));
    for signer in signed.signers() {
        let _ = (signer.digest(), signer.scheme(), signer.attributes(), signer.identifier());
        let _ = signer.certificate().map(|certificate| signer.verify(certificate, &NULL));
    }
});
