use std::io::Write as _;
use std::process::Command;

use intune_sim::device::Family;

use crate::support::{FAMILIES, Server, device, policy, simulator};

/// What each family writes, read by OpenSSL: BER or DER, signature and envelope.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "foreign peer: openssl; CI runs it with --ignored"]
async fn openssl_verifies_and_decrypts_what_each_family_sends() {
    let simulator = simulator().await;
    for family in FAMILIES {
        let policy = policy(&simulator);
        let server = Server::start(policy.challenge(), None).await;
        let session = device(family).connect(&server.url).await.unwrap();
        let request = session.prepare(policy.spec(), Some(policy.challenge())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        std::fs::File::create(file("message")).unwrap().write_all(request.message()).unwrap();
        let (message, envelope, csr) = (file("message"), file("envelope"), file("csr"));
        openssl(&[
            "cms",
            "-verify",
            "-noverify",
            "-inform",
            "DER",
            "-in",
            &message,
            "-out",
            &envelope,
        ]);
        let key = format!("{}/../../testdata/keys/rsa2048-ra.pem", env!("CARGO_MANIFEST_DIR"));
        openssl(&[
            "cms", "-decrypt", "-inform", "DER", "-in", &envelope, "-inkey", &key, "-out", &csr,
        ]);
        assert_eq!(std::fs::read(&csr).unwrap(), request.csr().der().as_ref(), "{family}");
        if family != Family::Apple {
            openssl(&["req", "-verify", "-noout", "-inform", "DER", "-in", &csr]);
        }
    }
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
}
