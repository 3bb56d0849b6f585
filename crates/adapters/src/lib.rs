//! The outside world as the engine sees it: one module an outside system, each implementing a port
//! of [`plimsoll_engine::ports`]. [`desktop()`] puts them together.

pub mod agent;
pub mod canvas;
pub mod clock;
pub mod cloudflare;
mod data;
mod desktop;
pub mod digitalocean;
pub mod docker;
mod files;
mod git;
pub mod http;
pub mod keychain;
pub mod keys;
pub mod outside;
mod parcel;
pub mod sources;
pub mod ssh;
pub mod tokens;
pub mod watch;

pub use data::{Restored, export_everything, restore_everything, save_diagnostics};
pub use desktop::{AskPassphrase, Settings, check_vault, create_vault, desktop};
