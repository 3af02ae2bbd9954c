//! Reloads: all or nothing, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{PASSWORD, Place, STATIC, ca, enrol, key_pem, message, ra, renew};

#[tokio::test]
async fn a_reload_with_a_mistake_keeps_everything_as_it_is() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    for (from, to) in [
        ("mode = \"static\"", "mode = \"statc\""),
        ("\"30d\"", "\"-1\""),
        ("\"ra.key\"", "\"ca.key\""),
        ("{ file = \"password\" }", "{ file = \"nowhere\" }"),
        ("[admin]", "[admin"),
    ] {
        place.write("scepd.toml", STATIC, 0o644);
        place.replace(from, to);
        place.replace("\"devices\"", "\"others\""); // would be seen if half of it were taken
        let before = scepd.logged("not reloaded");
        scepd.hang_up("not reloaded, everything stays as it is");
        assert_eq!(scepd.logged("not reloaded"), before + 1, "one line: {}", scepd.log());
        enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    }
    place.write("scepd.toml", STATIC, 0o644);
    scepd.hang_up("reloaded");
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_new_password_is_taken_and_the_old_one_is_not() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    place.write("password", "another", 0o600);
    enrol(scepd.url(), "tablet", PASSWORD).await.unwrap();
    scepd.hang_up("reloaded");
    assert!(enrol(scepd.url(), "watch", PASSWORD).await.is_err());
    enrol(scepd.url(), "watch", "another").await.unwrap();
}

#[tokio::test]
async fn a_rotated_ra_is_taken_without_dropping_a_request() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    let (url, done) = (scepd.url().to_owned(), Arc::new(AtomicBool::new(false)));
    let devices: Vec<_> = (0..2)
        .map(|device| {
            let (url, done) = (url.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut enrolled = 0;
                while !done.load(Ordering::Relaxed) || enrolled < 3 {
                    let name = format!("device-{device}-{enrolled}");
                    enrol(&url, &name, PASSWORD).await.unwrap();
                    enrolled += 1;
                }
                enrolled
            })
        })
        .collect();
    // The earlier RA still opens what was encrypted to it before the reload.
    place.write("ra-2.pem", &ra(&ca("Test CA"), "rsa2048-signer"), 0o644);
    place.write("ra-2.key", &key_pem("rsa2048-signer"), 0o600);
    let text = STATIC.replace(
        "ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }",
        "ra = { certificate = \"ra-2.pem\", key = { file = \"ra-2.key\" } }\n\
         earlier-ras = [{ certificate = \"ra.pem\", key = { file = \"ra.key\" } }]",
    );
    let before = certificates(&url).await;
    for _ in 0..3 {
        place.write("scepd.toml", &text, 0o644);
        hang_up_without_blocking(&mut scepd).await;
        // Back to the first RA, which then opens nothing that was sent to the second: so it is the earlier one now.
        let back = STATIC.replace(
            "ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }",
            "ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n\
             earlier-ras = [{ certificate = \"ra-2.pem\", key = { file = \"ra-2.key\" } }]",
        );
        place.write("scepd.toml", &back, 0o644);
        hang_up_without_blocking(&mut scepd).await;
    }
    place.write("scepd.toml", &text, 0o644);
    hang_up_without_blocking(&mut scepd).await;
    done.store(true, Ordering::Relaxed);
    for device in devices {
        assert!(device.await.unwrap() >= 3);
    }
    assert_ne!(certificates(&url).await, before, "the new RA is handed out");
}

#[tokio::test]
async fn what_was_encrypted_to_the_earlier_ra_is_opened_as_long_as_that_is_named() {
    let place = Place::new(STATIC);
    let token = place.token("monitor", "viewer");
    let mut scepd = place.serve();
    let messages =
        [message(scepd.url(), "a", PASSWORD).await, message(scepd.url(), "b", PASSWORD).await];
    place.write("ra-2.pem", &ra(&ca("Test CA"), "rsa2048-signer"), 0o644);
    place.write("ra-2.key", &key_pem("rsa2048-signer"), 0o600);
    let earlier = "earlier-ras = [{ certificate = \"ra.pem\", key = { file = \"ra.key\" } }]\n";
    let ra = "ra = { certificate = \"ra-2.pem\", key = { file = \"ra-2.key\" } }\n";
    place.replace(
        "ra = { certificate = \"ra.pem\", key = { file = \"ra.key\" } }\n",
        &format!("{ra}{earlier}"),
    );
    // The answer is signed by the RA that the client knows, as long as there is one.
    let expected = [("issued", "ra.pem"), ("refused", "ra-2.pem")];
    for (message, (outcome, signer)) in messages.into_iter().zip(expected) {
        scepd.hang_up("reloaded");
        let url = format!("{}?operation=PKIOperation", scepd.url());
        let answer = crate::support::http().post(url).body(message).send().await.unwrap();
        let answer = answer.bytes().await.unwrap();
        let shown = scepd.get("/api/v1/decisions", &token).await;
        assert_eq!(shown["decisions"][0]["outcome"], outcome, "{shown:#}");
        for name in ["ra.pem", "ra-2.pem"] {
            let certificate = pem::parse(place.read(name)).unwrap().into_contents();
            let carried = answer.windows(certificate.len()).any(|octets| octets == certificate);
            assert_eq!(carried, name == signer, "{name}");
        }
        if outcome == "issued" {
            place.replace(earlier, "");
        }
    }
}

#[tokio::test]
async fn what_was_issued_before_a_reload_renews_after_it() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    let first = enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
    place.replace("validity = \"30d\"", "validity = \"10d\"");
    scepd.hang_up("reloaded");
    let second = renew(scepd.url(), &first.certificate).await.unwrap();
    assert!(second.certificate.validity().not_after < first.certificate.validity().not_after);
}

#[tokio::test]
async fn endpoints_come_and_go_with_a_reload() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    place.replace("\"devices\"", "\"others\"");
    scepd.hang_up("reloaded");
    assert!(enrol(scepd.url(), "phone", PASSWORD).await.is_err());
    let others = scepd.url().replace("devices", "others");
    enrol(&others, "phone", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn what_needs_a_restart_is_said() {
    let place = Place::new(STATIC);
    let mut scepd = place.serve();
    place.replace("[admin]", "[limits]\nworkers = 1\n[log]\nlevel = \"debug\"\n[admin]");
    scepd.hang_up("reloaded");
    for setting in ["limits", "log"] {
        let said = format!("setting=\"{setting}\"");
        scepd.wait_for(&said, 0);
    }
    enrol(scepd.url(), "phone", PASSWORD).await.unwrap();
}

async fn certificates(url: &str) -> Vec<u8> {
    let answer = crate::support::http().get(format!("{url}?operation=GetCACert")).send().await;
    answer.unwrap().bytes().await.unwrap().to_vec()
}

/// The devices of the test go on meanwhile.
async fn hang_up_without_blocking(scepd: &mut crate::support::Scepd) {
    let after = scepd.log().lines().count();
    scepd.signal("HUP");
    for _ in 0..1500 {
        if scepd.log().lines().skip(after).any(|line| line.contains("reloaded")) {
            assert!(!scepd.log().contains("not reloaded"), "{}", scepd.log());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not reloaded: {}", scepd.log());
}
