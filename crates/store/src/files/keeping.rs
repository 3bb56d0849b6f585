//! Keeping content: whatever is not kept yet goes into packs, once.

use super::{
    Files,
    index::{Index, Seen},
    pack::{Packed, Writer},
};
use crate::{Result, StoreError};
use fastcdc::v2020::StreamCDC;
use plimsoll_domain::{Timestamp, content::ContentHash};
use std::{
    collections::HashSet,
    io::{self, Read},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// Content up to this size is kept whole: cutting small files only costs.
const WHOLE: u64 = 1 << 20;
/// Sizes of the chunks of larger files.
const CHUNKS: (usize, usize, usize) = (256 << 10, 1 << 20, 4 << 20);
/// After so many questions whether an object is known, all of them are read at once.
const QUESTIONS: u32 = 500;

/// Keeps what is not kept yet; shared by the threads of a save.
pub(super) struct Keeping {
    index: Index,
    runtime: Handle,
    known: Mutex<HashSet<ContentHash>>,
    /// What the index places in packs that are not there, or cut off.
    missing: HashSet<ContentHash>,
    all_known: AtomicBool,
    questions: AtomicU32,
    writer: Mutex<Option<Writer>>,
    added: AtomicU64,
}

impl Keeping {
    /// `much`: expect that nearly everything is new.
    pub(super) fn new(files: &Files, runtime: Handle, now: Timestamp, much: bool) -> Result<Self> {
        let known = if much {
            runtime.block_on(files.index.known())?
        } else {
            HashSet::new()
        };
        let missing = runtime.block_on(files.missing_content())?;
        let label = label(now);
        Ok(Self {
            index: files.index.clone(),
            runtime,
            known: Mutex::new(known.difference(&missing).copied().collect()),
            missing,
            all_known: AtomicBool::new(much),
            questions: AtomicU32::new(0),
            writer: Mutex::new(Some(Writer::new(&files.packs, label))),
            added: AtomicU64::new(0),
        })
    }

    /// Keeps an object, unless it is kept.
    pub(super) fn keep(&self, bytes: &[u8]) -> Result<ContentHash> {
        let hash = ContentHash::of(bytes);
        if self.is_new(hash)? {
            let packed = Packed::new(hash, bytes)?;
            self.added.fetch_add(packed.stored(), Ordering::Relaxed);
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(writer) = writer.as_mut() {
                writer.append(&packed)?;
            }
        }
        Ok(hash)
    }

    /// Whether packs are missing: then nothing that was seen tells what is kept.
    pub(super) fn misses_any(&self) -> bool {
        !self.missing.is_empty()
    }

    fn is_new(&self, hash: ContentHash) -> Result<bool> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&hash) {
            return Ok(false);
        }
        if !self.all_known.load(Ordering::Acquire) {
            if self.questions.fetch_add(1, Ordering::Relaxed) < QUESTIONS {
                let is_there = !self.missing.contains(&hash);
                if is_there && self.runtime.block_on(self.index.knows(hash))? {
                    known().insert(hash);
                    return Ok(false);
                }
            } else {
                let all = self.runtime.block_on(self.index.known())?;
                known().extend(all.difference(&self.missing));
                self.all_known.store(true, Ordering::Release);
            }
        }
        Ok(known().insert(hash))
    }

    /// Closes the packs and enters them, and what was seen, into the index.
    pub(super) fn finish(&self, seen: Option<&Seen>) -> Result<u64> {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let packs = writer.map(Writer::finish).transpose()?.unwrap_or_default();
        self.runtime.block_on(self.index.add(&packs, seen))?;
        Ok(self.added.load(Ordering::Relaxed))
    }

    /// Keeps what a reader gives: whole when it is small, else in chunks.
    pub(super) fn keep_stream(
        &self,
        mut from: impl Read,
    ) -> std::result::Result<(Kept, u64), Broken> {
        let mut start = Vec::new();
        from.by_ref()
            .take(WHOLE + 1)
            .read_to_end(&mut start)
            .map_err(Broken::Read)?;
        let size = start.len() as u64;
        if size <= WHOLE {
            let hash = self.keep(&start).map_err(Broken::Keep)?;
            return Ok((
                Kept {
                    hash,
                    chunks: Vec::new(),
                },
                size,
            ));
        }
        let mut whole = blake3::Hasher::new();
        let (min, avg, max) = CHUNKS;
        let mut chunks = Vec::new();
        let mut size = 0;
        for chunk in StreamCDC::new(io::Cursor::new(start).chain(from), min, avg, max) {
            let chunk = chunk.map_err(|error| Broken::Read(error.into()))?;
            size += chunk.data.len() as u64;
            whole.update(&chunk.data);
            chunks.push(self.keep(&chunk.data).map_err(Broken::Keep)?);
        }
        let hash = ContentHash::from_bytes(*whole.finalize().as_bytes());
        Ok((Kept { hash, chunks }, size))
    }
}

/// Content that is kept.
pub(super) struct Kept {
    pub(super) hash: ContentHash,
    pub(super) chunks: Vec<ContentHash>,
}

/// Which side failed.
pub(super) enum Broken {
    /// What was to be kept cannot be read.
    Read(io::Error),
    /// It cannot be kept.
    Keep(StoreError),
}

/// Different for every writer of every process: another one may have had our id before and have left
/// a file behind.
fn label(now: Timestamp) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{}-{next}", std::process::id(), now.as_millis())
}
