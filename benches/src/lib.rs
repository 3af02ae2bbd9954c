//! Benches whose figures are ratios to raw operations measured in the same run, so that they mean the same on any
//! machine: a table for people, `--json FILE` for machines.

mod allocations;
mod measure;
mod table;

pub use allocations::Counting;
pub use measure::{Bench, Row};
pub use table::{finish, json_file};
