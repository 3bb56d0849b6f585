//! Build contexts: of what a server holds already, only the difference travels.

use super::{Files, Spot, ask};
use crate::{
    jobs::StepContext,
    ports::{Body, Context, PortError, PortResult},
    world::{Scratch, World},
};
use plimsoll_domain::{EnvironmentId, ServerId, stack::is_left_out};
use plimsoll_protocol::{
    ContextFile, ContextFileKind, ContextSynced, LogStream, Request, SyncContext, manifest_hash,
};
use plimsoll_store::Manifest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What a server is known to hold, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    environment_id: EnvironmentId,
    hash: String,
    files: Vec<ContextFile>,
}

/// What has to travel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delta {
    pub base: Option<String>,
    pub upserts: Vec<ContextFile>,
    pub removals: Vec<String>,
    /// Contents that the server is not known to have, each once.
    pub hashes: Vec<String>,
    /// Their bytes, and the entries'.
    pub bytes: u64,
}

/// About what an entry costs besides its path.
const ENTRY_BYTES: u64 = 110;

impl Delta {
    /// The difference between what is known to be there and what shall be there.
    pub fn between(known: Option<&Known>, files: &[ContextFile]) -> Self {
        let before: BTreeMap<&str, &ContextFile> = known
            .iter()
            .flat_map(|known| &known.files)
            .map(|file| (file.path.as_str(), file))
            .collect();
        let there: BTreeSet<&str> = before.values().filter_map(|file| content(file)).collect();
        let upserts: Vec<ContextFile> = files
            .iter()
            .filter(|file| before.get(file.path.as_str()) != Some(file))
            .cloned()
            .collect();
        let now: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let removals: Vec<String> = before
            .keys()
            .filter(|path| !now.contains(*path))
            .map(|path| (*path).to_owned())
            .collect();
        let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
        for file in &upserts {
            if let ContextFileKind::File { hash, size } = &file.kind
                && !there.contains(hash.as_str())
            {
                sizes.insert(hash, *size);
            }
        }
        let entries: u64 = upserts
            .iter()
            .map(|file| file.path.len() as u64 + ENTRY_BYTES)
            .sum();
        Self {
            base: known.map(|known| known.hash.clone()),
            hashes: sizes.keys().map(|hash| (*hash).to_owned()).collect(),
            bytes: sizes.values().sum::<u64>() + entries,
            upserts,
            removals,
        }
    }
}

fn content(file: &ContextFile) -> Option<&str> {
    match &file.kind {
        ContextFileKind::File { hash, .. } => Some(hash),
        ContextFileKind::Link { .. } | ContextFileKind::Folder => None,
    }
}

/// Reads a folder. A trimmed context leaves out what a generated Dockerfile never copies.
pub(super) async fn read(
    world: &World,
    place: &Spot,
    folder: &str,
    trimmed: bool,
) -> PortResult<Context> {
    let cache = cache_file(world, place).await?;
    let mut context = world.ports.sources.scan(Path::new(folder), &cache).await?;
    if trimmed {
        context.files.retain(|file| !is_left_out(&file.path));
        context.manifest = manifest_hash(&context.files);
        context.total_bytes = context
            .files
            .iter()
            .map(|file| match file.kind {
                ContextFileKind::File { size, .. } => size,
                ContextFileKind::Link { .. } | ContextFileKind::Folder => 0,
            })
            .sum();
    }
    Ok(context)
}

async fn cache_file(world: &World, place: &Spot) -> PortResult<PathBuf> {
    let folder = world.settings.folder.join("stat");
    crate::world::make_folder(&folder).await?;
    Ok(folder.join(place.service_id.to_string()))
}

/// What a server is known to hold of this service in this environment.
pub(super) async fn known(
    world: &World,
    server: ServerId,
    place: &Spot,
) -> PortResult<Option<Known>> {
    let manifest = world.store.manifest(server, place.service_id).await?;
    Ok(manifest
        .and_then(|manifest| serde_json::from_value::<Known>(manifest.entries).ok())
        .filter(|known| known.environment_id == place.environment_id))
}

pub(super) async fn sync(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    files: &Files,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let found = again(world, place, files).await?;
    if found.manifest != files.manifest {
        return Err(source_changed(&files.folder));
    }
    let known = known(world, server_id, place).await?;
    let delta = Delta::between(known.as_ref(), &found.files);
    let whole = Delta::between(None, &found.files);
    context.progress.line(
        LogStream::Agent,
        &format!(
            "{} of {} files changed",
            delta.upserts.len() + delta.removals.len(),
            found.files.len()
        ),
    );
    let mut sent = 0;
    let mut next = (delta.clone(), delta.hashes.clone());
    // The difference; else the whole manifest; else that and what is missing of it.
    for _ in 0..3 {
        let (delta, hashes) = next;
        let (body, scratch) = body(world, &found, &hashes).await?;
        sent += size(scratch.as_ref());
        let request = Request::SyncContext(SyncContext {
            key: place.key.clone(),
            base: delta.base,
            upserts: delta.upserts,
            removals: delta.removals,
            manifest: found.manifest.clone(),
        });
        let answer: ContextSynced = ask(world, context, &target, request, body).await?;
        drop(scratch);
        if !answer.need_full && answer.missing.is_empty() {
            remember(world, server_id, place, &found).await?;
            return Ok(json!({
                "manifest": found.manifest,
                "files": found.files.len(),
                "body_bytes": sent,
            }));
        }
        next = (whole.clone(), answer.missing);
    }
    Err(PortError::new(
        "context_incomplete",
        format!(
            "The server {} keeps missing files of the build context.",
            target.host
        ),
    )
    .next_step("Look whether its disk is full, then try again.")
    .retryable())
}

/// Reads what a plan was made for, as it is now.
async fn again(world: &World, place: &Spot, files: &Files) -> PortResult<Context> {
    if let Some(tree) = files.version {
        crate::versions::unpacked(world, place.service_id, tree).await?;
    }
    read(world, place, &files.folder, files.trimmed).await
}

fn source_changed(folder: &str) -> PortError {
    PortError::new(
        "source_changed",
        format!("Files in {folder} have changed since the plan was made."),
    )
    .next_step("Make the plan again, so that what runs is what was shown.")
}

async fn body(
    world: &World,
    found: &Context,
    hashes: &[String],
) -> PortResult<(Body, Option<Scratch>)> {
    if hashes.is_empty() {
        return Ok((Body::Empty, None));
    }
    let scratch = world.scratch("context").await?;
    world.ports.sources.pack(found, hashes, &scratch.0).await?;
    Ok((Body::File(scratch.0.clone()), Some(scratch)))
}

fn size(scratch: Option<&Scratch>) -> u64 {
    scratch
        .and_then(|scratch| std::fs::metadata(&scratch.0).ok())
        .map_or(0, |metadata| metadata.len())
}

async fn remember(
    world: &World,
    server: ServerId,
    place: &Spot,
    found: &Context,
) -> PortResult<()> {
    let known = Known {
        environment_id: place.environment_id,
        hash: found.manifest.clone(),
        files: found.files.clone(),
    };
    let entries = serde_json::to_value(known)
        .map_err(|error| PortError::new("internal", error.to_string()))?;
    let manifest = Manifest {
        hash: found.manifest.clone(),
        entries,
        synced_at: world.now(),
    };
    let mut write = world.store.write().await?;
    write
        .put_manifest(server, place.service_id, &manifest)
        .await?;
    write.commit().await?;
    keep(world, found).await
}

/// Keeps what is about to be built, so that releases can be compared by their files.
async fn keep(world: &World, found: &Context) -> PortResult<()> {
    let files = serde_json::to_value(&found.files)
        .map_err(|error| PortError::new("internal", error.to_string()))?;
    Ok(world.store.keep_content(&found.manifest, &files).await?)
}

/// For local builds: the same files have to be there as when the plan was made.
pub(crate) async fn unchanged(world: &World, place: &Spot, files: &Files) -> PortResult<()> {
    let found = again(world, place, files).await?;
    if found.manifest == files.manifest {
        keep(world, &found).await
    } else {
        Err(source_changed(&files.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::Timestamp;
    use proptest::prelude::*;

    fn file(path: &str, hash: &str, size: u64) -> ContextFile {
        ContextFile {
            path: path.to_owned(),
            kind: ContextFileKind::File {
                hash: hash.to_owned(),
                size,
            },
            executable: false,
        }
    }

    fn known(files: Vec<ContextFile>) -> Known {
        Known {
            environment_id: EnvironmentId::mint(Timestamp::from_millis(0), [0; 10]),
            hash: manifest_hash(&files),
            files,
        }
    }

    #[test]
    fn a_changed_line_sends_one_file_and_a_moved_file_sends_none() {
        let before = known(vec![file("a", "1", 10), file("b", "2", 20)]);
        let changed = Delta::between(Some(&before), &[file("a", "3", 11), file("b", "2", 20)]);
        assert_eq!(changed.hashes, ["3"]);
        assert_eq!(changed.upserts.len(), 1);
        assert!(changed.removals.is_empty());
        let moved = Delta::between(Some(&before), &[file("c", "1", 10), file("b", "2", 20)]);
        assert!(moved.hashes.is_empty());
        assert_eq!(moved.removals, ["a"]);
        assert_eq!(moved.upserts[0].path, "c");
    }

    proptest! {
        #[test]
        fn a_base_and_its_difference_make_the_wanted_manifest(
            before in prop::collection::btree_map("[a-d]{1,2}", "[0-9]", 0..8),
            after in prop::collection::btree_map("[a-d]{1,2}", "[0-9]", 0..8),
        ) {
            let list = |map: &BTreeMap<String, String>| -> Vec<ContextFile> {
                map.iter().map(|(path, hash)| file(path, hash, 1)).collect()
            };
            let wanted = list(&after);
            let base = known(list(&before));
            let delta = Delta::between(Some(&base), &wanted);
            let mut result: BTreeMap<String, ContextFile> =
                base.files.into_iter().map(|file| (file.path.clone(), file)).collect();
            for path in &delta.removals {
                prop_assert!(result.remove(path).is_some());
            }
            for file in delta.upserts {
                result.insert(file.path.clone(), file);
            }
            let result: Vec<ContextFile> = result.into_values().collect();
            prop_assert_eq!(manifest_hash(&result), manifest_hash(&wanted));
            for hash in after.values() {
                prop_assert!(before.values().any(|known| known == hash) || delta.hashes.contains(hash));
            }
        }
    }
}
