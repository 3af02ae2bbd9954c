//! What a configuration makes of the protocol: whom it is for, which CA comes next, and keys that cannot decrypt.

use scep_client::Client;
use scep_crypto::aws_lc_rs;
use scep_proto::CaAnchor;
use scep_proto::client::CaTrust;
use scep_types::{AlgorithmPolicy, KeyKind};

use crate::support::{PASSWORD, Place, STATIC, Scepd, ca_with_key, enrol, enrol_with, http, named};

async fn capabilities(scepd: &Scepd) -> Vec<String> {
    let url = format!("{}?operation=GetCACaps", scepd.url());
    let text = http().get(url).send().await.unwrap().text().await.unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_endpoint_for_a_family_says_what_it_is_to_know_and_takes_what_it_sends() {
    let place = Place::new(STATIC);
    place.replace("renewal", "client-family = \"ndes-look-alike\"\nrenewal");
    let keywords = capabilities(&place.serve()).await;
    assert!(keywords.contains(&"DES3".to_owned()) && keywords.contains(&"SHA-1".to_owned()));
    assert!(!keywords.contains(&"AES".to_owned()), "{keywords:?}");
    // What is said beside it counts more.
    place.replace("renewal", "algorithms = \"modern\"\nrenewal");
    let keywords = capabilities(&place.serve()).await;
    assert!(!keywords.contains(&"DES3".to_owned()), "{keywords:?}");
}

#[tokio::test]
async fn the_next_ca_of_an_authority_is_handed_out() {
    let place = Place::new(STATIC);
    assert!(!capabilities(&place.serve()).await.contains(&"GetNextCACert".to_owned()));
    place.write("next.pem", &ca_with_key("Next CA", "p384-ca").pem, 0o644);
    place.replace("[profile.p]", "next-ca = \"next.pem\"\n[profile.p]");
    let scepd = place.serve();
    assert!(capabilities(&scepd).await.contains(&"GetNextCACert".to_owned()));
    let client = Client::new(scepd.url(), aws_lc_rs::provider()).unwrap();
    let trust = CaTrust::Anchor(CaAnchor::TrustUnverified);
    let ca = client.authenticated_ca(&trust, None).await.unwrap();
    let next = client.next_ca(&ca, AlgorithmPolicy::Modern).await.unwrap();
    assert_eq!(next.ca().issuer().key_kind(), Ok(KeyKind::P384));
    assert!(next.ca().issuer().subject().to_string().contains("Next CA"));
}

#[test]
fn a_next_ca_that_is_none_is_a_mistake() {
    let place = Place::new(STATIC);
    let key = rcgen::KeyPair::from_pem(&crate::support::key_pem("rsa2048-signer")).unwrap();
    let leaf = named("No CA").self_signed(&key).unwrap().pem();
    place.write("next.pem", &leaf, 0o644);
    place.replace("[profile.p]", "next-ca = \"next.pem\"\n[profile.p]");
    let report = place.check();
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(report.to_string().contains("the next CA: "), "{report:#}");
}

#[tokio::test]
async fn a_ca_with_a_key_on_a_curve_is_enough_where_devices_share_a_password() {
    let place = Place::new(STATIC);
    place.write("ca.pem", &ca_with_key("Test CA", "p256-ca").pem, 0o644);
    place.write("ca.key", &crate::support::key_pem("p256-ca"), 0o600);
    place.replace("ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n", "");
    let scepd = place.serve();
    let issued = enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    assert!(issued.certificate.subject().to_string().contains("phone"));
    assert!(enrol(scepd.url(), "phone", "another").await.is_err());
    let issued = enrol_with("p256-device", scepd.url(), "tablet", PASSWORD).await.unwrap();
    assert_eq!(issued.certificate.key_kind(), Ok(KeyKind::P256));
    drop(scepd);
    place.replace("mode = \"static\"", "mode = \"manual\"");
    place.replace("static = { password = { file = \"password\" } }", "manual = { keep = \"7d\" }");
    let report = place.check();
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(report.to_string().contains("no key opens requests"), "{report:#}");
}
