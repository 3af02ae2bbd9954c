//! Conformance ids: collected from the comments above tests, refused where no rule or no test has them.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use xtask::{Conformance, Finding, SourceFile, conformance, parse_rows};

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.place.as_str()).collect()
}

fn problems(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.problem.as_str()).collect()
}

const ROWS: &str = "# comment\nR-1-01 | 1 | C | MUST | first\nR-1-02 | 1 | S | MAY | second\n";

fn check(text: &str) -> Conformance {
    let file = SourceFile::new("crates/x/tests/a.rs", text);
    conformance(parse_rows(ROWS).unwrap(), &[file])
}

#[test]
fn ids_are_collected_for_each_test() {
    let found = check(
        "// R-1-01, R-1-02: why\n#[test]\nfn one() {}\n\n\
         // R-1-01\n// because\n#[tokio::test]\n#[ignore = \"x\"]\nasync fn two() {}\n",
    );
    assert_eq!(found.findings, []);
    let tests: Vec<_> = found.rows.iter().map(|(_, tests)| tests.as_slice()).collect();
    let one = "crates/x/tests/a.rs::one".to_owned();
    let two = "crates/x/tests/a.rs::two".to_owned();
    assert_eq!(tests, [&[one.clone(), two][..], &[one]]);
    assert!(found.to_string().ends_with("2 of 2 rules have tests"), "{found}");
}

#[test]
fn an_unknown_id_is_found() {
    let found = check("// R-9-99\n#[test]\nfn one() {}\n");
    assert_eq!(places(&found.findings), ["crates/x/tests/a.rs:1"]);
    assert_eq!(problems(&found.findings), ["unknown rule R-9-99"]);
    assert!(found.to_string().ends_with("0 of 2 rules have tests"));
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
    let found = conformance(parse_rows(ROWS).unwrap(), &[file]);
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
