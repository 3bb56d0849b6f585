//! The files of canvases on this machine.

use super::PortResult;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file of a canvas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanvasFile {
    /// Path within the canvas, with slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// Reads below a folder without ever leaving it: `root` is a project's folder, and each part of a
/// path is opened within the one before. Links are not followed wherever they lead, and what is
/// neither file nor folder is not opened: both are refused with `canvas_refused`.
#[async_trait]
pub trait CanvasFiles: Send + Sync {
    /// A file's content; `None` when it is not there. One of more than `limit` bytes is refused
    /// with `canvas_file_large`.
    async fn read(&self, root: &Path, path: &[String], limit: u64) -> PortResult<Option<Vec<u8>>>;
    /// Every file below a folder, sorted by path and at most `limit` of them, without hidden ones;
    /// `None` when the folder is not there.
    async fn list(
        &self,
        root: &Path,
        folder: &[String],
        limit: usize,
    ) -> PortResult<Option<Vec<CanvasFile>>>;
    /// The folders directly in a folder, sorted by name; none when it is not there.
    async fn folders(&self, root: &Path, folder: &[String]) -> PortResult<Vec<String>>;
    /// Writes a new file, making the folders above it. One that is there already is left as it is
    /// and refused with `canvas_exists`.
    async fn create(&self, root: &Path, path: &[String], content: &[u8]) -> PortResult<()>;
    /// Tells which files below a folder have changed, by their paths within it, as it happens and
    /// until the stream is dropped. What happens at once is told at once.
    async fn watch(
        &self,
        root: &Path,
        folder: &[String],
    ) -> PortResult<BoxStream<'static, Vec<String>>>;
}
