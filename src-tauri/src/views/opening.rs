//! How far the opening has come, and what people are told or asked besides any page.

use super::{AtQuitView, CommandError, JobId};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri_specta::Event;

/// How far the opening of everything has come.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeskStateView {
    /// It is under way.
    Opening {
        /// The keychain was asked: the system may be waiting for somebody to unlock it.
        asking_keychain: bool,
    },
    /// Everything is there.
    Open,
    /// The store is there; tokens and keys are not.
    Locked {
        /// Why.
        failure: CommandError,
        /// Whether they are in a vault, whose passphrase is needed, and not in the system's
        /// keychain.
        vault: bool,
    },
    /// It could not be opened.
    Failed {
        /// Why.
        failure: CommandError,
    },
}

/// The opening has come further.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub struct DeskChanged {
    /// How far.
    pub state: DeskStateView,
}

/// Somebody followed a link to a page.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub struct Opened {
    /// The page's path, such as `/projects/…`.
    pub path: String,
}

/// Somebody closes the window, or quits, while jobs or services run. Nothing happens until the page calls
/// `window_hide` or `window_quit`.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub struct CloseAsked {
    /// What runs.
    pub jobs: Vec<RunningJob>,
    /// Names of the projects that run on this machine and were started here.
    pub runs: Vec<String>,
    /// What the person prefers to become of them.
    pub at_quit: AtQuitView,
    /// Why what they prefer could not be done.
    pub failure: Option<CommandError>,
    /// Whether there is a tray from which the window can be opened again. Without one, starting
    /// Plimsoll again does the same.
    pub tray: bool,
}

/// The program is about to end. The page keeps what was typed, and calls `window_kept`.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub struct Ending;

/// A job that runs now.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RunningJob {
    /// Id.
    pub id: JobId,
    /// What it does.
    pub title: String,
}

/// Something that people have to be told until they put it away.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct NoticeView {
    /// Tells it from others.
    pub id: String,
    /// What happened, in a line.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
}

impl From<plimsoll_engine::Notice> for NoticeView {
    fn from(notice: plimsoll_engine::Notice) -> Self {
        Self {
            id: notice.id,
            title: notice.title,
            text: notice.text,
        }
    }
}
