//! Looking at the tree, as the screen of files does: folder by folder.

use crate::Answer;
use plimsoll_domain::path::FolderPath;
use plimsoll_store::workspace::{EntryKind, Workspace};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// A look at a tree.
pub struct Look {
    /// How long it took.
    pub took: Duration,
    /// By how much the most memory of the process grew meanwhile, bytes, where the system says so.
    pub grew: Option<f64>,
    /// Entries that were seen.
    pub seen: u64,
}

/// The floor: every name in every folder, and what it is.
pub fn plain(tree: &Path) -> Answer<Look> {
    look(|| names(tree))
}

/// What opening the screen shows: the topmost folder.
pub fn opened(tree: &Path, aside: &Path) -> Answer<Look> {
    look(|| {
        Ok(Workspace::open(tree, aside)?
            .list(&FolderPath::default())?
            .len() as u64)
    })
}

/// What somebody sees who opens every folder, one after the other.
pub fn unfolded(tree: &Path, aside: &Path) -> Answer<Look> {
    let workspace = Workspace::open(tree, aside)?;
    look(|| {
        let mut seen = 0;
        let mut open = vec![FolderPath::default()];
        while let Some(folder) = open.pop() {
            for entry in workspace.list(&folder)? {
                seen += 1;
                if entry.kind == EntryKind::Folder {
                    open.push(folder.join(&entry.name)?.as_folder());
                }
            }
        }
        Ok(seen)
    })
}

fn names(folder: &Path) -> Answer<u64> {
    let mut seen = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        seen += 1;
        if entry.file_type()?.is_dir() {
            seen += names(&entry.path())?;
        }
    }
    Ok(seen)
}

fn look(work: impl FnOnce() -> Answer<u64>) -> Answer<Look> {
    // Linux forgets the peak of before when it is told 5 (proc_pid_clear_refs(5)).
    let forgot = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = memory("VmRSS:");
    let began = Instant::now();
    let seen = work()?;
    let took = began.elapsed();
    let peak = memory("VmHWM:");
    let grew = peak.zip(before).filter(|_| forgot);
    Ok(Look {
        took,
        grew: grew.map(|(peak, before)| (peak - before).max(0.0)),
        seen,
    })
}

/// A line of what the system says about this process, in bytes.
fn memory(line: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let told = status.lines().find_map(|found| found.strip_prefix(line))?;
    let kib: f64 = told.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024.0)
}
