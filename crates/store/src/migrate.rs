//! Migrations: embedded, applied one by one, each in a transaction and after a backup.

use crate::{Result, StoreError, backup, error::doing};
use plimsoll_domain::Timestamp;
use sqlx::{Connection, SqliteConnection};
use std::path::Path;

/// A migration as it was published; never edited afterwards.
pub(crate) struct Migration {
    pub(crate) version: i64,
    name: &'static str,
    sql: &'static str,
}

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "foundation",
    sql: include_str!("../../../migrations/sqlite/0001_foundation.sql"),
}];

/// The version that a migrated database has.
pub(crate) fn latest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The database's version; 0 when it is empty.
pub(crate) async fn version(connection: &mut SqliteConnection) -> Result<i64> {
    let ours: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(doing("look for migrations"))?;
    if ours == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM migrations")
        .fetch_one(connection)
        .await
        .map_err(doing("read the version"))
}

/// Refuses a database that a later program has migrated, or one made by other migrations.
pub(crate) async fn check(connection: &mut SqliteConnection, found: i64) -> Result<()> {
    if found > latest() {
        return Err(StoreError::Newer {
            found,
            known: latest(),
        });
    }
    for migration in MIGRATIONS.iter().filter(|known| known.version <= found) {
        let applied: Option<String> =
            sqlx::query_scalar("SELECT hash FROM migrations WHERE version = ?1")
                .bind(migration.version)
                .fetch_optional(&mut *connection)
                .await
                .map_err(doing("read a migration"))?;
        if applied.as_deref() != Some(hash(migration).as_str()) {
            return Err(StoreError::ChangedMigration {
                version: migration.version,
            });
        }
    }
    Ok(())
}

/// Applies what is missing. The caller holds the store alone.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    backups: &Path,
    now: Timestamp,
) -> Result<()> {
    let found = version(connection).await?;
    check(connection, found).await?;
    for migration in MIGRATIONS.iter().filter(|known| known.version > found) {
        if migration.version > 1 {
            backup::back_up(connection, backups, now, "before-migration").await?;
        }
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("begin a migration"))?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, \
             name TEXT NOT NULL, hash TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT",
        )
        .execute(&mut *transaction)
        .await
        .map_err(doing("keep a list of migrations"))?;
        sqlx::raw_sql(migration.sql)
            .execute(&mut *transaction)
            .await
            .map_err(doing("migrate"))?;
        sqlx::query(
            "INSERT INTO migrations (version, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(migration.version)
        .bind(migration.name)
        .bind(hash(migration))
        .bind(now.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(doing("note a migration"))?;
        transaction
            .commit()
            .await
            .map_err(doing("commit a migration"))?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "migrated"
        );
    }
    Ok(())
}

fn hash(migration: &Migration) -> String {
    // A checkout may have changed the ends of lines; the statements are the same.
    let text = migration.sql.replace("\r\n", "\n");
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
