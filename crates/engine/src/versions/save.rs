//! Saving versions.

use super::unlisted::record_all;
use crate::{Engine, Receipt, Result, error::EngineError, world::World};
use plimsoll_domain::{
    ProjectId, VersionId,
    content::ContentHash,
    project::Project,
    version::{Version, VersionCause},
};
use plimsoll_store::files::{Guard, Progress, Record, RecordId};
use serde_json::json;
use std::sync::Arc;

/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 2_000;

/// A state of files that is kept and not recorded yet.
pub(super) struct State {
    pub root: ContentHash,
    pub files: u64,
    pub bytes: u64,
    pub added_bytes: u64,
    pub refused_by_windows: Vec<String>,
    pub guard: Guard,
}

/// A version that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedVersion {
    /// Its id.
    pub id: VersionId,
    /// Sequence number in the change log.
    pub seq: i64,
    /// What a computer with Windows could not keep, each with the reason: as far as it lies in
    /// folders that changed since the last version, and the first 20.
    pub refused_by_windows: Vec<String>,
}

impl Engine {
    /// Saves the files of a project as they are.
    ///
    /// # Errors
    /// `nothing_changed` when the last version is the same; `workspace_gone`, `files_unreadable`
    /// as the store of files says. Nothing is saved then.
    pub async fn save_version(
        &self,
        project: ProjectId,
        message: &str,
        progress: &Arc<Progress>,
    ) -> Result<SavedVersion> {
        let message = checked(message)?;
        let mut state = state_of(&self.world, project, progress).await?;
        if let Some(last) = self.versions(project).await?.first()
            && last.root == state.root
        {
            return Err(EngineError::conflict(
                "nothing_changed",
                format!("Nothing was changed since version {}.", last.number),
            )
            .next_step("Name that version or pin it, if it matters."));
        }
        let refused_by_windows = std::mem::take(&mut state.refused_by_windows);
        let recorded = self.record_version(project, message, VersionCause::Saved, state);
        let Receipt { id, seq } = recorded.await?;
        Ok(SavedVersion {
            id,
            seq,
            refused_by_windows,
        })
    }

    pub(super) async fn record_version(
        &self,
        project: ProjectId,
        message: &str,
        cause: VersionCause,
        state: State,
    ) -> Result<Receipt<VersionId>> {
        let (version, seq) = record(&self.world, project, message, cause, state).await?;
        Ok(Receipt {
            id: version.id,
            seq,
        })
    }
}

/// Saves the files of a project before something changes them or goes out with them; where the
/// last version is the same, that one is meant.
pub(crate) async fn save_before(
    world: &World,
    project: ProjectId,
    cause: VersionCause,
    message: &str,
    progress: &Arc<Progress>,
) -> Result<Version> {
    let state = state_of(world, project, progress).await?;
    let (version, _) = record(world, project, message, cause, state).await?;
    Ok(version)
}

async fn state_of(world: &World, project: ProjectId, progress: &Arc<Progress>) -> Result<State> {
    let folder = super::need_folder(world, project).await?;
    let settings = world.store.need::<Project>(&project).await?.settings;
    let saved = world
        .file_store()
        .await?
        .save(&folder, &settings.ignore, world.now(), progress)
        .await?;
    Ok(State {
        root: saved.root,
        files: saved.files,
        bytes: saved.bytes,
        added_bytes: saved.added_bytes,
        refused_by_windows: saved.refused_by_windows,
        guard: saved.guard,
    })
}

async fn record(
    world: &World,
    project: ProjectId,
    message: &str,
    cause: VersionCause,
    state: State,
) -> Result<(Version, i64)> {
    // Versions of an earlier release of the program have no record yet; this one can do without theirs.
    let recorded = world.recorded.get_or_try_init(|| record_all(world));
    if let Err(error) = recorded.await {
        tracing::warn!("not every version has a record yet: {error}");
    }
    let mut write = world.store.write().await?;
    let name = write.need::<Project>(&project).await?.name;
    // One writer at a time: nobody else numbers a version until this one is committed.
    let last = world.store.versions_of(project).await?.into_iter().next();
    if is_automatic(cause)
        && let Some(last) = last
        && last.root == state.root
    {
        return Ok((last, 0));
    }
    let number = world.store.last_version_number(project).await? + 1;
    let version = Version {
        id: VersionId::mint(world.now(), world.entropy()),
        project_id: project,
        number,
        root: state.root,
        message: message.to_owned(),
        cause,
        name: None,
        pinned: false,
        author: world.store.author().to_owned(),
        files: state.files,
        bytes: state.bytes,
        added_bytes: state.added_bytes,
        created_at: world.now(),
    };
    write.put(&version).await?;
    let details = json!({"number": number, "cause": cause, "root": state.root});
    let about = format!("version:{}", version.id);
    world
        .auditor
        .record(&mut write, "version.save", &about, details)
        .await?;
    let record = Record {
        version: version.clone(),
        project: name,
    };
    // It lies there before the row does: whatever happens to the database, the version can be found.
    world.records().write(record).await?;
    let seq = match write.commit().await {
        Ok(seq) => seq,
        Err(error) => {
            let id = RecordId::from(&version);
            if let Err(error) = world.records().remove(vec![id]).await {
                tracing::warn!("the record of a version that was not saved stays: {error}");
            }
            return Err(error.into());
        }
    };
    drop(state.guard);
    Ok((version, seq))
}

/// Whether nobody asked for it by itself: then a second one of the same files says nothing.
fn is_automatic(cause: VersionCause) -> bool {
    match cause {
        VersionCause::BeforeDeploy
        | VersionCause::BeforeRestore
        | VersionCause::BeforeGeneration => true,
        VersionCause::Saved | VersionCause::Imported => false,
    }
}

pub(super) fn checked(message: &str) -> Result<&str> {
    let message = message.trim();
    if message.chars().count() <= LONGEST_MESSAGE && !message.contains('\0') {
        return Ok(message);
    }
    Err(EngineError::bad_input(
        "invalid_message",
        format!("A message has at most {LONGEST_MESSAGE} characters."),
    )
    .next_step("Shorten it."))
}
