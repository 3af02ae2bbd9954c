//! What reading a message costs without its RSA operations, how that grows, and whether the answer to a corrupt envelope
//! tells by its time what was wrong.

mod growth;
mod oracle;
mod peers;
mod samples;
mod without_rsa;

use anyhow::Result;
use scep_benches::{Counting, finish};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<()> {
    let mut rows = without_rsa::rows()?;
    rows.extend(peers::rows()?);
    rows.extend(growth::rows()?);
    rows.extend(oracle::rows()?);
    Ok(finish(&rows)?)
}
