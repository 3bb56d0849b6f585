//! The disk of an own engine: a file with a file system of its own, so that the lab can be filled
//! to the last byte on demand without filling the host.

use std::path::{Path, PathBuf};

use crate::command::Program;
use crate::error::{AtPath, LabError};

/// The largest disk, bytes. The file has holes: it takes what is written.
const LARGEST: u64 = 200 << 30;
/// The smallest disk worth having, bytes.
const SMALLEST: u64 = 4 << 30;

/// A disk and where it is mounted.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    file: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// A disk in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            file: folder.join("disk.ext4"),
            mount: folder.join("data"),
        }
    }

    /// Where its content is seen.
    pub(super) fn path(&self) -> &Path {
        &self.mount
    }

    /// Whether there is one: a machine without loop devices keeps the data in a plain folder.
    pub(super) fn is_mounted(&self) -> bool {
        let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let path = self.mount.to_string_lossy().replace(' ', "\\040");
        table
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(path.as_str()))
    }

    /// Makes it when it is missing, and mounts it; safe to call twice.
    pub(super) async fn up(&self) -> Result<(), LabError> {
        std::fs::create_dir_all(&self.mount).at("make", &self.mount)?;
        if self.is_mounted() {
            return Ok(());
        }
        if let Err(error) = self.mount().await {
            if self.file.exists() && self.has_content() {
                // Without its disk an older lab's droplets would be gone without a word.
                return Err(error);
            }
            let _ = std::fs::remove_file(&self.file);
            tracing::warn!(%error, "droplets share the host's file system: no disk can be filled");
        }
        Ok(())
    }

    fn has_content(&self) -> bool {
        self.file.with_extension("used").exists()
    }

    async fn mount(&self) -> Result<(), LabError> {
        if !self.file.exists() {
            let folder = self.file.parent().unwrap_or(Path::new("/"));
            let size = free_bytes(folder).await?.min(LARGEST);
            if size < SMALLEST {
                return Err(LabError::Network {
                    doing: "make the practice cloud's disk".into(),
                    cause: format!("{} has only {size} bytes left", folder.display()),
                });
            }
            let file = std::fs::File::create(&self.file).at("make", &self.file)?;
            file.set_len(size).at("make", &self.file)?;
            Program::new("mkfs.ext4", "e2fsprogs")
                // The reserve for root keeps the engine itself alive when droplets fill the disk:
                // they lack the capability to use it.
                .args(["-q", "-F", "-m", "2", "-O", "^has_journal"])
                .arg(&self.file)
                .run("make the practice cloud's disk")
                .await?;
        }
        Program::new("mount", "mount")
            // The reserve belongs to nobody by number: droplets' root has the number 0 as well.
            .args(["-o", "loop,lazytime,resuid=65534,resgid=65534"])
            .arg(&self.file)
            .arg(&self.mount)
            .run("mount the practice cloud's disk")
            .await?;
        let used = self.file.with_extension("used");
        std::fs::write(&used, b"").at("write", &used)
    }

    /// Unmounts it; safe to call twice.
    pub(super) async fn down(&self) -> Result<(), LabError> {
        if self.is_mounted() {
            Program::new("umount", "mount")
                .arg(&self.mount)
                .run("unmount the practice cloud's disk")
                .await?;
        }
        Ok(())
    }
}

async fn free_bytes(folder: &Path) -> Result<u64, LabError> {
    let text = Program::new("df", "coreutils")
        .args(["--block-size=1", "--output=avail"])
        .arg(folder)
        .run("look at the free space of the disk")
        .await?;
    let bytes = text
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok());
    bytes.ok_or_else(|| LabError::State {
        path: folder.into(),
        cause: format!("df said {text}"),
    })
}
