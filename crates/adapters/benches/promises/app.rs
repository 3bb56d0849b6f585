//! The sample application, in a folder of its own, one line of which changes.

use crate::Done;
use plimsoll_domain::stack::{self, Evidence};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The port on which it listens.
pub const PORT: u16 = 8000;

/// Gives back what is posted, so that a lost or doubled body would show.
const ECHO: &str = "    def do_POST(self):
        body = self.rfile.read(int(self.headers[\"Content-Length\"]))
        self.answer(200, \"text/plain\", body.decode())

    def answer(";

/// A copy of the sample application.
pub struct App {
    /// Its folder.
    pub folder: PathBuf,
    source: String,
}

impl App {
    /// Copies it, with an echo for POST requests.
    pub fn copy_to(folder: &Path) -> Done<Self> {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/app.py");
        let source = fs::read_to_string(sample)?.replacen("    def answer(", ECHO, 1);
        if !source.contains("do_POST") || !source.contains("VERSION = \"1\"\n") {
            return Err("the sample application has changed: adapt its copy in the bench".into());
        }
        fs::create_dir_all(folder)?;
        let app = Self {
            folder: folder.to_owned(),
            source,
        };
        app.set_version(1)?;
        Ok(app)
    }

    /// Writes the Dockerfile that Plimsoll would make up, for those who make none up.
    pub fn add_dockerfile(&self) -> Done {
        let evidence = Evidence {
            files: BTreeSet::from(["app.py".to_owned()]),
            ..Evidence::default()
        };
        let generated = stack::generate(&evidence, Some(PORT))?;
        Ok(fs::write(
            self.folder.join("Dockerfile"),
            generated.dockerfile,
        )?)
    }

    /// Changes one line.
    pub fn set_version(&self, version: u32) -> Done {
        Ok(fs::write(self.folder.join("app.py"), self.text(version))?)
    }

    /// The program in one version.
    pub fn text(&self, version: u32) -> String {
        let line = format!("VERSION = \"{version}\"\n");
        self.source.replacen("VERSION = \"1\"\n", &line, 1)
    }
}
