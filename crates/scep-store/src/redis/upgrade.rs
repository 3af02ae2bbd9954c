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
/// device, since version 4 all records by when they end, as they are noted now. Nodes that start together do it together, to the same effect.
pub(super) async fn upgrade(shared: &Shared) -> Result<(), StoreError> {
    let mut connection = shared.connection.clone();
    if version(&mut connection, &shared.keys).await? == Some(VERSION) {
        return Ok(());
    }
    for table in Table::ALL {
        write_anew(shared, table).await?;
    }
    forget(shared, &shared.keys.of_earlier_versions()).await?;
    forget_slots_of_version_3(shared).await?;
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

/// The numbers last: a node that fails in between leaves them for the next one.
async fn forget_slots_of_version_3(shared: &Shared) -> Result<(), StoreError> {
    let numbers = shared.keys.slots_of_version_3();
    let mut command = redis::cmd("ZRANGE");
    command.arg(&numbers).arg(0).arg(-1);
    let slots: Vec<i64> = shared.ask(&command).await?;
    for some in slots.chunks(SCANNED) {
        let some: Vec<_> = some.iter().map(|slot| shared.keys.slot_of_version_3(*slot)).collect();
        forget(shared, &some).await?;
    }
    forget(shared, &[numbers]).await
}

async fn forget(shared: &Shared, keys: &[String]) -> Result<(), StoreError> {
    let mut command = redis::cmd("UNLINK");
    command.arg(keys);
    shared.ask::<u64>(&command).await.map(drop)
}
