//! Doors for what comes from anywhere: the fuzzers push bytes through them, and a test pushes again
//! what they found. Each panics where something does not hold that must hold for any bytes.

use super::{
    archive::{self, Keep},
    is_never_saved,
    keeping::{Broken, Kept},
    momentary_name,
    pack::{self, Objects, Place},
    read::joined,
    trees::totals,
};
use crate::Result;
use plimsoll_domain::content::{self, ContentHash, Entry, Node};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    io::{self, Read},
};

/// Most bytes that are unpacked at a door: a fuzzer that waits for zeros finds nothing.
const MOST: u64 = 8 << 20;
/// Most names that are gone along behind a link.
const MOST_NAMES: usize = 10_000;

/// Reads bytes as an archive. What is taken in is a tree of honest names whose links stay inside.
pub fn archive(bytes: &[u8]) {
    let shelf = Shelf::default();
    let Ok((root, files, size)) = archive::read_bytes(bytes, &shelf) else {
        return;
    };
    let mut links = BTreeMap::new();
    assert_eq!(shelf.walk(root, "", 0, &mut links), (files, size));
    for (path, target) in &links {
        assert!(stays_inside(path, target, &links), "{path} -> {target}");
    }
}

/// Reads bytes as a pack, from its beginning and at a place that they name themselves. What is read
/// has the hash that it is read by.
pub fn pack(bytes: &[u8]) {
    let folder = std::env::temp_dir();
    let name = momentary_name();
    let path = pack::pack_path(&folder, &name);
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut places = Vec::new();
    for object in Objects::open(&path).into_iter().flatten() {
        let Ok(object) = object else { break };
        let (hash, place) = (object.hash, object.place);
        if let Ok(content) = object.content() {
            assert_eq!(ContentHash::of(&content), hash);
            places.push((place, hash, content));
        }
    }
    for (place, hash, content) in places {
        let again = pack::read(&folder, &name, place, hash);
        assert_eq!(again.ok(), Some(content));
    }
    if let Ok(provable) = pack::provable(&path) {
        for (hash, place) in provable.objects {
            assert!(pack::read(&folder, &name, place, hash).is_ok());
        }
    }
    if let Some((number, hash)) = bytes.split_first_chunk::<8>()
        && let Some((hash, _)) = hash.split_first_chunk::<32>()
    {
        let place = Place {
            at: u64::from_le_bytes(*number),
            stored: 0,
        };
        let hash = ContentHash::from_bytes(*hash);
        if let Ok(content) = pack::read(&folder, &name, place, hash) {
            assert_eq!(ContentHash::of(&content), hash);
        }
    }
    let _ = fs::remove_file(&path);
}

/// Keeps trees, and of files their hash only.
#[derive(Default)]
struct Shelf {
    trees: RefCell<HashMap<ContentHash, Vec<u8>>>,
    unpacked: Cell<u64>,
}

impl Keep for Shelf {
    fn keep(&self, bytes: &[u8]) -> Result<ContentHash> {
        let hash = ContentHash::of(bytes);
        self.trees.borrow_mut().insert(hash, bytes.to_vec());
        Ok(hash)
    }

    fn keep_stream(&self, from: impl Read) -> std::result::Result<(Kept, u64), Broken> {
        let left = MOST.saturating_sub(self.unpacked.get());
        let mut bytes = Vec::new();
        from.take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(Broken::Read)?;
        let size = bytes.len() as u64;
        self.unpacked.set(self.unpacked.get() + size);
        if size > left {
            return Err(Broken::Read(io::Error::other("more than a door lets in")));
        }
        let hash = ContentHash::of(&bytes);
        let chunks = Vec::new();
        Ok((Kept { hash, chunks }, size))
    }
}

impl Shelf {
    /// Goes through a tree that was kept; answers its files and their bytes, and gathers its links.
    fn walk(
        &self,
        tree: ContentHash,
        path: &str,
        depth: usize,
        links: &mut BTreeMap<String, String>,
    ) -> (u64, u64) {
        assert!(depth < 128, "{path}");
        let trees = self.trees.borrow();
        let entries = content::decode(&trees[&tree]).unwrap_or_else(|error| panic!("{error}"));
        for Entry { name, node } in &entries {
            assert!(content::is_name(name) && !is_never_saved(name), "{name:?}");
            let below = joined(path, name);
            match node {
                Node::File { .. } => {}
                Node::Link { target } => {
                    links.insert(below, target.clone());
                }
                Node::Folder { tree, files, bytes } => {
                    let found = self.walk(*tree, &below, depth + 1, links);
                    assert_eq!(found, (*files, *bytes));
                }
            }
        }
        totals(&entries)
    }
}

/// Goes where a link leads, name by name, as a system does.
fn stays_inside(path: &str, target: &str, links: &BTreeMap<String, String>) -> bool {
    let mut place: Vec<&str> = path.split('/').collect();
    place.pop();
    let mut names: VecDeque<&str> = target.split('/').collect();
    let mut gone = 0;
    if target.starts_with('/') {
        return false;
    }
    while let Some(name) = names.pop_front() {
        gone += 1;
        if gone > MOST_NAMES {
            break;
        }
        match name {
            "" | "." => {}
            ".." => {
                if place.pop().is_none() {
                    return false;
                }
            }
            name => {
                place.push(name);
                if let Some(target) = links.get(&place.join("/")) {
                    place.pop();
                    target
                        .split('/')
                        .rev()
                        .for_each(|name| names.push_front(name));
                }
            }
        }
    }
    true
}
