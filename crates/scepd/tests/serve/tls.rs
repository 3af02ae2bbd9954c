//! TLS 1.2 and 1.3, and a pair that is replaced while it serves.

use reqwest::tls::Version;

use crate::support::{Place, STATIC, ca, key_pem, tls_certificate};

pub(crate) fn tls_place() -> Place {
    let place = Place::new(STATIC);
    place.replace(
        "[[listener]]\naddress = \"127.0.0.1:0\"",
        "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = { certificate = \"tls.pem\", key = { file = \"tls.key\" } }",
    );
    place.write("tls.pem", &tls_certificate(&ca("First"), "rsa2048-signer"), 0o644);
    place.write("tls.key", &key_pem("rsa2048-signer"), 0o600);
    place
}

/// A client of exactly this version that trusts exactly this CA.
async fn ask(url: &str, version: Version, trusted: &str) -> reqwest::Result<String> {
    let root = reqwest::Certificate::from_pem(ca(trusted).pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .tls_version_min(version)
        .tls_version_max(version)
        .build()
        .unwrap();
    client.get(format!("{url}?operation=GetCACaps")).send().await?.text().await
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_served_and_a_new_pair_is_taken_at_a_reload() {
    let place = tls_place();
    let token = place.token("monitor", "viewer");
    let mut scepd = place.serve();
    assert!(scepd.url().starts_with("https://"));
    let shown = scepd.get("/api/v1/endpoints", &token).await;
    assert!((88..=90).contains(&shown["tls"][0]["days_left"].as_i64().unwrap()), "{shown:#}");
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let capabilities = ask(scepd.url(), version, "First").await.unwrap();
        assert!(capabilities.contains("SCEPStandard"), "{capabilities}");
        assert!(ask(scepd.url(), version, "Second").await.is_err());
    }
    place.write("tls.pem", &tls_certificate(&ca("Second"), "rsa2048-device2"), 0o644);
    scepd.hang_up("not reloaded"); // the key is still that of the first
    assert!(ask(scepd.url(), Version::TLS_1_3, "First").await.is_ok());
    place.write("tls.key", &key_pem("rsa2048-device2"), 0o600);
    scepd.hang_up("reloaded");
    assert!(ask(scepd.url(), Version::TLS_1_3, "Second").await.is_ok());
    assert!(ask(scepd.url(), Version::TLS_1_2, "First").await.is_err());
}

#[tokio::test]
async fn whoever_says_nothing_in_a_handshake_holds_nobody_up() {
    let place = tls_place();
    place.replace("[admin]", "[limits]\nhead-timeout = \"1s\"\n[admin]");
    let scepd = place.serve();
    let mut silent = tokio::net::TcpStream::connect(scepd.address()).await.unwrap();
    assert!(ask(scepd.url(), Version::TLS_1_3, "First").await.is_ok());
    // The server closes it.
    let mut octet = [0];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut octet).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
