//! micromdm's scepclient: single DES and SHA-1, BER, a base64 transactionID, an envelope for every CA certificate.

use std::path::Path;
use std::process::{Command, Output};

use crate::demo::{Demo, run, text};

fn scepclient(demo: &Demo, endpoint: &str, workplace: &Path, challenge: &str) -> Command {
    let mut command = Command::new("scepclient");
    command.current_dir(workplace).args(["-server-url", &demo.url(endpoint)]);
    command.args(["-private-key", "k.key", "-certificate", "c.pem", "-keySize", "2048"]);
    command.args(["-challenge", challenge, "-cn", "scepclient-1"]);
    command
}

fn enrol(demo: &Demo, endpoint: &str, workplace: &str, challenge: &str) -> Output {
    run(&mut scepclient(demo, endpoint, &demo.workplace(workplace), challenge))
}

#[test]
#[ignore = "foreign peer: scepclient; CI runs it with --ignored"]
fn scepclient_enrols_and_renews_where_obsolete_algorithms_are_allowed() {
    let demo = Demo::start();
    let workplace = demo.workplace("scepclient");
    let mut command = scepclient(&demo, "legacy", &workplace, &demo.password);
    let output = run(&mut command);
    assert!(
        output.status.success() && text(&output).contains("pkiStatus=SUCCESS"),
        "{}",
        text(&output)
    );
    let certificate = workplace.join("c.pem");
    demo.openssl_accepts(&certificate);
    let first = std::fs::read(&certificate).unwrap();

    let output = run(&mut command);
    assert!(
        output.status.success() && text(&output).contains("pkiStatus=SUCCESS"),
        "{}",
        text(&output)
    );
    demo.openssl_accepts(&certificate);
    assert_ne!(std::fs::read(&certificate).unwrap(), first, "renewal gives a new certificate");
}

// R-2.9-03
#[test]
#[ignore = "foreign peer: scepclient; CI runs it with --ignored"]
fn scepclient_is_told_bad_alg_where_only_modern_algorithms_are_allowed() {
    let demo = Demo::start();
    let output = enrol(&demo, "static", "modern", &demo.password);
    assert!(!output.status.success());
    assert!(text(&output).contains("badAlg (0)"), "{}", text(&output));
}

#[test]
#[ignore = "foreign peer: scepclient; CI runs it with --ignored"]
fn scepclient_reads_a_wrong_password_as_a_refusal() {
    let demo = Demo::start();
    let output = enrol(&demo, "legacy", "wrong", "wrong");
    assert!(!output.status.success());
    assert!(text(&output).contains("badRequest (2)"), "{}", text(&output));
}
