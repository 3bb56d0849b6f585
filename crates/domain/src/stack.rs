//! What a folder of source is made of, and the Dockerfile for it where it brings none.

mod node;
mod python;
mod site;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Files whose text the rules want to read, where they are there.
pub const WANTED_TEXTS: &[&str] = &[
    "package.json",
    ".nvmrc",
    ".node-version",
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "Procfile",
    ".python-version",
    "runtime.txt",
    "manage.py",
];

/// Longest text that is read of one of them, bytes.
pub const TEXT_LIMIT_BYTES: u64 = 256 * 1024;

/// What is known about a folder: its paths (with `/`, relative) and the wanted texts.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Every file of the build context.
    pub files: BTreeSet<String>,
    /// Texts of [`WANTED_TEXTS`] that are there.
    pub texts: BTreeMap<String, String>,
}

impl Evidence {
    fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }
    fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }
    /// The first of several files that is there.
    fn first<'a>(&self, paths: &[&'a str]) -> Option<&'a str> {
        paths.iter().copied().find(|path| self.has(path))
    }
}

/// A kind of source that we know how to package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// A server for Node.js.
    Node,
    /// A program in Python.
    Python,
    /// Files that nginx serves as they are, or after a build by Node.js.
    Static,
}

impl Stack {
    /// The word for people and for provenance.
    pub fn as_str(self) -> &'static str {
        match self {
            Stack::Node => "node",
            Stack::Python => "python",
            Stack::Static => "static",
        }
    }
}

/// A Dockerfile that was made up, to be shown before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// For what.
    pub stack: Stack,
    /// The whole text.
    pub dockerfile: String,
    /// What was concluded from what, one sentence each.
    pub reasons: Vec<String>,
}

/// Why no Dockerfile could be made up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undetected {
    /// Nothing that we know.
    #[error(
        "the folder has no Dockerfile and is no Node, Python or static site that we recognise: \
         none of package.json, requirements.txt, pyproject.toml, Pipfile, setup.py, main.py, \
         app.py, manage.py and index.html is there"
    )]
    Unknown,
    /// A known stack, but nothing says how it starts.
    #[error("this looks like {stack}, but nothing says how it starts: {hint}")]
    NoStart {
        /// The stack.
        stack: &'static str,
        /// What would say it.
        hint: &'static str,
    },
    /// A file that decides could not be understood.
    #[error("{file} could not be understood: {why}")]
    Malformed {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Which stack a file at the root speaks for, the strongest first.
const RULES: &[(Stack, &[&str])] = &[
    (Stack::Node, &["package.json"]),
    (
        Stack::Python,
        &[
            "requirements.txt",
            "pyproject.toml",
            "Pipfile",
            "setup.py",
            "manage.py",
            "main.py",
            "app.py",
        ],
    ),
    (
        Stack::Static,
        &[
            "index.html",
            "public/index.html",
            "dist/index.html",
            "site/index.html",
        ],
    ),
];

/// Folders and files that a generated Dockerfile never copies: they are made again in the image,
/// or belong to this machine. A name matches a whole part of a path.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "__pycache__",
    ".venv",
    "venv",
    ".env",
    ".env.local",
    ".DS_Store",
    ".mypy_cache",
    ".pytest_cache",
];

/// Whether a path stays out of the context of a generated Dockerfile.
pub fn is_left_out(path: &str) -> bool {
    path.split('/').any(|part| LEFT_OUT.contains(&part))
}

/// Makes up the Dockerfile for a folder. `port` is where the service has to listen; `None` for one
/// that serves nothing.
pub fn generate(evidence: &Evidence, port: Option<u16>) -> Result<Generated, Undetected> {
    let (stack, marker) = RULES
        .iter()
        .find_map(|(stack, markers)| Some((*stack, evidence.first(markers)?)))
        .ok_or(Undetected::Unknown)?;
    let mut generated = match stack {
        Stack::Node => node::generate(evidence, port),
        Stack::Python => python::generate(evidence, port),
        Stack::Static => Ok(site::generate(marker, port)),
    }?;
    generated
        .reasons
        .insert(0, format!("{marker} is there: {}", stack.as_str()));
    Ok(generated)
}

/// Renders a template. They are compiled in and their values are plain texts and flags, so that a
/// failure is a defect of ours, found by the tests that render each.
fn render(template: &str, values: minijinja::Value) -> String {
    let mut environment = minijinja::Environment::new();
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment
        .render_str(template, values)
        .unwrap_or_else(|error| format!("# {error}\n"))
}

/// An argument vector as the JSON form of `CMD`, which no shell reads.
fn exec_form<S: AsRef<str>>(argv: &[S]) -> String {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    serde_json::Value::from(argv).to_string()
}

/// The leading number of a version, such as 20 of `v20.11.1`, `>=20` and `20.x`, within bounds, so
/// that no text of a file reaches a Dockerfile.
fn major(text: &str, known: std::ops::RangeInclusive<u32>) -> Option<u32> {
    let digits: String = text
        .trim()
        .trim_start_matches(|c: char| !c.is_ascii_digit() && c != '\n')
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok().filter(|number| known.contains(number))
}

#[cfg(test)]
mod tests;
