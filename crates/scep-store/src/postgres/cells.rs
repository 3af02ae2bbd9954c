//! Cells as parameters and columns.

use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::StoreError;
use crate::durable::{Cell, CellRow};

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Octets(octets) => octets.as_ref().to_sql(ty, out),
            Self::Text(text) => text.as_ref().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::BYTEA, Type::TEXT].contains(ty)
    }

    to_sql_checked!();
}

/// The cells of a row.
pub(super) fn read(row: &Row) -> Result<CellRow, StoreError> {
    (0..row.len()).map(|column| cell(row, column)).collect()
}

fn cell(row: &Row, column: usize) -> Result<Cell<'static>, StoreError> {
    let ty = row.columns().get(column).map(|column| column.type_().clone());
    let cell = match ty {
        Some(Type::INT8) => {
            row.try_get::<_, Option<i64>>(column).map(|cell| cell.map(Cell::Integer))
        }
        Some(Type::BYTEA) => {
            row.try_get::<_, Option<Vec<u8>>>(column).map(|cell| cell.map(Cell::made))
        }
        Some(Type::TEXT) => row
            .try_get::<_, Option<String>>(column)
            .map(|cell| cell.map(|text| Cell::Text(text.into()))),
        _ => return Err(StoreError::Poisoned),
    };
    Ok(cell.map_err(|_| StoreError::Poisoned)?.unwrap_or(Cell::Null))
}
