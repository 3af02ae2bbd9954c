//! Records of earlier versions, made as those of this one.

use super::Shared;
use super::encoding;
use super::server::{VERSION, version, write_version};
use crate::StoreError;
use crate::durable::{Care, Change, Changes, Table};

/// Records looked at in one round trip.
const SCANNED: usize = 256;

/// Where to go on, and fields with their values.
type Scanned = (u64, Vec<(Vec<u8>, Vec<u8>)>);

/// Writes each record anew, as it is, so that it is found wherever this version looks: since version 2 certificates by key and by
/// device, since version 3 all records by when they end. Nodes that start together do it together, to the same effect.
pub(super) async fn upgrade(shared: &Shared) -> Result<(), StoreError> {
    let mut connection = shared.connection.clone();
    if version(&mut connection, &shared.keys).await? == Some(VERSION) {
        return Ok(());
    }
    for table in Table::ALL {
        write_anew(shared, table).await?;
    }
    let mut command = redis::cmd("DEL");
    command.arg(shared.keys.of_earlier_versions());
    let _: u64 = shared.ask(&command).await?;
    write_version(&mut connection, &shared.keys).await
}

async fn write_anew(shared: &Shared, table: Table) -> Result<(), StoreError> {
    let mut cursor = 0;
    loop {
        let mut command = redis::cmd("HSCAN");
        command.arg(shared.keys.records(table)).arg(cursor).arg("COUNT").arg(SCANNED);
        let (next, found): Scanned = shared.ask(&command).await?;
        for (_, value) in found {
            let record = encoding::decode(table, &value)?;
            let change = Change { before: Some(record.clone()), after: Some(record) };
            // If it is not what it was, another node of this version has changed it, and written it as this one would.
            shared.write_alone(&Changes::new(vec![change]), Care::Lasting).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
