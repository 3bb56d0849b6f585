//! What previews know beyond the disk: who may come in, and what is typed but not yet saved.

use crate::{Result, error::EngineError};
use plimsoll_domain::{
    ProjectId,
    canvas::{CanvasName, CanvasPath, ColorScheme},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// Doors that are open at a time; beyond it the oldest is closed.
const DOORS: usize = 64;
/// Bytes of typed text that are held for one canvas.
const DRAFTED: usize = 16 << 20;
/// News of typing that a slow listener may be behind.
const BEHIND: usize = 256;

/// A door to a canvas.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CanvasDoor(String);

impl CanvasDoor {
    /// The part of an address that lets its holder in: 32 hexadecimal digits.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CanvasDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanvasDoor(…)")
    }
}

/// What a door leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind {
    pub project: ProjectId,
    pub canvas: CanvasName,
    pub scheme: ColorScheme,
}

/// Whether the scripts of a canvas's own are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    Run,
    Off,
}

/// A text that is shown instead of what is on disk was typed or taken back.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub project: ProjectId,
    pub canvas: CanvasName,
    pub path: CanvasPath,
}

/// Texts of a canvas that are not saved.
type Drafts = HashMap<CanvasPath, Arc<str>>;

/// Everything that previews know beyond the disk.
pub(crate) struct Preview {
    doors: Mutex<VecDeque<(CanvasDoor, Behind)>>,
    drafts: Mutex<HashMap<(ProjectId, CanvasName), Drafts>>,
    /// Canvases whose scripts are off.
    still: Mutex<HashSet<(ProjectId, CanvasName)>>,
    typed: broadcast::Sender<Typed>,
}

impl Default for Preview {
    fn default() -> Self {
        Self {
            doors: Mutex::default(),
            drafts: Mutex::default(),
            still: Mutex::default(),
            typed: broadcast::channel(BEHIND).0,
        }
    }
}

impl Preview {
    pub(super) fn open(
        &self,
        secret: [u8; 16],
        project: ProjectId,
        canvas: &CanvasName,
        scheme: ColorScheme,
    ) -> CanvasDoor {
        let door = CanvasDoor(secret.iter().map(|byte| format!("{byte:02x}")).collect());
        let behind = Behind {
            project,
            canvas: canvas.clone(),
            scheme,
        };
        let mut doors = lock(&self.doors);
        doors.push_back((door.clone(), behind));
        if doors.len() > DOORS {
            doors.pop_front();
        }
        door
    }

    pub(super) fn close(&self, door: &CanvasDoor) {
        lock(&self.doors).retain(|(open, _)| open != door);
    }

    pub(super) fn behind(&self, secret: &str) -> Option<Behind> {
        let doors = lock(&self.doors);
        // Every door is compared with whole, so that the time it takes tells nothing.
        let mut found = None;
        for (door, behind) in doors.iter() {
            if same(door.secret(), secret) {
                found = Some(behind.clone());
            }
        }
        found
    }

    /// The canvases that doors lead to.
    pub(super) fn open_now(&self) -> HashSet<(ProjectId, CanvasName)> {
        let doors = lock(&self.doors);
        let behind = doors.iter().map(|(_, behind)| behind);
        behind
            .map(|behind| (behind.project, behind.canvas.clone()))
            .collect()
    }

    pub(super) fn scripts(&self, project: ProjectId, canvas: &CanvasName) -> Scripts {
        let still = lock(&self.still).contains(&(project, canvas.clone()));
        if still { Scripts::Off } else { Scripts::Run }
    }

    pub(super) fn set_scripts(&self, project: ProjectId, canvas: &CanvasName, scripts: Scripts) {
        let mut still = lock(&self.still);
        match scripts {
            Scripts::Off => still.insert((project, canvas.clone())),
            Scripts::Run => still.remove(&(project, canvas.clone())),
        };
    }

    pub(super) fn draft(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        path: CanvasPath,
        text: Option<String>,
    ) -> Result<()> {
        {
            let mut all = lock(&self.drafts);
            let drafts = all.entry((project, canvas.clone())).or_default();
            match text {
                Some(text) => {
                    let others = drafts.iter().filter(|(other, _)| **other != path);
                    let held: usize = others.map(|(_, text)| text.len()).sum();
                    if held + text.len() > DRAFTED {
                        return Err(EngineError::bad_input(
                            "canvas_draft_large",
                            "This is more text than a preview shows before it is saved.",
                        )
                        .next_step("Save the file: the preview shows what is saved."));
                    }
                    drafts.insert(path.clone(), text.into());
                }
                None if drafts.remove(&path).is_none() => return Ok(()),
                None => {}
            }
        }
        let typed = Typed {
            project,
            canvas: canvas.clone(),
            path,
        };
        // Nobody may be looking.
        let _ = self.typed.send(typed);
        Ok(())
    }

    pub(super) fn drafted(
        &self,
        project: ProjectId,
        canvas: &CanvasName,
        path: &CanvasPath,
    ) -> Option<Arc<str>> {
        let all = lock(&self.drafts);
        let drafts = all.get(&(project, canvas.clone()))?;
        drafts.get(path).cloned()
    }

    pub(super) fn typing(&self) -> broadcast::Receiver<Typed> {
        self.typed.subscribe()
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only.
fn same(one: &str, other: &str) -> bool {
    let differ = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && differ == 0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
