//! Set-up: finds what is missing, installs it where it can, and says plainly what it needs where
//! it cannot.

mod build;
mod packages;
mod pages;

pub use build::{
    Built, agent, build, build_agent_for_tests, build_with_tests, build_with_window, check_windows,
    python,
};
pub use packages::{as_root, for_practice, for_window, for_windows};
pub use pages::{npm, pages};

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .and_then(Path::parent)
        .unwrap_or(here)
        .to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A cargo call in the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}
