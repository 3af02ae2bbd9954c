//! The SCEP server program.
fn main() {}
