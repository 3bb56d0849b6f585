//! The body of a request that brings contents: one zstd stream of frames, each 32 bytes of BLAKE3,
//! 8 bytes of little-endian length, the bytes ([`plimsoll_protocol::SyncContext`]).

use super::{problem, scan::native};
use plimsoll_engine::ports::{Context, PortError, PortResult};
use plimsoll_protocol::ContextFileKind;
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

/// zstd's own default: faster than any line, close to the best that source code can be pressed.
const LEVEL: i32 = 3;

/// Packs the contents of these hashes; answers the bytes written.
pub(super) fn pack(context: &Context, hashes: &[String], to: &Path) -> PortResult<u64> {
    let packed = write(context, hashes, to);
    if packed.is_err() {
        // What is half written must not be sent by anybody.
        let _ = std::fs::remove_file(to);
    }
    packed
}

fn write(context: &Context, hashes: &[String], to: &Path) -> PortResult<u64> {
    let by_hash: HashMap<&str, (&str, u64)> = context
        .files
        .iter()
        .filter_map(|file| match &file.kind {
            ContextFileKind::File { hash, size } => {
                Some((hash.as_str(), (file.path.as_str(), *size)))
            }
            ContextFileKind::Link { .. } | ContextFileKind::Folder => None,
        })
        .collect();
    let failed = |error: io::Error| problem::unwritable(to, &error);
    let file = File::create(to).map_err(failed)?;
    let mut encoder = zstd::Encoder::new(BufWriter::new(file), LEVEL).map_err(failed)?;
    let mut packed = HashSet::new();
    for hash in hashes.iter().filter(|hash| packed.insert(hash.as_str())) {
        let (path, size) = by_hash.get(hash.as_str()).ok_or_else(|| {
            PortError::new(
                "source_changed",
                "the server asks for a file that is not in the folder",
            )
            .evidence(hash.clone())
            .next_step("Deploy again.")
            .retryable()
        })?;
        frame(
            &mut encoder,
            &context.folder.join(native(path)),
            hash,
            *size,
            to,
        )?;
    }
    let writer = encoder.finish().map_err(failed)?;
    let file = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(file.metadata().map_err(failed)?.len())
}

fn frame(out: &mut impl Write, path: &Path, hash: &str, size: u64, to: &Path) -> PortResult<()> {
    let failed = |error: io::Error| problem::unwritable(to, &error);
    let expected = blake3::Hash::from_hex(hash).map_err(|_| problem::changed(path))?;
    out.write_all(expected.as_bytes()).map_err(failed)?;
    out.write_all(&size.to_le_bytes()).map_err(failed)?;
    let mut file = File::open(path).map_err(|error| problem::unreadable(path, &error))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = file
            .read(&mut buffer[..room])
            .map_err(|error| problem::unreadable(path, &error))?;
        if count == 0 {
            return Err(problem::changed(path));
        }
        hasher.update(&buffer[..count]);
        out.write_all(&buffer[..count]).map_err(failed)?;
        left -= count as u64;
    }
    if hasher.finalize() != expected {
        return Err(problem::changed(path));
    }
    Ok(())
}
