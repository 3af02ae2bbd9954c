//! The SCEP client and diagnosis program.
fn main() {}
