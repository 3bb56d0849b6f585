//! Saved states as zip archives, out and in. An archive comes from anywhere and is trusted with
//! nothing: no name leaves the folder, no link is made, nothing grows beyond its bounds.

use super::{
    Files, Guard, failed,
    keeping::{Broken, Keeping, Kept},
    read::Reading,
    trees::totals,
};
use crate::{Result, StoreError};
use plimsoll_domain::{
    Timestamp,
    content::{self, ContentHash, Entry, Node},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read},
    path::Path,
};
use tokio::runtime::Handle;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Most entries that an archive may have.
pub const MOST_ENTRIES: usize = 1_000_000;
/// Most bytes that an archive may unpack to.
const MOST_BYTES: u64 = 64 << 30;
/// Text shrinks to a tenth; deflate reaches a thousandth with nothing but repetition. What is large
/// and shrinks further than this is a bomb.
const MOST_RATIO: u64 = 200;
/// Below this size nobody minds how far it shrinks.
const HARMLESS: u64 = 64 << 20;

/// An archive that was taken in.
#[derive(Debug)]
pub struct Imported {
    /// Its tree.
    pub root: ContentHash,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes by which the store grew.
    pub added_bytes: u64,
    /// Keeps a pruning away until the version is recorded.
    pub guard: Guard,
}

impl Files {
    /// Writes a saved state as a zip archive, which appears when it is complete. Equal states give
    /// equal archives.
    pub async fn export(&self, root: ContentHash, to: &Path) -> Result<()> {
        let _guard = self.beside_others().await?;
        let reading = Reading::new(self, Handle::current());
        let to = to.to_owned();
        super::blocking(move || {
            let mut name = to.as_os_str().to_owned();
            name.push(".part");
            let part = std::path::PathBuf::from(name);
            let written = write(&reading, root, &part)
                .and_then(|()| std::fs::rename(&part, &to).map_err(failed("rename", &part)));
            if written.is_err() {
                let _ = std::fs::remove_file(&part);
            }
            written
        })
        .await
    }

    /// Takes a zip archive in as a saved state.
    ///
    /// # Errors
    /// [`StoreError::BadArchive`] with the entry that cannot be; nothing is kept of it then.
    pub async fn import(&self, from: &Path, now: Timestamp) -> Result<Imported> {
        let guard = self.beside_others().await?;
        let (files, from) = (self.clone(), from.to_owned());
        let runtime = Handle::current();
        super::blocking(move || {
            let file = File::open(&from).map_err(failed("open", &from))?;
            let keeping = Keeping::new(&files, runtime, now, true)?;
            let (root, (count, bytes)) = read(BufReader::new(file), &keeping)?;
            let added_bytes = keeping.finish(None)?;
            Ok(Imported {
                root,
                files: count,
                bytes,
                added_bytes,
                guard,
            })
        })
        .await
    }
}

fn write(reading: &Reading, root: ContentHash, part: &Path) -> Result<()> {
    let file = File::create(part).map_err(failed("create", part))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let plain = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let broken = |error: zip::result::ZipError| failed("write", part)(io::Error::other(error));
    reading.walk(root, "", &mut |path, node| match node {
        Node::File {
            size, executable, ..
        } => {
            let mode = if *executable { 0o755 } else { 0o644 };
            let options = plain
                .unix_permissions(mode)
                .large_file(*size >= u64::from(u32::MAX));
            zip.start_file(path, options).map_err(broken)?;
            reading.content(node, &mut zip)
        }
        Node::Link { target } => zip
            .add_symlink(path, target.as_str(), plain)
            .map_err(broken),
        Node::Folder { .. } => zip.add_directory(path, plain).map_err(broken),
    })?;
    let file = zip.finish().map_err(broken)?;
    let file = file
        .into_inner()
        .map_err(|error| failed("write", part)(error.into_error()))?;
    file.sync_all().map_err(failed("flush", part))
}

/// A folder while it is put together.
#[derive(Default)]
struct Folder {
    folders: BTreeMap<String, Folder>,
    files: BTreeMap<String, Node>,
}

fn read(from: impl Read + io::Seek, keeping: &Keeping) -> Result<(ContentHash, (u64, u64))> {
    let unreadable = |error: zip::result::ZipError| refuse("the archive", error.to_string());
    let mut archive = ZipArchive::new(from).map_err(unreadable)?;
    if archive.len() > MOST_ENTRIES {
        return Err(refuse(
            "the archive",
            format!("it has more than {MOST_ENTRIES} entries"),
        ));
    }
    let mut root = Folder::default();
    let mut left = MOST_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(unreadable)?;
        let decoded = entry.name().map_err(unreadable)?;
        let name = name_of(entry.name_raw(), &decoded);
        drop(decoded);
        let parts = parts_of(&name)?;
        if entry.is_symlink() {
            return Err(refuse(
                &name,
                "it is a link, which could lead out of the folder",
            ));
        }
        if entry.encrypted() {
            return Err(refuse(&name, "it is encrypted"));
        }
        if entry.is_dir() {
            root.folder(&name, &parts)?;
            continue;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        let most = bound(entry.compressed_size()).min(left);
        let mut counted = Counted {
            inner: entry,
            left: most,
            exceeded: false,
        };
        let kept = keeping.keep_stream(&mut counted);
        if counted.exceeded {
            return Err(refuse(
                &name,
                "it unpacks to far more than an honest file does",
            ));
        }
        let (Kept { hash, chunks }, size) = kept.map_err(|error| match error {
            Broken::Read(error) => refuse(&name, error.to_string()),
            Broken::Keep(error) => error,
        })?;
        left -= size;
        root.file(
            &name,
            &parts,
            Node::File {
                size,
                hash,
                chunks,
                executable,
            },
        )?;
    }
    let (tree, totals) = root.keep(keeping)?;
    Ok((tree, totals))
}

/// How many bytes an entry may unpack to.
fn bound(compressed: u64) -> u64 {
    compressed.saturating_mul(MOST_RATIO).max(HARMLESS)
}

/// Counts what really comes, whatever the archive says about itself.
struct Counted<R> {
    inner: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("too large"));
            }
        }
        Ok(count)
    }
}

impl Folder {
    fn below(&mut self, name: &str, parts: &[&str]) -> Result<&mut Folder> {
        let mut folder = self;
        for part in parts {
            if folder.files.contains_key(*part) {
                return Err(refuse(name, "a file of the same name stands above it"));
            }
            folder = folder.folders.entry((*part).to_owned()).or_default();
        }
        Ok(folder)
    }

    fn folder(&mut self, name: &str, parts: &[&str]) -> Result<()> {
        self.below(name, parts).map(|_| ())
    }

    fn file(&mut self, name: &str, parts: &[&str], node: Node) -> Result<()> {
        let Some((last, above)) = parts.split_last() else {
            return Err(refuse(name, "it has no name"));
        };
        let folder = self.below(name, above)?;
        if folder.folders.contains_key(*last) || folder.files.contains_key(*last) {
            return Err(refuse(name, "it is there twice"));
        }
        folder.files.insert((*last).to_owned(), node);
        Ok(())
    }

    fn keep(self, keeping: &Keeping) -> Result<(ContentHash, (u64, u64))> {
        let mut entries: Vec<Entry> = self
            .files
            .into_iter()
            .map(|(name, node)| Entry { name, node })
            .collect();
        for (name, folder) in self.folders {
            let (tree, (files, bytes)) = folder.keep(keeping)?;
            entries.push(Entry {
                name,
                node: Node::Folder { tree, files, bytes },
            });
        }
        let bytes = content::encode(&mut entries);
        Ok((keeping.keep(&bytes)?, totals(&entries)))
    }
}

/// The name of an entry. Many programs write UTF-8 without saying so; what is none is read as the
/// specification says (APPNOTE 6.3.10, appendix D): code page 437.
fn name_of(raw: &[u8], decoded: &str) -> String {
    String::from_utf8(raw.to_vec()).unwrap_or_else(|_| decoded.to_owned())
}

/// The parts of a name, which has to stay inside.
fn parts_of(name: &str) -> Result<Vec<&str>> {
    let inside = name.strip_suffix('/').unwrap_or(name);
    if name.starts_with('/') || name.starts_with('\\') || inside.chars().nth(1) == Some(':') {
        return Err(refuse(name, "it is absolute"));
    }
    if name.contains('\\') {
        return Err(refuse(
            name,
            "it has a backslash, which some systems read as a separator",
        ));
    }
    let parts: Vec<&str> = inside.split('/').filter(|part| *part != ".").collect();
    if parts.is_empty() || !parts.iter().all(|part| content::is_name(part)) {
        return Err(refuse(name, "it would leave the folder, or is no name"));
    }
    // Nobody nests deeper by hand, and every walk over the tree recurses.
    if parts.len() > 128 {
        return Err(refuse(name, "it is nested too deeply"));
    }
    Ok(parts)
}

fn refuse(entry: &str, why: impl Into<String>) -> StoreError {
    let entry = entry
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    StoreError::BadArchive {
        entry,
        why: why.into(),
    }
}
