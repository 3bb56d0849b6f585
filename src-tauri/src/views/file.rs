//! The files of projects.

use super::CommandError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll_engine::{
    BinEntry, Content, Emptied, EntryKind, FileDraft, FileRead, LineEnding, NewText, Restoration,
    TakenIn, TreeEntry, Writing, ports::FolderNews,
};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri_specta::Event;

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum EntryKindView {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link, which is not followed.
    Link,
    /// Something else: a socket, a device, a name that is no Unicode.
    Other,
}

/// An entry of a folder of a project.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TreeEntryView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: EntryKindView,
    /// What is written in a link; empty for everything else.
    pub target: String,
    /// Bytes of a file.
    pub bytes: u64,
    /// Ignore files leave it out of versions and searches.
    pub is_ignored: bool,
    /// Why Windows could not keep a file of that name.
    pub windows: Option<String>,
}

impl From<TreeEntry> for TreeEntryView {
    fn from(entry: TreeEntry) -> Self {
        let (kind, target) = match entry.kind {
            EntryKind::Folder => (EntryKindView::Folder, String::new()),
            EntryKind::File => (EntryKindView::File, String::new()),
            EntryKind::Link(target) => (EntryKindView::Link, target),
            EntryKind::Other => (EntryKindView::Other, String::new()),
        };
        Self {
            name: entry.name,
            kind,
            target,
            bytes: entry.bytes,
            is_ignored: entry.is_ignored,
            windows: entry.windows.map(str::to_owned),
        }
    }
}

/// How the lines of a text end on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum LineEndingView {
    /// All in a line feed.
    Lf,
    /// All in a carriage return and a line feed.
    Crlf,
    /// Some so and some so: the carriage returns stay in the text.
    Mixed,
}

impl From<LineEnding> for LineEndingView {
    fn from(ending: LineEnding) -> Self {
        match ending {
            LineEnding::Lf => Self::Lf,
            LineEnding::Crlf => Self::Crlf,
            LineEnding::Mixed => Self::Mixed,
        }
    }
}

impl From<LineEndingView> for LineEnding {
    fn from(ending: LineEndingView) -> Self {
        match ending {
            LineEndingView::Lf => Self::Lf,
            LineEndingView::Crlf => Self::Crlf,
            LineEndingView::Mixed => Self::Mixed,
        }
    }
}

/// What is in a file.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ContentView {
    /// A text.
    Text {
        /// Its lines, each ending in a line feed.
        text: String,
        /// How they end on the disk.
        ending: LineEndingView,
        /// Whether it begins with a byte order mark.
        has_mark: bool,
    },
    /// An image that can be shown.
    Image {
        /// As an address of its bytes: `data:image/png;base64,…`.
        url: String,
    },
    /// Neither.
    Binary,
    /// More than is shown.
    TooLarge {
        /// Whether its beginning is a text.
        is_text: bool,
    },
    /// A link, which is not followed.
    Link {
        /// What is written in it.
        target: String,
    },
}

/// A file as it was read.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FileReadView {
    /// What is in it.
    pub content: ContentView,
    /// Bytes on the disk.
    pub bytes: u64,
    /// BLAKE3 of its bytes, where they were read; who writes gives it back.
    pub hash: Option<String>,
    /// Its owner has said that it is only to be read.
    pub is_readonly: bool,
}

impl From<FileRead> for FileReadView {
    fn from(read: FileRead) -> Self {
        let content = match read.content {
            Content::Text {
                text,
                ending,
                has_mark,
            } => ContentView::Text {
                text,
                ending: ending.into(),
                has_mark,
            },
            Content::Image { media, bytes } => ContentView::Image {
                url: format!("data:{media};base64,{}", STANDARD.encode(bytes)),
            },
            Content::Binary => ContentView::Binary,
            Content::TooLarge { is_text } => ContentView::TooLarge { is_text },
            Content::Link(target) => ContentView::Link { target },
        };
        Self {
            content,
            bytes: read.bytes,
            hash: read.hash.map(|hash| hash.to_string()),
            is_readonly: read.is_readonly,
        }
    }
}

/// A text to be written.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct NewTextView {
    /// The text, its lines ending in a line feed.
    pub text: String,
    /// How they shall end on the disk.
    pub ending: LineEndingView,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
}

impl From<NewTextView> for NewText {
    fn from(new: NewTextView) -> Self {
        Self {
            text: new.text,
            ending: new.ending.into(),
            has_mark: new.has_mark,
        }
    }
}

/// What became of a writing.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FileWritingView {
    /// It is on the disk.
    Done {
        /// BLAKE3 of what is there now.
        hash: String,
        /// Bytes on the disk.
        bytes: u64,
    },
    /// Somebody else changed the file since it was read; nothing was written.
    Conflict {
        /// What is there now; none when it was removed.
        on_disk: Option<FileReadView>,
    },
}

impl From<Writing> for FileWritingView {
    fn from(writing: Writing) -> Self {
        match writing {
            Writing::Done(written) => Self::Done {
                hash: written.hash.to_string(),
                bytes: written.bytes,
            },
            Writing::Conflict(there) => Self::Conflict {
                on_disk: there.map(Into::into),
            },
        }
    }
}

/// What was typed into a file and not saved.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DraftView {
    /// The file.
    pub path: String,
    /// The text as it was typed.
    pub text: String,
    /// How its lines end on the disk.
    pub ending: LineEndingView,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
    /// BLAKE3 of what was on the disk when the typing began; none for a file that was not there.
    pub seen: Option<String>,
}

impl DraftView {
    /// The draft as the engine keeps it.
    ///
    /// # Errors
    /// When its path or its hash is none.
    pub fn read(self) -> Result<FileDraft, CommandError> {
        let refused = |why: String| {
            CommandError::input("invalid_draft", why, "Save the text, or copy it elsewhere.")
        };
        let path = self.path.try_into();
        let seen = self.seen.map(|hash| hash.parse()).transpose();
        Ok(FileDraft {
            path: path.map_err(|error: plimsoll_domain::path::InvalidPath| {
                refused(format!("{error}."))
            })?,
            text: self.text,
            ending: self.ending.into(),
            has_mark: self.has_mark,
            seen: seen.map_err(|error: plimsoll_domain::content::InvalidHash| {
                refused(format!("{error}."))
            })?,
        })
    }
}

impl From<FileDraft> for DraftView {
    fn from(draft: FileDraft) -> Self {
        Self {
            path: draft.path.into(),
            text: draft.text,
            ending: draft.ending.into(),
            has_mark: draft.has_mark,
            seen: draft.seen.map(|hash| hash.to_string()),
        }
    }
}

/// What was copied in.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TakenInView {
    /// Where it is now.
    pub paths: Vec<String>,
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out, each with its reason.
    pub left: Vec<String>,
    /// What was copied and a computer with Windows could not keep, each with its reason.
    pub windows: Vec<String>,
}

impl From<TakenIn> for TakenInView {
    fn from(taken: TakenIn) -> Self {
        Self {
            paths: taken.paths.into_iter().map(Into::into).collect(),
            files: taken.files,
            bytes: taken.bytes,
            left: taken.left,
            windows: taken.windows,
        }
    }
}

/// What was seen in watched folders.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FolderNewsView {
    /// At these paths something was made, changed or removed.
    Changed {
        /// Relative to the project's folder.
        paths: Vec<String>,
    },
    /// Look at everything anew.
    Everything,
    /// The project's folder is not there any more.
    Gone,
}

impl From<FolderNews> for FolderNewsView {
    fn from(news: FolderNews) -> Self {
        match news {
            FolderNews::Changed(paths) => Self::Changed {
                paths: paths.into_iter().collect(),
            },
            FolderNews::Everything => Self::Everything,
            FolderNews::Gone => Self::Gone,
        }
    }
}

/// Something in a bin.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct BinEntryView {
    /// By which it is found again.
    pub id: String,
    /// Where it was.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it was deleted, RFC 3339.
    pub deleted_at: String,
}

impl From<BinEntry> for BinEntryView {
    fn from(entry: BinEntry) -> Self {
        Self {
            id: entry.id,
            path: entry.path.into(),
            is_folder: entry.is_folder,
            files: entry.files,
            bytes: entry.bytes,
            deleted_at: entry.deleted_at.to_string(),
        }
    }
}

/// What was put back from a bin.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RestorationView {
    /// Where it is now.
    pub path: String,
    /// Where it was; something else is there now when the two differ.
    pub was: String,
}

impl From<Restoration> for RestorationView {
    fn from(back: Restoration) -> Self {
        Self {
            path: back.path.into(),
            was: back.was.into(),
        }
    }
}

/// What is gone from a bin for good.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct EmptiedView {
    /// How many things.
    pub entries: u64,
    /// Bytes of all files in them.
    pub bytes: u64,
}

impl From<Emptied> for EmptiedView {
    fn from(emptied: Emptied) -> Self {
        Self {
            entries: emptied.entries,
            bytes: emptied.bytes,
        }
    }
}

/// Somebody drags files of this machine over the window. Where, in the page's own pixels.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Dropping {
    /// They are held there.
    Over {
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// They were let go there: `file_take_in` copies them by this number.
    Dropped {
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
        /// The number.
        number: u32,
    },
    /// They were taken away again.
    Left,
}
