//! Terminals.

use super::CommandError;
use plimsoll_engine::{Ending, ports::ScreenSize};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::ipc::{InvokeResponseBody, IpcResponse};

/// Size of a terminal's screen, in characters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct ScreenSizeView {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

impl From<ScreenSizeView> for ScreenSize {
    fn from(size: ScreenSizeView) -> Self {
        // A pane that is not laid out yet has no size, and a shell cannot work on none.
        Self {
            columns: size.columns.clamp(2, 1_000),
            rows: size.rows.clamp(1, 1_000),
        }
    }
}

/// Bytes for a screen, which travel as they are: the page gets an `ArrayBuffer`.
#[derive(Type)]
#[specta(transparent)]
pub struct ScreenBytes(#[specta(type = specta_typescript::Unknown)] pub Vec<u8>);

impl IpcResponse for ScreenBytes {
    fn body(self) -> tauri::Result<InvokeResponseBody> {
        Ok(InvokeResponseBody::Raw(self.0))
    }
}

/// How a terminal ended. It is told when the last bytes have been sent, and may overtake them.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TerminalEndView {
    /// How many bytes were sent in all.
    pub bytes: u64,
    /// Exit status of the shell; none when it was ended otherwise.
    pub status: Option<i32>,
    /// Why the connection was lost.
    pub failure: Option<CommandError>,
}

impl TerminalEndView {
    /// An ending after so many bytes.
    pub fn new(bytes: u64, ending: Ending) -> Self {
        let (status, failure) = match ending {
            Ending::Left(status) => (status, None),
            Ending::Closed => (None, None),
            Ending::Lost(failure) => (None, Some(failure.into())),
        };
        Self {
            bytes,
            status,
            failure,
        }
    }
}
