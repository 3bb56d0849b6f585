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

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sql: include_str!("../../../migrations/sqlite/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "reserved addresses",
        sql: include_str!("../../../migrations/sqlite/0002_reserved_addresses.sql"),
    },
    Migration {
        version: 3,
        name: "log places",
        sql: include_str!("../../../migrations/sqlite/0003_log_places.sql"),
    },
    Migration {
        version: 4,
        name: "versions",
        sql: include_str!("../../../migrations/sqlite/0004_versions.sql"),
    },
    Migration {
        version: 5,
        name: "project settings",
        sql: include_str!("../../../migrations/sqlite/0005_project_settings.sql"),
    },
];

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
    apply_after(connection, found, MIGRATIONS, backups, now).await
}

async fn apply_after(
    connection: &mut SqliteConnection,
    found: i64,
    migrations: &[Migration],
    backups: &Path,
    now: Timestamp,
) -> Result<()> {
    for migration in migrations.iter().filter(|known| known.version > found) {
        // There is nothing to lose in a database that was just made.
        if found > 0 {
            let why = format!("before-migration-{}", migration.version);
            backup::back_up(connection, backups, now, &why).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::{open, project};
    use plimsoll_domain::project::Project;
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

    /// Two migrations that may follow.
    fn later() -> [Migration; 2] {
        [
            Migration {
                version: latest() + 1,
                name: "colours",
                sql: "ALTER TABLE projects ADD COLUMN colour TEXT; \
                      UPDATE projects SET colour = 'red'",
            },
            Migration {
                version: latest() + 2,
                name: "mistake",
                sql: "DELETE FROM projects; INSERT INTO nowhere VALUES (1)",
            },
        ]
    }

    #[tokio::test]
    async fn each_migration_is_backed_up_and_a_failed_one_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let backups = folder.path().join("backups");
        let store = open(folder.path()).await;
        let mut write = store.write().await.unwrap();
        write.put(&project(1)).await.unwrap();
        write.commit().await.unwrap();
        store.close().await;
        drop(store);
        let before = backup::list(&backups).unwrap().len();

        let mut connection = SqliteConnectOptions::new()
            .filename(folder.path().join("plimsoll.db"))
            .connect()
            .await
            .unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let answer = apply_after(&mut connection, latest(), &later(), &backups, now).await;
        assert!(matches!(
            answer,
            Err(StoreError::Database {
                doing: "migrate",
                ..
            })
        ));
        assert_eq!(version(&mut connection).await.unwrap(), latest() + 1);
        let left: String = sqlx::query_scalar("SELECT group_concat(colour) FROM projects")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(left, "red", "the second took its deletion back");
        assert_eq!(backup::list(&backups).unwrap().len(), before + 2);
    }

    #[tokio::test]
    async fn a_backup_from_before_a_migration_opens_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let backups = folder.path().join("backups");
        let store = open(folder.path()).await;
        let mut write = store.write().await.unwrap();
        write.put(&project(1)).await.unwrap();
        write.commit().await.unwrap();
        store.close().await;
        let mut connection = SqliteConnectOptions::new()
            .filename(folder.path().join("plimsoll.db"))
            .connect()
            .await
            .unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        apply_after(&mut connection, latest(), &later()[..1], &backups, now)
            .await
            .unwrap();
        let backup = backup::list(&backups).unwrap().swap_remove(0);
        let name = format!("before-migration-{}.db", latest() + 1);
        assert!(backup.to_string_lossy().ends_with(&name));
        let restored = tempfile::tempdir().unwrap();
        std::fs::copy(backup, restored.path().join("plimsoll.db")).unwrap();
        let store = open(restored.path()).await;
        assert_eq!(store.all::<Project>().await.unwrap(), [project(1)]);
    }
}
