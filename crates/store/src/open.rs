//! Opening the store: locks, checks, migrations, connections.

use crate::{
    Backup, LogPolicy, Noun, Result, StoreError, backup, doorbell,
    error::{doing, is_damage},
    lock::Held,
    migrate,
    table::{find_cells, is_deleted, noun_of, nouns},
    write::writing_pool,
};
use plimsoll_domain::Timestamp;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{
        Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long a statement waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);
/// How long an opening waits for another process that migrates or restores.
const PATIENCE: Duration = Duration::from_secs(15);
/// First version without the WAL-reset bug, which can corrupt a database (3.7.0 to 3.51.2).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// What an opening needs to know.
#[derive(Clone)]
pub struct Opening {
    /// The folder that holds everything; it is created with access for its owner only.
    pub folder: PathBuf,
    /// The name of this device in stamps. Only the first opening of a folder uses it.
    pub new_device: String,
    /// Who writes: `user@machine`.
    pub author: String,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// An open store. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    pub(crate) device: String,
    pub(crate) author: String,
    pub(crate) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) writer: SqlitePool,
    readers: SqlitePool,
    pub(crate) written: watch::Sender<u64>,
    open: Mutex<Option<Held>>,
}

impl Store {
    /// Opens the store of a folder, creating or migrating it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the database was damaged: it is kept aside, the newest good
    /// backup is in its place, and the next opening works with that.
    pub async fn open(opening: Opening) -> Result<Store> {
        let folder = opening.folder.clone();
        create_private(&folder)?;
        let database = folder.join("plimsoll.db");
        let backups = folder.join("backups");
        let lock = folder.join("store.lock");
        let now = (opening.now)();

        let shared = || Held::try_shared(&lock);
        let mut held = Held::wait(shared, PATIENCE, "open it").await?;
        if !database.exists() || needs_care(&database).await? {
            drop(held);
            let alone = Held::wait(|| Held::try_alone(&lock), PATIENCE, "migrate or repair it");
            let alone = alone.await?;
            backup::finish_restore(&database)?;
            take_care(&database, &backups, now).await?;
            drop(alone);
            held = Held::wait(shared, PATIENCE, "open it").await?;
        }

        let writer = writing_pool()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // A file does not hang up.
            .test_before_acquire(false)
            .connect_with(options(&database))
            .await
            .map_err(doing("open the writing connection"))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options(&database).read_only(true))
            .await
            .map_err(doing("open the reading connections"))?;
        let device: String = sqlx::query_scalar(
            "INSERT INTO settings (name, value) VALUES ('device', ?1) \
             ON CONFLICT (name) DO UPDATE SET value = value RETURNING value",
        )
        .bind(&opening.new_device)
        .fetch_one(&writer)
        .await
        .map_err(doing("name this device"))?;
        let store = Store {
            inner: Arc::new(Inner {
                folder,
                device,
                author: opening.author,
                now: opening.now,
                writer,
                readers,
                written: watch::Sender::new(0),
                open: Mutex::new(Some(held)),
            }),
        };
        tokio::spawn(doorbell::listen(Arc::downgrade(&store.inner)));
        // The work of today does not have to wait for a disk with more room.
        if let Err(error) = store.back_up_if_due(now).await {
            tracing::warn!(%error, "the regular backup was not made");
        }
        store.prune_logs(&LogPolicy::default()).await?;
        Ok(store)
    }

    /// Opens what lies in the same folder now, as whom this one was opened.
    pub async fn open_again(&self) -> Result<Store> {
        Store::open(Opening {
            folder: self.inner.folder.clone(),
            new_device: self.inner.device.clone(),
            author: self.inner.author.clone(),
            now: Arc::clone(&self.inner.now),
        })
        .await
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }
    /// The name of this device in stamps.
    pub fn device(&self) -> &str {
        &self.inner.device
    }
    /// Who writes.
    pub fn author(&self) -> &str {
        &self.inner.author
    }
    /// The time, as the store was given it.
    pub fn now(&self) -> Timestamp {
        (self.inner.now)()
    }

    /// Writes a backup now and proves that it can be restored; answers its path.
    pub async fn back_up(&self) -> Result<PathBuf> {
        let mut connection = self.reader().await?;
        let backups = self.inner.folder.join("backups");
        backup::back_up(&mut connection, &backups, self.now(), "on-request").await
    }

    /// All backups, newest first.
    pub fn backups(&self) -> Result<Vec<Backup>> {
        backup::all(&self.inner.folder.join("backups"))
    }

    /// Closes all connections and lets go of the folder. Dropping the last clone does the same, a
    /// little later.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
        let mut open = self
            .inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.take();
    }

    /// Whether it was closed: then every call fails.
    pub fn is_closed(&self) -> bool {
        self.inner.writer.is_closed()
    }

    /// Puts another database in place of a folder's, which is kept aside; answers where. The next
    /// opening works with it. The other file is used up.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while anybody has the store open; [`StoreError::BadBackup`] when the
    /// other file is no sound store: then nothing was changed.
    pub async fn replace(folder: &Path, other: &Path, now: Timestamp) -> Result<Option<PathBuf>> {
        create_private(folder)?;
        let lock = folder.join("store.lock");
        let alone = Held::wait(|| Held::try_alone(&lock), PATIENCE, "replace it").await?;
        let aside = backup::replace(&folder.join("plimsoll.db"), other, now).await?;
        drop(alone);
        Ok(aside)
    }

    async fn back_up_if_due(&self, now: Timestamp) -> Result<()> {
        let backups = self.inner.folder.join("backups");
        let mut connection = self.reader().await?;
        if backup::is_due(&mut connection, &backups, now).await? {
            backup::back_up(&mut connection, &backups, now, "regular").await?;
        }
        Ok(())
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>> {
        self.inner
            .readers
            .acquire()
            .await
            .map_err(doing("get a reading connection"))
    }

    /// One row; `None` when there is none or it was deleted.
    pub async fn get<N: Noun>(&self, id: &N::Id) -> Result<Option<N>> {
        get(&mut *self.reader().await?, id).await
    }

    /// One row, which has to be there.
    pub async fn need<N: Noun>(&self, id: &N::Id) -> Result<N> {
        self.get(id).await?.ok_or_else(|| StoreError::NotFound {
            noun: N::TABLE.name,
            id: id.to_string(),
        })
    }

    /// One row, also a deleted one: for history.
    pub async fn get_any<N: Noun>(&self, id: &N::Id) -> Result<Option<N>> {
        let mut connection = self.reader().await?;
        find_cells(&mut connection, N::TABLE, &id.to_string())
            .await?
            .map(noun_of)
            .transpose()
    }

    /// All rows that were not deleted, oldest first.
    pub async fn all<N: Noun>(&self) -> Result<Vec<N>> {
        let rows = sqlx::query(N::TABLE.all)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list rows"))?;
        nouns(&rows)
    }
}

/// One row that was not deleted.
pub(crate) async fn get<N: Noun>(
    connection: &mut SqliteConnection,
    id: &N::Id,
) -> Result<Option<N>> {
    find_cells(connection, N::TABLE, &id.to_string())
        .await?
        .filter(|cells| !is_deleted(cells))
        .map(noun_of)
        .transpose()
}

fn options(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .disable_statement_logging()
}

/// Whether the database must be held alone before it can be used: it is damaged or to be migrated.
async fn needs_care(database: &Path) -> Result<bool> {
    match examine(database).await? {
        Ok(version) => Ok(version < migrate::latest()),
        Err(_) => Ok(true),
    }
}

/// Migrates a sound database; puts a damaged one aside and tells so. One that is gone or empty
/// while there are backups was lost, not never made.
async fn take_care(database: &Path, backups: &Path, now: Timestamp) -> Result<()> {
    let damage = if database.exists() {
        match examine(database).await? {
            Ok(0) => Some("the file is empty".to_owned()),
            Ok(_) => None,
            Err(evidence) => Some(evidence),
        }
    } else {
        let lost = !backup::list(backups)?.is_empty();
        lost.then(|| "the file is gone".to_owned())
    };
    if let Some(evidence) = damage {
        let (kept_aside, restored_from) = backup::restore(database, backups, now).await?;
        return Err(StoreError::Corrupt {
            kept_aside,
            restored_from,
            evidence,
        });
    }
    let mut connection = options(database)
        .create_if_missing(true)
        .connect()
        .await
        .map_err(doing("create the database"))?;
    migrate::apply(&mut connection, backups, now).await?;
    connection
        .close()
        .await
        .map_err(doing("close the database"))
}

/// The database's version, or what shows that it is damaged.
async fn examine(database: &Path) -> Result<std::result::Result<i64, String>> {
    let mut connection = match options(database).connect().await {
        Ok(connection) => connection,
        Err(error) if is_damage(&error) => return Ok(Err(error.to_string())),
        Err(error) => return Err(doing("open the database")(error)),
    };
    let linked: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut connection)
        .await
        .map_err(doing("ask SQLite for its version"))?;
    if !is_sound(&linked) {
        return Err(StoreError::OldSqlite { found: linked });
    }
    let verdict = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await;
    let verdict = match verdict {
        Ok(verdict) if verdict == "ok" => match migrate::version(&mut connection).await {
            Ok(version) => {
                migrate::check(&mut connection, version).await?;
                Ok(version)
            }
            Err(StoreError::Database { source, .. }) if is_damage(&source) => {
                Err(source.to_string())
            }
            Err(error) => return Err(error),
        },
        Ok(verdict) => Err(verdict),
        Err(error) if is_damage(&error) => Err(error.to_string()),
        Err(error) => return Err(doing("check the database")(error)),
    };
    // A damaged database may refuse to be closed in order; its verdict stands.
    let _ = connection.close().await;
    Ok(verdict)
}

fn is_sound(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut part = || parts.next().flatten().unwrap_or(0);
    (part(), part(), part()) >= OLDEST_SQLITE
}

fn create_private(folder: &Path) -> Result<()> {
    let failed = |source| StoreError::File {
        doing: "create",
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wal_reset_bug_is_recognised_by_version() {
        assert!(is_sound("3.51.3") && is_sound("3.52.0") && is_sound("4.0"));
        assert!(!is_sound("3.51.2") && !is_sound("3.50.9") && !is_sound("garbage"));
    }
}
