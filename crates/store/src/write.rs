//! Writing: one transaction, in which every change of a synced row is also a row of the change log.

use crate::{
    Noun, Result, Store, StoreError,
    error::{doing, writing},
    open::get,
    table::{Cells, Table, cells_of, find_cells, is_deleted},
};
use plimsoll_domain::{
    Timestamp,
    change::{ChangeAct, Hlc},
};
use serde_json::Value;
use sqlx::{Connection, Sqlite, SqlitePool, Transaction, sqlite::SqlitePoolOptions};

/// Waits for its turn at once: a transaction that begins by reading could be refused in its middle.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// An open transaction. Nothing is written before [`Write::commit`]; dropping it takes all back.
///
/// There is one writing connection in a process: whoever holds a `Write` and waits for something
/// outside lets everybody wait.
pub struct Write {
    pub(crate) transaction: Transaction<'static, Sqlite>,
    pub(crate) store: Store,
    clock: Hlc,
    stamped: bool,
}

impl Store {
    /// Begins a transaction; waits while another one writes, in this process or another.
    pub async fn write(&self) -> Result<Write> {
        let begun = begin(&self.inner.writer).await;
        let mut transaction = begun.map_err(doing("begin a transaction"))?;
        let clock: Option<(i64, i64)> =
            sqlx::query_as("SELECT wall_ms, counter FROM clock WHERE only = 1")
                .fetch_optional(&mut *transaction)
                .await
                .map_err(doing("read the clock"))?;
        let (wall_ms, counter) = clock.unwrap_or_default();
        Ok(Write {
            transaction,
            store: self.clone(),
            clock: Hlc {
                wall_ms,
                counter: u32::try_from(counter).unwrap_or(u32::MAX),
                device: self.inner.device.clone(),
            },
            stamped: false,
        })
    }
}

/// Begins a transaction that is about to write.
pub(crate) async fn begin(pool: &SqlitePool) -> sqlx::Result<Transaction<'static, Sqlite>> {
    pool.begin_with(BEGIN).await
}

/// A pool whose writing connections can begin again. When the disk is full SQLite takes a transaction
/// back by itself, and the driver goes on counting it: such a connection begins nothing any more, so
/// it is closed instead of kept.
pub(crate) fn writing_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().after_release(|connection, _| {
        Box::pin(async move {
            if connection.is_in_transaction() {
                // What was dropped is rolled back before this is answered.
                connection.ping().await?;
            }
            Ok(!connection.is_in_transaction())
        })
    })
}

impl Write {
    /// The time, as the store was given it.
    pub fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// One row as this transaction sees it; `None` when there is none or it was deleted.
    pub async fn get<N: Noun>(&mut self, id: &N::Id) -> Result<Option<N>> {
        get(&mut self.transaction, id).await
    }

    /// One row as this transaction sees it, which has to be there.
    pub async fn need<N: Noun>(&mut self, id: &N::Id) -> Result<N> {
        self.get(id).await?.ok_or_else(|| StoreError::NotFound {
            noun: N::TABLE.name,
            id: id.to_string(),
        })
    }

    /// Creates a row, or writes those of its cells that differ.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::MissingReference`], [`StoreError::Immutable`], and
    /// [`StoreError::Deleted`] when the row was deleted meanwhile.
    pub async fn put<N: Noun>(&mut self, noun: &N) -> Result<()> {
        self.put_with(noun, Cells::new()).await
    }

    /// Like [`Write::put`], with cells that the noun itself does not show.
    pub(crate) async fn put_with<N: Noun>(&mut self, noun: &N, extra: Cells) -> Result<()> {
        let mut cells = cells_of(noun)?;
        cells.extend(extra);
        self.put_cells(N::TABLE, &noun.row_id(), cells).await
    }

    /// Deletes a row; a tombstone stays. `Ok` when it was deleted already.
    pub async fn delete<N: Noun>(&mut self, id: &N::Id) -> Result<()> {
        self.bury::<N>(id, true).await
    }

    /// Takes a deletion back. `Ok` when the row was not deleted.
    pub async fn restore<N: Noun>(&mut self, id: &N::Id) -> Result<()> {
        self.bury::<N>(id, false).await
    }

    async fn bury<N: Noun>(&mut self, id: &N::Id, gone: bool) -> Result<()> {
        let id = id.to_string();
        let found = find_cells(&mut self.transaction, N::TABLE, &id).await?;
        let cells = found.ok_or_else(|| StoreError::NotFound {
            noun: N::TABLE.name,
            id: id.clone(),
        })?;
        if is_deleted(&cells) == gone {
            return Ok(());
        }
        let deleted_at = gone.then(|| self.now().to_string());
        sqlx::query(N::TABLE.bury)
            .bind(&id)
            .bind(&deleted_at)
            .execute(&mut *self.transaction)
            .await
            .map_err(writing(N::TABLE.name, &id))?;
        let act = if gone {
            ChangeAct::Deleted
        } else {
            ChangeAct::Updated
        };
        let cells = Cells::from_iter([("deleted_at".to_owned(), Value::from(deleted_at))]);
        self.log(N::TABLE, &id, act, cells).await
    }

    /// Writes those of the given cells that differ from the row's, and logs exactly these.
    pub(crate) async fn put_cells(
        &mut self,
        table: &'static Table,
        id: &str,
        cells: Cells,
    ) -> Result<()> {
        let known = |cell: &str| table.columns.iter().any(|(column, _)| *column == cell);
        if let Some(stranger) = cells.keys().find(|cell| *cell != "id" && !known(cell)) {
            return Err(StoreError::Unreadable {
                noun: table.name,
                id: id.to_owned(),
                why: format!("there is no column for {stranger}"),
            });
        }
        let old = find_cells(&mut self.transaction, table, id).await?;
        if old.as_ref().is_some_and(is_deleted) {
            return Err(StoreError::Deleted {
                noun: table.name,
                id: id.to_owned(),
            });
        }
        let act = match old {
            Some(_) => ChangeAct::Updated,
            None => ChangeAct::Created,
        };
        let mut row = old.unwrap_or_default();
        let mut changed = Cells::new();
        for (cell, value) in cells {
            if cell != "id" && row.get(&cell).unwrap_or(&Value::Null) != &value {
                changed.insert(cell.clone(), value.clone());
            }
            row.insert(cell, value);
        }
        if changed.is_empty() && act == ChangeAct::Updated {
            return Ok(());
        }
        self.upsert(table, id, row).await?;
        self.log(table, id, act, changed).await
    }

    pub(crate) async fn upsert(
        &mut self,
        table: &'static Table,
        id: &str,
        row: Cells,
    ) -> Result<()> {
        sqlx::query(table.upsert)
            .bind(Value::Object(row).to_string())
            .execute(&mut *self.transaction)
            .await
            .map_err(writing(table.name, id))?;
        Ok(())
    }

    async fn log(
        &mut self,
        table: &'static Table,
        id: &str,
        act: ChangeAct,
        cells: Cells,
    ) -> Result<()> {
        self.clock = self.clock.next(self.now());
        let author = self.store.inner.author.clone();
        let stamp = self.clock.to_string();
        self.append(table.name, id, act, cells, &stamp, &author)
            .await
    }

    /// Lets this device's clock know of a stamp from elsewhere.
    pub(crate) fn witness(&mut self, stamp: &Hlc) {
        self.clock = self.clock.witness(stamp, self.now());
        self.stamped = true;
    }

    pub(crate) async fn append(
        &mut self,
        noun: &str,
        id: &str,
        act: ChangeAct,
        cells: Cells,
        stamp: &str,
        author: &str,
    ) -> Result<()> {
        self.stamped = true;
        let act = match act {
            ChangeAct::Created => "created",
            ChangeAct::Updated => "updated",
            ChangeAct::Deleted => "deleted",
        };
        sqlx::query(
            "INSERT INTO changes (noun, row_id, act, cells, hlc, author) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(noun)
        .bind(id)
        .bind(act)
        .bind(Value::Object(cells).to_string())
        .bind(stamp)
        .bind(author)
        .execute(&mut *self.transaction)
        .await
        .map_err(doing("append to the change log"))?;
        Ok(())
    }

    /// Commits everything; answers the last number of the change log, for a receipt.
    pub async fn commit(mut self) -> Result<i64> {
        if self.stamped {
            sqlx::query(
                "INSERT INTO clock (only, wall_ms, counter) VALUES (1, ?1, ?2) ON CONFLICT (only) \
                 DO UPDATE SET wall_ms = excluded.wall_ms, counter = excluded.counter",
            )
            .bind(self.clock.wall_ms)
            .bind(i64::from(self.clock.counter))
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("keep the clock"))?;
        }
        let seq: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM changes")
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(doing("read the last change"))?;
        self.transaction
            .commit()
            .await
            .map_err(doing("commit a transaction"))?;
        self.store.inner.written.send_modify(|count| *count += 1);
        Ok(seq)
    }
}
