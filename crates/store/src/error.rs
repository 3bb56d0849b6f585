//! What can go wrong in the store.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The answer of every call to the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failed call to the store, with a stable code and a next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file in it could not be used.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The linked SQLite has the WAL-reset bug that can corrupt a database.
    #[error("this build links SQLite {found}; 3.51.3 or later is needed")]
    OldSqlite {
        /// The linked version.
        found: String,
    },
    /// The database was damaged. It was moved aside; the next opening finds the newest backup that
    /// passed its check, or an empty store where there was none.
    #[error("the database was damaged ({evidence}); {}", whereabouts(kept_aside.as_deref()))]
    Corrupt {
        /// Where the damaged files are; `None` when nothing was left of them.
        kept_aside: Option<PathBuf>,
        /// The backup that took its place.
        restored_from: Option<PathBuf>,
        /// What the integrity check said first.
        evidence: String,
    },
    /// A backup did not pass its check, so nothing was changed.
    #[error("the backup {path} did not pass its check: {evidence}", path = path.display())]
    BadBackup {
        /// The backup.
        path: PathBuf,
        /// What differed.
        evidence: String,
    },
    /// A later version of the program has migrated the database.
    #[error("the database is of version {found}; this program knows versions up to {known}")]
    Newer {
        /// Version of the database.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// A migration differs from the one that was applied.
    #[error("migration {version} differs from the one that made this database")]
    ChangedMigration {
        /// Its version.
        version: i64,
    },
    /// Another process has the store open while it must be alone to be changed.
    #[error("another process uses the store, so we cannot {doing}")]
    InUse {
        /// What we wanted to do.
        doing: &'static str,
    },
    /// A statement failed.
    #[error("cannot {doing} in the database: {source}")]
    Database {
        /// What we were doing.
        doing: &'static str,
        /// SQLite's answer.
        source: sqlx::Error,
    },
    /// A stored row cannot be read as its noun.
    #[error("the stored {noun} {id} cannot be read: {why}")]
    Unreadable {
        /// Its table.
        noun: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another one has that name, or is otherwise the same where it must be unique.
    #[error("there is another one already in {noun} with this {what}")]
    Taken {
        /// The table.
        noun: String,
        /// The cells that must be unique.
        what: String,
    },
    /// There is no such row.
    #[error("there is nothing in {noun} with the id {id}")]
    NotFound {
        /// The table.
        noun: &'static str,
        /// The id.
        id: String,
    },
    /// The row was deleted meanwhile.
    #[error("the row {id} of {noun} was deleted")]
    Deleted {
        /// The table.
        noun: &'static str,
        /// The id.
        id: String,
    },
    /// A row refers to one that does not exist.
    #[error("the row {id} of {noun} refers to something that does not exist")]
    MissingReference {
        /// The table.
        noun: &'static str,
        /// The id.
        id: String,
    },
    /// A row that never changes was to be changed.
    #[error("a row of {noun} never changes")]
    Immutable {
        /// The table.
        noun: &'static str,
    },
    /// Another process works on the job now, so what this one knows about it no longer counts.
    #[error("the job {job} is no longer in the hands of this process")]
    LeaseLost {
        /// The job.
        job: String,
    },
    /// The job's status does not allow what was asked.
    #[error("the job {job} is {status}, so it cannot {wanted}")]
    WrongStatus {
        /// The job.
        job: String,
        /// Its status.
        status: String,
        /// What was asked, as an infinitive: `be resumed`.
        wanted: &'static str,
    },
    /// A job on the same target was interrupted and has to be resumed or undone first.
    #[error("the job {job} on {target} was interrupted in the middle")]
    TargetInterrupted {
        /// The interrupted job.
        job: String,
        /// The target of both.
        target: String,
    },
    /// The folder of a project is not there: a disk that was unplugged, or a folder that moved.
    #[error("the folder {path} is not there", path = path.display())]
    WorkspaceGone {
        /// The folder.
        path: PathBuf,
    },
    /// Files could not be saved, so nothing was.
    #[error("nothing was saved, because of {}", files.join("; "))]
    Unsaved {
        /// Each with its reason.
        files: Vec<String>,
    },
    /// Files of a saved state that this system cannot hold, so the state was not written.
    #[error("the files could not be written, because of {}", files.join("; "))]
    Unrestored {
        /// Each with its reason.
        files: Vec<String>,
    },
    /// A pattern of what is left out cannot be read.
    #[error("the pattern “{pattern}” cannot be read: {why}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// Saved bytes are not what they were.
    #[error("cannot {doing} that was saved: {why}")]
    DamagedContent {
        /// What we were doing.
        doing: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// An archive has an entry that cannot be.
    #[error("the archive was not taken in, because of “{entry}”: {why}")]
    BadArchive {
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file is larger than what is to be shown.
    #[error("the file is larger than {most} bytes")]
    TooLarge {
        /// Bytes that would be taken.
        most: u64,
    },
    /// Somebody stopped it.
    #[error("it was stopped; nothing was saved")]
    Cancelled,
}

impl StoreError {
    /// A stable code, such as `store_name_taken`.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "store_disk_full"
            }
            StoreError::File { .. } => "store_file",
            StoreError::OldSqlite { .. } => "store_old_sqlite",
            StoreError::Corrupt { .. } => "store_corrupt",
            StoreError::BadBackup { .. } => "store_bad_backup",
            StoreError::Newer { .. } => "store_newer",
            StoreError::ChangedMigration { .. } => "store_changed_migration",
            StoreError::InUse { .. } => "store_in_use",
            StoreError::Database { source, .. } if is_full(source) => "store_disk_full",
            StoreError::Database { .. } => "store_database",
            StoreError::Unreadable { .. } => "store_unreadable",
            StoreError::Taken { .. } => "store_name_taken",
            StoreError::NotFound { .. } => "store_not_found",
            StoreError::Deleted { .. } => "store_deleted",
            StoreError::MissingReference { .. } => "store_missing_reference",
            StoreError::Immutable { .. } => "store_immutable",
            StoreError::LeaseLost { .. } => "store_lease_lost",
            StoreError::WrongStatus { .. } => "job_wrong_status",
            StoreError::TargetInterrupted { .. } => "target_interrupted",
            StoreError::WorkspaceGone { .. } => "workspace_gone",
            StoreError::Unsaved { .. } => "files_unreadable",
            StoreError::Unrestored { .. } => "files_unwritable",
            StoreError::BadPattern { .. } => "invalid_pattern",
            StoreError::DamagedContent { .. } => "content_damaged",
            StoreError::BadArchive { .. } => "invalid_archive",
            StoreError::TooLarge { .. } => "file_too_large",
            StoreError::Cancelled => "cancelled",
        }
    }

    /// What to do now.
    pub fn next_step(&self) -> String {
        match self {
            StoreError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                FULL.into()
            }
            StoreError::File { path, .. } => format!(
                "Check that {} exists, has room and belongs to you.",
                path.display()
            ),
            StoreError::OldSqlite { .. } => "Build with the bundled SQLite.".into(),
            StoreError::Corrupt {
                restored_from: Some(backup),
                ..
            } => format!(
                "The backup {} took its place: start again, and check what was changed after it.",
                backup.display()
            ),
            StoreError::Corrupt {
                restored_from: None,
                ..
            } => "There was no backup: starting again begins with an empty store. Keep the \
                  damaged files; parts of them may be readable."
                .into(),
            StoreError::BadBackup { .. } => {
                "Make room on the disk and check its health, then start again.".into()
            }
            StoreError::Newer { .. } => "Install the latest version of Plimsoll.".into(),
            StoreError::ChangedMigration { .. } => {
                "This database was made by a build that was never published; restore a backup."
                    .into()
            }
            StoreError::InUse { .. } => "Close other windows and commands, then try again.".into(),
            StoreError::Database { source, .. } if is_busy(source) => {
                "Another process is writing for a long time; try again.".into()
            }
            StoreError::Database { source, .. } if is_full(source) => FULL.into(),
            StoreError::Database { .. } => {
                "Check that the disk has room; start again to have the database checked.".into()
            }
            StoreError::Unreadable { .. } => "Install the latest version of Plimsoll.".into(),
            StoreError::Taken { .. } => "Choose another one.".into(),
            StoreError::NotFound { .. } | StoreError::Deleted { .. } => {
                "List what there is and choose again.".into()
            }
            StoreError::MissingReference { .. } => "Create what it refers to first.".into(),
            StoreError::Immutable { .. } => "Make a new one instead.".into(),
            StoreError::LeaseLost { .. } => {
                "Watch the job: another process goes on with it.".into()
            }
            StoreError::WrongStatus { .. } => "Look at the job again.".into(),
            StoreError::TargetInterrupted { job, .. } => {
                format!("Resume or undo the job {job} first.")
            }
            StoreError::WorkspaceGone { .. } => {
                "Plug the disk in, or tell where the folder is now. Every saved version is there."
                    .into()
            }
            StoreError::Unsaved { .. } => {
                "Close the programs that use these files or correct their permissions; or name them \
                 in .plimsollignore."
                    .into()
            }
            StoreError::Unrestored { .. } => {
                "Choose a version without these files, or rename them on a system that has them."
                    .into()
            }
            StoreError::BadPattern { .. } => {
                "Write it as in .gitignore; nothing was changed.".into()
            }
            StoreError::DamagedContent { .. } => {
                "Run `plimsoll versions check --read-data`: it tells which versions are hurt and \
                 how to repair them."
                    .into()
            }
            StoreError::BadArchive { .. } => {
                "Make the archive again without that entry; nothing was changed.".into()
            }
            StoreError::TooLarge { .. } => "Open it with another program.".into(),
            StoreError::Cancelled => "Start it again when you want.".into(),
        }
    }

    /// Whether trying again may help without anything being changed.
    pub fn retryable(&self) -> bool {
        match self {
            StoreError::InUse { .. } => true,
            StoreError::Database { source, .. } => is_busy(source),
            StoreError::File { .. }
            | StoreError::OldSqlite { .. }
            | StoreError::Corrupt { .. }
            | StoreError::BadBackup { .. }
            | StoreError::Newer { .. }
            | StoreError::ChangedMigration { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Taken { .. }
            | StoreError::NotFound { .. }
            | StoreError::Deleted { .. }
            | StoreError::MissingReference { .. }
            | StoreError::Immutable { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::WrongStatus { .. }
            | StoreError::TargetInterrupted { .. }
            | StoreError::WorkspaceGone { .. }
            | StoreError::Unsaved { .. }
            | StoreError::Unrestored { .. }
            | StoreError::BadPattern { .. }
            | StoreError::DamagedContent { .. }
            | StoreError::BadArchive { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Cancelled => false,
        }
    }
}

/// What to do when the disk is full.
const FULL: &str = "Make room on the disk, then try again. Nothing that was kept before is lost.";

/// SQLite's result codes that we tell apart (<https://www.sqlite.org/rescode.html>).
const CONSTRAINT_FOREIGNKEY: i32 = 787;
const CONSTRAINT_PRIMARYKEY: i32 = 1555;
const CONSTRAINT_TRIGGER: i32 = 1811;
const CONSTRAINT_UNIQUE: i32 = 2067;

fn result_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn whereabouts(kept_aside: Option<&Path>) -> String {
    kept_aside.map_or_else(
        || "nothing was left to be kept".to_owned(),
        |path| format!("it is kept as {}", path.display()),
    )
}

/// Whether another connection held the lock for too long: `SQLITE_BUSY` and its extensions.
fn is_busy(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code & 0xff == 5)
}

/// Whether the disk has no more room: `SQLITE_FULL`.
fn is_full(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code & 0xff == 13)
}

/// Whether SQLite says that the file is damaged or no database.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// Wraps SQLite's answer to something we were doing.
pub(crate) fn doing(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database {
        doing: what,
        source,
    }
}

/// Wraps SQLite's answer to the writing of a row; constraints become what they mean.
pub(crate) fn writing(noun: &'static str, id: &str) -> impl FnOnce(sqlx::Error) -> StoreError {
    let id = id.to_owned();
    move |source| match result_code(&source) {
        Some(CONSTRAINT_FOREIGNKEY) => StoreError::MissingReference { noun, id },
        Some(CONSTRAINT_TRIGGER) => StoreError::Immutable { noun },
        Some(CONSTRAINT_UNIQUE | CONSTRAINT_PRIMARYKEY) => {
            let message = source
                .as_database_error()
                .map(|answer| answer.message().to_owned())
                .unwrap_or_default();
            StoreError::Taken {
                noun: noun.to_owned(),
                what: unique_cells(&message),
            }
        }
        Some(_) | None => StoreError::Database {
            doing: "write a row",
            source,
        },
    }
}

/// `UNIQUE constraint failed: services.project_id, services.name` names `project_id, name`; the
/// parents are left out, as people know where they are.
fn unique_cells(message: &str) -> String {
    let cells = message.rsplit(": ").next().unwrap_or(message);
    let cells: Vec<&str> = cells
        .split(", ")
        .map(|cell| cell.rsplit('.').next().unwrap_or(cell))
        .collect();
    let own: Vec<&str> = cells
        .iter()
        .copied()
        .filter(|cell| !cell.ends_with("_id"))
        .collect();
    if own.is_empty() { cells } else { own }.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_told_without_its_parents() {
        let message = "UNIQUE constraint failed: services.project_id, services.name";
        assert_eq!(unique_cells(message), "name");
        assert_eq!(
            unique_cells("UNIQUE constraint failed: projects.name"),
            "name"
        );
    }
}
