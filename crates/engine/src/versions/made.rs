//! Folders that are made for a project, and taken away again when nothing comes of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that were not there before, the deepest first.
pub(super) struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes a folder and those above it that are missing.
    pub(super) fn make(folder: &Path) -> io::Result<Self> {
        let is_missing = |above: &&Path| *above != Path::new("") && !above.exists();
        let missing = folder.ancestors().take_while(is_missing);
        let made = Self(missing.map(Path::to_owned).collect());
        match fs::create_dir_all(folder) {
            Ok(()) => Ok(made),
            Err(error) => {
                made.give_back();
                Err(error)
            }
        }
    }

    /// Removes those that are empty.
    pub(super) fn give_back(self) {
        for folder in self.0 {
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_and_what_is_not_empty_stays() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b/c");
        MadeFolders::make(&deep).unwrap().give_back();
        assert!(!place.path().join("a").exists());
        let made = MadeFolders::make(&deep).unwrap();
        fs::write(place.path().join("a/b/file"), "").unwrap();
        made.give_back();
        assert!(!deep.exists() && place.path().join("a/b/file").exists());
        MadeFolders::make(place.path()).unwrap().give_back();
        assert!(place.path().exists());
        // Below a file nothing can be made.
        assert!(MadeFolders::make(&place.path().join("a/b/file/c")).is_err());
    }
}
