//! Versions of projects' files.

use super::{CommandError, ProjectId, ReceiptView, VersionId, mirror::mirror};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll_domain::{
    content::{Entry, Node},
    version::{Version, VersionCause},
};
use plimsoll_engine::{
    Checked, FileContent, ImportedVersion, Prunable, Repaired, RestoredVersion, SavingNews,
    VersionDifference,
};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Why a version was saved.
    VersionCauseView of VersionCause {
        /// Somebody saved it.
        Saved,
        /// By itself, before a deployment from the project's folder.
        BeforeDeploy,
        /// By itself, before another version was restored.
        BeforeRestore,
        /// By itself, before files were generated.
        BeforeGeneration,
        /// It came in as an archive.
        Imported,
    }
}

/// What a save tells.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SavingNewsView {
    /// It has come so far.
    Seen {
        /// Files that were looked at.
        files: u64,
        /// Bytes that were read; what is untouched is not read.
        bytes_read: u64,
    },
    /// It is saved.
    Saved {
        /// The version.
        receipt: ReceiptView,
        /// What a computer with Windows could not keep, each with the reason.
        refused_by_windows: Vec<String>,
    },
    /// It could not be saved.
    Failed {
        /// Why.
        failure: CommandError,
    },
}

impl From<SavingNews> for SavingNewsView {
    fn from(news: SavingNews) -> Self {
        match news {
            SavingNews::Seen { files, bytes_read } => Self::Seen { files, bytes_read },
            SavingNews::Ended(Ok(saved)) => Self::Saved {
                receipt: ReceiptView {
                    id: saved.id.to_string(),
                    seq: saved.seq,
                },
                refused_by_windows: saved.refused_by_windows,
            },
            SavingNews::Ended(Err(error)) => Self::Failed {
                failure: error.into(),
            },
        }
    }
}

/// A version that was taken in from an archive, and what a person should know about it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ImportedVersionView {
    /// The version.
    pub receipt: ReceiptView,
    /// What was left out, since it is never part of a version.
    pub left_out: Vec<String>,
    /// Names that are no UTF-8 and were read as code page 437.
    pub read_as_437: Vec<String>,
    /// What a computer with Windows could not keep, each with the reason.
    pub refused_by_windows: Vec<String>,
}

impl From<ImportedVersion> for ImportedVersionView {
    fn from(taken: ImportedVersion) -> Self {
        Self {
            receipt: ReceiptView {
                id: taken.id.to_string(),
                seq: taken.seq,
            },
            left_out: taken.remarks.left_out,
            read_as_437: taken.remarks.read_as_437,
            refused_by_windows: taken.remarks.refused_by_windows,
        }
    }
}

/// A saved state of a project's files.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VersionView {
    /// Id.
    pub id: VersionId,
    /// The project.
    pub project_id: ProjectId,
    /// Counts up from 1 within the project.
    pub number: u32,
    /// The hash of everything in it.
    pub root: String,
    /// What its author says about it.
    pub message: String,
    /// Why it was saved.
    pub cause: VersionCauseView,
    /// A name that somebody gave it.
    pub name: Option<String>,
    /// Whether it stays when others are pruned.
    pub pinned: bool,
    /// Who saved it.
    pub author: String,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes by which the store grew when it was saved.
    pub added_bytes: u64,
    /// When it was saved, RFC 3339.
    pub created_at: String,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            id: version.id.into(),
            project_id: version.project_id.into(),
            number: version.number,
            root: version.root.to_string(),
            message: version.message,
            cause: version.cause.into(),
            name: version.name.map(|name| name.to_string()),
            pinned: version.pinned,
            author: version.author,
            files: version.files,
            bytes: version.bytes,
            added_bytes: version.added_bytes,
            created_at: version.created_at.to_string(),
        }
    }
}

/// What stands under a name.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeView {
    /// A file.
    File {
        /// Its bytes.
        bytes: u64,
        /// The hash of its content.
        hash: String,
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: String,
    },
    /// A folder.
    Folder {
        /// Files in it and below.
        files: u64,
        /// Bytes of all of them.
        bytes: u64,
    },
}

impl From<Node> for NodeView {
    fn from(node: Node) -> Self {
        match node {
            Node::File {
                size,
                hash,
                executable,
                ..
            } => Self::File {
                bytes: size,
                hash: hash.to_string(),
                executable,
            },
            Node::Link { target } => Self::Link { target },
            Node::Folder { files, bytes, .. } => Self::Folder { files, bytes },
        }
    }
}

/// An entry of a folder of a version.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VersionEntryView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub node: NodeView,
}

impl From<Entry> for VersionEntryView {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            node: entry.node.into(),
        }
    }
}

/// A file or link that differs between two versions.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VersionDifferenceView {
    /// Its path, relative, with slashes.
    pub path: String,
    /// How it was; none when it was not there.
    pub before: Option<NodeView>,
    /// How it is; none when it is gone.
    pub after: Option<NodeView>,
}

impl From<VersionDifference> for VersionDifferenceView {
    fn from(difference: VersionDifference) -> Self {
        Self {
            path: difference.path,
            before: difference.before.map(Into::into),
            after: difference.after.map(Into::into),
        }
    }
}

/// A file of a version, as far as it can be looked at.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VersionFileView {
    /// What it is.
    pub node: NodeView,
    /// Its content.
    pub shown: ShownContentView,
}

/// Content as a page can show it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "as", content = "content", rename_all = "snake_case")]
pub enum ShownContentView {
    /// Text.
    Text(String),
    /// A picture as a `data:` URL.
    Picture(String),
    /// Nothing that people read.
    Binary,
    /// More than is shown.
    TooLarge,
}

impl VersionFileView {
    /// The file at a path, whose ending tells pictures.
    pub fn of(path: &str, file: FileContent) -> Self {
        let shown = match file.bytes {
            None => ShownContentView::TooLarge,
            Some(bytes) => shown(path, bytes),
        };
        Self {
            node: file.node.into(),
            shown,
        }
    }
}

fn shown(path: &str, bytes: Vec<u8>) -> ShownContentView {
    if let Some(kind) = picture(path) {
        return ShownContentView::Picture(format!(
            "data:image/{kind};base64,{}",
            STANDARD.encode(bytes)
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => ShownContentView::Text(text),
        _ => ShownContentView::Binary,
    }
}

/// The kind of a picture that every web view can draw, by its ending.
fn picture(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "png",
        "jpg" | "jpeg" => "jpeg",
        "gif" => "gif",
        "webp" => "webp",
        "avif" => "avif",
        "bmp" => "bmp",
        "ico" => "x-icon",
        _ => return None,
    })
}

/// What a restore did.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RestoredVersionView {
    /// The version that holds what was there before.
    pub before: VersionView,
    /// Files and links that were written.
    pub written: u64,
    /// Files and links that were removed.
    pub removed: u64,
    /// What was left alone, each with its reason.
    pub left: Vec<String>,
}

impl From<RestoredVersion> for RestoredVersionView {
    fn from(done: RestoredVersion) -> Self {
        Self {
            before: done.before.into(),
            written: done.written,
            removed: done.removed,
            left: done.left,
        }
    }
}

/// What a pruning lets go.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PrunableView {
    /// The versions, newest first.
    pub versions: Vec<VersionView>,
    /// Bytes that nothing needs afterwards.
    pub waste_bytes: u64,
    /// Bytes that were given back to the disk now.
    pub freed_bytes: u64,
}

impl From<Prunable> for PrunableView {
    fn from(prunable: Prunable) -> Self {
        Self {
            versions: prunable.versions.into_iter().map(Into::into).collect(),
            waste_bytes: prunable.waste_bytes,
            freed_bytes: prunable.freed_bytes,
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct CheckedView {
    /// Packs that were looked at.
    pub packs: u64,
    /// Pieces of content whose bytes were proved; 0 where only the index was looked at.
    pub proved: u64,
    /// Packs that are missing or damaged.
    pub damaged_packs: Vec<String>,
    /// Versions of which not everything can be read.
    pub hurt: Vec<HurtVersionView>,
}

/// A version of which not everything can be read.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct HurtVersionView {
    /// Its project's name.
    pub project: String,
    /// The version.
    pub version: VersionView,
    /// The paths that cannot be read; an empty one is all of it.
    pub paths: Vec<String>,
}

impl From<Checked> for CheckedView {
    fn from(checked: Checked) -> Self {
        let hurt = checked.hurt.into_iter().map(|hurt| HurtVersionView {
            project: hurt.project.to_string(),
            version: hurt.version.into(),
            paths: hurt.paths,
        });
        Self {
            hurt: hurt.collect(),
            packs: checked.packs,
            proved: checked.proved,
            damaged_packs: checked.damaged_packs,
        }
    }
}

/// What a repair did.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RepairedView {
    /// Damaged pieces of content that were struck out.
    pub struck: u64,
    /// Pieces that were thought lost and lie in a pack all the same.
    pub found: u64,
    /// Projects whose folders could not be looked through, each with the reason.
    pub unsaved: Vec<String>,
    /// What is still hurt.
    pub left: CheckedView,
}

impl From<Repaired> for RepairedView {
    fn from(repaired: Repaired) -> Self {
        Self {
            struck: repaired.struck,
            found: repaired.found,
            unsaved: repaired.unsaved,
            left: repaired.left.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_shown_as_what_it_is() {
        let shown = |path: &str, bytes: &[u8]| super::shown(path, bytes.to_vec());
        assert!(matches!(shown("a.ts", b"x = 1"), ShownContentView::Text(text) if text == "x = 1"));
        assert!(matches!(shown("a", b"\0"), ShownContentView::Binary));
        assert!(matches!(shown("a.txt", b"\xff"), ShownContentView::Binary));
        assert!(matches!(
            shown("x/.png", b"text"),
            ShownContentView::Picture(_)
        ));
        let ShownContentView::Picture(url) = shown("logo.PNG", b"\x89PNG") else {
            panic!("a picture");
        };
        assert_eq!(url, "data:image/png;base64,iVBORw==");
        // A drawing may hold a script: it is read as the text that it is.
        assert!(matches!(
            shown("a.svg", b"<svg/>"),
            ShownContentView::Text(_)
        ));
    }
}
