//! A black-box run of RFC 8894's rules for servers.
//!
//! A rule is a [`Row`]: its id, a few words, what it costs, and a function that sends something and judges what comes
//! back. To add one, write it into the file of its group in `rows/`, beside the others: the id must be one of
//! `xtask/conformance-rows.txt`, and what the function needs is in [`Lab`] (the server, keys, challenges) and [`craft`]
//! (messages by hand).

mod craft;
mod lab;
mod report;
mod row;
mod rows;
mod wire;

pub(crate) use lab::{Lab, Setting};
pub(crate) use report::{Line, json, text};
pub use row::Level;
pub(crate) use rows::chosen;

use row::Row;

/// Runs rows, one after the other: some need what others got.
pub(crate) fn run(lab: &mut Lab, rows: &[&'static Row]) -> Vec<Line> {
    let outcome = |lab: &mut Lab, row: &Row| {
        let outcome = (row.check)(lab);
        if lab.take_held_back() {
            return row::not_tested("the server issued as many certificates as were announced");
        }
        outcome
    };
    rows.iter().map(|row| Line::new(row, outcome(lab, row))).collect()
}

/// How many certificates these rows may get: their own, the one that others look at, and the one that a server gives
/// which grants whatever it is asked, when it is first tried.
pub(crate) fn certificates(rows: &[&'static Row]) -> u32 {
    rows.iter().map(|row| row.certificates).sum::<u32>().saturating_add(2)
}
