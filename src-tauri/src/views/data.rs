//! Where everything is kept, and files that were written of it.

use plimsoll_engine::Whereabouts;
use serde::{Deserialize, Serialize};
use specta::Type;

/// Where everything is kept on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DataLocationView {
    /// The folder.
    pub folder: String,
    /// Bytes of everything in it.
    pub bytes: u64,
    /// Backups of the database, newest first.
    pub backups: Vec<BackupView>,
}

/// A backup of the database.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct BackupView {
    /// The file.
    pub path: String,
    /// When it was made, RFC 3339; none when its name does not tell.
    pub made_at: Option<String>,
    /// Its size.
    pub bytes: u64,
}

/// A file that was written.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SavedView {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// What a restore did.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RestoredView {
    /// An export of everything that was there before, sealed with the same passphrase.
    pub before: String,
}

impl From<Whereabouts> for DataLocationView {
    fn from(whereabouts: Whereabouts) -> Self {
        Self {
            folder: whereabouts.folder.display().to_string(),
            bytes: whereabouts.bytes,
            backups: whereabouts
                .backups
                .into_iter()
                .map(|backup| BackupView {
                    path: backup.path.display().to_string(),
                    made_at: backup.made_at.map(|at| at.to_string()),
                    bytes: backup.bytes,
                })
                .collect(),
        }
    }
}
