//! Which versions are kept, and proving that they can be read.

use super::{
    recall::{KeptProject, Projects, Recalled, kept, recall},
    unlisted::{mend_records, roots_of, unlisted},
};
use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{
    ProjectId, VersionId,
    content::ContentHash,
    name::Name,
    project::Project,
    source::Source,
    version::{Retention, Version, prunable},
};
use plimsoll_store::files::{Pruned, Record, RecordId};
use serde::Serialize;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

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
    /// Projects that the database does not have, whose versions are kept.
    pub kept: Vec<KeptProject>,
}

/// A version of which not everything can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HurtVersion {
    /// Its project's name.
    pub project: Name,
    /// The version.
    pub version: Version,
    /// The paths that cannot be read; everything else in it can. An empty one is all of it.
    pub paths: Vec<String>,
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Damaged pieces of content that were struck out.
    pub struck: u64,
    /// Pieces that were thought lost, or unknown, and lie in a pack all the same.
    pub found: u64,
    /// Projects whose folders could not be saved again, each with the reason.
    pub unsaved: Vec<String>,
    /// What was done about versions that the database did not know.
    pub recalled: Recalled,
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
        if let Some(name) = &name
            && means_another(name.as_str())
        {
            let text = format!("“{name}” means another version already.");
            return Err(EngineError::bad_input("invalid_name", text)
                .next_step("Choose a name that is no number and not `latest`."));
        }
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
        rule.check()?;
        let world = &self.world;
        let files = self.file_store().await?;
        if !act {
            let (versions, keep) = self.spared_by(id, rule).await?;
            let waste_bytes = files.prunable(&keep).await?.waste_bytes;
            return Ok(Prunable {
                versions,
                waste_bytes,
                freed_bytes: 0,
            });
        }
        // From here on nobody saves, and nobody pins, names or deploys a version that was chosen to
        // go: what is kept is read while that is so.
        let pruning = files.pruning().await?;
        let mut write = world.store.write().await?;
        let (versions, keep) = self.spared_by(id, rule).await?;
        let planned = pruning.keep_only(&keep).await?;
        for version in &versions {
            write.delete::<Version>(&version.id).await?;
        }
        if versions.is_empty() {
            drop(write);
        } else {
            let details = json!({"versions": versions.len(), "rule": rule});
            let about = format!("project:{id}");
            self.audited(&mut write, "version.prune", about, details)
                .await?;
            write.commit().await?;
            let gone = versions.iter().map(RecordId::from).collect();
            // Their rows are buried: the next opening removes what stays.
            if let Err(error) = self.world.records().remove(gone).await {
                tracing::warn!("records of versions that were let go stay for now: {error}");
            }
        }
        // The versions are let go by now, whatever comes of their room: the next pruning goes on with it.
        let pruned = match planned.prune(world.now().as_millis()).await {
            Err(error) if !versions.is_empty() => {
                tracing::warn!("what nobody needs any more stays for now: {error}");
                Pruned::default()
            }
            pruned => pruned?,
        };
        Ok(Prunable {
            versions,
            waste_bytes: pruned.waste_bytes,
            freed_bytes: pruned.freed_bytes,
        })
    }

    /// The versions of a project that a rule lets go, and the states that stay, of all projects.
    async fn spared_by(
        &self,
        id: ProjectId,
        rule: Retention,
    ) -> Result<(Vec<Version>, Vec<ContentHash>)> {
        let project = self.world.store.need::<Project>(&id).await?;
        let versions = self.versions(id).await?;
        let mut needed = self.versions_in_use(id, &versions).await?;
        needed.extend(project.active_version_id);
        let gone: BTreeSet<VersionId> = prunable(&versions, &needed, rule, self.world.now())
            .into_iter()
            .collect();
        let (going, _) = versions
            .into_iter()
            .partition(|version| gone.contains(&version.id));
        let mut all = self.all_versions().await?;
        all.retain(|version| !gone.contains(&version.id));
        let mut keep = roots_of(&all);
        // What the database does not know may be what somebody saved after it was copied.
        let unlisted = unlisted(&self.world).await?;
        keep.extend(unlisted.roots(&self.world).await?);
        Ok((going, keep))
    }

    /// Proves that every version can be read; with `read_data` by reading every byte.
    pub async fn check_versions(&self, read_data: bool) -> Result<Checked> {
        let versions = self.all_versions().await?;
        let roots = roots_of(&versions);
        let check = self.file_store().await?.check(&roots, read_data).await?;
        let projects = self.projects().await?;
        let hurt = versions.into_iter().filter_map(|version| {
            let hurt = check.hurt.iter().find(|hurt| hurt.root == version.root)?;
            let mut projects = projects.iter();
            let project = projects.find(|project| project.id == version.project_id)?;
            Some(HurtVersion {
                project: project.name.clone(),
                version,
                paths: hurt.paths.clone(),
            })
        });
        Ok(Checked {
            hurt: hurt.collect(),
            packs: check.packs,
            proved: check.proved,
            damaged_packs: check.damaged_packs,
            kept: kept(&self.world.records(), &unlisted(&self.world).await?).await?,
        })
    }

    /// Makes the store say again what it really holds, keeps again what the projects' folders still
    /// have of what is lost, and lists again what the database does not know.
    pub async fn repair_versions(&self) -> Result<Repaired> {
        let (files, now) = (self.file_store().await?, self.world.now());
        let versions = self.all_versions().await?;
        let mut roots = roots_of(&versions);
        let records = self.world.records();
        for id in records.set_aside().await? {
            records.take_up(id).await?;
        }
        roots.extend(unlisted(&self.world).await?.roots(&self.world).await?);
        let mended = files.mend(&roots, now.as_millis()).await?;
        mend_records(&self.world).await?;
        let recalled = recall(&self.world, Projects::All).await?;
        recalled.leave_notice(self).await;
        let mut unsaved = Vec::new();
        for project in self.projects().await? {
            let folder = self.project_folder(project.id).await?;
            let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
                continue;
            };
            let ignored = &project.settings.ignore;
            let saved = files.save(&folder, ignored, now, &Arc::default()).await;
            // What one folder has must not hang on another one.
            if let Err(error) = saved {
                unsaved.push(format!("{}: {error}", project.name));
            }
        }
        let details = json!({"struck": mended.struck, "found": mended.found});
        self.note_done("version.repair", "versions".to_owned(), details)
            .await;
        Ok(Repaired {
            struck: mended.struck,
            found: mended.found,
            unsaved,
            recalled,
            left: self.check_versions(true).await?,
        })
    }

    /// The versions of all projects that there are.
    pub(super) async fn all_versions(&self) -> Result<Vec<Version>> {
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
        let id = version.id;
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
        let project = write.need::<Project>(&version.project_id).await?.name;
        let version = version.clone();
        self.world
            .records()
            .write(Record { version, project })
            .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id, seq })
    }
}

/// Whether a name would be understood as a number or as the last version.
fn means_another(name: &str) -> bool {
    name == super::LATEST || name.bytes().all(|byte| byte.is_ascii_digit())
}
