//! Conformance ids: collected from the comments above tests, refused where no rule or no test has them.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use xtask::{Conformance, Exempt, Finding, SourceFile, conformance, parse_rows};

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.place.as_str()).collect()
}

fn problems(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.problem.as_str()).collect()
}

const ROWS: &str = "# comment\nR-1-01 | 1 | C | MUST | first\nR-1-02 | 1 | S | MAY | second\n";

fn exempt(ids: &[&str]) -> Vec<Exempt> {
    ids.iter().map(|id| Exempt { id: (*id).to_owned(), reason: "none".to_owned() }).collect()
}

/// What is found in a file that tests neither of the rules, for which there are reasons.
fn check(text: &str) -> Conformance {
    check_with(text, &["R-1-01", "R-1-02"])
}

fn check_with(text: &str, exempt_ids: &[&str]) -> Conformance {
    let file = SourceFile::new("crates/x/tests/a.rs", text);
    conformance(parse_rows(ROWS).unwrap(), exempt(exempt_ids), &[file])
}

#[test]
fn ids_are_collected_for_each_test() {
    let found = check_with(
        "// R-1-01, R-1-02: why\n#[test]\nfn one() {}\n\n\
         // R-1-01\n// because\n#[tokio::test]\n#[ignore = \"x\"]\nasync fn two() {}\n",
        &[],
    );
    assert_eq!(found.findings, []);
    let tests: Vec<_> = found.rows.iter().map(|(_, tests)| tests.as_slice()).collect();
    let one = "crates/x/tests/a.rs::one".to_owned();
    let two = "crates/x/tests/a.rs::two".to_owned();
    assert_eq!(tests, [&[one.clone(), two][..], &[one]]);
    assert!(
        found.to_string().ends_with("2 of 2 rules have tests, 0 are not applicable"),
        "{found}"
    );
}

#[test]
fn an_unknown_id_is_found() {
    let found = check("// R-9-99\n#[test]\nfn one() {}\n");
    assert_eq!(places(&found.findings), ["crates/x/tests/a.rs:1"]);
    assert_eq!(problems(&found.findings), ["unknown rule R-9-99"]);
    assert!(found.to_string().ends_with("0 of 2 rules have tests, 2 are not applicable"));
}

#[test]
fn an_id_above_no_test_is_found() {
    for text in [
        "// R-1-01\nfn helper() {}\n",
        "// R-1-01\n\n#[test]\nfn one() {}\n",
        "// R-1-01\nstruct S;\n",
        "// R-1-01\n",
    ] {
        assert_eq!(problems(&check(text).findings), ["R-1-01 above no test"], "{text:?}");
    }
}

#[test]
fn a_claim_of_a_suite_is_a_test_of_each_backend() {
    let claim = "// R-1-01\npub async fn claim(store: Store) {}\n";
    let file = SourceFile::new("crates/x/tests/suite/a.rs", claim);
    let found = conformance(parse_rows(ROWS).unwrap(), exempt(&["R-1-02"]), &[file]);
    assert_eq!(found.findings, []);
    assert_eq!(found.rows[0].1, ["crates/x/tests/suite/a.rs::claim"]);
    assert_eq!(problems(&check(claim).findings), ["R-1-01 above no test"]);
}

#[test]
fn words_that_only_look_like_ids_are_left_alone() {
    assert_eq!(check("// R-squared is no id\n// see R-9-99\nfn helper() {}\n").findings, []);
}

#[test]
fn a_list_with_a_broken_or_repeated_row_is_refused() {
    assert!(parse_rows("R-1-01 | 1 | C | MUST\n").is_err());
    assert!(parse_rows(&ROWS.repeat(2)).is_err());
}

const ONE: &str = "// R-1-01\n#[test]\nfn one() {}\n";

#[test]
fn a_rule_with_neither_a_test_nor_a_reason_is_found() {
    let found = check_with(ONE, &[]);
    assert_eq!(places(&found.findings), ["xtask/conformance-rows.txt"]);
    assert_eq!(problems(&found.findings), ["R-1-02 has neither a test nor a reason"]);
    let found = check_with(ONE, &["R-1-02"]);
    assert_eq!(found.findings, []);
    assert!(found.to_string().contains("R-1-02           not applicable: none\n"), "{found}");
    assert!(found.to_string().ends_with("1 of 2 rules have tests, 1 are not applicable"));
}

#[test]
fn a_reason_that_is_not_needed_is_found() {
    let problem = |ids: &[&str]| problems(&check_with(ONE, ids).findings).join("; ");
    assert_eq!(problem(&["R-1-01", "R-1-02"]), "R-1-01 has tests");
    assert_eq!(problem(&["R-1-02", "R-1-02"]), "R-1-02 stands twice");
    assert_eq!(problem(&["R-1-02", "R-9-99"]), "unknown rule R-9-99");
}

#[test]
fn reasons_are_read_and_nothing_else() {
    let text = "[[exempt]]\nid = \"R-1-01\"\nreason = \"because\"\n";
    let expected = Exempt { id: "R-1-01".to_owned(), reason: "because".to_owned() };
    assert_eq!(Exempt::parse_all(text).unwrap(), [expected]);
    assert_eq!(Exempt::parse_all("").unwrap(), []);
    assert!(Exempt::parse_all("[[exempt]]\nid = \"R-1-01\"\n").is_err());
    assert!(Exempt::parse_all("[[other]]\n").is_err());
}
