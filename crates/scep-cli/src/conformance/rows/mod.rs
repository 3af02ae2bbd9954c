//! The rules, a file for each group.

mod algorithms;
mod attributes;
mod ca_certificate;
mod capabilities;
mod certificate;
mod csr;
mod enrolment;
mod envelope;
mod http;
mod polling;
mod renewal;
mod reply;
mod signature;

use super::row::Row;

/// In the order they are run: the first that get a certificate are those of `enrolment`.
const GROUPS: [&[Row]; 13] = [
    capabilities::ROWS,
    ca_certificate::ROWS,
    http::ROWS,
    attributes::ROWS,
    signature::ROWS,
    algorithms::ROWS,
    envelope::ROWS,
    enrolment::ROWS,
    polling::ROWS,
    csr::ROWS,
    reply::ROWS,
    certificate::ROWS,
    renewal::ROWS,
];

/// All rows.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    GROUPS.into_iter().flatten()
}

/// The rows whose id begins as one of these, or all if there are none.
pub(crate) fn chosen(only: &[String]) -> Vec<&'static Row> {
    let is_chosen =
        |row: &&Row| only.is_empty() || only.iter().any(|begin| row.id.starts_with(begin.as_str()));
    all().filter(is_chosen).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::conformance::Level;

    /// Id, role and level of each known rule.
    fn known() -> Vec<(String, String, String)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/conformance-rows.txt");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("R-"));
        rows.map(|line| {
            let fields: Vec<_> = line.split('|').map(|field| field.trim().to_owned()).collect();
            (fields[0].clone(), fields[2].clone(), fields[3].clone())
        })
        .collect()
    }

    #[test]
    fn each_row_is_a_known_rule_for_servers_at_its_level_and_stands_once() {
        let (known, mut seen) = (known(), BTreeSet::new());
        for row in all() {
            assert!(seen.insert(row.id), "{} stands twice", row.id);
            let rule = known.iter().find(|(id, _, _)| id == row.id);
            let Some((_, role, level)) = rule else { panic!("{} is no rule", row.id) };
            assert!(matches!(role.as_str(), "S" | "B"), "{} is for {role}", row.id);
            let expected = match level.as_str() {
                "MUST" | "MUST NOT" | "MUST-like" | "plain" => Level::Must,
                "SHOULD" | "SHOULD NOT" => Level::Should,
                _ => Level::Practice,
            };
            assert_eq!(row.level, expected, "{} is {level}", row.id);
            assert!(row.title.chars().count() <= 75, "{}: {}", row.id, row.title);
        }
    }
}
