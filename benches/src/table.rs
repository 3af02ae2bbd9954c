use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Row;

/// Prints the rows as a table, says which targets are missed, and puts them into the file after `--json`, if given.
///
/// `cargo bench` gives that file to each bench in turn: rows that another one put there stay.
///
/// # Errors
/// Standard output or the file cannot be written, the file is there and no such file, or `--json` has no file.
pub fn finish(rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<52} {:>10} {:>10} {:>7} {:>7} {:>7} {:>8}",
        "", "µs", "floor µs", "ratio", "target", "allocs", "bytes"
    )?;
    for row in rows {
        let target = row.target.map_or_else(String::new, |target| format!("{target:.2}"));
        let Row { name, ns, floor_ns, ratio, allocs, bytes, .. } = row;
        let (us, floor_us) = (ns / 1000.0, floor_ns / 1000.0);
        writeln!(
            out,
            "{name:<52} {us:>10.1} {floor_us:>10.1} {ratio:>7.3} {target:>7} {allocs:>7} {bytes:>8}"
        )?;
    }
    for row in rows {
        if let Some(target) = row.target.filter(|target| row.ratio > *target) {
            writeln!(
                out,
                "MISSED: {} takes {:.3} × its floor, {target:.2} is the target",
                row.name, row.ratio
            )?;
        }
        if let Some(target) = row.target_ns.filter(|target| row.ns > *target) {
            writeln!(
                out,
                "MISSED: {} takes {:.1} µs, {:.1} is the target",
                row.name,
                row.ns / 1000.0,
                target / 1000.0
            )?;
        }
        if let Some(target) = row.target_allocs.filter(|target| row.allocs > *target) {
            writeln!(
                out,
                "MISSED: {} allocates {} times, {target} is the target",
                row.name, row.allocs
            )?;
        }
    }
    match json_file()? {
        Some(path) => write_json(&path, rows),
        None => Ok(()),
    }
}

fn write_json(path: &Path, rows: &[Row]) -> io::Result<()> {
    let mut all = match std::fs::read(path) {
        Ok(text) => rows_of(serde_json::from_slice(&text)?)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    all.retain(|old| rows.iter().all(|row| old["name"] != row.name));
    for row in rows {
        all.push(serde_json::to_value(row)?);
    }
    std::fs::write(path, serde_json::to_vec(&json!({ "rows": all }))?)
}

fn rows_of(mut file: Value) -> io::Result<Vec<Value>> {
    let invalid =
        || io::Error::new(io::ErrorKind::InvalidData, "the file after --json has no rows");
    match file.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(invalid()),
    }
}

/// The path after `--json`, if it is given; cargo adds flags of its own, which are passed over.
///
/// # Errors
/// If no path follows.
pub fn json_file() -> io::Result<Option<PathBuf>> {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != "--json");
    if arguments.next().is_none() {
        return Ok(None);
    }
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "--json needs a file");
    arguments.next().map(|path| Some(PathBuf::from(path))).ok_or_else(missing)
}
