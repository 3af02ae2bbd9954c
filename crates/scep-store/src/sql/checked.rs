//! The changes of a group of verbs as one statement, which fails unless each record is as it was before.
//!
//! Changes of the same form become one part, the cells of a column one parameter. Where fewer rows were changed than were to
//! be, it divides by zero: so it needs no other look at them, and no code in the server.

use std::collections::BTreeMap;

use crate::durable::{Care, Cell, Change, Record, Table};

/// The cells of several records in one column: all of one kind, none of them null.
pub(crate) type Column<'a> = Vec<Cell<'a>>;

/// What changes have in common that become one part.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    table: Table,
    /// Which columns were null; none of a record that was not there.
    before: Vec<bool>,
    /// What each column becomes; none of a record that goes.
    after: Vec<Fate>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Stays,
    Null,
    Value,
}

/// The cells of one form, a row a change: those before that were not null, then those after that become a value.
type Rows<'a> = Vec<Vec<Cell<'a>>>;

/// A statement under construction.
#[derive(Default)]
struct Text<'a> {
    parts: Vec<String>,
    checks: Vec<String>,
    columns: Vec<Column<'a>>,
}

/// The statement, and its parameters.
pub(crate) fn checked<'a>(
    changes: impl Iterator<Item = &'a Change>,
    care: Care,
) -> (String, Vec<Column<'a>>) {
    let mut forms: BTreeMap<Form, Rows<'_>> = BTreeMap::new();
    for (form, cells) in changes.filter_map(form) {
        forms.entry(form).or_default().push(cells);
    }
    let mut text = Text::default();
    for (form, rows) in forms {
        text.add(&form, rows);
    }
    (text.sql(care), text.columns)
}

fn form(change: &Change) -> Option<(Form, Vec<Cell<'_>>)> {
    let table = change.before.as_ref().or(change.after.as_ref())?.table();
    let [old, new] = [&change.before, &change.after]
        .map(|record| record.as_ref().map(Record::cells).unwrap_or_default());
    let before = old.iter().map(|cell| *cell == Cell::Null).collect();
    let fates = new.iter().enumerate().map(|(index, cell)| match cell {
        cell if old.get(index) == Some(cell) => Fate::Stays,
        Cell::Null => Fate::Null,
        _ => Fate::Value,
    });
    let after: Vec<Fate> = fates.collect();
    let changed = new.into_iter().zip(&after).filter(|(_, fate)| **fate == Fate::Value);
    let kept = old.into_iter().filter(|cell| *cell != Cell::Null);
    let values = kept.chain(changed.map(|(cell, _)| cell)).collect();
    Some((Form { table, before, after }, values))
}

impl<'a> Text<'a> {
    fn add(&mut self, form: &Form, rows: Rows<'a>) {
        let first = self.columns.len().saturating_add(1);
        let from = self.parameters(rows);
        let name = form.table.name();
        let part = match (form.before.is_empty(), form.after.is_empty()) {
            (true, _) => {
                let columns = form.valued().collect::<Vec<_>>().join(", ");
                format!("INSERT INTO {name} ({columns}) SELECT * FROM unnest({from})")
            }
            (false, true) => format!(
                "DELETE FROM {name} USING unnest({from}) AS n ({}) WHERE {}",
                form.given(),
                form.is_as_before()
            ),
            (false, false) => format!(
                "UPDATE {name} SET {} FROM unnest({from}) AS n ({}) WHERE {}",
                form.assignments(),
                form.given(),
                form.is_as_before()
            ),
        };
        let number = self.parts.len();
        self.parts.push(format!("c{number} AS ({part} RETURNING 1)"));
        // What is inserted is all inserted, or it fails by itself.
        if !form.before.is_empty() {
            let rows = format!("array_length(${first}, 1)");
            self.checks.push(format!("(SELECT count(*) FROM c{number}) = {rows}"));
        }
    }

    /// Adds the columns of these rows, and says how the text calls them.
    fn parameters(&mut self, rows: Rows<'a>) -> String {
        let width = rows.first().map_or(0, Vec::len);
        let first = self.columns.len();
        self.columns.resize_with(first.saturating_add(width), || Vec::with_capacity(rows.len()));
        for row in rows {
            let columns = self.columns.iter_mut().skip(first);
            columns.zip(row).for_each(|(column, cell)| column.push(cell));
        }
        let numbered = self.columns.iter().zip(1..).skip(first);
        let named = numbered.map(|(column, number): (_, usize)| {
            let kind = match column.first() {
                Some(Cell::Integer(_)) => "int8",
                Some(Cell::Text(_)) => "text",
                _ => "bytea",
            };
            format!("${number}::{kind}[]")
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Of what may be taken back nothing is flushed.
    fn sql(&self, care: Care) -> String {
        let checks = match self.checks.as_slice() {
            [] => "TRUE".to_owned(),
            checks => checks.join(" AND "),
        };
        let flush = match care {
            Care::Passing => ", set_config('synchronous_commit', 'off', true)",
            Care::Reads | Care::Lasting => "",
        };
        let parts = self.parts.join(", ");
        format!("WITH {parts} SELECT 1 / CASE WHEN {checks} THEN 1 ELSE 0 END{flush}")
    }
}

impl Form {
    /// The columns that become a value.
    fn valued(&self) -> impl Iterator<Item = &'static str> {
        let fates = self.table.columns().iter().zip(&self.after);
        fates.filter(|(_, fate)| **fate == Fate::Value).map(|(column, _)| *column)
    }

    /// The names of what is given: old values with an `o` in front, new ones with an `n`.
    fn given(&self) -> String {
        let before = self.table.columns().iter().zip(&self.before);
        let old = before.filter(|(_, is_null)| !**is_null).map(|(column, _)| format!("o_{column}"));
        let new = self.valued().map(|column| format!("n_{column}"));
        old.chain(new).collect::<Vec<_>>().join(", ")
    }

    fn is_as_before(&self) -> String {
        let name = self.table.name();
        let before = self.table.columns().iter().zip(&self.before);
        let conditions = before.map(|(column, is_null)| match is_null {
            true => format!("{name}.{column} IS NULL"),
            false => format!("{name}.{column} = n.o_{column}"),
        });
        conditions.collect::<Vec<_>>().join(" AND ")
    }

    fn assignments(&self) -> String {
        let fates = self.table.columns().iter().zip(&self.after);
        let changed = fates.filter_map(|(column, fate)| match fate {
            Fate::Stays => None,
            Fate::Null => Some(format!("{column} = NULL")),
            Fate::Value => Some(format!("{column} = n.n_{column}")),
        });
        changed.collect::<Vec<_>>().join(", ")
    }
}
