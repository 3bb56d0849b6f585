//! The index: what lies where in the packs, and what was seen in a workspace when it was saved.

use super::{
    PACKS,
    pack::{self, Finished, Place, pack_path},
};
use crate::{
    Result, StoreError,
    error::doing,
    write::{begin, writing_pool},
};
use plimsoll_domain::content::ContentHash;
use serde_json::json;
use sqlx::{
    Row, Sqlite, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The index's own version: one that was made by another program version is made anew.
const VERSION: i64 = 1;
/// Rows that travel in one statement.
const BATCH: usize = 4_000;

/// An open index.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pool: SqlitePool,
}

/// A pack as the index knows it.
#[derive(Debug, Clone)]
pub(super) struct KnownPack {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) condemned_ms: Option<i64>,
}

impl Index {
    /// Opens the index of a folder; one that is missing, damaged or of another version is made
    /// from the packs.
    ///
    /// # Errors
    /// When it is there and cannot be opened for another reason, such as a full disk: nothing is
    /// thrown away then.
    pub(super) async fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("index.db");
        match Self::connect(&path).await {
            Ok(index) => match index.is_sound().await {
                Ok(true) => return Ok(index),
                Ok(false) => index.close().await,
                Err(error) if is_damage(&error) => index.close().await,
                Err(error) => return Err(doing(OPEN)(error)),
            },
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(doing(OPEN)(error)),
        }
        for ending in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            match fs::remove_file(PathBuf::from(&name)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(super::failed("remove", &path)(error)),
            }
        }
        let index = Self::connect(&path)
            .await
            .map_err(doing("create the index of files"))?;
        index.make(&folder.join(PACKS)).await?;
        Ok(index)
    }

    async fn connect(path: &Path) -> std::result::Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .pragma("trusted_schema", "OFF")
            .pragma("mmap_size", "0");
        let pool = writing_pool()
            .max_connections(2)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// Whether it is of our version and whole.
    async fn is_sound(&self) -> sqlx::Result<bool> {
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await?;
        if version != VERSION {
            return Ok(false);
        }
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.pool)
            .await?;
        Ok(verdict == "ok")
    }

    /// Makes the tables, and fills them from the packs that lie there.
    async fn make(&self, packs: &Path) -> Result<()> {
        sqlx::raw_sql(include_str!("../../../../migrations/files/0001_index.sql"))
            .execute(&self.pool)
            .await
            .map_err(doing("create the index of files"))?;
        for name in super::packs_in(packs)? {
            let path = pack_path(packs, &name);
            let found = super::blocking(move || pack::provable(&path)).await?;
            let pack = Finished {
                name,
                bytes: found.bytes,
                objects: found.objects,
            };
            self.add(&[pack], None).await?;
        }
        sqlx::query("PRAGMA user_version = 1")
            .execute(&self.pool)
            .await
            .map_err(doing("mark the index of files"))?;
        Ok(())
    }

    /// Enters packs, and what was seen in a workspace while they were written, at once.
    pub(super) async fn add(&self, packs: &[Finished], seen: Option<&Seen>) -> Result<()> {
        let mut write = begin(&self.pool).await.map_err(doing(ENTER))?;
        for pack in packs {
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO packs (name, bytes) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET condemned_ms = NULL RETURNING id",
            )
            .bind(&pack.name)
            .bind(pack.bytes.cast_signed())
            .fetch_one(&mut *write)
            .await
            .map_err(doing(ENTER))?;
            for batch in pack.objects.chunks(BATCH) {
                let rows: Vec<_> = batch
                    .iter()
                    .map(|(hash, place)| json!([hash, place.at, place.stored]))
                    .collect();
                // An object that another pack holds already moves here: a newer pack is the one
                // that its writer counts on.
                sqlx::query(
                    "INSERT INTO objects (hash, pack, at, stored) \
                     SELECT unhex(value ->> 0), ?1, value ->> 1, value ->> 2 FROM json_each(?2) \
                     WHERE true ON CONFLICT (hash) DO UPDATE \
                     SET pack = excluded.pack, at = excluded.at, stored = excluded.stored",
                )
                .bind(id)
                .bind(json!(rows).to_string())
                .execute(&mut *write)
                .await
                .map_err(doing(ENTER))?;
            }
        }
        if let Some(seen) = seen {
            for (path, body) in &seen.folders {
                sqlx::query(
                    "INSERT INTO folders (workspace, path, body) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (workspace, path) DO UPDATE SET body = excluded.body",
                )
                .bind(&seen.workspace)
                .bind(path)
                .bind(body)
                .execute(&mut *write)
                .await
                .map_err(doing(ENTER))?;
            }
            let gone = json!(seen.gone).to_string();
            sqlx::query(
                "DELETE FROM folders WHERE workspace = ?1 \
                 AND path IN (SELECT value FROM json_each(?2))",
            )
            .bind(&seen.workspace)
            .bind(gone)
            .execute(&mut *write)
            .await
            .map_err(doing(ENTER))?;
        }
        super::burn();
        write.commit().await.map_err(doing(ENTER))?;
        super::burn();
        Ok(())
    }

    /// What was seen in the folders of a workspace.
    pub(super) async fn folders(&self, workspace: &str) -> Result<HashMap<String, Vec<u8>>> {
        let rows = sqlx::query("SELECT path, body FROM folders WHERE workspace = ?1")
            .bind(workspace)
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read what was last seen"))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Forgets what was seen anywhere, so that everything is read again.
    pub(super) async fn forget_seen(&self) -> Result<()> {
        sqlx::query("DELETE FROM folders")
            .execute(&self.pool)
            .await
            .map_err(doing("forget what was seen"))?;
        Ok(())
    }

    /// Every object that is kept.
    pub(super) async fn known(&self) -> Result<HashSet<ContentHash>> {
        let rows = sqlx::query("SELECT hash FROM objects")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("list what is kept"))?;
        Ok(rows.iter().filter_map(|row| hash_in(row.get(0))).collect())
    }

    /// Whether an object is kept.
    pub(super) async fn knows(&self, hash: ContentHash) -> Result<bool> {
        Ok(self.find(hash).await?.is_some())
    }

    /// The pack of an object and its place there.
    pub(super) async fn find(&self, hash: ContentHash) -> Result<Option<(String, Place)>> {
        let row = sqlx::query(
            "SELECT name, at, stored FROM objects JOIN packs ON packs.id = pack WHERE hash = ?1",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(&self.pool)
        .await
        .map_err(doing("find an object"))?;
        Ok(row.map(|row| {
            let place = Place {
                at: row.get::<i64, _>(1).cast_unsigned(),
                stored: row.get::<i64, _>(2).cast_unsigned(),
            };
            (row.get(0), place)
        }))
    }

    /// All packs.
    pub(super) async fn packs(&self) -> Result<Vec<KnownPack>> {
        let rows = sqlx::query("SELECT id, name, bytes, condemned_ms FROM packs ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("list packs"))?;
        Ok(rows
            .iter()
            .map(|row| KnownPack {
                id: row.get(0),
                name: row.get(1),
                bytes: row.get::<i64, _>(2).cast_unsigned(),
                condemned_ms: row.get(3),
            })
            .collect())
    }

    /// The objects that the index places in a pack, in their order there.
    pub(super) async fn objects_of(&self, pack: i64) -> Result<Vec<(ContentHash, Place)>> {
        placed_in(pack, &self.pool)
            .await
            .map_err(doing("list the objects of a pack"))
    }

    /// Condemns packs: what the index still places in them is needed no more. Their files stay.
    /// What was seen is forgotten with it, since a file that is still as it was seen may be one
    /// whose content just went.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when something that is `needed` would go: nothing does then.
    pub(super) async fn condemn(
        &self,
        packs: &[i64],
        needed: &HashSet<ContentHash>,
        now_ms: i64,
    ) -> Result<()> {
        let mut write = begin(&self.pool).await.map_err(doing(CONDEMN))?;
        for pack in packs {
            let placed = placed_in(*pack, &mut *write).await;
            let placed = placed.map_err(doing(CONDEMN))?;
            if placed.iter().any(|(hash, _)| needed.contains(hash)) {
                return Err(StoreError::DamagedContent {
                    doing: CONDEMN,
                    why: "one of them holds what a version needs",
                });
            }
            sqlx::query("DELETE FROM objects WHERE pack = ?1")
                .bind(pack)
                .execute(&mut *write)
                .await
                .map_err(doing(CONDEMN))?;
            sqlx::query("UPDATE packs SET condemned_ms = coalesce(condemned_ms, ?2) WHERE id = ?1")
                .bind(pack)
                .bind(now_ms)
                .execute(&mut *write)
                .await
                .map_err(doing(CONDEMN))?;
        }
        if !packs.is_empty() {
            sqlx::query("DELETE FROM folders")
                .execute(&mut *write)
                .await
                .map_err(doing(CONDEMN))?;
        }
        super::burn();
        write.commit().await.map_err(doing(CONDEMN))?;
        super::burn();
        Ok(())
    }

    /// Strikes packs out whose files are gone.
    pub(super) async fn strike(&self, pack: i64) -> Result<()> {
        super::burn();
        sqlx::query("DELETE FROM packs WHERE id = ?1")
            .bind(pack)
            .execute(&self.pool)
            .await
            .map_err(doing("strike a pack out"))?;
        super::burn();
        Ok(())
    }

    /// Strikes objects out that are damaged, so that the next save of the same bytes keeps them
    /// again.
    pub(super) async fn lose(&self, hashes: &[ContentHash]) -> Result<()> {
        let hashes = json!(hashes).to_string();
        sqlx::query("DELETE FROM objects WHERE hash IN (SELECT unhex(value) FROM json_each(?1))")
            .bind(hashes)
            .execute(&self.pool)
            .await
            .map_err(doing("strike damaged objects out"))?;
        Ok(())
    }

    /// Closes it.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

const OPEN: &str = "open the index of files";
const ENTER: &str = "enter a pack into the index";
const CONDEMN: &str = "condemn packs";

/// What was seen in a workspace.
pub(super) struct Seen {
    pub(super) workspace: String,
    /// Folders whose entries changed: path and the stat cache's body.
    pub(super) folders: Vec<(String, Vec<u8>)>,
    /// Folders that are no more.
    pub(super) gone: Vec<String>,
}

/// Whether the file itself is what is wrong: SQLite says that it is malformed (11) or no database (26).
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // The lower byte is the kind, what is above it says more (sqlite.org/rescode.html).
    let kind = code
        .and_then(|code| code.parse::<i64>().ok())
        .map(|code| code & 0xff);
    matches!(kind, Some(11 | 26))
}

fn hash_in(bytes: Vec<u8>) -> Option<ContentHash> {
    Some(ContentHash::from_bytes(bytes.try_into().ok()?))
}

/// What the index places in a pack, in its order there.
async fn placed_in(
    pack: i64,
    from: impl sqlx::Executor<'_, Database = Sqlite>,
) -> sqlx::Result<Vec<(ContentHash, Place)>> {
    let rows = sqlx::query("SELECT hash, at, stored FROM objects WHERE pack = ?1 ORDER BY at")
        .bind(pack)
        .fetch_all(from)
        .await?;
    let placed = rows.iter().filter_map(|row| {
        let place = Place {
            at: row.get::<i64, _>(1).cast_unsigned(),
            stored: row.get::<i64, _>(2).cast_unsigned(),
        };
        Some((hash_in(row.get(0))?, place))
    });
    Ok(placed.collect())
}

pub(super) fn cut_short() -> StoreError {
    StoreError::DamagedContent {
        doing: "work on files",
        why: "the work was cut short",
    }
}
