//! Reading the change log, and taking in changes that were made elsewhere.

use crate::{
    Result, Store, StoreError, Write,
    error::doing,
    nouns::SYNCED,
    table::{Cells, Table, find_cells},
};
use plimsoll_domain::change::{Change, ChangeAct, Hlc, InvalidHlc};
use serde_json::Value;
use sqlx::{Row, sqlite::SqliteRow};

impl Store {
    /// Changes after a number of the log, oldest first.
    pub async fn changes_since(&self, seq: i64, limit: u32) -> Result<Vec<Change>> {
        let rows = sqlx::query("SELECT * FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .bind(seq)
            .bind(limit)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("read the change log"))?;
        rows.iter().map(change_in).collect()
    }

    /// The last number of the change log; 0 when it is empty.
    pub async fn last_seq(&self) -> Result<i64> {
        sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM changes")
            .fetch_one(&mut *self.reader().await?)
            .await
            .map_err(doing("read the last change"))
    }

    /// The history of one row, oldest first: also values that a later write replaced.
    pub async fn history<N: crate::Noun>(&self, id: &N::Id) -> Result<Vec<Change>> {
        let rows =
            sqlx::query("SELECT * FROM changes WHERE noun = ?1 AND row_id = ?2 ORDER BY hlc")
                .bind(N::TABLE.name)
                .bind(id.to_string())
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(doing("read a row's history"))?;
        rows.iter().map(change_in).collect()
    }
}

impl Write {
    /// Takes in changes of another copy of the store, in their order. A cell that was written here
    /// with a later stamp keeps its value; the loser stays in the log. A change that is known
    /// already is passed over.
    pub async fn receive(&mut self, changes: &[Change]) -> Result<()> {
        for change in changes {
            let table = SYNCED
                .iter()
                .copied()
                .find(|table| table.name == change.noun)
                .ok_or_else(|| unreadable(change, "there is no such noun"))?;
            self.receive_one(table, change).await?;
        }
        Ok(())
    }

    async fn receive_one(&mut self, table: &'static Table, change: &Change) -> Result<()> {
        let stamp = change.hlc.to_string();
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM changes WHERE hlc = ?1")
            .bind(&stamp)
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(doing("look for a change"))?;
        if known > 0 {
            return Ok(());
        }
        let Value::Object(cells) = &change.cells else {
            return Err(unreadable(change, "its cells are no object"));
        };
        let found = find_cells(&mut self.transaction, table, &change.row_id).await?;
        let mut row = found.clone().unwrap_or_default();
        row.insert("id".into(), change.row_id.clone().into());
        for (cell, value) in cells {
            if self.last_stamp(change, cell).await?.as_ref() < Some(&stamp) {
                row.insert(cell.clone(), value.clone());
            }
        }
        if found.as_ref() != Some(&row) {
            self.upsert(table, &change.row_id, row).await?;
        }
        self.witness(&change.hlc);
        self.append(
            table.name,
            &change.row_id,
            change.act,
            cells.clone(),
            &stamp,
            &change.author,
        )
        .await
    }

    async fn last_stamp(&mut self, change: &Change, cell: &str) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT max(hlc) FROM changes WHERE noun = ?1 AND row_id = ?2 \
             AND EXISTS (SELECT 1 FROM json_each(cells) WHERE key = ?3)",
        )
        .bind(&change.noun)
        .bind(&change.row_id)
        .bind(cell)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(doing("look for a cell's last change"))
    }
}

fn unreadable(change: &Change, why: &str) -> StoreError {
    StoreError::Unreadable {
        noun: "changes",
        id: change.hlc.to_string(),
        why: why.to_owned(),
    }
}

fn change_in(row: &SqliteRow) -> Result<Change> {
    decode(row).map_err(doing("read a change"))
}

fn decode(row: &SqliteRow) -> std::result::Result<Change, sqlx::Error> {
    let cells: String = row.try_get("cells")?;
    let cells: Cells =
        serde_json::from_str(&cells).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let act: String = row.try_get("act")?;
    let hlc: String = row.try_get("hlc")?;
    let hlc: Hlc = hlc
        .parse()
        .map_err(|error: InvalidHlc| sqlx::Error::Decode(error.into()))?;
    Ok(Change {
        seq: row.try_get("seq")?,
        noun: row.try_get("noun")?,
        row_id: row.try_get("row_id")?,
        act: match act.as_str() {
            "created" => ChangeAct::Created,
            "deleted" => ChangeAct::Deleted,
            _ => ChangeAct::Updated,
        },
        cells: Value::Object(cells),
        hlc,
        author: row.try_get("author")?,
    })
}
