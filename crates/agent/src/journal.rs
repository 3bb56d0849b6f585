//! The journal of a deployment: appended and synced before and after each phase, so that whoever
//! finds it after a crash knows what to finish or to take back.

use crate::{
    clock, disk,
    error::{AgentError, Result},
};
use plimsoll_domain::{DeploymentId, Timestamp, job::Failure};
use plimsoll_protocol::{Deploy, Deployed, Phase};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Journals of ended deployments older than this are removed: the desktop has the history.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// A line of a journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Entry {
    /// It was asked for.
    Begun {
        /// When.
        at: Timestamp,
        /// By whom.
        owner: String,
        /// What exactly, without the secrets' values.
        request: Box<Deploy>,
    },
    /// A phase was reached.
    Phase {
        /// When.
        at: Timestamp,
        /// Which one.
        phase: Phase,
    },
    /// It waits for `Commit` or `Revert`.
    Held {
        /// What was answered.
        answer: Deployed,
    },
    /// It ended well.
    Ended {
        /// What was answered.
        answer: Deployed,
    },
    /// It failed, and everything is as it was before.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It had ended well and was taken back.
    TakenBack,
}

/// The open journal of one deployment.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// Where the journal of a deployment lies.
pub fn path(folder: &Path, id: DeploymentId) -> PathBuf {
    folder.join(format!("{id}.journal"))
}

impl Journal {
    /// Begins a journal for whoever holds the lock, replacing an earlier one of the same deployment.
    pub fn begin(folder: &Path, owner: &str, request: &Deploy) -> Result<Self> {
        let path = path(folder, request.deployment_id);
        disk::remove_file(&path)?;
        let mut journal = Self::open(folder, request.deployment_id)?;
        let at = clock::now();
        journal.append_all(&[
            Entry::Begun {
                at,
                owner: owner.to_owned(),
                request: Box::new(request.clone()),
            },
            Entry::Phase {
                at,
                phase: Phase::Locked,
            },
        ])?;
        disk::sync_parent(&path)?;
        Ok(journal)
    }

    /// Opens a journal to go on with it.
    pub fn open(folder: &Path, id: DeploymentId) -> Result<Self> {
        let path = path(folder, id);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(AgentError::file("open", &path))?;
        Ok(Self { path, file })
    }

    /// Appends a line and syncs it.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        self.append_all(std::slice::from_ref(entry))
    }

    /// Appends lines that belong together and syncs them once.
    pub fn append_all(&mut self, entries: &[Entry]) -> Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            // The newline first as well: a line that a crash cut off then stands alone.
            lines.push(b'\n');
            lines.extend(serde_json::to_vec(entry).unwrap_or_default());
            lines.push(b'\n');
        }
        self.file
            .write_all(&lines)
            .and_then(|()| self.file.sync_data())
            .map_err(AgentError::file("write", &self.path))
    }

    /// Notes that a phase was reached.
    pub fn phase(&mut self, phase: Phase) -> Result<()> {
        self.append(&Entry::Phase {
            at: clock::now(),
            phase,
        })
    }
}

/// Reads a journal; lines that a crash cut off are left out. Empty when there is none.
pub fn read(folder: &Path, id: DeploymentId) -> Vec<Entry> {
    // Bytes, not text: a crash may cut a line in the middle of a character.
    fs::read(path(folder, id)).map_or_else(
        |_| Vec::new(),
        |bytes| {
            bytes
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok())
                .collect()
        },
    )
}

/// The deployments whose journals are here.
pub fn list(folder: &Path) -> Vec<DeploymentId> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| {
            entries
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name();
                    name.to_str()?.strip_suffix(".journal")?.parse().ok()
                })
                .collect()
        },
    )
}

/// How a journal stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Never heard of.
    Unknown,
    /// Begun, not ended: the agent died in the middle, or works on it now.
    Open,
    /// Waits for `Commit` or `Revert`.
    Held(Deployed),
    /// Ended well.
    Ended(Deployed),
    /// Failed.
    Failed(Failure),
    /// Ended well, then taken back.
    TakenBack,
}

/// Reads how a journal stands from its entries.
pub fn standing(entries: &[Entry]) -> Standing {
    entries
        .iter()
        .fold(Standing::Unknown, |standing, entry| match entry {
            Entry::Begun { .. } => Standing::Open,
            Entry::Held { answer } => Standing::Held(answer.clone()),
            Entry::Ended { answer } => Standing::Ended(answer.clone()),
            Entry::Failed { failure } => Standing::Failed(failure.clone()),
            Entry::TakenBack => Standing::TakenBack,
            Entry::Phase { .. } => standing,
        })
}

/// Removes journals of deployments that ended long ago.
pub fn forget_old(folder: &Path) -> Result<()> {
    let now = clock::now();
    for id in list(folder) {
        let entries = read(folder, id);
        let begun = entries.iter().find_map(|entry| match entry {
            Entry::Begun { at, .. } => Some(*at),
            _ => None,
        });
        let age = begun.map_or(i64::MAX, |at| now.since_ms(at));
        let ended = !matches!(standing(&entries), Standing::Open | Standing::Held(_));
        if ended && u128::try_from(age).unwrap_or(0) > KEPT_FOR.as_millis() {
            disk::remove_file(&path(folder, id))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_crash_cut_off_is_left_out_and_the_next_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let id: DeploymentId = "0192a1b2-0000-7000-8000-000000000001".parse().unwrap();
        let mut journal = Journal::open(folder.path(), id).unwrap();
        journal.phase(Phase::Locked).unwrap();
        journal
            .file
            .write_all(b"{\"what\":\"failed\",\"message\":\"\xe2\x80")
            .unwrap();
        journal.append(&Entry::TakenBack).unwrap();
        let entries = read(folder.path(), id);
        assert_eq!(entries.len(), 2);
        assert_eq!(standing(&entries), Standing::TakenBack);
    }
}
