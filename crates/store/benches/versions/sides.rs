//! Who saves the tree: we, git and restic.

use crate::{Answer, Tree};
use plimsoll_domain::{
    ProjectId, Timestamp, VersionId,
    name::Name,
    version::{Version, VersionCause},
};
use plimsoll_store::files::{Files, Record, Saved};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Runtime;

/// One of those who save.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Ours,
    Git,
    Restic,
}

impl Peer {
    pub const ALL: [Peer; 3] = [Peer::Ours, Peer::Git, Peer::Restic];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Ours => "ours",
            Peer::Git => "git",
            Peer::Restic => "restic",
        }
    }
}

/// All of them, each with a store of its own beside the tree.
pub struct Sides<'a> {
    folder: PathBuf,
    tree: PathBuf,
    ours: Ours<'a>,
}

/// Our store.
pub struct Ours<'a> {
    folder: PathBuf,
    files: Files,
    roots: Vec<plimsoll_domain::content::ContentHash>,
    runtime: &'a Runtime,
}

impl<'a> Sides<'a> {
    pub fn new(folder: &Path, tree: &Path, runtime: &'a Runtime) -> Answer<Self> {
        let ours = folder.join("ours");
        fs::create_dir_all(&ours)?;
        let sides = Self {
            folder: folder.to_owned(),
            tree: tree.to_owned(),
            ours: Ours {
                files: runtime.block_on(Files::open(&ours))?,
                folder: ours,
                roots: Vec::new(),
                runtime,
            },
        };
        sides.git(&["init", "-q"])?;
        sides.restic(&["init", "-q"])?;
        Ok(sides)
    }

    /// Saves the tree as one of them; answers how long it took.
    pub fn save(&mut self, side: Peer, tree: &Tree, message: &str) -> Answer<Duration> {
        let began = Instant::now();
        match side {
            Peer::Ours => self.ours.save(tree.folder())?,
            Peer::Git => {
                self.git(&["add", "-A"])?;
                self.git(&["commit", "-q", "-m", message])?;
            }
            Peer::Restic => {
                let folder = tree.folder().to_str().ok_or("a path that is no text")?;
                self.restic(&["backup", "-q", folder])?;
            }
        }
        Ok(began.elapsed())
    }

    /// Saves the tree with a store that was just opened, as the command does.
    pub fn reopened(&mut self, tree: &Tree) -> Answer<Duration> {
        self.ours.runtime.block_on(self.ours.files.close());
        let began = Instant::now();
        self.ours.files = self.ours.runtime.block_on(Files::open(&self.ours.folder))?;
        self.ours.save(tree.folder())?;
        Ok(began.elapsed())
    }

    /// Closes our store, which empties its journals, and opens it again.
    pub fn checkpoint(&mut self) -> Answer {
        self.ours.runtime.block_on(self.ours.files.close());
        self.ours.files = self.ours.runtime.block_on(Files::open(&self.ours.folder))?;
        Ok(())
    }

    /// Bytes of a store on the disk.
    pub fn stored(&self, side: Peer) -> Answer<f64> {
        let folder = match side {
            Peer::Ours => self.ours.folder.clone(),
            Peer::Git => self.folder.join("git"),
            Peer::Restic => self.folder.join("restic"),
        };
        Ok(bytes(&folder)? as f64)
    }

    pub fn ours(&self) -> &Ours<'a> {
        &self.ours
    }

    /// Takes the stores off the disk.
    pub fn remove(self) -> Answer {
        self.ours.runtime.block_on(self.ours.files.close());
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    fn git(&self, arguments: &[&str]) -> Answer {
        let mut git = Command::new("git");
        git.arg("--git-dir")
            .arg(self.folder.join("git"))
            .arg("--work-tree")
            .arg(&self.tree)
            // Its own housekeeping would run on behind what is measured next.
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
            .args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"])
            .args(arguments)
            .current_dir(&self.tree);
        done(git)
    }

    fn restic(&self, arguments: &[&str]) -> Answer {
        let mut restic = Command::new("restic");
        restic
            .env("RESTIC_PASSWORD", "bench")
            .env("RESTIC_REPOSITORY", self.folder.join("restic"))
            .env("RESTIC_CACHE_DIR", self.folder.join("restic-cache"))
            .args(arguments);
        done(restic)
    }
}

impl Ours<'_> {
    fn save(&mut self, tree: &Path) -> Answer {
        let since = SystemTime::UNIX_EPOCH.elapsed()?;
        let now = Timestamp::from_millis(i64::try_from(since.as_millis())?);
        let progress = Arc::default();
        let saving = self.files.save(tree, &[], now, &progress);
        let saved = self.runtime.block_on(saving)?;
        self.roots.push(saved.root);
        let record = self.record(&saved, now)?;
        let written = self.files.records().write(record);
        Ok(self.runtime.block_on(written)?)
    }

    /// What lies beside the packs about a version.
    fn record(&self, saved: &Saved, now: Timestamp) -> Answer<Record> {
        let number = u32::try_from(self.roots.len())?;
        let mut entropy = [0; 10];
        entropy[..4].copy_from_slice(&number.to_le_bytes());
        let version = Version {
            id: VersionId::mint(now, entropy),
            project_id: ProjectId::mint(Timestamp::from_millis(0), [0; 10]),
            number,
            root: saved.root,
            message: "again".to_owned(),
            cause: VersionCause::Saved,
            name: None,
            pinned: false,
            author: "bench@here".to_owned(),
            files: saved.files,
            bytes: saved.bytes,
            added_bytes: saved.added_bytes,
            created_at: now,
        };
        let project = Name::parse("bench")?;
        Ok(Record { version, project })
    }

    /// Whether every byte of everything that was saved can be read.
    pub fn proved(&self) -> Answer<bool> {
        let check = self.files.check(&self.roots, true);
        Ok(self.runtime.block_on(check)?.is_whole())
    }
}

fn done(mut command: Command) -> Answer {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// The floor: every name and every file's size and times, once, as any tool has to look at them.
pub fn walk(folder: &Path) -> Answer<u64> {
    let mut seen = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            seen += walk(&entry.path())?;
        } else {
            seen += u64::from(metadata.modified()? > SystemTime::UNIX_EPOCH);
        }
    }
    Ok(seen)
}

fn bytes(folder: &Path) -> Answer<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += match metadata.is_dir() {
            true => bytes(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(sum)
}
