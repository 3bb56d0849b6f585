//! The bin of a project.

use super::{about, file};
use crate::{Engine, Result};
use plimsoll_domain::ProjectId;
use plimsoll_store::workspace::{BinEntry, Restoration};
use serde::Serialize;
use serde_json::json;

/// What is gone from the bin for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Emptied {
    /// How many things.
    pub entries: u64,
    /// Bytes of all files in them.
    pub bytes: u64,
}

impl Engine {
    /// Puts a file or a folder of a project into its bin.
    pub async fn delete_file(&self, project: ProjectId, path: &str) -> Result<BinEntry> {
        let path = file(path)?;
        let now = self.world.now();
        let chance: String = self
            .world
            .entropy()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let id = format!("{:013}-{chance}", now.as_millis());
        let entry = self
            .in_workspace(project, move |files| {
                let entry = files.delete(&path, &id, now)?;
                // What was typed into it goes with it.
                super::drafts::let_go(files, &path);
                Ok(entry)
            })
            .await?;
        let details = json!({"path": entry.path, "files": entry.files, "bytes": entry.bytes});
        self.note_done("file.delete", about(project), details).await;
        Ok(entry)
    }

    /// What is in the bin of a project, newest first.
    pub async fn bin(&self, project: ProjectId) -> Result<Vec<BinEntry>> {
        self.in_workspace(project, |files| files.bin()).await
    }

    /// Puts something back from the bin where it was, or beside what is there now.
    pub async fn restore_from_bin(&self, project: ProjectId, id: &str) -> Result<Restoration> {
        let id = id.to_owned();
        let back = self
            .in_workspace(project, move |files| files.restore(&id))
            .await?;
        let details = json!({"path": back.path, "was": back.was});
        self.note_done("file.restore", about(project), details)
            .await;
        Ok(back)
    }

    /// Removes one thing from the bin for good, or everything.
    pub async fn empty_bin(&self, project: ProjectId, only: Option<&str>) -> Result<Emptied> {
        let only = only.map(str::to_owned);
        let (entries, bytes) = self
            .in_workspace(project, move |files| files.empty_bin(only.as_deref()))
            .await?;
        let details = json!({"entries": entries, "bytes": bytes});
        self.note_done("bin.empty", about(project), details).await;
        Ok(Emptied { entries, bytes })
    }
}
