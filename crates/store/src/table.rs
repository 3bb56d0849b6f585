//! How a noun lies in its table: one column a cell, and the same cells in the change log.
//!
//! A row travels as a JSON object of its cells. One static statement per table writes it, so no SQL
//! is ever put together at run time.

use crate::{Result, StoreError, error::doing};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::fmt::Display;

/// The cells of a row, by name.
pub(crate) type Cells = Map<String, Value>;

/// How a cell lies in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As text.
    Text,
    /// As an integer.
    Int,
    /// As 0 or 1.
    Flag,
    /// As the text of a JSON value.
    Json,
}

/// A table of a noun with its statements.
#[derive(Debug)]
pub struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    pub(crate) one: &'static str,
    pub(crate) all: &'static str,
    pub(crate) upsert: &'static str,
    pub(crate) bury: &'static str,
    #[cfg(test)]
    pub(crate) dump: &'static str,
}

/// Describes a table; every statement is put together by the compiler.
macro_rules! table {
    ($name:literal { $($kind:ident $column:ident),* $(,)? }) => {
        $crate::table::Table {
            name: $name,
            columns: &[$((stringify!($column), $crate::table::Kind::$kind)),*],
            one: concat!("SELECT * FROM ", $name, " WHERE id = ?1"),
            all: concat!("SELECT * FROM ", $name, " WHERE deleted_at IS NULL ORDER BY id"),
            upsert: concat!(
                "INSERT INTO ", $name, " (id, deleted_at", $(", ", stringify!($column),)*
                ") VALUES (?1 ->> 'id', ?1 ->> 'deleted_at'",
                $(", ", $crate::table::column_value!($kind $column),)*
                ") ON CONFLICT (id) DO UPDATE SET deleted_at = excluded.deleted_at",
                $(", ", stringify!($column), " = excluded.", stringify!($column),)*
            ),
            bury: concat!("UPDATE ", $name, " SET deleted_at = ?2 WHERE id = ?1"),
            #[cfg(test)]
            dump: concat!("SELECT * FROM ", $name, " ORDER BY id"),
        }
    };
}

/// The value of a column, out of the row's JSON object in the first parameter.
macro_rules! column_value {
    (Json $column:ident) => {
        concat!("nullif(?1 -> '", stringify!($column), "', 'null')")
    };
    ($kind:ident $column:ident) => {
        concat!("?1 ->> '", stringify!($column), "'")
    };
}

pub(crate) use {column_value, table};

/// What the store keeps one row of for each of: implemented for the nouns of the domain.
pub trait Noun: Serialize + DeserializeOwned + Send + Sync {
    /// The type of its id.
    type Id: Display + Send + Sync;
    /// Where it lies.
    #[doc(hidden)]
    const TABLE: &'static Table;
    /// Its id as the table and the change log keep it.
    #[doc(hidden)]
    fn row_id(&self) -> String;
}

/// The cells of a noun, `id` among them.
pub(crate) fn cells_of<N: Noun>(noun: &N) -> Result<Cells> {
    let unreadable = |why: String| StoreError::Unreadable {
        noun: N::TABLE.name,
        id: noun.row_id(),
        why,
    };
    let value = serde_json::to_value(noun).map_err(|error| unreadable(error.to_string()))?;
    let Value::Object(mut cells) = value else {
        return Err(unreadable("it is no object".into()));
    };
    cells.insert("id".into(), noun.row_id().into());
    Ok(cells)
}

/// The noun that cells make.
pub(crate) fn noun_of<N: Noun>(cells: Cells) -> Result<N> {
    let id = cells.get("id").map(Value::to_string).unwrap_or_default();
    serde_json::from_value(Value::Object(cells)).map_err(|error| StoreError::Unreadable {
        noun: N::TABLE.name,
        id,
        why: error.to_string(),
    })
}

/// Reads the cells out of a row of `SELECT *`.
pub(crate) fn cells_in(table: &Table, row: &SqliteRow) -> Result<Cells> {
    decode(table, row).map_err(doing("read a row"))
}

fn decode(table: &Table, row: &SqliteRow) -> std::result::Result<Cells, sqlx::Error> {
    let mut cells = Cells::with_capacity(table.columns.len() + 2);
    cells.insert("id".into(), row.try_get::<String, _>("id")?.into());
    let deleted_at: Option<String> = row.try_get("deleted_at")?;
    cells.insert("deleted_at".into(), deleted_at.into());
    for (name, kind) in table.columns {
        let value = match kind {
            Kind::Text => Value::from(row.try_get::<Option<String>, _>(*name)?),
            Kind::Int => Value::from(row.try_get::<Option<i64>, _>(*name)?),
            Kind::Flag => Value::from(row.try_get::<Option<i64>, _>(*name)?.map(|flag| flag != 0)),
            Kind::Json => match row.try_get::<Option<String>, _>(*name)? {
                Some(text) => serde_json::from_str(&text)
                    .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                None => Value::Null,
            },
        };
        cells.insert((*name).into(), value);
    }
    Ok(cells)
}

/// Whether cells carry a tombstone.
pub(crate) fn is_deleted(cells: &Cells) -> bool {
    cells.get("deleted_at").is_some_and(|at| !at.is_null())
}

/// One row's cells, deleted or not.
pub(crate) async fn find_cells(
    connection: &mut SqliteConnection,
    table: &'static Table,
    id: &str,
) -> Result<Option<Cells>> {
    let row = sqlx::query(table.one)
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(doing("read a row"))?;
    row.map(|row| cells_in(table, &row)).transpose()
}

/// Nouns out of rows of `SELECT *`.
pub(crate) fn nouns<N: Noun>(rows: &[SqliteRow]) -> Result<Vec<N>> {
    rows.iter()
        .map(|row| noun_of(cells_in(N::TABLE, row)?))
        .collect()
}
