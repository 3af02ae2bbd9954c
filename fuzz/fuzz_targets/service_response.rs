//! Any answer with any status is an outcome, valid only if another reader sees success, and never repeats the challenge.
#![no_main]

use intune_challenge::UnixTime;
use intune_challenge::service::{
    ActivityId, Notified, Outcome, RevocationDownload, RevocationUpload,
};
use libfuzzer_sys::fuzz_target;
use scep_fuzz::{CHALLENGE, ENROLMENT, response, says_success};

fuzz_target!(|data: &[u8]| {
    let (response, now) = (response(data), UnixTime::default());
    let id = ActivityId::from_random([0; 16]);
    let outcome = Outcome::from_http(&ENROLMENT, &response, id, now);
    let noted = Notified::from_http(&ENROLMENT, &response, id, now);
    assert!(outcome.label() != "valid" || says_success(&response));
    assert_eq!(outcome.label() == "valid", noted.is_ok());
    assert!(!format!("{outcome:?}{noted:?}").contains(CHALLENGE));
    let _ = (RevocationDownload::read(&response, now), RevocationUpload::read(&response, now));
});
