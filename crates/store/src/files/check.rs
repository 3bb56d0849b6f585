//! Proving that everything that was saved can still be read.

use super::{
    Files,
    pack::{self, Place, Placed, pack_path},
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
    /// The paths that cannot be read; everything else in it can. An empty one is the whole state.
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
                let whole =
                    there && (!read_data || pack::is_whole(&path, &known.name).unwrap_or(false));
                if !whole {
                    check.damaged_packs.push(known.name.clone());
                }
                if whole && !read_data {
                    continue;
                }
                let placed = runtime.block_on(files.index.objects_of(known.id))?;
                let count = placed.len() as u64;
                let gone = unreadable(&path, placed);
                check.proved += count - gone.len() as u64;
                lost.extend(gone);
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
}

/// Of what the index places in a pack, that which cannot be read there.
fn unreadable(path: &Path, placed: Vec<(ContentHash, Place)>) -> Vec<ContentHash> {
    let mut pack = Placed::open(path).ok();
    let lost = placed.into_iter().filter(|(hash, place)| {
        let read = pack.as_mut().map(|pack| pack.read(*place, *hash));
        !matches!(read, Some(Ok(_)))
    });
    lost.map(|(hash, _)| hash).collect()
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
