//! `probe` against our server.

use scep_types::DigestAlgorithm;

use crate::ours::Server;
use crate::program::scep;

#[test]
fn a_probe_says_which_clients_will_work_and_requests_nothing() {
    let server = Server::start();
    let outcome = scep(&["probe", &server.url("static"), "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.notes);
    let report = outcome.json();
    let clients = report["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 10);
    for client in clients {
        assert_eq!(client["works"], true, "{client:#}");
    }
    assert_eq!(report["get_ca_caps"]["understood"][0], "POSTPKIOperation");
    assert_eq!(server.certificates(), 0);
}

#[test]
fn a_probe_shows_roles_and_the_hashes_that_profiles_want() {
    let server = Server::start();
    let report = scep(&["probe", &server.url("signed"), "--json"]).json();
    let certificates = report["get_ca_cert"]["certificates"].as_array().unwrap();
    let roles: Vec<_> = certificates.iter().map(|it| it["roles"].to_string()).collect();
    assert_eq!(
        roles,
        [r#"["RA","requests are encrypted to it","may sign answers"]"#, r#"["root CA","issues"]"#]
    );
    let hashes = report["profile"].as_array().unwrap();
    let value = |place: &str| {
        let hash = hashes.iter().find(|it| it["place"].as_str().unwrap().starts_with(place));
        hash.unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value("Intune, Windows"), server.fingerprint(DigestAlgorithm::Sha1));
    assert_eq!(value("scep --fingerprint"), server.fingerprint(DigestAlgorithm::Sha256));
    assert_eq!(value("Jamf"), server.fingerprint(DigestAlgorithm::Sha1));
}

#[test]
fn a_probe_for_people_has_the_same_sections() {
    let server = Server::start();
    let outcome = scep(&["probe", &server.url("static")]);
    for part in [
        "GetCACaps      HTTP 200, text/plain,",
        "certificate 1: RA, requests are encrypted to it, may sign answers",
        "CertPoll for nothing, GET, lines of 64       FAILURE (2), badCertId (4)",
        "GetCACaps, target of 65,000 octets           HTTP 200",
        "  Windows with Intune      should work, but",
        "  ChromeOS                 should work\n",
    ] {
        assert!(outcome.out.contains(part), "{part}: {}", outcome.out);
    }
    assert!(outcome.notes.contains("nothing here is authenticated"));
}

#[test]
fn a_probe_of_nobody_ends_with_4() {
    let outcome = scep(&["probe", "http://127.0.0.1:1/scep"]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
}
