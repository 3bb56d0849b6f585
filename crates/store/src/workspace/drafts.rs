//! What was typed and not saved, kept until it is: a power cut loses a second of typing.

use super::text::LineEnding;
use super::{MOST_TEXT, Result, WorkspaceError, error::failed, make_private};
use plimsoll_domain::{content::ContentHash, path::FilePath};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The folder of the drafts, in the place aside.
const DRAFTS: &str = "drafts";
/// How the name of a damaged one ends.
const DAMAGED: &str = "damaged";

/// Held while a draft is changed. Nobody who types waits for files that are copied or moved.
static KEEPING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    KEEPING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text that was changed and not saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The file.
    pub path: FilePath,
    /// The text as it was typed.
    pub text: String,
    /// How its lines end on the disk.
    pub ending: LineEnding,
    /// Whether it begins with a byte order mark.
    pub has_mark: bool,
    /// What was on the disk when the typing began; `None` for a file that was not there.
    pub seen: Option<ContentHash>,
}

/// What was typed into the files of a project and not saved. It lies in the place aside, so that it is
/// kept also while the project's folder is away.
#[derive(Debug, Clone)]
pub struct Drafts {
    folder: PathBuf,
}

impl Drafts {
    /// The drafts in a project's place aside.
    pub fn at(aside: &Path) -> Self {
        Self {
            folder: aside.join(DRAFTS),
        }
    }

    /// Keeps a draft, replacing the one of before.
    ///
    /// # Errors
    /// [`WorkspaceError::TooLarge`].
    pub fn keep(&self, draft: &Draft) -> Result<()> {
        if draft.text.len() as u64 > MOST_TEXT {
            return Err(WorkspaceError::TooLarge { most: MOST_TEXT });
        }
        let _alone = alone();
        self.put(draft)
    }

    fn put(&self, draft: &Draft) -> Result<()> {
        make_private(&self.folder)?;
        let file = self.file(&draft.path);
        let fresh = file.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&fresh)
            .and_then(|mut file| {
                file.write_all(&serde_json::to_vec(draft)?)?;
                file.sync_data()
            })
            .and_then(|()| fs::rename(&fresh, &file))
            .map_err(failed("write", &file))
    }

    /// Forgets the draft of a file; `Ok` when there is none.
    pub fn forget(&self, path: &FilePath) -> Result<()> {
        let _alone = alone();
        self.remove(path)
    }

    fn remove(&self, path: &FilePath) -> Result<()> {
        let file = self.file(path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &file)(error))
            }
            _ => Ok(()),
        }
    }

    /// What was typed goes along with a file that has another path now, and with everything in a
    /// folder. A crash in between leaves it under both.
    pub(super) fn carry(&self, from: &FilePath, to: &FilePath) -> Result<()> {
        let _alone = alone();
        for draft in self.list()? {
            let Some(path) = draft.path.carried(from, to) else {
                continue;
            };
            let was = draft.path.clone();
            self.put(&Draft { path, ..draft })?;
            self.remove(&was)?;
        }
        Ok(())
    }

    /// All drafts, by path. One that is damaged is kept aside, so that nothing takes its place.
    pub fn all(&self) -> Result<Vec<Draft>> {
        let _alone = alone();
        self.list()
    }

    fn list(&self) -> Result<Vec<Draft>> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list", &self.folder)(error)),
        };
        let mut drafts = Vec::new();
        for file in listed {
            let file = file.map_err(failed("list", &self.folder))?.path();
            if file.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let read = fs::read(&file).map_err(failed("read", &file))?;
            match serde_json::from_slice::<Draft>(&read) {
                Ok(draft) => drafts.push(draft),
                Err(error) => {
                    tracing::warn!("{} cannot be read: {error}", file.display());
                    let aside = file.with_extension(DAMAGED);
                    fs::rename(&file, &aside).map_err(failed("move", &file))?;
                }
            }
        }
        drafts.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(drafts)
    }

    fn file(&self, path: &FilePath) -> PathBuf {
        let name = ContentHash::of(path.as_str().as_bytes());
        self.folder.join(format!("{name}.json"))
    }
}
