//! Repairing the store of files: the index says again what the packs really hold.

use super::{
    Files,
    index::KnownPack,
    pack::{self, Finished, Place, Provable, pack_path},
    packs_in,
    read::Reading,
};
use crate::{Result, StoreError};
use plimsoll_domain::content::{ContentHash, Node};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
};
use tokio::runtime::Handle;

/// What a repair of the store did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mended {
    /// Objects that no pack holds any more; they were struck out of the index.
    pub struck: u64,
    /// Objects that lay in packs and were not in the index, or elsewhere; they are in it again.
    pub found: u64,
}

/// A pack as it lies there, and as the index has it.
struct Held {
    name: String,
    known: Option<KnownPack>,
    placed: Vec<(ContentHash, Place)>,
    /// What can be proved of it.
    there: Provable,
    /// It is, byte for byte, what was written.
    is_whole: bool,
}

impl Files {
    /// Strikes out of the index what no pack holds any more, and enters what one holds unknown to it;
    /// what a damaged pack still holds moves into a new one. Then saving a workspace, or importing an
    /// archive, keeps again what these states miss.
    ///
    /// # Errors
    /// [`StoreError::File`] when a pack is there and cannot be read: nothing is changed then.
    pub async fn mend(&self, roots: &[ContentHash], now_ms: i64) -> Result<Mended> {
        let _guard = self.alone().await?;
        let held = self.held().await?;
        // Before anything is struck: a cut in between must not leave the belief that it is kept.
        self.index.forget_seen().await?;
        let mut struck = HashSet::new();
        for pack in &held {
            let there: HashSet<&(ContentHash, Place)> = pack.there.objects.iter().collect();
            let lost = pack.placed.iter().filter(|object| !there.contains(object));
            let lost: Vec<ContentHash> = lost.map(|(hash, _)| *hash).collect();
            for some in lost.chunks(1_000) {
                self.index.lose(some).await?;
            }
            struck.extend(lost);
        }
        let mut found = HashSet::new();
        let (condemned, used): (Vec<&Held>, Vec<&Held>) =
            held.iter().partition(|pack| pack.is_condemned());
        for pack in &used {
            found.extend(self.enter(pack, |_| true).await?);
        }
        // What was condemned is waste, but for what turns out to be needed: a folder that comes back
        // shows what else is.
        loop {
            let missing = self.missing(roots).await?;
            let before = found.len();
            for pack in &condemned {
                found.extend(self.enter(pack, |hash| missing.contains(hash)).await?);
            }
            if found.len() == before {
                break;
            }
        }
        let (mut damaged, mut moved) = (Vec::new(), HashSet::new());
        for pack in self.index.packs().await? {
            let mut held = held.iter();
            let is_damaged = held.any(|held| held.name == pack.name && !held.is_whole);
            if pack.condemned_ms.is_none() && is_damaged {
                let placed = self.index.objects_of(pack.id).await?;
                moved.extend(placed.iter().map(|(hash, _)| *hash));
                damaged.push((pack, placed));
            }
        }
        self.move_out(damaged, &moved, now_ms).await?;
        Ok(Mended {
            struck: struck.difference(&found).count() as u64,
            found: found.len() as u64,
        })
    }

    /// All packs that lie there or that the index knows.
    async fn held(&self) -> Result<Vec<Held>> {
        let known = self.index.packs().await?;
        let known = known.into_iter().map(|pack| (pack.name.clone(), pack));
        let mut known: HashMap<String, KnownPack> = known.collect();
        let mut names = packs_in(&self.packs)?;
        names.extend(known.keys().cloned());
        names.sort_unstable();
        names.dedup();
        let mut held = Vec::new();
        for name in names {
            let known = known.remove(&name);
            let placed = match &known {
                Some(pack) => self.index.objects_of(pack.id).await?,
                None => Vec::new(),
            };
            let (path, title) = (pack_path(&self.packs, &name), name.clone());
            let looked = super::blocking(move || {
                let there = provable_if_there(&path)?;
                Ok((there, pack::is_whole(&path, &title).unwrap_or(false)))
            });
            let (there, is_whole) = looked.await?;
            held.push(Held {
                name,
                known,
                placed,
                there,
                is_whole,
            });
        }
        Ok(held)
    }

    /// Enters what a pack holds unknown to the index, as far as it is `wanted`; answers what.
    async fn enter(
        &self,
        pack: &Held,
        wanted: impl Fn(&ContentHash) -> bool,
    ) -> Result<Vec<ContentHash>> {
        let mut unknown = Vec::new();
        for (hash, place) in pack.there.objects.iter().filter(|(hash, _)| wanted(hash)) {
            if !self.index.knows(*hash).await? {
                unknown.push((*hash, *place));
            }
        }
        let found = unknown.iter().map(|(hash, _)| *hash).collect();
        if !unknown.is_empty() {
            let entered = Finished {
                name: pack.name.clone(),
                bytes: pack.there.bytes,
                objects: unknown,
            };
            self.index.add(&[entered], None).await?;
        }
        Ok(found)
    }

    /// What these states need and the index does not know, as far as their folders can be read.
    async fn missing(&self, roots: &[ContentHash]) -> Result<HashSet<ContentHash>> {
        let reading = Reading::new(self, Handle::current());
        let mut trees = roots.to_vec();
        super::blocking(move || {
            let (mut seen, mut missing) = (HashSet::new(), HashSet::new());
            while let Some(tree) = trees.pop() {
                if !seen.insert(tree) {
                    continue;
                }
                let Ok(entries) = reading.tree(tree) else {
                    missing.insert(tree);
                    continue;
                };
                for entry in entries {
                    match entry.node {
                        Node::Folder { tree, .. } => trees.push(tree),
                        Node::File { hash, chunks, .. } if chunks.is_empty() => {
                            seen.insert(hash);
                        }
                        Node::File { chunks, .. } => seen.extend(chunks),
                        Node::Link { .. } => {}
                    }
                }
            }
            missing.extend(seen.into_iter().filter(|hash| !reading.knows(*hash)));
            Ok(missing)
        })
        .await
    }
}

impl Held {
    fn is_condemned(&self) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|pack| pack.condemned_ms.is_some())
    }
}

/// What a pack holds; nothing when it is not there.
fn provable_if_there(path: &Path) -> Result<Provable> {
    match pack::provable(path) {
        Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Provable {
                bytes: 0,
                objects: Vec::new(),
            })
        }
        held => held,
    }
}
