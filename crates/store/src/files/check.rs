//! Proving that everything that was saved can still be read.

use super::{
    Files,
    pack::{self, Objects, pack_path},
    read::{Reading, joined},
};
use crate::Result;
use plimsoll_domain::content::{self, ContentHash, Node};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};
use tokio::runtime::Handle;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// Packs that were looked at.
    pub packs: u64,
    /// Objects whose bytes were proved; 0 where only the index was looked at.
    pub proved: u64,
    /// Packs that are missing or not what their name says.
    pub damaged_packs: Vec<String>,
    /// What cannot be read any more, by saved state.
    pub hurt: Vec<Hurt>,
}

/// A saved state that is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hurt {
    /// Its tree.
    pub root: ContentHash,
    /// The paths that cannot be read; everything else in it can.
    pub paths: Vec<String>,
}

impl Check {
    /// Whether everything can be read.
    pub fn is_whole(&self) -> bool {
        self.damaged_packs.is_empty() && self.hurt.is_empty()
    }
}

impl Files {
    /// Checks that everything these states need is there; with `read_data` every byte of every
    /// pack is read and proved.
    pub async fn check(&self, roots: &[ContentHash], read_data: bool) -> Result<Check> {
        let _guard = self.beside_others().await?;
        let packs = self.index.packs().await?;
        let (files, roots) = (self.clone(), roots.to_vec());
        let runtime = Handle::current();
        super::blocking(move || {
            let mut check = Check {
                packs: packs.len() as u64,
                ..Check::default()
            };
            let mut lost = HashSet::new();
            for known in packs.iter().filter(|pack| pack.condemned_ms.is_none()) {
                let path = pack_path(&files.packs, &known.name);
                let there = path
                    .metadata()
                    .is_ok_and(|metadata| metadata.len() == known.bytes);
                let whole = there && (!read_data || pack::is_whole(&path, &known.name)?);
                if whole && !read_data {
                    continue;
                }
                let proved = proved(&path);
                check.proved += proved.len() as u64;
                if !whole {
                    check.damaged_packs.push(known.name.clone());
                }
                let wanted = runtime.block_on(files.index.objects_of(known.id))?;
                lost.extend(
                    wanted
                        .into_iter()
                        .map(|(hash, _)| hash)
                        .filter(|hash| !proved.contains(hash)),
                );
            }
            let looking = Looking {
                reading: Reading::new(&files, runtime),
                lost,
                known: HashMap::new(),
            };
            check.hurt = looking.at(&roots);
            Ok(check)
        })
        .await
    }

    /// Forgets objects that are damaged and everything that was seen, so that saving a workspace,
    /// or importing an archive, keeps again what still exists there. Answers how many were struck.
    pub async fn forget_damaged(&self) -> Result<u64> {
        let _guard = self.alone().await?;
        let packs = self.index.packs().await?;
        let mut struck = 0;
        for known in packs {
            let path = pack_path(&self.packs, &known.name);
            let proved = super::blocking(move || Ok(proved(&path))).await?;
            let placed = self.index.objects_of(known.id).await?;
            let lost: Vec<ContentHash> = placed
                .into_iter()
                .map(|(hash, _)| hash)
                .filter(|hash| !proved.contains(hash))
                .collect();
            struck += lost.len() as u64;
            for some in lost.chunks(1_000) {
                self.index.lose(some).await?;
            }
        }
        self.index.forget_seen().await?;
        Ok(struck)
    }
}

/// The objects of a pack that are what their hashes say.
fn proved(path: &Path) -> HashSet<ContentHash> {
    let mut proved = HashSet::new();
    for object in Objects::open(path).into_iter().flatten() {
        let Ok(object) = object else { break };
        let hash = object.hash;
        if object.content().is_ok() {
            proved.insert(hash);
        }
    }
    proved
}

/// Looks through states for what is lost; each folder once.
struct Looking {
    reading: Reading,
    lost: HashSet<ContentHash>,
    known: HashMap<ContentHash, Vec<String>>,
}

impl Looking {
    fn at(mut self, roots: &[ContentHash]) -> Vec<Hurt> {
        let mut hurt = Vec::new();
        for root in roots {
            let paths = self.folder(*root);
            if !paths.is_empty() {
                hurt.push(Hurt { root: *root, paths });
            }
        }
        hurt
    }

    /// The paths below a folder that cannot be read, relative to it.
    fn folder(&mut self, tree: ContentHash) -> Vec<String> {
        if let Some(known) = self.known.get(&tree) {
            return known.clone();
        }
        let bytes = if self.lost.contains(&tree) {
            None
        } else {
            self.reading.object(tree).ok()
        };
        let entries = bytes.and_then(|bytes| content::decode(&bytes).ok());
        let Some(entries) = entries else {
            return vec![String::new()];
        };
        let mut paths = Vec::new();
        for entry in entries {
            match &entry.node {
                Node::Folder { tree, .. } => {
                    let below = self.folder(*tree);
                    paths.extend(below.iter().map(|path| match path.as_str() {
                        "" => format!("{}/", entry.name),
                        path => joined(&entry.name, path),
                    }));
                }
                Node::File { hash, chunks, .. } => {
                    let whole = std::slice::from_ref(hash);
                    let needed = if chunks.is_empty() {
                        whole
                    } else {
                        &chunks[..]
                    };
                    if needed.iter().any(|hash| !self.is_there(*hash)) {
                        paths.push(entry.name);
                    }
                }
                Node::Link { .. } => {}
            }
        }
        self.known.insert(tree, paths.clone());
        paths
    }

    fn is_there(&self, hash: ContentHash) -> bool {
        !self.lost.contains(&hash) && self.reading.knows(hash)
    }
}
