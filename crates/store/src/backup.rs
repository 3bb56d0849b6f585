//! Backups: whole databases beside the living one, each opened and checked before it counts.

use crate::{Result, StoreError, error::doing};
use plimsoll_domain::Timestamp;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How many of the newest backups are kept.
const NEWEST: usize = 6;
/// Of how many days the newest backup is kept besides.
const DAYS: usize = 7;
/// A backup that is not finished after this long never will be.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// An opened store that was written since its newest backup gets a new one when that is older, ms.
const INTERVAL_MS: i64 = 3_600_000;

/// Writes a backup and proves that it can be restored: it opens, passes its check, and holds the
/// same number of changes.
pub(crate) async fn back_up(
    connection: &mut SqliteConnection,
    folder: &Path,
    now: Timestamp,
    why: &str,
) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
    let wanted = changes(connection).await?;
    let stamp = now.to_string().replace(':', "-");
    let name = format!("{stamp}-{wanted}-{why}.db");
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
    let bad = |evidence: String| StoreError::BadBackup {
        path: partial.clone(),
        evidence,
    };
    let found = examine(&partial).await.map_err(bad)?;
    // Another process may have written between the count and the copy: only a loss is wrong.
    if found < wanted {
        return Err(bad(format!("{found} changes instead of {wanted}")));
    }
    let file = fs::File::open(&partial).map_err(|source| failed("open", &partial, source))?;
    file.sync_all()
        .map_err(|source| failed("sync", &partial, source))?;
    fs::rename(&partial, &finished).map_err(|source| failed("rename", &partial, source))?;
    for old in superfluous(&list(folder)?) {
        remove_if_there(old)?;
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

/// A whole database beside the living one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// When it was made; `None` when its name does not tell.
    pub made_at: Option<Timestamp>,
    /// Its size, bytes.
    pub bytes: u64,
}

/// All backups with what is known of each, newest first.
pub(crate) fn all(folder: &Path) -> Result<Vec<Backup>> {
    let known = |path: PathBuf| Backup {
        made_at: made_at(&path),
        bytes: fs::metadata(&path).map_or(0, |file| file.len()),
        path,
    };
    Ok(list(folder)?.into_iter().map(known).collect())
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

/// Backups that need not be kept, of all, newest first.
fn superfluous(all: &[PathBuf]) -> Vec<&PathBuf> {
    let mut days = BTreeSet::new();
    let mut out = Vec::new();
    for (index, path) in all.iter().enumerate() {
        let first_of_day = day(path).is_some_and(|day| days.insert(day.to_owned()));
        if index >= NEWEST && !(first_of_day && days.len() <= DAYS) {
            out.push(path);
        }
    }
    out
}

/// Whether the newest backup is older than an hour and lacks changes.
pub(crate) async fn is_due(
    connection: &mut SqliteConnection,
    folder: &Path,
    now: Timestamp,
) -> Result<bool> {
    let Some(newest) = list(folder)?.into_iter().next() else {
        return Ok(true);
    };
    let recent = made_at(&newest).is_some_and(|made| now.since_ms(made) < INTERVAL_MS);
    if recent {
        return Ok(false);
    }
    Ok(held_changes(&newest) != Some(changes(connection).await?))
}

/// Backups are called `2026-11-21T09-00-00.000Z-{last change}-{why}.db`.
fn day(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.get(..10)
}

fn made_at(path: &Path) -> Option<Timestamp> {
    let (day, time) = path.file_name()?.to_str()?.get(..24)?.split_once('T')?;
    format!("{day}T{}", time.replace('-', ":")).parse().ok()
}

fn held_changes(path: &Path) -> Option<i64> {
    let rest = path.file_name()?.to_str()?.get(25..)?;
    rest.split('-').next()?.parse().ok()
}

/// Moves a damaged database aside and puts the newest backup that passes its check in its place;
/// answers where the damaged one is and which backup it was.
pub(crate) async fn restore(
    database: &Path,
    backups: &Path,
    now: Timestamp,
) -> Result<(Option<PathBuf>, Option<PathBuf>)> {
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
    let aside = move_aside(database, "damaged", now)?;
    finish_restore(database)?;
    Ok((aside, chosen))
}

/// Puts another database in place of the one that is there, which is kept aside; answers where.
/// The caller holds the store alone.
pub(crate) async fn replace(
    database: &Path,
    other: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>> {
    let bad = |evidence| StoreError::BadBackup {
        path: other.to_owned(),
        evidence,
    };
    examine(other).await.map_err(bad)?;
    let restoring = beside(database, ".restoring");
    fs::rename(other, &restoring).map_err(|source| failed("put in place", other, source))?;
    let aside = move_aside(database, "before-restore", now)?;
    finish_restore(database)?;
    Ok(aside)
}

/// Moves a database with its journal aside; `None` when there is none.
fn move_aside(database: &Path, why: &str, now: Timestamp) -> Result<Option<PathBuf>> {
    let stamp = now.to_string().replace(':', "-");
    let aside = beside(database, &format!(".{why}-{stamp}"));
    let mut moved = false;
    for end in ["-wal", "-shm", ""] {
        let from = beside(database, end);
        match fs::rename(&from, beside(&aside, end)) {
            Ok(()) => moved = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("move aside", &from, source)),
        }
    }
    Ok(moved.then_some(aside))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_one_of_each_day_are_kept() {
        let name = |day: u32, hour: u32| {
            PathBuf::from(format!(
                "2026-11-{day:02}T{hour:02}-00-00.000Z-7-regular.db"
            ))
        };
        let mut all: Vec<PathBuf> = (1..=20)
            .flat_map(|day| (0..24).map(move |hour| name(day, hour)))
            .collect();
        all.reverse();
        let gone = superfluous(&all);
        let kept: Vec<&PathBuf> = all.iter().filter(|path| !gone.contains(path)).collect();
        let newest = (18..24).rev().map(|hour| name(20, hour));
        let daily = (14..20).rev().map(|day| name(day, 23));
        let wanted: Vec<PathBuf> = newest.chain(daily).collect();
        assert_eq!(kept, wanted.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_backup_tells_by_its_name_when_it_was_made_and_what_it_holds() {
        let path = Path::new("/x/2026-09-21T14-13-20.120Z-42-before-migration-2.db");
        assert_eq!(
            made_at(path),
            Some(Timestamp::from_millis(1_790_000_000_120))
        );
        assert_eq!(held_changes(path), Some(42));
        assert_eq!(day(path), Some("2026-09-21"));
    }
}
