//! The records of versions, held against the rows of the database.

use crate::{Result, world::World};
use plimsoll_domain::{
    ProjectId, VersionId, content::ContentHash, project::Project, version::Version,
};
use plimsoll_store::files::{Record, RecordId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Records that have no row that is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Unlisted {
    /// Without a row, of projects that are there.
    pub of_projects: BTreeMap<ProjectId, Vec<RecordId>>,
    /// Without a row, of projects that are not there.
    pub of_none: BTreeMap<ProjectId, Vec<RecordId>>,
    /// Of versions that were let go on purpose.
    pub buried: Vec<RecordId>,
}

impl Unlisted {
    /// The states that they name, and that a pruning has to keep.
    pub(super) async fn roots(&self, world: &World) -> Result<Vec<ContentHash>> {
        let all = self.of_projects.values().chain(self.of_none.values());
        let all: Vec<RecordId> = all.flatten().copied().collect();
        let mut roots = Vec::new();
        for id in all {
            let record = world.records().read(id).await?;
            roots.extend(record.map(|record| record.version.root));
        }
        Ok(roots)
    }
}

/// Holds the records against the rows.
pub(super) async fn unlisted(world: &World) -> Result<Unlisted> {
    let mut found = Unlisted::default();
    let records = world.records().list().await?;
    if records.is_empty() {
        return Ok(found);
    }
    let rows = world.store.version_rows().await?;
    let mut strangers = Vec::new();
    for id in records {
        match rows.get(&id.version) {
            Some(true) => {}
            Some(false) => found.buried.push(id),
            None => strangers.push(id),
        }
    }
    if strangers.is_empty() {
        return Ok(found);
    }
    let projects = world.store.all::<Project>().await?;
    let projects: HashSet<ProjectId> = projects.into_iter().map(|project| project.id).collect();
    for id in strangers {
        let of = match projects.contains(&id.project) {
            true => &mut found.of_projects,
            false => &mut found.of_none,
        };
        of.entry(id.project).or_default().push(id);
    }
    Ok(found)
}

/// Writes records of versions that have none and whose content is here.
pub(super) async fn record_all(world: &World) -> Result<()> {
    let recorded = world.records().list().await?;
    let recorded: HashSet<VersionId> = recorded.iter().map(|id| id.version).collect();
    let ids = world.store.version_rows().await?;
    let mut ids = ids.iter().filter(|(_, is_there)| **is_there);
    if ids.all(|(id, _)| recorded.contains(id)) {
        return Ok(());
    }
    let mut rows = world.store.all::<Version>().await?;
    rows.retain(|version| !recorded.contains(&version.id));
    let files = world.file_store().await?;
    let _unpruned = files.unpruned().await?;
    let projects = world.store.all::<Project>().await?.into_iter();
    let names: HashMap<_, _> = projects.map(|project| (project.id, project.name)).collect();
    let mut records = Vec::new();
    for version in rows {
        let Some(project) = names.get(&version.project_id).cloned() else {
            continue;
        };
        // What another machine or an earlier copy of the database lists may have no content here.
        if files.knows(version.root).await? {
            records.push(Record { version, project });
        }
    }
    world.records().write_all(records).await?;
    Ok(())
}

/// Writes records anew that cannot be read, of versions that are there, and those that are missing.
pub(super) async fn mend_records(world: &World) -> Result<()> {
    let records = world.records();
    let rows = world.store.version_rows().await?;
    for id in records.list().await? {
        let is_there = rows.get(&id.version) == Some(&true);
        if is_there && records.read(id).await?.is_none() {
            records.remove(vec![id]).await?;
        }
    }
    record_all(world).await
}

/// The states of versions.
pub(super) fn roots_of(versions: &[Version]) -> Vec<ContentHash> {
    versions.iter().map(|version| version.root).collect()
}

/// Removes what is recorded of a project's versions, which were let go with it. What cannot be removed
/// now is at the next opening, as their rows are buried.
pub(crate) async fn forget_records(world: &World, project: ProjectId) {
    let records = world.records();
    let forget = async {
        let mut all = records.list().await?;
        all.extend(records.set_aside().await?);
        all.retain(|id| id.project == project);
        records.remove(all).await
    };
    if let Err(error) = forget.await {
        tracing::warn!("records of versions of a deleted project stay for now: {error}");
    }
}
