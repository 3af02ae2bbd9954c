//! Devices enrol at what a configuration says.

use std::sync::Arc;
use std::time::Duration;

use intune_challenge::signed::{Algorithm, Claims, Issuer};
use scep_client::Error;
use scep_types::Secret;

use crate::support::{
    PASSWORD, Place, STATIC, Scepd, enrol, enrol_with, key_pem, named, renew, software,
};

#[tokio::test]
async fn an_empty_directory_is_enough() {
    let place = Place::empty();
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let mut scepd = Scepd::start(&place, &arguments);
    let password = scepd.said.iter().find_map(|line| line.strip_prefix("password "));
    let password = password.unwrap().split(' ').next().unwrap().to_owned();
    let issued = enrol(scepd.url(), "phone", &password).await.unwrap();
    assert!(issued.certificate.subject().to_string().contains("phone"));
    assert!(enrol(scepd.url(), "phone", "another").await.is_err());
    scepd.signal("TERM");
    assert!(scepd.ended().success());

    // The second start finds CA, password and configuration, and tells no secret again.
    let ca = place.read("state/authorities/devices/ca.pem");
    let again = Scepd::start(&place, &arguments);
    assert_eq!(place.read("state/authorities/devices/ca.pem"), ca);
    assert!(!again.said.iter().any(|line| line.contains(&password)));
    let second = enrol(again.url(), "tablet", &password).await.unwrap();
    assert_eq!(second.certificate.issuer(), issued.certificate.issuer());
}

#[cfg(unix)]
#[test]
fn what_is_generated_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::empty();
    drop(Scepd::start(&place, &["serve", "--listen", "127.0.0.1:0"]));
    let mode = |name| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    for name in ["devices.password", "state/authorities/devices/ca.key"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(mode("state/authorities/devices"), 0o700);
}

#[tokio::test]
async fn several_endpoints_have_each_its_own_mode_path_and_profile() {
    let place = Place::new(&format!(
        "{STATIC}{}",
        r#"
[profile.short]
validity = "1d"
[[endpoint]]
name = "guests"
path = "/guests"
mode = "static"
static = { password = { file = "guests.password" } }
profile = "short"
"#
    ));
    place.replace("renewal", "profile = \"p\"\nrenewal");
    place.write("guests.password", "guests", 0o600);
    let scepd = place.serve();
    let [devices, guests] = &scepd.urls[..] else { panic!("{:?}", scepd.urls) };
    assert!(guests.ends_with("/guests"));
    assert!(enrol(devices, "phone", "guests").await.is_err());
    assert!(enrol(guests, "phone", PASSWORD).await.is_err());
    let long = enrol(devices, "phone", PASSWORD).await.unwrap().certificate.validity();
    let short = enrol(guests, "phone", "guests").await.unwrap().certificate.validity();
    assert!(short.not_after.plus(Duration::from_secs(86_400)) < long.not_after);
}

#[tokio::test]
async fn a_certificate_renews_where_it_was_issued() {
    let place = Place::new(STATIC);
    let scepd = place.serve();
    let first = enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    let second = renew(scepd.url(), &first.certificate).await.unwrap();
    assert_ne!(first.certificate.serial(), second.certificate.serial());
    assert_eq!(first.certificate.subject(), second.certificate.subject());
}

#[tokio::test]
async fn a_signed_challenge_enrols_once_until_its_anchor_expires() {
    let place = signed_place();
    let mut scepd = place.serve();
    let challenge = |nonce: &str| {
        let key = Arc::new(software("p256-anchor"));
        let issuer = Issuer::new(key, Algorithm::Es256, None).unwrap();
        issuer.mint(&claims(nonce)).unwrap()
    };
    let first = challenge("1");
    enrol(scepd.url(), "phone", first.expose()).await.unwrap();
    // Another CSR with the names that the challenge is for.
    let replayed = enrol_with("rsa2048-device2", scepd.url(), "phone", first.expose()).await;
    assert!(matches!(replayed, Err(Error::Protocol(_))), "{replayed:?}");
    assert_eq!(scepd.logged("reason=\"replay\""), 1, "{}", scepd.log());
    assert!(enrol(scepd.url(), "phone", challenge("2").expose()).await.is_ok());

    // An expired anchor is taken over all the same, and verifies nothing.
    place.write("mdm.pem", &anchor(-1), 0o644);
    scepd.hang_up("reloaded");
    assert_eq!(scepd.logged("expired at"), 1, "{}", scepd.log());
    assert!(enrol(scepd.url(), "phone", challenge("3").expose()).await.is_err());
    place.write("mdm.pem", &anchor(30), 0o644);
    scepd.hang_up("reloaded");
    assert!(enrol(scepd.url(), "phone", challenge("4").expose()).await.is_ok());
}

#[tokio::test]
async fn secrets_may_come_from_the_environment() {
    let place = Place::new(STATIC);
    place.replace("{ file = \"password\" }", "{ env = \"SCEPD_TEST_PASSWORD\" }");
    place.replace("{ file = \"ra.key\" }", "{ env = \"SCEPD_TEST_KEY\" }");
    let key = place.read("ra.key");
    let environment = [("SCEPD_TEST_PASSWORD", "fromTheEnvironment"), ("SCEPD_TEST_KEY", &key)];
    let scepd = Scepd::start_with(&place, &["serve", "--config", "scepd.toml"], &environment);
    enrol(scepd.url(), "phone", "fromTheEnvironment").await.unwrap();
    assert!(enrol(scepd.url(), "tablet", PASSWORD).await.is_err());
}

#[test]
fn a_taken_address_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new(STATIC);
    place.replace(
        "[[listener]]\naddress = \"127.0.0.1:0\"",
        &format!("[[listener]]\naddress = \"{address}\""),
    );
    let output = place.run(&["serve", "--config", "scepd.toml"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

fn signed_place() -> Place {
    let place = Place::new(STATIC);
    place.replace(
        "mode = \"static\"\nstatic = { password = { file = \"password\" } }",
        "mode = \"signed\"\nsigned = { anchors = \"mdm.pem\", audience = \"https://scep.example\" }",
    );
    place.write("mdm.pem", &anchor(30), 0o644);
    place
}

/// The certificate of the MDM that signs challenges, which ends so many days from now.
fn anchor(days: i64) -> String {
    let mut params = named("Test MDM");
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(10);
    params.not_after = now + time::Duration::days(days);
    let key = rcgen::KeyPair::from_pem(&key_pem("p256-anchor")).unwrap();
    params.self_signed(&key).unwrap().pem()
}

fn claims(nonce: &str) -> Claims {
    let now = scep_client::now();
    let ends = now.plus(Duration::from_secs(600));
    let mut claims = Claims::new("device-1", Secret::new(nonce), now, ends);
    claims.issuer = Some("test-mdm".to_owned());
    claims.audience = Some("https://scep.example".to_owned());
    claims.device_name = Some("phone".to_owned());
    claims
}
