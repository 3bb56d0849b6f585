//! Reading an archive.

use super::{
    Broken, Keep, Kept, Remarks, TOLD,
    bounds::Bounds,
    links::{LONGEST, Links},
    names, refuse,
    tree::Folder,
};
use crate::{Result, StoreError};
use plimsoll_domain::content::{ContentHash, Node};
use std::io::{Read, Seek, SeekFrom};
use zip::{System, ZipArchive, read::ZipFileEntry, result::ZipError};

/// Most entries that an archive may have.
pub const MOST_ENTRIES: usize = 1_000_000;

/// What was read.
pub(super) struct Taken {
    pub(super) root: ContentHash,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) remarks: Remarks,
}

pub(super) fn read(mut from: impl Read + Seek, keeping: &impl Keep) -> Result<Taken> {
    let size = from
        .seek(SeekFrom::End(0))
        .map_err(|error| unreadable(error.into()))?;
    let archive = ZipArchive::new(from).map_err(unreadable)?;
    if archive.len() > MOST_ENTRIES {
        return Err(refuse(
            WHOLE,
            format!("it has more than {MOST_ENTRIES} entries"),
        ));
    }
    // The library keeps one of them only, and nobody could say which one was meant.
    if archive.has_duplicate_names() {
        return Err(refuse(WHOLE, "a name stands in it twice"));
    }
    let mut reader = Reader {
        archive,
        keeping,
        bounds: Bounds::of(size),
        root: Folder::default(),
        links: Links::default(),
        remarks: Remarks::default(),
    };
    for index in 0..reader.archive.len() {
        reader.take(index)?;
    }
    reader.links.check()?;
    let mut remarks = reader.remarks;
    let refused = &mut remarks.refused_by_windows;
    let kept = reader.root.keep("", keeping, refused)?;
    let (files, bytes) = kept.totals;
    Ok(Taken {
        root: kept.tree,
        files,
        bytes,
        remarks,
    })
}

struct Reader<'a, R, K> {
    archive: ZipArchive<R>,
    keeping: &'a K,
    bounds: Bounds,
    root: Folder,
    links: Links,
    remarks: Remarks,
}

impl<R: Read + Seek, K: Keep> Reader<'_, R, K> {
    fn take(&mut self, index: usize) -> Result<()> {
        let entry = Listed::of(&self.archive.by_index_data(index).map_err(unreadable)?)?;
        let name = &entry.name;
        let parts = names::parts_of(name, entry.is_unix).map_err(|why| {
            let read = if entry.is_437 { AS_437 } else { "" };
            refuse(name, format!("{why}{read}"))
        })?;
        if let Some(never) = names::never_written(&parts) {
            tell(&mut self.remarks.left_out, never);
            return Ok(());
        }
        if entry.is_437 {
            tell(&mut self.remarks.read_as_437, name.clone());
        }
        match entry.kind {
            Kind::Folder => self.root.folder(name, &parts),
            Kind::File { executable } => {
                let (Kept { hash, chunks }, size) =
                    self.unpack(index, &entry, |keeping, content| {
                        keeping.keep_stream(content).map_err(|error| match error {
                            Broken::Read(error) => refuse(name, error.to_string()),
                            Broken::Keep(error) => error,
                        })
                    })?;
                let node = Node::File {
                    size,
                    hash,
                    chunks,
                    executable,
                };
                self.root.file(name, &parts, node)
            }
            Kind::Link => {
                let target = self.unpack(index, &entry, |_, content| {
                    let mut target = Vec::new();
                    content
                        .take(LONGEST + 1)
                        .read_to_end(&mut target)
                        .map_err(|error| refuse(name, error.to_string()))?;
                    Ok(target)
                })?;
                if target.len() as u64 > LONGEST {
                    return Err(refuse(name, "it is a link with an impossibly long target"));
                }
                let target = String::from_utf8(target)
                    .map_err(|_| refuse(name, "it is a link to a name that is no Unicode"))?;
                self.links.put(parts.join("/"), &target)?;
                self.root.file(name, &parts, Node::Link { target })
            }
        }
    }

    /// Hands the content of an entry over.
    fn unpack<T>(
        &mut self,
        index: usize,
        entry: &Listed,
        take: impl FnOnce(&K, &mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        let content = self
            .archive
            .by_index(index)
            .map_err(|error| refuse(&entry.name, error.to_string()))?;
        let mut counted = self.bounds.counted(content, entry.compressed);
        let taken = take(self.keeping, &mut counted);
        match self.bounds.exceeded() {
            Some(why) => Err(refuse(&entry.name, why)),
            None => taken,
        }
    }
}

/// An entry as the archive's directory has it.
struct Listed {
    name: String,
    /// Its name is no UTF-8.
    is_437: bool,
    /// A program of a system whose paths have slashes wrote it.
    is_unix: bool,
    compressed: u64,
    kind: Kind,
}

enum Kind {
    File { executable: bool },
    Folder,
    Link,
}

impl Listed {
    fn of(entry: &ZipFileEntry) -> Result<Self> {
        // Many programs write UTF-8 without saying so. What is none is read as the specification
        // says (APPNOTE 6.3.10, appendix D): the same bytes are names in Shift-JIS, GBK and
        // Windows-1252 alike, so whoever guesses is wrong without knowing it.
        let name = entry.name().map_err(unreadable)?.into_owned();
        if entry.encrypted() {
            return Err(refuse(&name, "it is encrypted"));
        }
        Ok(Self {
            is_437: std::str::from_utf8(entry.name_raw()).is_err(),
            is_unix: matches!(entry.system(), System::Unix | System::OsDarwin),
            compressed: entry.compressed_size(),
            kind: Kind::of(entry, &name)?,
            name,
        })
    }
}

impl Kind {
    fn of(entry: &ZipFileEntry, name: &str) -> Result<Self> {
        // What kind of thing it is, where a system of that kind wrote it (POSIX, sys/stat.h).
        const KINDS: u32 = 0o170_000;
        const FOLDER: u32 = 0o040_000;
        const FILE: u32 = 0o100_000;
        const LINK: u32 = 0o120_000;
        let mode = entry.unix_mode().unwrap_or(0);
        match mode & KINDS {
            LINK => Ok(Self::Link),
            FILE | 0 if !entry.is_dir() => Ok(Self::File {
                executable: mode & 0o100 != 0,
            }),
            FOLDER | FILE | 0 if entry.size() == 0 => Ok(Self::Folder),
            FOLDER | FILE | 0 => Err(refuse(name, "it is a folder that has content like a file")),
            _ => Err(refuse(name, "it is no file, no folder and no link")),
        }
    }
}

/// What is refused when no entry of its own is to blame.
const WHOLE: &str = "the archive";
const AS_437: &str = " (the name is no UTF-8 and was read as code page 437)";

fn unreadable(error: ZipError) -> StoreError {
    refuse(WHOLE, error.to_string())
}

fn tell(told: &mut Vec<String>, name: String) {
    if told.len() < TOLD && !told.contains(&name) {
        told.push(name);
    }
}
