//! Backups: whole databases beside the living one, each opened and checked before it counts.

use crate::{Result, StoreError, error::doing};
use plimsoll_domain::Timestamp;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How many backups are kept.
const KEPT: usize = 8;
/// A backup that is not finished after this long never will be.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// A store that is opened gets a new backup when its newest is older, ms.
pub(crate) const INTERVAL_MS: i64 = 24 * 3_600_000;

/// Writes a backup and proves that it can be restored: it opens, passes its check, and holds the
/// same number of changes.
pub(crate) async fn back_up(
    connection: &mut SqliteConnection,
    folder: &Path,
    now: Timestamp,
    why: &str,
) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
    let name = format!("{}-{why}.db", now.to_string().replace(':', "-"));
    // Two processes may back up in the same millisecond.
    let partial = folder.join(format!("{name}.{}.partial", std::process::id()));
    remove_if_there(&partial)?;
    let finished = folder.join(name);
    sweep(folder)?;
    sqlx::query("VACUUM INTO ?1")
        .bind(partial.to_string_lossy().into_owned())
        .execute(&mut *connection)
        .await
        .map_err(doing("write a backup"))?;
    let wanted = changes(connection).await?;
    let bad = |evidence: String| StoreError::BadBackup {
        path: partial.clone(),
        evidence,
    };
    let found = examine(&partial).await.map_err(bad)?;
    // Another process may have written between the copy and the count: only a loss is wrong.
    if found > wanted {
        return Err(bad(format!("{found} changes instead of {wanted}")));
    }
    let file = fs::File::open(&partial).map_err(|source| failed("open", &partial, source))?;
    file.sync_all()
        .map_err(|source| failed("sync", &partial, source))?;
    fs::rename(&partial, &finished).map_err(|source| failed("rename", &partial, source))?;
    for old in list(folder)?.into_iter().skip(KEPT) {
        remove_if_there(&old)?;
    }
    Ok(finished)
}

/// Removes what backups left that were cut off more than an hour ago.
fn sweep(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|source| failed("list", folder, source))?;
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let age = fs::metadata(&path).and_then(|file| file.modified());
        let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED));
        if old && path.extension().is_some_and(|end| end == "partial") {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

/// All backups, newest first.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("list", folder, source)),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "db"))
        .collect();
    // Names begin with the moment, so that their order is their age.
    found.sort();
    found.reverse();
    Ok(found)
}

/// When the newest backup was made.
pub(crate) fn newest_at(folder: &Path) -> Result<Option<Timestamp>> {
    let newest = list(folder)?.into_iter().next();
    Ok(newest.and_then(|path| {
        let name = path.file_name()?.to_str()?;
        let stamp = name.get(..24)?;
        let (day, time) = stamp.split_once('T')?;
        format!("{day}T{}", time.replace('-', ":")).parse().ok()
    }))
}

/// Moves a damaged database aside and puts the newest backup that passes its check in its place;
/// answers where the damaged one is and which backup it was.
pub(crate) async fn restore(
    database: &Path,
    backups: &Path,
    now: Timestamp,
) -> Result<(PathBuf, Option<PathBuf>)> {
    let mut chosen = None;
    for candidate in list(backups)? {
        match examine(&candidate).await {
            Ok(_) => {
                chosen = Some(candidate);
                break;
            }
            Err(evidence) => {
                tracing::warn!(backup = %candidate.display(), evidence, "passed over a bad backup");
            }
        }
    }
    let restoring = beside(database, ".restoring");
    if let Some(backup) = &chosen {
        fs::copy(backup, &restoring).map_err(|source| failed("copy", backup, source))?;
        fs::File::open(&restoring)
            .and_then(|file| file.sync_all())
            .map_err(|source| failed("sync", &restoring, source))?;
    }
    let stamp = now.to_string().replace(':', "-");
    let aside = beside(database, &format!(".damaged-{stamp}"));
    for end in ["-wal", "-shm", ""] {
        let from = beside(database, end);
        let to = beside(&aside, end);
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("move aside", &from, source)),
        }
    }
    finish_restore(database)?;
    Ok((aside, chosen))
}

/// Puts a copied backup in place: the last act of a restore, repeated after a crash before it.
pub(crate) fn finish_restore(database: &Path) -> Result<()> {
    let restoring = beside(database, ".restoring");
    if !database.exists() && restoring.exists() {
        fs::rename(&restoring, database)
            .map_err(|source| failed("put in place", &restoring, source))?;
    }
    Ok(())
}

/// Opens a database file by itself, checks it, and counts its changes.
async fn examine(path: &Path) -> std::result::Result<i64, String> {
    let told = |error: sqlx::Error| error.to_string();
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .connect()
        .await
        .map_err(told)?;
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await
        .map_err(told)?;
    if verdict != "ok" {
        return Err(verdict);
    }
    let count = changes(&mut connection)
        .await
        .map_err(|error| error.to_string())?;
    connection.close().await.map_err(told)?;
    Ok(count)
}

async fn changes(connection: &mut SqliteConnection) -> Result<i64> {
    sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM changes")
        .fetch_one(connection)
        .await
        .map_err(doing("count changes"))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed("remove", path, source)),
    }
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
