//! Looking at files and changing them.

use super::{about, file, folder};
use crate::{Engine, Receipt, Result};
use plimsoll_domain::{ProjectId, content::ContentHash, path::FilePath};
use plimsoll_store::workspace::{FileRead, NewText, TakenIn, TreeEntry, Writing, windows_refuses};
use serde_json::json;
use std::path::{Path, PathBuf};

impl Engine {
    /// Makes a folder, where it is not there yet, and adopts it as that of a project's files.
    ///
    /// # Errors
    /// As [`Engine::set_project_folder`].
    pub async fn make_project_folder(
        &self,
        project: ProjectId,
        folder: &Path,
    ) -> Result<Receipt<ProjectId>> {
        // What is wrong with the folder, the adopting says.
        let _ = tokio::fs::create_dir_all(folder).await;
        self.set_project_folder(project, folder).await
    }

    /// The entries of one folder of a project; `path` is empty for the whole.
    pub async fn file_entries(&self, project: ProjectId, path: &str) -> Result<Vec<TreeEntry>> {
        let path = folder(path)?;
        self.in_workspace(project, move |files| files.list(&path))
            .await
    }

    /// Reads a file of a project, as far as it can be shown.
    pub async fn read_file(&self, project: ProjectId, path: &str) -> Result<FileRead> {
        let path = file(path)?;
        self.in_workspace(project, move |files| files.read(&path))
            .await
    }

    /// Writes a text over what was read, or, without a hash, as a new file. What somebody else
    /// wrote meanwhile is answered and stays. A draft of it is forgotten once it is written.
    pub async fn write_file(
        &self,
        project: ProjectId,
        path: &str,
        new: NewText,
        seen: Option<ContentHash>,
    ) -> Result<Writing> {
        let path = file(path)?;
        let named = path.clone();
        let done = self
            .in_workspace(project, move |files| {
                let done = files.write(&path, &new, seen)?;
                if matches!(done, Writing::Done(_)) {
                    super::drafts::let_go(files, &path);
                }
                Ok(done)
            })
            .await?;
        if let Writing::Done(written) = &done {
            let details = json!({"path": named, "bytes": written.bytes, "hash": written.hash});
            self.note_done("file.write", about(project), details).await;
        }
        Ok(done)
    }

    /// Makes an empty file or a folder, and the folders above it. Answers why a computer with
    /// Windows could not keep it, if it could not.
    pub async fn create_file(
        &self,
        project: ProjectId,
        path: &str,
        is_folder: bool,
    ) -> Result<Option<&'static str>> {
        let path = file(path)?;
        let made = path.clone();
        self.in_workspace(project, move |files| match is_folder {
            true => files.create_folder(&made),
            false => files.create_file(&made),
        })
        .await?;
        let act = if is_folder {
            "folder.create"
        } else {
            "file.create"
        };
        self.note_done(act, about(project), json!({"path": path}))
            .await;
        Ok(windows_refuses(&path))
    }

    /// Renames or moves a file or a folder. Answers why a computer with Windows could not keep it.
    pub async fn move_file(
        &self,
        project: ProjectId,
        from: &str,
        to: &str,
    ) -> Result<Option<&'static str>> {
        let (from, to) = (file(from)?, file(to)?);
        let (old, new) = (from.clone(), to.clone());
        self.in_workspace(project, move |files| files.move_to(&old, &new))
            .await?;
        let details = json!({"from": from, "to": to});
        self.note_done("file.move", about(project), details).await;
        Ok(windows_refuses(&to))
    }

    /// Copies files and folders of this machine into a folder of a project.
    pub async fn take_in_files(
        &self,
        project: ProjectId,
        from: Vec<PathBuf>,
        to: &str,
    ) -> Result<TakenIn> {
        let to = folder(to)?;
        let taken = self
            .in_workspace(project, move |files| files.take_in(&from, &to))
            .await?;
        let paths: Vec<&FilePath> = taken.paths.iter().collect();
        let details = json!({"paths": paths, "files": taken.files, "bytes": taken.bytes});
        self.note_done("file.take_in", about(project), details)
            .await;
        Ok(taken)
    }
}
