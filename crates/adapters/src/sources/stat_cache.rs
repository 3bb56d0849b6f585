//! Which files need not be read again: those whose every trace in the file system is as it was.

use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{self, Metadata},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// First line of the file; another one means another format.
const HEADER: &str = "plimsoll stat cache 1";
/// A file that changed this shortly before it was read may change again within the same tick of
/// the file system's clock (2 s on FAT), unseen: it is not remembered.
const TICK: Duration = Duration::from_secs(2);

/// The traces of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Traces(u64, u128, u128, u64);

impl Traces {
    /// Size, times of content and of record (ns), and record number.
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = since_epoch(metadata.modified());
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let seconds = u128::try_from(metadata.ctime()).unwrap_or(0);
            let nanos = u128::try_from(metadata.ctime_nsec()).unwrap_or(0);
            Self(
                metadata.len(),
                modified,
                seconds * 1_000_000_000 + nanos,
                metadata.ino(),
            )
        }
        #[cfg(not(unix))]
        Self(metadata.len(), modified, since_epoch(metadata.created()), 0)
    }

    fn is_settled(&self, now: u128) -> bool {
        let latest = self.1.max(self.2);
        latest + TICK.as_nanos() < now
    }
}

fn since_epoch(moment: io::Result<SystemTime>) -> u128 {
    moment
        .ok()
        .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos())
}

/// Hashes by path, valid while the traces are the same.
#[derive(Debug, Default)]
pub(super) struct StatCache {
    known: HashMap<String, (Traces, String)>,
}

impl StatCache {
    /// Reads the cache; one that is missing, old or damaged counts as empty.
    pub(super) fn load(path: &Path) -> Self {
        Self {
            known: read(path).unwrap_or_default(),
        }
    }

    /// The hash of a file that has not changed.
    pub(super) fn hash(&self, path: &str, traces: &Traces) -> Option<&str> {
        let (known, hash) = self.known.get(path)?;
        (known == traces).then_some(hash.as_str())
    }

    /// Whether exactly these are remembered, so that nothing needs to be written.
    pub(super) fn is(&self, entries: &[(&str, Traces, &str)]) -> bool {
        self.known.len() == entries.len()
            && entries
                .iter()
                .all(|(path, traces, hash)| self.hash(path, traces) == Some(hash))
    }
}

/// Leaves out what may still change unseen.
pub(super) fn settled<'a>(
    entries: impl Iterator<Item = (&'a str, Traces, &'a str)>,
    read_at: SystemTime,
) -> Vec<(&'a str, Traces, &'a str)> {
    let now = since_epoch(Ok(read_at));
    entries
        .filter(|(_, traces, _)| traces.is_settled(now))
        .collect()
}

fn read(path: &Path) -> Option<HashMap<String, (Traces, String)>> {
    let mut lines = BufReader::new(fs::File::open(path).ok()?).lines();
    if lines.next()?.ok()? != HEADER {
        return None;
    }
    let mut known = HashMap::new();
    for line in lines {
        let (path, traces, hash) = serde_json::from_str(&line.ok()?).ok()?;
        known.insert(path, (traces, hash));
    }
    Some(known)
}

/// Writes the cache beside its place and moves it there. It can be made again, so nothing is
/// synced.
pub(super) fn save(path: &Path, entries: &[(&str, Traces, &str)]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = BufWriter::new(temporary);
    writeln!(writer, "{HEADER}")?;
    for entry in entries {
        serde_json::to_writer(&mut writer, entry)?;
        writer.write_all(b"\n")?;
    }
    let temporary = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    temporary.persist(path)?;
    Ok(())
}
