//! EnvelopedData in any encoding: bounded in recipients, octets and work.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_proto::inspect::Enveloped;

fuzz_target!(|data: &[u8]| {
    let Ok(enveloped) = Enveloped::parse(data.to_vec()) else { return };
    assert!(enveloped.ciphertext().len() <= data.len() && enveloped.recipients().count() <= 16);
    assert!(enveloped.recipients().all(|recipient| recipient.encrypted_key().len() <= data.len()));
    enveloped
        .recipients()
        .for_each(|recipient| drop((recipient.transport(), recipient.identifier())));
    if let Ok(Some(password)) = enveloped.password_recipient() {
        assert!((1..=1_000_000).contains(&password.iterations));
    }
});
