//! Packs: immutable files of objects, each named by the hash of its bytes.
//!
//! A pack is written under another name, flushed to the disk and renamed to the hash of its whole
//! content; only then may the index name it. So a pack under its name is whole, or the disk has
//! damaged it, which its hash shows. Every object carries its own hash and length, so that a pack
//! can be read without any index.

use super::{burn, failed};
use crate::{Result, StoreError};
use plimsoll_domain::content::ContentHash;
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use zstd::bulk::Compressor;

/// First in every pack; the last byte is the format's version.
const MAGIC: &[u8; 8] = b"PLMPACK\x01";
/// hash, whether compressed, stored length, length.
const HEADER: usize = 32 + 1 + 4 + 4;
/// A pack that has grown to this size is closed.
const FULL: u64 = 64 << 20;
/// No object is larger: neither a chunk of a file nor the tree of a folder with a million names.
pub(super) const LARGEST: usize = 256 << 20;

/// An object, ready to be appended.
pub(super) struct Packed {
    pub(super) hash: ContentHash,
    compressed: bool,
    length: u32,
    body: Vec<u8>,
}

impl Packed {
    /// Compresses an object, where that makes it smaller.
    pub(super) fn new(hash: ContentHash, bytes: &[u8]) -> Result<Self> {
        let length = match u32::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= LARGEST => length,
            _ => return Err(damaged("keep an object", "it is larger than any can be")),
        };
        let squeezed = squeeze(bytes).unwrap_or_default();
        let compressed = !squeezed.is_empty() && squeezed.len() < bytes.len();
        let body = if compressed { squeezed } else { bytes.to_vec() };
        Ok(Self {
            hash,
            compressed,
            length,
            body,
        })
    }

    /// Bytes that it takes in a pack.
    pub(super) fn stored(&self) -> u64 {
        (HEADER + self.body.len()) as u64
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..32].copy_from_slice(self.hash.as_bytes());
        header[32] = u8::from(self.compressed);
        let stored = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        header[33..37].copy_from_slice(&stored.to_le_bytes());
        header[37..].copy_from_slice(&self.length.to_le_bytes());
        header
    }
}

/// zstd's fastest level with a good ratio: saving is bound by reading, not by compressing.
const LEVEL: i32 = 1;

thread_local! {
    /// Making one costs more than most files take to compress, so each thread keeps its own.
    static SQUEEZER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn squeeze(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    SQUEEZER.with_borrow_mut(|kept| {
        let squeezer = match kept.take() {
            Some(squeezer) => squeezer,
            None => Compressor::new(LEVEL)?,
        };
        kept.insert(squeezer).compress(bytes)
    })
}

/// Where an object lies in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) stored: u64,
}

/// A pack that is complete and flushed to the disk.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) objects: Vec<(ContentHash, Place)>,
}

/// Appends objects to packs, opening the next when one is full.
pub(super) struct Writer {
    folder: PathBuf,
    label: String,
    count: u32,
    open: Option<Growing>,
    finished: Vec<Finished>,
}

struct Growing {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    objects: Vec<(ContentHash, Place)>,
}

impl Writer {
    /// Writes into a folder; `label` is unique among the writers of the moment.
    pub(super) fn new(folder: &Path, label: String) -> Self {
        Self {
            folder: folder.to_owned(),
            label,
            count: 0,
            open: None,
            finished: Vec::new(),
        }
    }

    /// Appends an object.
    pub(super) fn append(&mut self, object: &Packed) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(growing) = self.open.as_mut() else {
            return Ok(());
        };
        burn();
        let header = object.header();
        let place = Place {
            at: growing.bytes,
            stored: object.stored(),
        };
        growing
            .file
            .write_all(&header)
            .and_then(|()| growing.file.write_all(&object.body))
            .map_err(failed("write", &growing.path))?;
        growing.hasher.update(&header).update(&object.body);
        growing.bytes += place.stored;
        growing.objects.push((object.hash, place));
        if growing.bytes >= FULL {
            self.close()?;
        }
        Ok(())
    }

    /// Closes the last pack and answers all.
    pub(super) fn finish(mut self) -> Result<Vec<Finished>> {
        self.close()?;
        Ok(std::mem::take(&mut self.finished))
    }

    fn begin(&mut self) -> Result<Growing> {
        let path = self
            .folder
            .join(format!("{}-{}.{GROWING}", self.label, self.count));
        self.count += 1;
        burn();
        let mut file = BufWriter::with_capacity(
            1 << 20,
            File::create_new(&path).map_err(failed("create", &path))?,
        );
        file.write_all(MAGIC).map_err(failed("write", &path))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(MAGIC);
        Ok(Growing {
            path,
            file,
            hasher,
            bytes: MAGIC.len() as u64,
            objects: Vec::new(),
        })
    }

    fn close(&mut self) -> Result<()> {
        let Some(growing) = self.open.take() else {
            return Ok(());
        };
        let Growing {
            path,
            file,
            hasher,
            bytes,
            objects,
        } = growing;
        let file = file
            .into_inner()
            .map_err(|error| failed("write", &path)(error.into_error()))?;
        burn();
        file.sync_all().map_err(failed("flush", &path))?;
        drop(file);
        burn();
        let name = hasher.finalize().to_hex().to_string();
        let last = pack_path(&self.folder, &name);
        fs::rename(&path, &last).map_err(failed("rename", &path))?;
        burn();
        sync_folder(&self.folder)?;
        self.finished.push(Finished {
            name,
            bytes,
            objects,
        });
        Ok(())
    }
}

impl Drop for Writer {
    /// What was not finished is of no use to anybody.
    fn drop(&mut self) {
        if let Some(growing) = self.open.take() {
            let _ = fs::remove_file(&growing.path);
        }
    }
}

/// How a pack that is being written ends.
pub(super) const GROWING: &str = "growing";

/// Where the pack of a name lies.
pub(super) fn pack_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.pack"))
}

/// Makes renames and deletions in a folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    // Windows keeps no handle on folders; NTFS journals the rename itself.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(failed("flush", folder))
}

/// Reads the object at a place and proves it.
pub(super) fn read(folder: &Path, name: &str, place: Place, hash: ContentHash) -> Result<Vec<u8>> {
    Placed::open(&pack_path(folder, name))?.read(place, hash)
}

/// A pack of which objects are read at the places that the index gives.
pub(super) struct Placed {
    path: PathBuf,
    file: File,
}

impl Placed {
    /// Opens a pack.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when it is not there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged("read an object", "its pack is missing"),
            _ => failed("open", path)(error),
        })?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Reads the object at a place and proves it.
    pub(super) fn read(&mut self, place: Place, hash: ContentHash) -> Result<Vec<u8>> {
        self.at(place, hash)?.content()
    }

    /// Takes the object at a place as it is, proved, for another pack.
    pub(super) fn take(&mut self, place: Place, hash: ContentHash) -> Result<Packed> {
        let object = self.at(place, hash)?;
        object.clone().content()?;
        Ok(object.again())
    }

    fn at(&mut self, place: Place, hash: ContentHash) -> Result<Stored> {
        self.file
            .seek(SeekFrom::Start(place.at))
            .map_err(failed("read", &self.path))?;
        match next(&mut self.file, &self.path)? {
            Some(object) if object.hash == hash => Ok(object),
            _ => Err(damaged("read an object", "another one lies in its place")),
        }
    }
}

/// What can be proved of a pack.
pub(super) struct Provable {
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Every object whose bytes are what its hash says.
    pub(super) objects: Vec<(ContentHash, Place)>,
}

/// Every object of a pack that can be proved, whatever lies between them: of a pack with a damaged
/// place all is found that lies before it and behind it.
///
/// # Errors
/// [`StoreError::File`] when the file cannot be read: what it holds is not known then.
pub(super) fn provable(path: &Path) -> Result<Provable> {
    let bytes = fs::metadata(path).map_err(failed("look at", path))?.len();
    let mut objects = Vec::new();
    // Where it is damaged first: what lies behind that is looked for byte by byte, since a damaged
    // length leads anywhere.
    let mut damaged_at = None;
    match Objects::open(path) {
        Ok(all) => {
            let mut end = MAGIC.len() as u64;
            for object in all {
                let place = match object {
                    Ok(object) => {
                        let (hash, place) = (object.hash, object.place);
                        if object.content().is_ok() {
                            objects.push((hash, place));
                            end = place.at + place.stored;
                            continue;
                        }
                        place.at
                    }
                    Err(StoreError::DamagedContent { .. }) => end,
                    Err(error) => return Err(error),
                };
                damaged_at = Some(place);
                break;
            }
        }
        Err(StoreError::DamagedContent { .. }) => damaged_at = Some(0),
        Err(error) => return Err(error),
    }
    if let Some(at) = damaged_at {
        let whole = fs::read(path).map_err(failed("read", path))?;
        objects.extend(salvage(&whole, usize::try_from(at).unwrap_or(usize::MAX)));
    }
    Ok(Provable { bytes, objects })
}

/// Looks at every byte for the beginning of an object that proves itself.
fn salvage(pack: &[u8], from: usize) -> Vec<(ContentHash, Place)> {
    let mut found = Vec::new();
    let mut at = from;
    while let Some(mut rest) = pack.get(at..).filter(|rest| rest.len() >= HEADER) {
        let object = if may_begin(rest) {
            next(&mut rest, Path::new("")).ok().flatten()
        } else {
            None
        };
        let proved = object.and_then(|object| {
            let (hash, stored) = (object.hash, object.place.stored);
            object.content().is_ok().then_some((hash, stored))
        });
        match proved {
            Some((hash, stored)) => {
                let place = Place {
                    at: at as u64,
                    stored,
                };
                found.push((hash, place));
                at += usize::try_from(stored).unwrap_or(usize::MAX);
            }
            None => at += 1,
        }
    }
    found
}

/// Whether these bytes look like an object, at a glance: hardly any others do.
fn may_begin(bytes: &[u8]) -> bool {
    let (stored, length) = (&bytes[33..37], &bytes[37..HEADER]);
    match bytes[32] {
        0 => stored == length,
        // What is compressed begins with zstd's magic number (RFC 8878, 3.1.1).
        1 => bytes[HEADER..].starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
        _ => false,
    }
}

/// An object as it lies in a pack.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) hash: ContentHash,
    pub(super) place: Place,
    compressed: bool,
    length: u32,
    body: Vec<u8>,
}

impl Stored {
    /// Its bytes, proved by its hash.
    pub(super) fn content(self) -> Result<Vec<u8>> {
        let bytes = if self.compressed {
            let length = self.length as usize;
            if length > LARGEST {
                return Err(damaged(
                    "read an object",
                    "it says that it is impossibly large",
                ));
            }
            zstd::bulk::decompress(&self.body, length)
                .map_err(|_| damaged("read an object", "it cannot be decompressed"))?
        } else {
            self.body
        };
        if ContentHash::of(&bytes) != self.hash {
            return Err(damaged(
                "read an object",
                "its bytes are not those that were saved",
            ));
        }
        Ok(bytes)
    }

    /// The same object for another pack, as it is.
    pub(super) fn again(self) -> Packed {
        Packed {
            hash: self.hash,
            compressed: self.compressed,
            length: self.length,
            body: self.body,
        }
    }
}

fn next(file: &mut impl Read, path: &Path) -> Result<Option<Stored>> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match file
            .read(&mut header[filled..])
            .map_err(failed("read", path))?
        {
            0 if filled == 0 => return Ok(None),
            0 => return Err(damaged("read a pack", "it is cut off")),
            count => filled += count,
        }
    }
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (stored, length) = (word(33), word(37));
    if header[32] > 1 || stored as usize > LARGEST || length as usize > LARGEST {
        return Err(damaged("read a pack", "an object in it cannot be"));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(&header[..32]);
    // Grows with what is really there, whatever the header promises.
    let mut body = Vec::new();
    file.take(u64::from(stored))
        .read_to_end(&mut body)
        .map_err(failed("read", path))?;
    if body.len() != stored as usize {
        return Err(damaged("read a pack", "it is cut off"));
    }
    Ok(Some(Stored {
        hash: ContentHash::from_bytes(hash),
        place: Place {
            at: 0,
            stored: HEADER as u64 + u64::from(stored),
        },
        compressed: header[32] == 1,
        length,
        body,
    }))
}

/// All objects of a pack, one after the other, until its end or where it is damaged.
pub(super) struct Objects {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
}

impl Objects {
    /// Opens a pack.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file =
            BufReader::with_capacity(1 << 20, File::open(path).map_err(failed("open", path))?);
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)
            .map_err(|_| damaged("read a pack", "it is cut off"))?;
        if &magic != MAGIC {
            return Err(damaged("read a pack", "it is none, or of a later format"));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            at: MAGIC.len() as u64,
        })
    }
}

impl Iterator for Objects {
    type Item = Result<Stored>;
    fn next(&mut self) -> Option<Result<Stored>> {
        let at = self.at;
        match next(&mut self.file, &self.path) {
            Ok(None) => None,
            Ok(Some(mut object)) => {
                object.place.at = at;
                self.at += object.place.stored;
                Some(Ok(object))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Whether a pack is, byte for byte, the one that was written under its name.
pub(super) fn is_whole(path: &Path, name: &str) -> Result<bool> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(failed("open", path))?;
    hasher.update_reader(file).map_err(failed("read", path))?;
    Ok(hasher.finalize().to_hex().as_str() == name)
}

pub(super) fn damaged(doing: &'static str, why: &'static str) -> StoreError {
    StoreError::DamagedContent { doing, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(bytes: &[u8]) -> Packed {
        Packed::new(ContentHash::of(bytes), bytes).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_that_are_no_pack_are_refused_and_never_panic(
            body in prop::collection::vec(any::<u8>(), 0..400),
            honest in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.pack");
            let start: &[u8] = if honest { MAGIC } else { b"" };
            fs::write(&path, [start, &body].concat()).unwrap();
            if let Ok(objects) = Objects::open(&path) {
                for object in objects {
                    let Ok(object) = object else { break };
                    let hash = object.hash;
                    if let Ok(content) = object.content() {
                        prop_assert_eq!(ContentHash::of(&content), hash);
                    }
                }
            }
        }

        #[test]
        fn a_flipped_bit_anywhere_in_a_pack_is_noticed(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
            position in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = Writer::new(folder.path(), "t".into());
            contents.iter().for_each(|bytes| writer.append(&packed(bytes)).unwrap());
            let finished = writer.finish().unwrap();
            let path = pack_path(folder.path(), &finished[0].name);
            prop_assert!(is_whole(&path, &finished[0].name).unwrap());
            for (index, (hash, place)) in finished[0].objects.iter().enumerate() {
                let read = read(folder.path(), &finished[0].name, *place, *hash).unwrap();
                prop_assert_eq!(&read, &contents[index]);
            }
            let mut bytes = fs::read(&path).unwrap();
            let at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            prop_assert!(!is_whole(&path, &finished[0].name).unwrap());
            for (hash, place) in &finished[0].objects {
                if let Ok(read) = read(folder.path(), &finished[0].name, *place, *hash) {
                    prop_assert_eq!(ContentHash::of(&read), *hash);
                }
            }
        }
    }
}
