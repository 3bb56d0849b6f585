//! The sample application: small enough to be understood at a glance, and with two mistakes that can
//! be made in it on purpose.

use std::path::{Path, PathBuf};

use crate::error::{AtPath, LabError};

const FILE: &str = "app.py";
const APP: &str = include_str!("../../../examples/hello/app.py");

/// What a line says, and what it says instead in a version that was broken on purpose.
struct Edit {
    good: &'static str,
    instead: &'static str,
}

/// The health check answers 500.
const BROKEN: [Edit; 2] = [
    Edit {
        good: "VERSION = \"1\"",
        instead: "VERSION = \"2\"",
    },
    Edit {
        good: "self.answer(200, \"text/plain\", \"ok\\n\")",
        instead: "self.answer(500, \"text/plain\", \"the database is missing\\n\")",
    },
];

/// The health check is well, the page is not.
const MISTAKEN: [Edit; 2] = [
    Edit {
        good: "VERSION = \"1\"",
        instead: "VERSION = \"3\"",
    },
    Edit {
        good: "<h1>Loaded safely</h1>",
        instead: "<h1>Nothing is where it was</h1>",
    },
];

/// What the sample's files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// As they came.
    Good,
    /// The health check answers 500.
    Broken,
    /// The health check is well, and the page is wrong.
    Mistaken,
}

impl Content {
    fn text(self) -> String {
        let edits: &[Edit] = match self {
            Self::Good => &[],
            Self::Broken => &BROKEN,
            Self::Mistaken => &MISTAKEN,
        };
        edits.iter().fold(APP.to_owned(), |text, edit| {
            text.replace(edit.good, edit.instead)
        })
    }

    /// The lines that differ from the sample as it came: before and after.
    pub fn changes(self) -> Vec<(String, String)> {
        let text = self.text();
        APP.lines()
            .zip(text.lines())
            .filter(|(before, after)| before != after)
            .map(|(before, after)| (before.trim().to_owned(), after.trim().to_owned()))
            .collect()
    }
}

/// A copy of the sample application in a folder.
#[derive(Debug, Clone)]
pub struct Sample {
    folder: PathBuf,
}

impl Sample {
    /// The copy in that folder, whether it is there or not.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its files say; `None` when they are not there.
    ///
    /// # Errors
    /// When they cannot be read, or say something that we did not write.
    pub fn content(&self) -> Result<Option<Content>, LabError> {
        let path = self.file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).at("read", path),
        };
        [Content::Good, Content::Broken, Content::Mistaken]
            .into_iter()
            .find(|content| content.text() == text)
            .map(Some)
            .ok_or(LabError::SampleEdited { path })
    }

    /// Writes it, where it is not there or says only what we wrote.
    ///
    /// # Errors
    /// [`LabError::SampleEdited`] when somebody wrote in it: that is not thrown away.
    pub fn write(&self, content: Content) -> Result<(), LabError> {
        if self.content()? == Some(content) {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder).at("make", &self.folder)?;
        let path = self.file();
        std::fs::write(&path, content.text()).at("write", path)
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_changes_two_lines_and_one_of_them_is_the_version() {
        assert!(Content::Good.changes().is_empty());
        for content in [Content::Broken, Content::Mistaken] {
            let changes = content.changes();
            assert_eq!(changes.len(), 2, "{changes:?}");
            assert!(
                changes
                    .iter()
                    .any(|(before, _)| before == "VERSION = \"1\"")
            );
        }
    }

    #[test]
    fn it_is_written_broken_and_mended_in_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sample = Sample::at(folder.path().join("hello"));
        assert_eq!(sample.content().expect("readable"), None);
        for content in [
            Content::Good,
            Content::Broken,
            Content::Mistaken,
            Content::Good,
        ] {
            sample.write(content).expect("written");
            assert_eq!(sample.content().expect("readable"), Some(content));
        }
    }

    #[test]
    fn what_somebody_wrote_in_it_is_not_thrown_away() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sample = Sample::at(folder.path());
        sample.write(Content::Good).expect("written");
        let path = folder.path().join(FILE);
        std::fs::write(&path, "print('mine')\n").expect("written");
        let error = sample.write(Content::Broken).expect_err("refused");
        assert_eq!(error.code(), "practice_sample_edited");
        assert_eq!(
            std::fs::read_to_string(&path).expect("readable"),
            "print('mine')\n"
        );
    }
}
