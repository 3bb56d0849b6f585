//! Giving back the room of states that nobody keeps any more, in two phases.
//!
//! First what is still needed moves out of packs that are mostly waste, and packs without any use
//! are condemned; their files stay. A later pruning, after a time of grace, deletes these files.
//! A power cut in between leaves either the old pack or both: never neither.

use super::{
    Files,
    pack::{GROWING, Objects, Writer, pack_path, sync_folder},
    packs_in,
    read::Reading,
};
use crate::Result;
use plimsoll_domain::content::{ContentHash, Node};
use std::{collections::HashSet, fs, path::Path};
use tokio::runtime::Handle;

/// How long a condemned pack stays, ms: a day.
const GRACE_MS: i64 = 86_400_000;

/// What a pruning did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Bytes that no kept state needs; their packs are condemned or written anew.
    pub waste_bytes: u64,
    /// Packs that were condemned.
    pub condemned: u64,
    /// Bytes of packs whose files were deleted: they were condemned long enough ago.
    pub freed_bytes: u64,
}

impl Files {
    /// Keeps what these states need and prunes the rest. With `act` false only tells.
    pub async fn prune(&self, keep: &[ContentHash], now_ms: i64, act: bool) -> Result<Pruned> {
        let _guard = self.alone().await?;
        let reading = Reading::new(self, Handle::current());
        let roots = keep.to_vec();
        let needed = super::blocking(move || {
            let mut needed = HashSet::new();
            roots
                .into_iter()
                .try_for_each(|root| gather(&reading, root, &mut needed))?;
            Ok(needed)
        });
        let needed = needed.await?;
        let mut pruned = Pruned::default();
        let (mut condemned, mut mixed) = (Vec::new(), Vec::new());
        for pack in self.index.packs().await? {
            if let Some(since) = pack.condemned_ms {
                if act && now_ms.saturating_sub(since) >= GRACE_MS {
                    delete(&pack_path(&self.packs, &pack.name))?;
                    super::burn();
                    self.index.strike(pack.id).await?;
                    pruned.freed_bytes += pack.bytes;
                }
                continue;
            }
            let placed = self.index.objects_of(pack.id).await?;
            let live: u64 = placed
                .iter()
                .filter(|(hash, _)| needed.contains(hash))
                .map(|(_, size)| size)
                .sum();
            let waste = pack.bytes.saturating_sub(live);
            if live == 0 {
                pruned.waste_bytes += waste;
                condemned.push(pack.id);
            } else if waste > live {
                pruned.waste_bytes += waste;
                mixed.push(pack);
            }
        }
        pruned.condemned = (condemned.len() + mixed.len()) as u64;
        if !act {
            return Ok(pruned);
        }
        // What is needed lies in its new pack, and the index says so, before the old one goes.
        let packs = self.packs.clone();
        let names: Vec<String> = mixed.iter().map(|pack| pack.name.clone()).collect();
        let rewritten = super::blocking(move || rewrite(&packs, &names, &needed, now_ms)).await?;
        self.index.add(&rewritten, None).await?;
        condemned.extend(mixed.iter().map(|pack| pack.id));
        self.index.condemn(&condemned, now_ms).await?;
        self.sweep().await?;
        Ok(pruned)
    }

    /// Removes what an interrupted save left: packs without a name, and packs that the index does
    /// not know. Nobody saves at the moment, so nobody is about to enter them.
    async fn sweep(&self) -> Result<()> {
        let known: HashSet<String> = self
            .index
            .packs()
            .await?
            .into_iter()
            .map(|pack| pack.name)
            .collect();
        for name in packs_in(&self.packs)? {
            if !known.contains(&name) {
                delete(&pack_path(&self.packs, &name))?;
            }
        }
        let failed = super::failed("list", &self.packs);
        for entry in fs::read_dir(&self.packs).map_err(failed)?.flatten() {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == GROWING)
            {
                delete(&entry.path())?;
            }
        }
        sync_folder(&self.packs)
    }
}

fn rewrite(
    packs: &Path,
    names: &[String],
    needed: &HashSet<ContentHash>,
    now_ms: i64,
) -> Result<Vec<super::pack::Finished>> {
    let mut writer = Writer::new(packs, format!("prune-{now_ms}-{}", std::process::id()));
    for name in names {
        for object in Objects::open(&pack_path(packs, name))? {
            let object = object?;
            if needed.contains(&object.hash) {
                writer.append(&object.again())?;
            }
        }
    }
    writer.finish()
}

fn gather(reading: &Reading, tree: ContentHash, needed: &mut HashSet<ContentHash>) -> Result<()> {
    if !needed.insert(tree) {
        return Ok(());
    }
    for entry in reading.tree(tree)? {
        match entry.node {
            Node::File { hash, chunks, .. } if chunks.is_empty() => {
                needed.insert(hash);
            }
            Node::File { chunks, .. } => needed.extend(chunks),
            Node::Link { .. } => {}
            Node::Folder { tree, .. } => gather(reading, tree, needed)?,
        }
    }
    Ok(())
}

fn delete(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(super::failed("remove", path)(error)),
    }
}
