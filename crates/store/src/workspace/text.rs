//! Reading a file, and writing it without overwriting what nobody has seen.

use super::{Result, Workspace, WorkspaceError, alone, error::failed, is_absence};
use crate::files::momentary_name;
use plimsoll_domain::{content::ContentHash, path::FilePath, preferences::TEXT_BYTES};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

/// Most bytes of a text that is written, whatever is opened.
pub const MOST_TEXT: u64 = *TEXT_BYTES.end();
/// Most bytes of an image that is shown.
const MOST_IMAGE: u64 = 16 << 20;
/// Bytes by which a file is known for a text.
const LOOKED_AT: usize = 8 << 10;
/// The byte order mark of UTF-8, which some programs for Windows write.
const MARK: &str = "\u{feff}";

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnding {
    /// All in a line feed, or there is only one line.
    Lf,
    /// All in a carriage return and a line feed.
    Crlf,
    /// Some so and some so: then the carriage returns stay in the text.
    Mixed,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A text in UTF-8, its lines ending in a line feed (but see [`LineEnding::Mixed`]), without
    /// its byte order mark.
    Text {
        /// The text.
        text: String,
        /// How its lines end on the disk.
        ending: LineEnding,
        /// Whether it begins with a byte order mark.
        has_mark: bool,
    },
    /// An image that can be shown.
    Image {
        /// Its media type, such as `image/png`.
        media: &'static str,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Neither.
    Binary,
    /// More than is shown; whether it looks like a text.
    TooLarge {
        /// Whether its beginning is a text.
        is_text: bool,
    },
    /// A link, with what is written in it; it is not followed.
    Link(String),
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// What is in it.
    pub content: Content,
    /// Bytes on the disk.
    pub bytes: u64,
    /// BLAKE3 of its bytes, where they were read.
    pub hash: Option<ContentHash>,
    /// Its owner has said that it is only to be read.
    pub is_readonly: bool,
}

/// A text to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewText {
    /// The text, as [`Content::Text`] has it.
    pub text: String,
    /// How its lines end on the disk.
    pub ending: LineEnding,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
}

/// A file that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// BLAKE3 of what is on the disk now.
    pub hash: ContentHash,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// What became of a writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// It is on the disk.
    Done(Written),
    /// Somebody else changed the file since it was read. Nothing was written. What is on the disk
    /// now; `None` when it was removed.
    Conflict(Option<FileRead>),
}

impl Workspace {
    /// Reads a file, as far as it can be shown.
    pub fn read(&self, path: &FilePath) -> Result<FileRead> {
        let (place, found) = self.look(path)?;
        if found.is_symlink() {
            let target = fs::read_link(&place).map_err(failed("read", &place))?;
            return Ok(FileRead {
                content: Content::Link(target.to_string_lossy().into_owned()),
                bytes: 0,
                hash: None,
                is_readonly: true,
            });
        }
        if !found.is_file() {
            return Err(WorkspaceError::NoFile {
                path: path.to_string(),
            });
        }
        self.read_found(path, &place, &found)
    }

    fn read_found(&self, path: &FilePath, place: &Path, found: &Metadata) -> Result<FileRead> {
        let media = image_of(path.name());
        let most = if media.is_some() {
            MOST_IMAGE
        } else {
            self.most_text
        };
        let file = File::open(place).map_err(failed("read", place))?;
        let wanted = if found.len() > most {
            LOOKED_AT as u64
        } else {
            // One more shows that it grew meanwhile.
            most + 1
        };
        let mut bytes = Vec::new();
        file.take(wanted)
            .read_to_end(&mut bytes)
            .map_err(failed("read", place))?;
        let size = found.len().max(bytes.len() as u64);
        let is_readonly = found.permissions().readonly();
        if size > most {
            bytes.truncate(LOOKED_AT);
            let is_text = media.is_none() && is_text(&bytes, true);
            return Ok(FileRead {
                content: Content::TooLarge { is_text },
                bytes: size,
                hash: None,
                is_readonly,
            });
        }
        Ok(FileRead {
            hash: Some(ContentHash::of(&bytes)),
            bytes: bytes.len() as u64,
            content: content_of(bytes, media),
            is_readonly,
        })
    }

    /// Writes a file that was read before, or, without a hash, one that is not there yet. Its
    /// permissions stay. After a crash there is the old text or the new one.
    ///
    /// # Errors
    /// [`WorkspaceError::Outside`] when a link is there; [`WorkspaceError::ReadOnly`];
    /// [`WorkspaceError::TooLarge`].
    pub fn write(
        &self,
        path: &FilePath,
        new: &NewText,
        seen: Option<ContentHash>,
    ) -> Result<Writing> {
        let bytes = new.to_bytes();
        if bytes.len() as u64 > MOST_TEXT {
            return Err(WorkspaceError::TooLarge { most: MOST_TEXT });
        }
        self.write_bytes(path, &bytes, seen)
    }

    /// The same with bytes as they are.
    pub(super) fn write_bytes(
        &self,
        path: &FilePath,
        bytes: &[u8],
        seen: Option<ContentHash>,
    ) -> Result<Writing> {
        let _alone = alone();
        if seen.is_none() {
            self.make_folder(&path.folder())?;
        }
        let place = match self.place(path) {
            Ok(place) => place,
            // Its whole folder was removed: that is a conflict like any other.
            Err(WorkspaceError::Missing { .. }) => return Ok(Writing::Conflict(None)),
            Err(error) => return Err(error),
        };
        let there = match place.symlink_metadata() {
            Ok(found) if found.is_file() => Some(found),
            Ok(found) if found.is_symlink() => {
                return Err(super::outside(path.as_str(), "a link is there"));
            }
            Ok(_) => {
                return Err(WorkspaceError::NoFile {
                    path: path.to_string(),
                });
            }
            Err(error) if is_absence(&error) => None,
            Err(error) => return Err(failed("read", &place)(error)),
        };
        match (&there, seen) {
            (None, None) => {}
            (None, Some(_)) => return Ok(Writing::Conflict(None)),
            (Some(found), seen) => {
                if seen.is_none() || seen != Some(hash_of(&place)?) {
                    let now = self.read_found(path, &place, found)?;
                    return Ok(Writing::Conflict(Some(now)));
                }
                if found.permissions().readonly() {
                    return Err(WorkspaceError::ReadOnly {
                        path: path.to_string(),
                    });
                }
            }
        }
        match replace(&place, bytes, there.as_ref()) {
            Ok(()) => {}
            // Somebody made it between our look and now.
            Err(WorkspaceError::System { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                let (place, found) = self.look(path)?;
                let now = self.read_found(path, &place, &found)?;
                return Ok(Writing::Conflict(Some(now)));
            }
            Err(error) => return Err(error),
        }
        Ok(Writing::Done(Written {
            hash: ContentHash::of(bytes),
            bytes: bytes.len() as u64,
        }))
    }
}

impl NewText {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + MARK.len());
        if self.has_mark {
            bytes.extend_from_slice(MARK.as_bytes());
        }
        match self.ending {
            LineEnding::Lf | LineEnding::Mixed => bytes.extend_from_slice(self.text.as_bytes()),
            LineEnding::Crlf => bytes.extend_from_slice(self.text.replace('\n', "\r\n").as_bytes()),
        }
        bytes
    }
}

/// Replaces a file whole, or makes it.
fn replace(place: &Path, bytes: &[u8], there: Option<&Metadata>) -> Result<()> {
    let beside = place.with_file_name(momentary_name());
    let written = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&beside)
        .and_then(|mut file| {
            if let Some(there) = there {
                file.set_permissions(there.permissions())?;
                keep_owner(&beside, there);
            }
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| match there {
            Some(_) => fs::rename(&beside, place),
            // Whoever made it meanwhile keeps what they made.
            None => fs::hard_link(&beside, place)
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Err(error),
                    // Not every file system has links; then the moment in between has to do.
                    _ if place.symlink_metadata().is_ok() => {
                        Err(io::ErrorKind::AlreadyExists.into())
                    }
                    _ => fs::rename(&beside, place),
                })
                .map(|()| {
                    let _ = fs::remove_file(&beside);
                }),
        });
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(failed("write", place)(error));
    }
    sync_folder(place);
    Ok(())
}

/// Makes the renaming last; where the system cannot, the file is whole all the same.
fn sync_folder(place: &Path) {
    #[cfg(unix)]
    if let Some(folder) = place.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = place;
}

/// Somebody else's file that we may write stays theirs, where the system lets us.
pub(crate) fn keep_owner(file: &Path, there: &Metadata) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let _ = chown(file, Some(there.uid()), Some(there.gid()));
    }
    #[cfg(not(unix))]
    let _ = (file, there);
}

pub(super) fn hash_of(place: &Path) -> Result<ContentHash> {
    let mut hasher = blake3::Hasher::new();
    File::open(place)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(failed("read", place))?;
    Ok(ContentHash::from_bytes(*hasher.finalize().as_bytes()))
}

/// Whether bytes are a text. The end of a piece may cut a character.
pub(super) fn is_text(bytes: &[u8], is_piece: bool) -> bool {
    if bytes.contains(&0) {
        return false;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => is_piece && error.error_len().is_none(),
    }
}

fn content_of(bytes: Vec<u8>, media: Option<&'static str>) -> Content {
    if let Some(media) = media {
        return Content::Image { media, bytes };
    }
    if bytes.contains(&0) {
        return Content::Binary;
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Content::Binary;
    };
    let has_mark = text.starts_with(MARK);
    let text = match text.strip_prefix(MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let ending = ending_of(&text);
    let text = match ending {
        LineEnding::Crlf => text.replace("\r\n", "\n"),
        LineEnding::Lf | LineEnding::Mixed => text,
    };
    Content::Text {
        text,
        ending,
        has_mark,
    }
}

fn ending_of(text: &str) -> LineEnding {
    let both = text.matches("\r\n").count();
    let returns = text.matches('\r').count();
    let feeds = text.matches('\n').count();
    if returns == 0 {
        LineEnding::Lf
    } else if both == feeds && both == returns {
        LineEnding::Crlf
    } else {
        LineEnding::Mixed
    }
}

/// The media type of an image by its name, of those that every web view shows. What is a text, too,
/// is shown as one.
fn image_of(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "bmp" => "image/bmp",
        _ => return None,
    })
}
