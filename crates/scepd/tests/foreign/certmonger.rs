//! certmonger: GET always, an X.509 v1 signer with a serial number of 33 octets, strict about replies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::demo::{Demo, run, run_for, text};

/// The helper that certmonger itself calls.
fn scep_submit(demo: &Demo, endpoint: &str) -> Command {
    let mut command = Command::new("/usr/lib/certmonger/scep-submit");
    command.args(["-u", &demo.url(endpoint)]);
    command
}

/// Its daemons get into each other's way on a busy machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Lets a certmonger of its own, on a bus of its own, ask for a certificate, and returns what it says of it in the end.
fn request(
    demo: &Demo,
    endpoint: &str,
    workplace: &Path,
    challenge: &str,
    wait_for: &str,
) -> String {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (ca, ra) = (demo.file("ca.pem"), demo.file("ra.pem"));
    let script = format!(
        "certmonger -s -n -d 2 2>certmonger.log &
         daemon=$!
         for try in $(seq 60); do getcert list-cas -s >/dev/null 2>&1 && break; sleep 0.5; done
         getcert add-scep-ca -s -c demo -u {url} -N {ca} -r {ra}
         getcert request -s -c demo -k {work}/key.pem -f {work}/cert.pem -N CN=certmonger-1 \
             -D certmonger.example -L {challenge} -I r1
         for try in $(seq 60); do
             getcert list -s -i r1 | grep -q -e {wait_for} && break; sleep 0.5
         done
         getcert list -s -i r1
         kill $daemon",
        url = demo.url(endpoint),
        ca = ca.display(),
        ra = ra.display(),
        work = workplace.display(),
    );
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", &script]).current_dir(workplace);
    // What it remembers is kept here, not where the last test, or this machine's own certmonger, keeps it.
    for (variable, directory) in STATE {
        command.env(variable, workplace.join(directory));
    }
    run_for(&mut command, Duration::from_secs(90))
}

/// Where certmonger keeps its state, by the environment variables that it reads.
const STATE: [(&str, &str); 5] = [
    ("CERTMONGER_REQUESTS_DIR", "requests"),
    ("CERTMONGER_CAS_DIR", "cas"),
    ("CERTMONGER_LOCAL_CA_DIR", "local"),
    ("CERTMONGER_CONFIG_DIR", "config"),
    ("CERTMONGER_TMPDIR", "tmp"),
];

fn state_directory(demo: &Demo, name: &str) -> PathBuf {
    let workplace = demo.workplace(name);
    for (_, directory) in STATE {
        fs::create_dir_all(workplace.join(directory)).unwrap();
    }
    workplace
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    text(output)
}

#[test]
#[ignore = "foreign peer: certmonger; CI runs it with --ignored"]
fn scep_submit_reads_capabilities_and_certificates() {
    let demo = Demo::start();
    let caps = said(&run(scep_submit(&demo, "static").arg("-c")));
    assert!(caps.contains("AES") && caps.contains("POSTPKIOperation"), "{caps}");
    let certificates = said(&run(scep_submit(&demo, "static").arg("-C")));
    assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 2, "{certificates}");
}

#[test]
#[ignore = "foreign peer: certmonger; CI runs it with --ignored"]
fn certmonger_enrols_by_get_and_monitors_its_certificate() {
    let demo = Demo::start();
    let workplace = state_directory(&demo, "certmonger");
    let said = request(&demo, "static", &workplace, &demo.password, "MONITORING");
    assert!(said.contains("status: MONITORING"), "{said}");
    demo.openssl_accepts(&workplace.join("cert.pem"));
}

// R-3.2-07
#[test]
#[ignore = "foreign peer: certmonger; CI runs it with --ignored"]
fn certmonger_reads_a_wrong_password_as_a_rejection() {
    let demo = Demo::start();
    let workplace = state_directory(&demo, "rejected");
    let said = request(&demo, "static", &workplace, "wrong", "CA_REJECTED");
    assert!(said.contains("status: CA_REJECTED"), "{said}");
}

#[test]
#[ignore = "foreign peer: certmonger; CI runs it with --ignored"]
fn certmonger_reads_a_waiting_request_as_pending() {
    let demo = Demo::start();
    let workplace = state_directory(&demo, "pending");
    let said = request(&demo, "manual", &workplace, "any", "CA_WORKING");
    assert!(said.contains("status: CA_WORKING"), "{said}");
}
