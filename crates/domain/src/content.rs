//! Content, named by its BLAKE3 hash, and the trees of a project's files that are made of it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// BLAKE3 of some bytes: whoever holds it can prove that they hold the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no content hash: 64 hexadecimal digits")]
pub struct InvalidHash(pub String);

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
    /// From the bytes of a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for ContentHash {
    type Err = InvalidHash;
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let hash = blake3::Hash::from_hex(text)
            .map_err(|_| InvalidHash(text.chars().take(80).collect()))?;
        Ok(Self(*hash.as_bytes()))
    }
}
impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name: no separator, not `.` or `..`.
    pub name: String,
    /// What it is.
    pub node: Node,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// BLAKE3 of the whole content.
        hash: ContentHash,
        /// The chunks that make it up, in order; empty when the content is kept whole.
        chunks: Vec<ContentHash>,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// What it points to, as it is written.
        target: String,
    },
    /// A folder.
    Folder {
        /// The hash of its tree.
        tree: ContentHash,
        /// Files in it and below.
        files: u64,
        /// Bytes of these files.
        bytes: u64,
    },
}

/// A tree that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a saved folder cannot be read: {0}")]
pub struct InvalidTree(pub &'static str);

/// Written first in every tree.
const FORMAT: u8 = 1;

const FILE: u8 = 0;
const EXECUTABLE: u8 = 1;
const LINK: u8 = 2;
const FOLDER: u8 = 3;

/// The bytes of a folder's tree: its entries, sorted by name. Equal folders have equal bytes.
pub fn encode(entries: &mut [Entry]) -> Vec<u8> {
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut out = vec![FORMAT];
    for entry in entries.iter() {
        number(&mut out, entry.name.len() as u64);
        out.extend_from_slice(entry.name.as_bytes());
        match &entry.node {
            Node::File {
                size,
                hash,
                chunks,
                executable,
            } => {
                out.push(if *executable { EXECUTABLE } else { FILE });
                number(&mut out, *size);
                out.extend_from_slice(hash.as_bytes());
                number(&mut out, chunks.len() as u64);
                chunks
                    .iter()
                    .for_each(|chunk| out.extend_from_slice(chunk.as_bytes()));
            }
            Node::Link { target } => {
                out.push(LINK);
                number(&mut out, target.len() as u64);
                out.extend_from_slice(target.as_bytes());
            }
            Node::Folder { tree, files, bytes } => {
                out.push(FOLDER);
                out.extend_from_slice(tree.as_bytes());
                number(&mut out, *files);
                number(&mut out, *bytes);
            }
        }
    }
    out
}

/// Reads what [`encode`] wrote. Trusts nothing: names that would leave the folder, names twice or
/// out of order are refused.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry>, InvalidTree> {
    let mut rest = Reader(bytes);
    if rest.byte()? != FORMAT {
        return Err(InvalidTree("it is of a later format"));
    }
    let mut entries: Vec<Entry> = Vec::new();
    while !rest.0.is_empty() {
        let name = rest.text()?;
        if !is_name(&name) {
            return Err(InvalidTree("a name in it would leave the folder"));
        }
        if entries
            .last()
            .is_some_and(|last| last.name.as_bytes() >= name.as_bytes())
        {
            return Err(InvalidTree("its names are not in order"));
        }
        let node = match rest.byte()? {
            kind @ (FILE | EXECUTABLE) => {
                let size = rest.number()?;
                let hash = rest.hash()?;
                let count = rest.number()?;
                let chunks = (0..count).map(|_| rest.hash()).collect::<Result<_, _>>()?;
                Node::File {
                    size,
                    hash,
                    chunks,
                    executable: kind == EXECUTABLE,
                }
            }
            LINK => Node::Link {
                target: rest.text()?,
            },
            FOLDER => Node::Folder {
                tree: rest.hash()?,
                files: rest.number()?,
                bytes: rest.number()?,
            },
            _ => return Err(InvalidTree("it has an entry of an unknown kind")),
        };
        entries.push(Entry { name, node });
    }
    Ok(entries)
}

/// Whether a text can be the name of one entry on some system that we run on.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// Why Windows refuses a name, if it does
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
pub fn refused_by_windows(name: &str) -> Option<&'static str> {
    const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];
    let stem = name
        .split('.')
        .next()
        .unwrap_or(name)
        .trim_end()
        .to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|digit| digit.len() == 1 && ('1'..='9').any(|d| digit.starts_with(d)))
    };
    if DEVICES.contains(&stem.as_str()) || numbered("COM") || numbered("LPT") {
        Some("it is the name of a device")
    } else if name.contains(['<', '>', ':', '"', '|', '?', '*', '\\']) {
        Some("it contains one of < > : \" | ? * \\")
    } else if name.chars().any(|c| (c as u32) < 32) {
        Some("it contains a control character")
    } else if name.ends_with(['.', ' ']) {
        Some("it ends with a dot or a blank")
    } else {
        None
    }
}

/// LEB128, as in the DWARF specification: seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, InvalidTree> {
        let (first, rest) = self.0.split_first().ok_or(InvalidTree("it is cut off"))?;
        self.0 = rest;
        Ok(*first)
    }
    fn number(&mut self) -> Result<u64, InvalidTree> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(InvalidTree("a number in it is too large"))
    }
    fn take(&mut self, count: u64) -> Result<&[u8], InvalidTree> {
        let count = usize::try_from(count).map_err(|_| InvalidTree("it is cut off"))?;
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(InvalidTree("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }
    fn hash(&mut self) -> Result<ContentHash, InvalidTree> {
        let bytes: [u8; 32] = self
            .take(32)?
            .try_into()
            .map_err(|_| InvalidTree("it is cut off"))?;
        Ok(ContentHash(bytes))
    }
    fn text(&mut self) -> Result<String, InvalidTree> {
        let length = self.number()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| InvalidTree("a text in it is no Unicode"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node() -> impl Strategy<Value = Node> {
        let hash = any::<[u8; 32]>().prop_map(ContentHash::from_bytes);
        let chunks = prop::collection::vec(hash.clone(), 0..4);
        prop_oneof![
            (any::<u64>(), hash.clone(), chunks, any::<bool>()).prop_map(
                |(size, hash, chunks, executable)| Node::File {
                    size,
                    hash,
                    chunks,
                    executable
                }
            ),
            ".*".prop_map(|target| Node::Link { target }),
            (hash, any::<u64>(), any::<u64>()).prop_map(|(tree, files, bytes)| Node::Folder {
                tree,
                files,
                bytes
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_tree_reads_back_as_it_was_written_whatever_the_order(
            named in prop::collection::btree_map("[^/\0]{1,12}", node(), 0..12)
        ) {
            let mut entries: Vec<Entry> = named
                .into_iter()
                .filter(|(name, _)| is_name(name))
                .map(|(name, node)| Entry { name, node })
                .collect();
            let bytes = encode(&mut entries);
            prop_assert_eq!(decode(&bytes).unwrap(), entries.clone());
            entries.reverse();
            prop_assert_eq!(encode(&mut entries), bytes);
        }

        #[test]
        fn bytes_that_are_no_tree_are_refused_and_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            if let Ok(mut entries) = decode(&bytes) {
                // What is read is also what would be written, numbers in their shortest form aside.
                prop_assert!(encode(&mut entries).len() <= bytes.len());
            }
        }
    }

    #[test]
    fn a_tree_whose_names_leave_the_folder_is_refused() {
        for name in ["..", ".", "a/b", ""] {
            let node = Node::Link { target: "x".into() };
            let bytes = encode(&mut [Entry {
                name: name.into(),
                node,
            }]);
            assert!(decode(&bytes).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_that_windows_refuses_are_known() {
        for name in [
            "aux",
            "AUX.txt",
            "com1",
            "a:b",
            "tail.",
            "tail ",
            "a\u{1}b",
            "back\\slash",
        ] {
            assert!(refused_by_windows(name).is_some(), "{name:?}");
        }
        for name in ["auxiliary", "com10", "index.html", ".env", "ünï.txt"] {
            assert_eq!(refused_by_windows(name), None, "{name:?}");
        }
    }
}
