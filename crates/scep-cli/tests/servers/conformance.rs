//! `conformance` against our server.

use scep_types::DigestAlgorithm;

use crate::ours::{PASSWORD, Server};
use crate::program::{Outcome, Table, scep};

fn run(server: &Server, endpoint: &str, more: &[&str]) -> Outcome {
    let (url, fingerprint) = (server.url(endpoint), server.fingerprint(DigestAlgorithm::Sha256));
    let fixed = ["conformance", &url, "--fingerprint", &fingerprint];
    scep(&[&fixed, more].concat())
}

/// Rows for what our server does not do, or need not do where it stands.
const NOT_APPLICABLE: [&str; 6] =
    ["R-4.2.1.1-01", "R-4.7.1-01", "R-CMS6.2.1-01", "R-4.5.1-01", "R-4.6.1-01", "R-2.3-10"];

#[test]
fn our_server_with_a_static_password_keeps_all_rules_but_the_one_time_use() {
    let server = Server::start();
    let outcome = run(&server, "static", &["--challenge", PASSWORD, "--yes", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let table = Table::of(&outcome);
    assert_eq!(table.with("fail"), ["R-2.4-02"]);
    assert_eq!(table.with("not tested"), [""; 0]);
    assert_eq!(table.with("not applicable"), NOT_APPLICABLE);
    assert!(table.with("pass").len() >= 110, "{:?}", table.with("pass"));
    for row in table.rows().iter().filter(|row| row["verdict"] == "pass") {
        assert_ne!(row["sent"], "", "{row:#}");
        assert_ne!(row["came"], "", "{row:#}");
    }
}

#[test]
fn our_server_with_signed_challenges_keeps_all_rules() {
    let server = Server::start();
    let challenges: Vec<_> = (0..12).map(|n| server.challenge(&format!("nonce-{n}"))).collect();
    let given = challenges.iter().flat_map(|challenge| ["--challenge", challenge.as_str()]);
    let more: Vec<_> = given.chain(["--yes", "--json", "--level", "practice"]).collect();
    let outcome = run(&server, "signed", &more);
    assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.notes);
    let table = Table::of(&outcome);
    assert_eq!((table.with("fail"), table.with("not tested")), (Vec::new(), Vec::new()));
    assert_eq!(table.with("not applicable"), NOT_APPLICABLE);
}

#[test]
fn a_spent_challenge_leaves_rows_untested() {
    let server = Server::start();
    let challenge = server.challenge("only one");
    let outcome = run(&server, "signed", &["--challenge", &challenge, "--yes", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let table = Table::of(&outcome);
    assert_eq!(table.verdict("R-2.4-02"), "pass");
    assert_eq!(table.with("not tested"), ["R-2.3-04", "R-P10-07", "R-P10-03", "R-P10-04"]);
}

#[test]
fn the_level_decides_the_exit_code() {
    let server = Server::start();
    let only = ["--challenge", PASSWORD, "--yes", "--only", "R-2.4-02"];
    assert_eq!(run(&server, "static", &only).code, 0);
    let outcome = run(&server, "static", &[&only[..], &["--level", "should"]].concat());
    assert_eq!(outcome.code, 8);
    assert!(outcome.notes.contains("1 rules of level should are not kept"), "{}", outcome.notes);
    assert!(outcome.out.contains("1 rows: 0 pass, 1 FAIL, 0 not tested, 0 not applicable"));
}

#[test]
fn no_more_certificates_are_requested_than_announced() {
    let server = Server::start();
    let outcome = run(&server, "static", &["--challenge", PASSWORD]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let (_, rest) = outcome.notes.split_once("up to ").unwrap();
    let (announced, _) = rest.split_once(" certificates would be requested").unwrap();
    let announced: usize = announced.parse().unwrap();
    assert_eq!(server.certificates(), 0, "nobody said yes");
    assert_eq!(run(&server, "static", &["--challenge", PASSWORD, "--yes"]).code, 0);
    assert!((1..=announced).contains(&server.certificates()), "{}", server.certificates());
}

#[test]
fn nothing_is_sent_to_an_unknown_ca() {
    let server = Server::start();
    let url = server.url("static");
    let outcome = scep(&["conformance", &url, "--challenge", PASSWORD, "--yes"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    let wrong = "00".repeat(32);
    let outcome = scep(&["conformance", &url, "--fingerprint", &wrong, "--yes"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert_eq!(server.certificates(), 0);
}

#[test]
fn a_rule_that_is_none_ends_with_2() {
    let server = Server::start();
    let outcome = run(&server, "static", &["--yes", "--only", "R-99"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let outcome = run(&server, "static", &["--yes", "--only", "R-3.5.2", "--json"]);
    assert_eq!(Table::of(&outcome).rows().len(), 7);
}
