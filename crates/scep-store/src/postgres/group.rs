//! A group of verbs as one statement, which checks what they were decided on.

use super::connection::{Connection, Failure};
use crate::StoreError;
use crate::durable::{Care, Changes};
use crate::sql::checked;

/// Writes the verbs and says whether they stand; if one of them was overtaken, none does. After an error the connection
/// must not be used again.
pub(super) async fn write(
    connection: &Connection,
    group: &[Changes],
    care: Care,
) -> Result<bool, StoreError> {
    let changes = group.iter().flat_map(|changes| changes.iter());
    let (sql, columns) = checked(changes, care);
    // It is a transaction by itself.
    match connection.execute_checked(&sql, &columns).await {
        Ok(()) => Ok(true),
        Err(Failure::Overtaken) => Ok(false),
        Err(Failure::Broken(error)) => Err(error),
    }
}
