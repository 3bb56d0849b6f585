//! Which versions are kept, and proving that they can be read.

use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{
    ProjectId, VersionId,
    content::ContentHash,
    name::Name,
    project::Project,
    source::Source,
    version::{Retention, Version, prunable},
};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// What a pruning lets go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prunable {
    /// The versions, newest first.
    pub versions: Vec<Version>,
    /// Bytes that nothing needs afterwards.
    pub waste_bytes: u64,
    /// Bytes that were given back to the disk now: what an earlier pruning condemned.
    pub freed_bytes: u64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Packs that were looked at.
    pub packs: u64,
    /// Objects whose bytes were proved; 0 where only the index was looked at.
    pub proved: u64,
    /// Packs that are missing or damaged.
    pub damaged_packs: Vec<String>,
    /// Versions of which not everything can be read.
    pub hurt: Vec<HurtVersion>,
}

/// A version of which not everything can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HurtVersion {
    /// The version.
    pub version: Version,
    /// The paths that cannot be read; everything else in it can.
    pub paths: Vec<String>,
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Damaged objects that were struck out.
    pub struck: u64,
    /// What is still hurt, after everything that the projects' folders still have was kept again.
    pub left: Checked,
}

impl Engine {
    /// Gives a version a name, or takes it away.
    pub async fn name_version(
        &self,
        id: VersionId,
        name: Option<Name>,
    ) -> Result<Receipt<VersionId>> {
        let version = Version {
            name,
            ..self.version(id).await?
        };
        let details = json!({"number": version.number, "name": version.name});
        self.write_version(&version, "version.name", details).await
    }

    /// Pins a version, so that it stays when others are pruned, or lets it loose.
    pub async fn pin_version(&self, id: VersionId, pinned: bool) -> Result<Receipt<VersionId>> {
        let version = Version {
            pinned,
            ..self.version(id).await?
        };
        let details = json!({"number": version.number, "pinned": pinned});
        self.write_version(&version, "version.pin", details).await
    }

    /// Marks a version as the active one of its project.
    pub async fn activate_version(&self, id: VersionId) -> Result<Receipt<ProjectId>> {
        let version = self.version(id).await?;
        let mut write = self.world.store.write().await?;
        let project = write.need::<Project>(&version.project_id).await?;
        write
            .put(&Project {
                active_version_id: Some(id),
                ..project
            })
            .await?;
        let about = format!("version:{id}");
        let details = json!({"number": version.number});
        self.audited(&mut write, "version.activate", about, details)
            .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: version.project_id,
            seq,
        })
    }

    /// What a rule would let go of a project's versions.
    pub async fn prunable_versions(&self, project: ProjectId, rule: Retention) -> Result<Prunable> {
        self.let_go(project, rule, false).await
    }

    /// Lets go what a rule says. The disk's room comes back with a pruning a day later.
    pub async fn prune_versions(&self, project: ProjectId, rule: Retention) -> Result<Prunable> {
        self.let_go(project, rule, true).await
    }

    async fn let_go(&self, id: ProjectId, rule: Retention, act: bool) -> Result<Prunable> {
        let world = &self.world;
        let project = world.store.need::<Project>(&id).await?;
        let versions = self.versions(id).await?;
        let mut needed = self.versions_in_use(id, &versions).await?;
        needed.extend(project.active_version_id);
        let gone: BTreeSet<VersionId> = prunable(&versions, &needed, rule, world.now())
            .into_iter()
            .collect();
        if act && !gone.is_empty() {
            let mut write = world.store.write().await?;
            for id in &gone {
                write.delete::<Version>(id).await?;
            }
            let details = json!({"versions": gone.len(), "rule": rule});
            let about = format!("project:{id}");
            self.audited(&mut write, "version.prune", about, details)
                .await?;
            write.commit().await?;
        }
        let all = self.all_versions().await?;
        let keep: Vec<ContentHash> = all
            .iter()
            .filter(|version| !gone.contains(&version.id))
            .map(|version| version.root)
            .collect();
        let files = self.file_store().await?;
        let pruned = files.prune(&keep, world.now().as_millis(), act).await?;
        Ok(Prunable {
            versions: versions
                .into_iter()
                .filter(|version| gone.contains(&version.id))
                .collect(),
            waste_bytes: pruned.waste_bytes,
            freed_bytes: pruned.freed_bytes,
        })
    }

    /// Proves that every version can be read; with `read_data` by reading every byte.
    pub async fn check_versions(&self, read_data: bool) -> Result<Checked> {
        let versions = self.all_versions().await?;
        let roots: Vec<ContentHash> = versions.iter().map(|version| version.root).collect();
        let check = self.file_store().await?.check(&roots, read_data).await?;
        let hurt = versions.into_iter().filter_map(|version| {
            let hurt = check.hurt.iter().find(|hurt| hurt.root == version.root)?;
            Some(HurtVersion {
                version,
                paths: hurt.paths.clone(),
            })
        });
        Ok(Checked {
            hurt: hurt.collect(),
            packs: check.packs,
            proved: check.proved,
            damaged_packs: check.damaged_packs,
        })
    }

    /// Strikes damaged content out and keeps again what the projects' folders still have of it.
    pub async fn repair_versions(&self) -> Result<Repaired> {
        let files = self.file_store().await?;
        let struck = files.forget_damaged().await?;
        for project in self.projects().await? {
            let Some(folder) = self.project_folder(project.id).await? else {
                continue;
            };
            if folder.is_dir() {
                files
                    .save(
                        &folder,
                        &project.settings.ignore,
                        self.world.now(),
                        &std::sync::Arc::default(),
                    )
                    .await?;
            }
        }
        self.note(
            "version.repair",
            "versions".to_owned(),
            json!({"struck": struck}),
        )
        .await?;
        Ok(Repaired {
            struck,
            left: self.check_versions(true).await?,
        })
    }

    /// The versions of all projects that there are.
    async fn all_versions(&self) -> Result<Vec<Version>> {
        let projects: BTreeSet<ProjectId> = self
            .projects()
            .await?
            .into_iter()
            .map(|project| project.id)
            .collect();
        let mut versions = self.world.store.all::<Version>().await?;
        versions.retain(|version| projects.contains(&version.project_id));
        Ok(versions)
    }

    /// The versions that services are deployed from, and those that the kept releases came from.
    async fn versions_in_use(
        &self,
        project: ProjectId,
        versions: &[Version],
    ) -> Result<BTreeSet<VersionId>> {
        let mut used = BTreeSet::new();
        let environments = self.environments(project).await?;
        for service in self.services(project).await? {
            if let Source::Version { number, .. } = service.source {
                let named = versions.iter().find(|version| version.number == number);
                used.extend(named.map(|version| version.id));
            }
            for environment in &environments {
                let kept = self.kept_releases(environment.id, service.id).await?;
                let origins = kept
                    .into_iter()
                    .filter_map(|row| row.release.provenance.version);
                used.extend(origins.map(|origin| origin.id));
            }
        }
        Ok(used)
    }

    async fn write_version(
        &self,
        version: &Version,
        act: &str,
        details: serde_json::Value,
    ) -> Result<Receipt<VersionId>> {
        let mut write = self.world.store.write().await?;
        write.put(version).await.map_err(|error| {
            let taken = matches!(error, plimsoll_store::StoreError::Taken { .. });
            let error = EngineError::from(error);
            if taken {
                error.next_step("Give it another name.")
            } else {
                error
            }
        })?;
        self.audited(&mut write, act, format!("version:{}", version.id), details)
            .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: version.id,
            seq,
        })
    }
}
