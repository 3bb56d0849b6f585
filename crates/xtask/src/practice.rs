//! A practice cloud for one task: started, told to the tests, and wiped.

use crate::{
    run::{Done, run, say},
    setup::{Built, target},
};
use std::{path::PathBuf, process::Command};

/// A practice cloud that is wiped when it is dropped.
pub struct Practice {
    plimsoll: PathBuf,
    /// Its state folder.
    pub folder: PathBuf,
    keep: bool,
}

impl Practice {
    /// Starts one in a folder of its own, with the images of earlier ones.
    pub fn start(built: &Built, name: &str) -> Done<Self> {
        let folder = target().join("practice").join(name);
        std::fs::create_dir_all(&folder)?;
        say("Starting the practice cloud (the first time it makes its images: some minutes)");
        let practice = Self {
            plimsoll: built.plimsoll.clone(),
            folder: folder.clone(),
            keep: false,
        };
        run(&mut practice.command(&["start"]))?;
        Ok(practice)
    }

    /// Leaves it running.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.plimsoll);
        command.arg("practice").args(arguments);
        command.env("PLIMSOLL_PRACTICE", &self.folder);
        command.env("PLIMSOLL_PRACTICE_CACHE", target().join("practice-cache"));
        command
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        say("Wiping the practice cloud");
        if let Err(trouble) = run(&mut self.command(&["stop", "--wipe"])) {
            say(format!("The practice cloud could not be wiped: {trouble}"));
        }
    }
}
