//! Whatever Entra answers: a token can stand in a header, is nowhere printed, and a refusal does not repeat the secret.
#![no_main]

use intune_challenge::service::{
    Application, Audience, Cloud, Settings, TokenCredential, TokenRequest,
};
use intune_challenge::{Secret, UnixTime};
use libfuzzer_sys::fuzz_target;
use scep_fuzz::response;

fuzz_target!(|data: &[u8]| {
    let (response, secret) = (response(data), Secret::new("client-secret"));
    let settings = Settings::new(Cloud::Global, "Fuzz/1").unwrap();
    let application = Application::new("tenant", "client").unwrap();
    let credential = TokenCredential::Secret(&secret);
    let request = TokenRequest::new(&settings, &application, Audience::Graph, credential).unwrap();
    let read = request.read(&response, UnixTime::default());
    assert!(read.is_err() || response.status / 100 == 2);
    assert!(
        !format!("{read:?}{:?}", read.as_ref().map(|token| token.roles()))
            .contains("client-secret")
    );
});
