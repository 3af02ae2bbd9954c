//! Whatever a directory answers: services are at https addresses with a host, and the next page is at Graph.
#![no_main]

use intune_challenge::service::*;
use intune_challenge::{Secret, UnixTime};
use libfuzzer_sys::fuzz_target;
use scep_fuzz::response;

fuzz_target!(|data: &[u8]| {
    let settings = Settings::new(Cloud::Global, "Fuzz/1").unwrap();
    let token = AccessToken::new(Secret::new("token"), std::time::Duration::ZERO).unwrap();
    match Discovery::new(&settings).read(&response(data), UnixTime::default()) {
        Ok(DiscoveryStep::Done(found)) => [ServiceName::ScepValidation, ServiceName::PkiConnector]
            .iter()
            .filter_map(|service| found.find(*service).ok())
            .for_each(|url| {
                assert!(
                    url.as_str()[..8].eq_ignore_ascii_case("https://") && !url.host().is_empty()
                )
            }),
        Ok(DiscoveryStep::More(next)) => {
            let request = next.to_http(&token, ActivityId::from_random([0; 16]));
            let origin = "https://graph.microsoft.com";
            assert!(request.url()[..origin.len()].eq_ignore_ascii_case(origin));
            assert!(!request.url()[origin.len()..].starts_with(['@', ':', '.']));
        }
        Err(_) => {}
    }
});
