//! Giving back the room of states that nobody keeps any more, in two phases.
//!
//! First what is still needed moves out of packs that are mostly waste, and packs without any use
//! are condemned; their files stay. A later pruning, after a time of grace, deletes these files.
//! A power cut in between leaves either the old pack or both: never neither.

use super::{
    Files, Guard,
    index::KnownPack,
    pack::{self, Finished, GROWING, Place, Placed, Writer, pack_path, sync_folder},
    packs_in,
    read::Reading,
};
use crate::{Result, StoreError};
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

/// A pruning that is about to begin: nobody saves or prunes meanwhile, so what is read now about the
/// versions that are kept stays true until it is over.
#[derive(Debug)]
pub struct Pruning {
    files: Files,
    _guard: Guard,
}

/// A pruning that knows what it will do.
pub struct Planned {
    pruning: Pruning,
    plan: Plan,
}

/// Packs with what the index places in them.
type Known = Vec<(KnownPack, Vec<(ContentHash, Place)>)>;

/// What is to be done.
#[derive(Default)]
struct Plan {
    pruned: Pruned,
    needed: HashSet<ContentHash>,
    /// Packs without any use.
    useless: Vec<KnownPack>,
    /// Packs that are mostly waste.
    mixed: Known,
    /// Packs that were condemned, and when.
    condemned: Vec<(KnownPack, i64)>,
}

impl Files {
    /// Waits until nobody saves and lets nobody begin.
    pub async fn pruning(&self) -> Result<Pruning> {
        let guard = self.alone().await?;
        Ok(Pruning {
            files: self.clone(),
            _guard: guard,
        })
    }

    /// What a pruning would do that keeps what these states need.
    pub async fn prunable(&self, keep: &[ContentHash]) -> Result<Pruned> {
        let _guard = self.beside_others().await?;
        Ok(self.plan(keep).await?.pruned)
    }

    async fn plan(&self, keep: &[ContentHash]) -> Result<Plan> {
        let reading = Reading::new(self, Handle::current());
        let roots = keep.to_vec();
        let needed = super::blocking(move || {
            let mut needed = HashSet::new();
            gather(&reading, roots, &mut needed)?;
            Ok(needed)
        });
        let mut plan = Plan {
            needed: needed.await?,
            ..Plan::default()
        };
        for pack in self.index.packs().await? {
            if let Some(since) = pack.condemned_ms {
                plan.condemned.push((pack, since));
                continue;
            }
            let mut placed = self.index.objects_of(pack.id).await?;
            placed.retain(|(hash, _)| plan.needed.contains(hash));
            let waste = waste_of(&pack, &placed);
            let live = pack.bytes.saturating_sub(waste);
            if live == 0 {
                plan.pruned.waste_bytes += waste;
                plan.useless.push(pack);
            } else if waste > live {
                plan.pruned.waste_bytes += waste;
                plan.mixed.push((pack, placed));
            }
        }
        plan.pruned.condemned = (plan.useless.len() + plan.mixed.len()) as u64;
        Ok(plan)
    }

    /// Moves what is wanted of some packs into new ones, and condemns them. What is wanted lies in its
    /// new pack, and the index says so, before the old one goes.
    pub(super) async fn move_out(
        &self,
        from: Known,
        needed: &HashSet<ContentHash>,
        now_ms: i64,
    ) -> Result<()> {
        let old: Vec<KnownPack> = from.iter().map(|(pack, _)| pack.clone()).collect();
        let packs = self.packs.clone();
        let moved = super::blocking(move || rewrite(&packs, &from, now_ms)).await?;
        self.index.add(&moved, None).await?;
        // What was moved may be, byte for byte, a pack that is there already.
        let is_new = |pack: &KnownPack| moved.iter().any(|moved| moved.name == pack.name);
        let condemned = old.iter().filter(|pack| !is_new(pack));
        let condemned: Vec<i64> = condemned.map(|pack| pack.id).collect();
        self.index.condemn(&condemned, needed, now_ms).await
    }

    /// Removes what an interrupted save left before its pack had a name. Nobody saves at the moment.
    pub(super) fn sweep(&self) -> Result<()> {
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

    /// Enters packs that lie there and that the index does not know: what an interrupted save left, or
    /// what somebody put back beside an older index. Whether they are needed is seen like of any other.
    pub(super) async fn adopt(&self) -> Result<()> {
        let known = self.index.packs().await?;
        let known: HashSet<String> = known.into_iter().map(|pack| pack.name).collect();
        for name in packs_in(&self.packs)? {
            if known.contains(&name) {
                continue;
            }
            let path = pack_path(&self.packs, &name);
            let there = super::blocking(move || pack::provable(&path)).await?;
            let mut objects = Vec::new();
            for (hash, place) in there.objects {
                if !self.index.knows(hash).await? {
                    objects.push((hash, place));
                }
            }
            let bytes = there.bytes;
            let pack = Finished {
                name,
                bytes,
                objects,
            };
            self.index.add(&[pack], None).await?;
        }
        Ok(())
    }
}

impl Pruning {
    /// Finds out what these states need, and what not.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when something of them cannot be read that should be there: what
    /// it needs is not known then.
    pub async fn keep_only(self, keep: &[ContentHash]) -> Result<Planned> {
        self.files.adopt().await?;
        let plan = self.files.plan(keep).await?;
        Ok(Planned {
            pruning: self,
            plan,
        })
    }
}

impl Planned {
    /// Prunes what nobody needs.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when something that is needed cannot be moved: it stays where it
    /// is then.
    pub async fn prune(self, now_ms: i64) -> Result<Pruned> {
        let files = &self.pruning.files;
        let Plan {
            mut pruned,
            needed,
            useless,
            mixed,
            condemned,
        } = self.plan;
        for (pack, since) in condemned {
            if now_ms.saturating_sub(since) >= GRACE_MS {
                delete(&pack_path(&files.packs, &pack.name))?;
                files.index.strike(pack.id).await?;
                pruned.freed_bytes += pack.bytes;
            }
        }
        let useless: Vec<i64> = useless.iter().map(|pack| pack.id).collect();
        files.index.condemn(&useless, &needed, now_ms).await?;
        let moving: u64 = mixed
            .iter()
            .map(|(pack, placed)| waste_of(pack, placed))
            .sum();
        let packs = mixed.len() as u64;
        match files.move_out(mixed, &needed, now_ms).await {
            // Where there is no room to move anything, what was condemned makes some first.
            Err(error) if error.code() == "store_disk_full" => {
                tracing::warn!("packs that are mostly waste stay for now: {error}");
                pruned.waste_bytes -= moving;
                pruned.condemned -= packs;
            }
            moved => moved?,
        }
        files.sweep()?;
        Ok(pruned)
    }
}

/// Bytes of a pack that are not of these objects.
fn waste_of(pack: &KnownPack, placed: &[(ContentHash, Place)]) -> u64 {
    let live: u64 = placed.iter().map(|(_, place)| place.stored).sum();
    pack.bytes.saturating_sub(live)
}

/// Writes these objects of these packs into new packs.
fn rewrite(packs: &Path, from: &Known, now_ms: i64) -> Result<Vec<Finished>> {
    let mut writer = Writer::new(packs, format!("prune-{now_ms}-{}", std::process::id()));
    for (pack, wanted) in from.iter().filter(|(_, wanted)| !wanted.is_empty()) {
        let mut pack = Placed::open(&pack_path(packs, &pack.name))?;
        for (hash, place) in wanted {
            writer.append(&pack.take(*place, *hash)?)?;
        }
    }
    writer.finish()
}

/// Everything that these trees need.
fn gather(
    reading: &Reading,
    mut trees: Vec<ContentHash>,
    needed: &mut HashSet<ContentHash>,
) -> Result<()> {
    while let Some(tree) = trees.pop() {
        if !needed.insert(tree) {
            continue;
        }
        let entries = match reading.tree(tree) {
            // It was lost and struck out long ago: what was in it, nobody can get at any more.
            Err(StoreError::DamagedContent { .. }) if !reading.knows(tree) => continue,
            entries => entries?,
        };
        for entry in entries {
            match entry.node {
                Node::File { hash, chunks, .. } if chunks.is_empty() => {
                    needed.insert(hash);
                }
                Node::File { chunks, .. } => needed.extend(chunks),
                Node::Link { .. } => {}
                Node::Folder { tree, .. } => trees.push(tree),
            }
        }
    }
    Ok(())
}

fn delete(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => {
            super::burn();
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(super::failed("remove", path)(error)),
    }
}
