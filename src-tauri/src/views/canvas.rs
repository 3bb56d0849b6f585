//! Canvases as the pages see them.

use super::mirror::mirror;
use plimsoll_domain::canvas::ColorScheme;
use plimsoll_engine::{CanvasOverview, ports::CanvasFile};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Which colours a preview pretends that the person prefers.
    ColorSchemeView of ColorScheme {
        /// Those of the system.
        System,
        /// Light ones.
        Light,
        /// Dark ones.
        Dark,
    }
}

/// A canvas of a project.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct CanvasView {
    /// Its name; `main` for the one that every project begins with.
    pub name: String,
    /// Its folder within the project's, with slashes.
    pub folder: String,
    /// Whether its `index.html` is there.
    pub has_page: bool,
    /// Hosts that it may reach.
    pub hosts: Vec<String>,
    /// Whether its own scripts are off, as one of them did not come to an end.
    pub scripts_off: bool,
}

impl From<CanvasOverview> for CanvasView {
    fn from(canvas: CanvasOverview) -> Self {
        Self {
            name: canvas.name.to_string(),
            folder: canvas.name.folder().join("/"),
            has_page: canvas.has_page,
            hosts: canvas.hosts.iter().map(ToString::to_string).collect(),
            scripts_off: canvas.scripts_off,
        }
    }
}

/// A file of a canvas.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct CanvasFileView {
    /// Path within the canvas, with slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

impl From<CanvasFile> for CanvasFileView {
    fn from(file: CanvasFile) -> Self {
        Self {
            path: file.path,
            bytes: file.bytes,
        }
    }
}

/// Files of a canvas that have changed; none when everything may have.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct CanvasNewsView {
    /// Paths within the canvas.
    pub paths: Vec<String>,
}
