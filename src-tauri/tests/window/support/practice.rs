//! The practice cloud that `cargo xtask test` has started, or one of a test's own.

use super::window;
use plimsoll_lab::practice::Running;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A practice cloud.
pub struct Practice {
    folder: PathBuf,
    own: bool,
}

impl Practice {
    /// The one that the tests share.
    pub fn named_by_environment() -> Self {
        Self {
            folder: env::var_os("PLIMSOLL_PRACTICE").unwrap().into(),
            own: false,
        }
    }

    /// One that only this test starts and stops; wiped when it is dropped.
    pub fn own(folder: PathBuf) -> Self {
        Self { folder, own: true }
    }

    /// Its state folder, which also is how programs find it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The facts of the running one, as it wrote them down.
    pub fn facts(&self) -> Running {
        let text = std::fs::read(self.folder.join("running.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        if self.own {
            let plimsoll = Path::new(&window::binary()).with_file_name("plimsoll");
            let _ = Command::new(plimsoll)
                .args(["practice", "stop", "--wipe"])
                .env("PLIMSOLL_PRACTICE", &self.folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}
