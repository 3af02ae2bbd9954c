//! The 33 tests of Microsoft's own libraries are all here by meaning: each has its number above one of ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What a comment above a test begins with; the number follows, and more of them behind commas.
const MARK: &str = "// library test 4.3-";

#[test]
fn each_test_of_microsofts_libraries_has_one_here() {
    let mut found = BTreeSet::new();
    for folder in ["intune-challenge/tests/service", "intune-client/tests/calls"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        for file in fs::read_dir(&folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            for (at, line) in lines.iter().enumerate() {
                let Some(numbers) = line.strip_prefix(MARK) else { continue };
                assert!(is_above_a_test(&lines[at + 1..]), "{line}");
                let numbers = numbers.split(':').next().unwrap();
                found.extend(numbers.split(", ").map(|number| number.parse::<u8>().unwrap()));
            }
        }
    }
    assert_eq!(found, (1..=33).collect());
}

fn is_above_a_test(below: &[&str]) -> bool {
    let more = below.iter().take_while(|line| line.starts_with("//"));
    let attribute = below.get(more.count()).copied().unwrap_or_default();
    attribute == "#[test]" || attribute.starts_with("#[tokio::test")
}
