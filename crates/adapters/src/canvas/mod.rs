//! Canvases on this machine: their files, read without leaving their folder, and a server that
//! shows one to a browser.

#[cfg(unix)]
mod beneath;
#[cfg(not(unix))]
#[path = "by_path.rs"]
mod beneath;
mod files;
mod gate;
mod serve;
mod watch;

pub use files::CanvasFolders;
pub use gate::CanvasGate;
pub use serve::{CanvasServer, serve_canvas};
