//! What was seen of a folder when it was saved: the stat cache. Whoever has the same size, times
//! and place on the disk has the same bytes; this is what makes the second save fast.

use plimsoll_domain::content::{self, Entry};
use std::fs::Metadata;

/// What changes when a file's bytes do, in nanoseconds since 1970 where the system keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stat {
    /// When its bytes were last changed.
    pub(super) modified: i64,
    /// When anything about it was last changed; this one no program can set.
    pub(super) changed: i64,
    /// Which file it is.
    pub(super) inode: u64,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let nanos = |seconds: i64, nanos: i64| {
                seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
            };
            Self {
                modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
                changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
                inode: metadata.ino(),
            }
        }
        #[cfg(not(unix))]
        {
            let modified = metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(0));
            Self {
                modified,
                changed: modified,
                inode: 0,
            }
        }
    }

    /// Whether the file can have changed again after it was seen without showing it: file systems
    /// count time in ticks, the coarsest (FAT) of two seconds.
    fn is_fresh(&self, seen_at: i64) -> bool {
        self.modified.max(self.changed) >= seen_at.saturating_sub(TICK)
    }
}

/// In nanoseconds.
const TICK: i64 = 2_000_000_000;

/// A folder as it was seen.
#[derive(Debug, Default)]
pub(super) struct SeenFolder {
    /// By name.
    entries: Vec<(Entry, Stat)>,
}

impl SeenFolder {
    /// Reads a cached body; what cannot be read was not seen.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let tree = Self::tree_in(body)?;
        let stats = body.get(4 + tree.len()..)?;
        let entries = content::decode(tree).ok()?;
        let (stats, left) = stats.as_chunks::<24>();
        if !left.is_empty() || stats.len() != entries.len() {
            return None;
        }
        let word = |bytes: &[u8]| Some(i64::from_le_bytes(bytes.try_into().ok()?));
        let stats = stats.iter().map(|stat| {
            Some(Stat {
                modified: word(&stat[..8])?,
                changed: word(&stat[8..16])?,
                inode: word(&stat[16..])?.cast_unsigned(),
            })
        });
        let entries = entries.into_iter().zip(stats);
        let entries = entries.map(|(entry, stat)| Some((entry, stat?)));
        Some(Self {
            entries: entries.collect::<Option<_>>()?,
        })
    }

    /// The tree's bytes in a cached body.
    pub(super) fn tree_in(body: &[u8]) -> Option<&[u8]> {
        let (length, rest) = body.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        rest.get(..length)
    }

    /// The body for the cache. A file that was touched at the moment of seeing is not trusted.
    pub(super) fn write(tree: &[u8], stats: &[Stat], seen_at: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(4 + tree.len() + stats.len() * 24);
        body.extend_from_slice(&u32::try_from(tree.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(tree);
        for stat in stats {
            let stat = if stat.is_fresh(seen_at) {
                Stat::default()
            } else {
                *stat
            };
            body.extend_from_slice(&stat.modified.to_le_bytes());
            body.extend_from_slice(&stat.changed.to_le_bytes());
            body.extend_from_slice(&stat.inode.to_le_bytes());
        }
        body
    }

    /// The entry of that name, when nothing shows that it was touched since.
    pub(super) fn same(&self, name: &str, stat: Stat, size: u64) -> Option<&Entry> {
        let by_name = |(entry, _): &(Entry, Stat)| entry.name.as_bytes().cmp(name.as_bytes());
        let at = self.entries.binary_search_by(by_name).ok()?;
        let (entry, seen) = &self.entries[at];
        let same_size = match &entry.node {
            content::Node::File { size: seen, .. } => *seen == size,
            content::Node::Link { .. } | content::Node::Folder { .. } => false,
        };
        (same_size && *seen == stat && stat != Stat::default()).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::content::{ContentHash, Node};

    fn file(name: &str) -> Entry {
        let node = Node::File {
            size: 3,
            hash: ContentHash::of(b"abc"),
            chunks: Vec::new(),
            executable: false,
        };
        Entry {
            name: name.into(),
            node,
        }
    }

    #[test]
    fn a_file_that_was_touched_while_it_was_seen_is_read_again() {
        let mut entries = [file("a"), file("b")];
        let tree = content::encode(&mut entries);
        let old = Stat {
            modified: 5,
            changed: 6,
            inode: 7,
        };
        let now = 100 * TICK;
        let fresh = Stat {
            modified: now - 1,
            changed: now - 1,
            inode: 8,
        };
        let seen = SeenFolder::read(&SeenFolder::write(&tree, &[old, fresh], now)).unwrap();
        assert_eq!(seen.same("a", old, 3), Some(&entries[0]));
        assert_eq!(seen.same("a", old, 4), None);
        assert_eq!(seen.same("a", Stat { changed: 9, ..old }, 3), None);
        assert_eq!(seen.same("b", fresh, 3), None);
        assert_eq!(seen.same("b", Stat::default(), 3), None);
    }

    #[test]
    fn a_body_that_is_cut_off_counts_as_not_seen() {
        let tree = content::encode(&mut [file("a")]);
        let body = SeenFolder::write(&tree, &[Stat::default()], 0);
        for length in 0..body.len() {
            assert!(SeenFolder::read(&body[..length]).is_none(), "{length}");
        }
    }
}
