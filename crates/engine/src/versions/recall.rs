//! Versions that the database does not know: it was put back to an earlier copy, or a save was cut
//! off before its last write. From their records beside the packs their rows are made anew.

use super::unlisted::{Unlisted, roots_of, unlisted};
use crate::{Engine, Result, world::World};
use plimsoll_domain::{
    ProjectId, name::Name, project::Project, settings::ProjectSettings, version::Version,
};
use plimsoll_store::{
    Write,
    files::{Files, Record, RecordId, Records},
};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What was done about versions that the database did not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recalled {
    /// They are listed again.
    pub back: Vec<Returned>,
    /// Projects that were made anew for them; they have no folder yet.
    pub made: Vec<Name>,
    /// Projects that are not in the database, whose versions are kept.
    pub kept: Vec<KeptProject>,
    /// Their content is gone, so they did not come back.
    pub lost: Vec<LostVersion>,
}

/// A version that is listed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Returned {
    /// Its project's name.
    pub project: Name,
    /// The version as it is now.
    pub version: Version,
    /// The number that it had, when another version has that by now.
    pub was: Option<u32>,
}

/// A project that the database does not have, and of which versions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptProject {
    /// What it was called; `None` when no record tells.
    pub project: Option<Name>,
    /// How many of its versions are kept.
    pub versions: u64,
}

/// A version whose content is gone, or whose record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostVersion {
    /// Its project's name.
    pub project: Name,
    /// Its number; `None` when its record cannot be read.
    pub number: Option<u32>,
}

impl Recalled {
    /// What people should know, a sentence each; empty when nothing was missing.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut back: BTreeMap<&Name, Vec<String>> = BTreeMap::new();
        for Returned {
            project, version, ..
        } in &self.back
        {
            let numbers = back.entry(project).or_default();
            numbers.push(version.number.to_string());
        }
        for (project, numbers) in back {
            let (what, come) = match numbers.len() {
                1 => ("Version", "is"),
                _ => ("Versions", "are"),
            };
            told.push(format!(
                "{what} {} of “{project}”, which the database did not know, {come} listed again.",
                numbers.join(", ")
            ));
        }
        for Returned {
            project,
            version,
            was,
        } in &self.back
        {
            if let Some(was) = was {
                told.push(format!(
                    "What was version {was} of “{project}” is version {} now: another one has its \
                     number.",
                    version.number
                ));
            }
        }
        told.extend(self.made.iter().map(|name| {
            format!(
                "The project “{name}” was made anew. `plimsoll project folder {name} DIR` gives it its \
                 folder."
            )
        }));
        told.extend(self.kept.iter().map(KeptProject::told));
        for LostVersion { project, number } in &self.lost {
            told.push(match number {
                Some(number) => format!(
                    "Version {number} of “{project}” did not come back: its content is gone."
                ),
                None => format!(
                    "A version of “{project}” did not come back: its record cannot be read."
                ),
            });
        }
        told
    }

    /// Leaves a notice, where anything was done. Nothing hangs on it: what did not come back today does
    /// at the next opening.
    pub(super) async fn leave_notice(&self, engine: &Engine) {
        if !self.did_something() {
            return;
        }
        let told = self.told().join(" ");
        let left = engine.leave_notice("Saved versions that were not listed", &told);
        if let Err(error) = left.await {
            tracing::warn!("a notice could not be kept ({error}): {told}");
        }
    }

    fn did_something(&self) -> bool {
        !self.back.is_empty() || !self.lost.is_empty()
    }
}

impl KeptProject {
    /// What people should know about it, in a sentence or two.
    pub fn told(&self) -> String {
        let versions = match self.versions {
            1 => "1 version".to_owned(),
            count => format!("{count} versions"),
        };
        let project = match &self.project {
            Some(name) => format!(" “{name}”"),
            None => String::new(),
        };
        format!(
            "Of the project{project}, which the database does not know, {versions} are kept. \
             Repairing the versions (`plimsoll versions check --repair`) makes the project anew with \
             them."
        )
    }
}

impl Engine {
    /// Makes the rows anew of versions that the database does not know and whose projects it does.
    /// Where there are none it only looks at names.
    ///
    /// # Errors
    /// What the store says, such as `store_disk_full`: everything stays kept then, and the next call
    /// goes on.
    pub async fn recall_versions(&self) -> Result<Recalled> {
        recall(&self.world, Projects::ThatAreThere).await
    }

    /// The same, at an opening: a notice tells what came back, and what does not today does next time.
    pub async fn recall_and_tell(&self) {
        match self.recall_versions().await {
            Ok(recalled) => recalled.leave_notice(self).await,
            Err(error) => tracing::warn!("not every saved version is listed: {error}"),
        }
    }

    /// Writes records of versions that have none yet, such as those of an earlier release of the
    /// program.
    pub async fn record_versions(&self) -> Result<()> {
        super::unlisted::record_all(&self.world).await
    }

    /// The same engine at work with what lies in the store's folder now.
    pub async fn reopened(&self) -> Result<Engine> {
        let world = &self.world;
        let store = world.store.open_again().await?;
        Engine::open(world.ports.clone(), store, world.settings.clone()).await
    }

    /// After the database was put back to an earlier copy: what it lists and was let go since is taken
    /// out of what waits to be deleted, and what was saved since is listed again.
    pub async fn recall_after_restore(&self) -> Result<Recalled> {
        let world = &self.world;
        let files = self.file_store().await?;
        let mut roots = roots_of(&self.all_versions().await?);
        if files.condemned_any().await? && files.misses_any(&roots).await? {
            roots.extend(unlisted(world).await?.roots(world).await?);
            files.mend(&roots, world.now().as_millis()).await?;
        }
        self.recall_versions().await
    }
}

/// Whose versions come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Projects {
    /// Of projects that the database has.
    ThatAreThere,
    /// Of all; those that it does not have are made anew.
    All,
}

/// Makes rows anew from records that have none.
pub(super) async fn recall(world: &World, which: Projects) -> Result<Recalled> {
    let found = unlisted(world).await?;
    // Whoever let them go was cut off before the last write.
    world.records().remove(found.buried.clone()).await?;
    if found.of_projects.is_empty() && (found.of_none.is_empty() || which == Projects::ThatAreThere)
    {
        return Ok(Recalled {
            kept: kept(&world.records(), &found).await?,
            ..Recalled::default()
        });
    }
    let files = world.file_store().await?;
    let _unpruned = files.unpruned().await?;
    // One writer at a time: a save that is about to commit has its row before we look again.
    let mut write = world.store.write().await?;
    let found = unlisted(world).await?;
    let mut wanted = found.of_projects;
    let (mut recalled, mut lost) = (Recalled::default(), Vec::new());
    if which == Projects::All {
        for (id, records) in found.of_none {
            let made = make_project(world, &mut write, id, &records, &recalled.made).await?;
            match made {
                Made::Anew(name) => {
                    recalled.made.push(name);
                    wanted.insert(id, records);
                }
                Made::OfNothing(gone) => {
                    recalled.lost.extend(gone);
                    lost.extend(records);
                }
                Made::Deleted => {}
            }
        }
    }
    let mut renumbered = Vec::new();
    for (id, records) in wanted {
        let Some(project) = write.get::<Project>(&id).await? else {
            continue;
        };
        let readable = readable(
            files,
            &project.name,
            &records,
            &mut recalled.lost,
            &mut lost,
        );
        let mut numbering = Numbering::of(world, id).await?;
        let before = recalled.back.len();
        for record in readable.await? {
            let (version, was) = numbering.place(record.version);
            write.put(&version).await?;
            if was.is_some() {
                renumbered.push(Record {
                    version: version.clone(),
                    project: project.name.clone(),
                });
            }
            recalled.back.push(Returned {
                project: project.name.clone(),
                version,
                was,
            });
        }
        let numbers: Vec<u32> = recalled.back[before..]
            .iter()
            .map(|back| back.version.number)
            .collect();
        if !numbers.is_empty() {
            let about = format!("project:{id}");
            let details = json!({"versions": numbers});
            let auditor = &world.auditor;
            auditor
                .record(&mut write, "version.recall", &about, details)
                .await?;
        }
    }
    let records = world.records();
    records.write_all(renumbered).await?;
    if recalled.back.is_empty() {
        drop(write);
    } else {
        write.commit().await?;
    }
    for id in lost {
        records.lose(id).await?;
    }
    recalled.kept = kept(&records, &unlisted(world).await?).await?;
    Ok(recalled)
}

/// The records of a project's versions that there is content of, in the order of their numbers.
async fn readable(
    files: &Files,
    project: &Name,
    records: &[RecordId],
    told: &mut Vec<LostVersion>,
    lost: &mut Vec<RecordId>,
) -> Result<Vec<Record>> {
    let mut readable = Vec::new();
    for id in records {
        let record = files.records().read(*id).await?;
        let number = record.as_ref().map(|record| record.version.number);
        match record {
            Some(record) if files.knows(record.version.root).await? => readable.push(record),
            Some(_) | None => {
                let project = project.clone();
                told.push(LostVersion { project, number });
                lost.push(*id);
            }
        }
    }
    readable.sort_by_key(|record| (record.version.number, record.version.created_at));
    Ok(readable)
}

/// What became of a project of which only records of versions are left.
enum Made {
    /// It is there, under this name.
    Anew(Name),
    /// There is no content of any of its versions.
    OfNothing(Vec<LostVersion>),
    /// It was deleted on purpose, and stays so.
    Deleted,
}

/// Makes such a project anew.
async fn make_project(
    world: &World,
    write: &mut Write,
    id: ProjectId,
    records: &[RecordId],
    made: &[Name],
) -> Result<Made> {
    let files = world.file_store().await?;
    if world.store.get_any::<Project>(&id).await?.is_some() {
        return Ok(Made::Deleted);
    }
    let mut first: Option<Record> = None;
    let mut gone = Vec::new();
    for id in records {
        let Some(record) = files.records().read(*id).await? else {
            continue;
        };
        let saved = |record: &Record| record.version.created_at;
        let first_saved = first.as_ref().map(saved);
        if !files.knows(record.version.root).await? {
            gone.push(LostVersion {
                number: Some(record.version.number),
                project: record.project,
            });
        } else if first_saved.is_none_or(|first| saved(&record) < first) {
            first = Some(record);
        }
    }
    let Some(Record { version, project }) = first else {
        return Ok(Made::OfNothing(gone));
    };
    let project = Project {
        id,
        name: free_name(world, project, made).await?,
        active_version_id: None,
        settings: ProjectSettings::default(),
        created_at: version.created_at,
    };
    write.put(&project).await?;
    let about = format!("project:{id}");
    let details = json!({"name": project.name, "of": "records of its versions"});
    let auditor = &world.auditor;
    auditor
        .record(write, "project.create", &about, details)
        .await?;
    Ok(Made::Anew(project.name))
}

/// The name, or one like it that no project has.
async fn free_name(world: &World, wanted: Name, made: &[Name]) -> Result<Name> {
    let there = world.store.all::<Project>().await?;
    let there = there.into_iter().map(|project| project.name);
    let taken: BTreeSet<Name> = there.chain(made.iter().cloned()).collect();
    let mut names = (2..).map_while(|count| {
        let stem: String = wanted.as_str().chars().take(50).collect();
        Name::parse(&format!("{}-{count}", stem.trim_end_matches('-'))).ok()
    });
    Ok(match taken.contains(&wanted) {
        false => wanted,
        true => names.find(|name| !taken.contains(name)).unwrap_or(wanted),
    })
}

/// The numbers and names of a project's versions.
struct Numbering {
    numbers: BTreeSet<u32>,
    names: HashSet<Name>,
}

impl Numbering {
    async fn of(world: &World, project: ProjectId) -> Result<Self> {
        let versions = world.store.versions_of(project).await?;
        Ok(Self {
            numbers: world.store.version_numbers(project).await?,
            names: versions
                .into_iter()
                .filter_map(|version| version.name)
                .collect(),
        })
    }

    /// A version with a number that no other has, and the one that it had when that is another one;
    /// without its name when another one is called so.
    fn place(&mut self, mut version: Version) -> (Version, Option<u32>) {
        let had = version.number;
        if !self.numbers.insert(had) {
            version.number = self.numbers.last().map_or(1, |last| last + 1);
            self.numbers.insert(version.number);
        }
        version.name = version.name.filter(|name| self.names.insert(name.clone()));
        let was = (version.number != had).then_some(had);
        (version, was)
    }
}

/// Projects that the database does not have, with what is kept of them.
pub(super) async fn kept(records: &Records, found: &Unlisted) -> Result<Vec<KeptProject>> {
    let mut kept = Vec::new();
    for ids in found.of_none.values() {
        let mut project = None;
        for id in ids {
            if let Some(record) = records.read(*id).await? {
                project = Some(record.project);
                break;
            }
        }
        kept.push(KeptProject {
            project,
            versions: ids.len() as u64,
        });
    }
    Ok(kept)
}
