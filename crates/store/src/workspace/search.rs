//! Searching through all texts of a project, and replacing what was found.

use super::{Result, Workspace, WorkspaceError, Writing, error::failed, text::is_text};
use crate::files::{Listed, Visit, walk};
use ignore::{
    Match,
    overrides::{Override, OverrideBuilder},
};
use plimsoll_domain::{content::ContentHash, path::FilePath};
use regex::{NoExpand, Regex, RegexBuilder, Replacer};
use std::{
    fs, io,
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Most places that are found at once.
pub const MOST_HITS: u64 = 5_000;
/// Most places that are told of one file; the rest is counted.
const MOST_IN_FILE: usize = 200;
/// Most characters of a line that are told, and of those before what was found.
const MOST_OF_LINE: usize = 300;
const BEFORE: usize = 80;
/// Most bytes that a compiled expression may take.
const MOST_PATTERN: usize = 1 << 20;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// A text, or an expression.
    pub text: String,
    /// Whether the text is a regular expression. Each line is searched by itself.
    pub is_regex: bool,
    /// Whether capitals count.
    pub match_case: bool,
    /// Whether only whole words count.
    pub whole_word: bool,
    /// Only files whose path fits this, as in an ignore file: `*.css`, `src/`; empty for all.
    pub only: String,
}

/// Where it was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHits {
    /// The file.
    pub path: FilePath,
    /// BLAKE3 of what was searched.
    pub hash: ContentHash,
    /// The first places.
    pub hits: Vec<Hit>,
    /// All places in it.
    pub count: u64,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its line, from 1.
    pub line: u32,
    /// Where it begins in the line, in UTF-16 units.
    pub column: u32,
    /// Its length, in UTF-16 units.
    pub length: u32,
    /// What stands before it in the line, shortened.
    pub before: String,
    /// What was found.
    pub found: String,
    /// What would stand there instead, where something shall.
    pub instead: Option<String>,
    /// What stands after it in the line, shortened.
    pub after: String,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchEnd {
    /// Files that were searched.
    pub files: u64,
    /// Places that were found.
    pub hits: u64,
    /// There may be more than was told.
    pub is_cut: bool,
}

/// What was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replaced {
    /// Files that were written.
    pub files: u64,
    /// Places in them.
    pub hits: u64,
    /// Files that were left alone, each with its reason.
    pub left: Vec<String>,
}

impl Workspace {
    /// Searches every text that is not ignored. `found` is called by several threads at once, a file
    /// at a time, in no order; `instead` is what would stand there instead. Stops when `stop` is
    /// set.
    ///
    /// # Errors
    /// [`WorkspaceError::BadPattern`].
    pub fn search(
        &self,
        query: &Query,
        instead: Option<&str>,
        stop: &AtomicBool,
        found: &(dyn Fn(FileHits) + Sync),
    ) -> Result<SearchEnd> {
        let mut only = OverrideBuilder::new(&self.root);
        if !query.only.trim().is_empty() {
            only.add(query.only.trim()).map_err(bad_glob)?;
        }
        let search = Search {
            workspace: self,
            pattern: Pattern::read(query, instead)?,
            only: only.build().map_err(bad_glob)?,
            stop,
            found,
            files: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
        };
        walk(&self.root, &self.rules, &search);
        if stop.load(Ordering::Relaxed) {
            return Err(WorkspaceError::Stopped);
        }
        Ok(SearchEnd {
            files: search.files.into_inner(),
            hits: search.hits.into_inner(),
            is_cut: search.is_cut.into_inner(),
        })
    }

    /// Replaces what a search found, in those files that are still as they were then.
    pub fn replace(
        &self,
        query: &Query,
        instead: &str,
        files: &[(FilePath, ContentHash)],
    ) -> Result<Replaced> {
        let pattern = Pattern::read(query, Some(instead))?;
        let mut replaced = Replaced::default();
        for (path, hash) in files {
            match self.replace_in(path, *hash, &pattern) {
                Ok(0) => {}
                Ok(hits) => {
                    replaced.files += 1;
                    replaced.hits += hits;
                }
                Err(why) => replaced.left.push(format!("{path}: {why}")),
            }
        }
        Ok(replaced)
    }

    fn replace_in(
        &self,
        path: &FilePath,
        hash: ContentHash,
        pattern: &Pattern,
    ) -> std::result::Result<u64, String> {
        const CHANGED: &str = "it was changed since the search";
        let (place, _) = self.look(path).map_err(|error| error.to_string())?;
        let bytes = fs::read(&place)
            .map_err(failed("read", &place))
            .map_err(|error| error.to_string())?;
        if ContentHash::of(&bytes) != hash {
            return Err(CHANGED.to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let (text, hits) = pattern.replace(&text);
        if hits == 0 {
            return Ok(0);
        }
        match self.write_bytes(path, text.as_bytes(), Some(hash)) {
            Ok(Writing::Done(_)) => Ok(hits),
            Ok(Writing::Conflict(_)) => Err(CHANGED.to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The text of a file; `None` when it is none, too large, or cannot be read.
    fn text_at(&self, place: &Path) -> Option<(FilePath, String)> {
        let inner = place.strip_prefix(&self.root).ok()?;
        let parts = inner.components().map(|part| part.as_os_str().to_str());
        let path = parts.collect::<Option<Vec<_>>>()?.join("/");
        let path = FilePath::parse(&path).ok()?;
        let size = place.symlink_metadata().ok()?.len();
        if size > self.most_text {
            return None;
        }
        let bytes = fs::read(place).ok()?;
        if !is_text(&bytes, false) {
            return None;
        }
        Some((path, String::from_utf8(bytes).ok()?))
    }
}

fn bad_glob(error: ignore::Error) -> WorkspaceError {
    WorkspaceError::BadPattern {
        why: error.to_string(),
    }
}

/// A search on its way.
struct Search<'a> {
    workspace: &'a Workspace,
    pattern: Pattern,
    only: Override,
    stop: &'a AtomicBool,
    found: &'a (dyn Fn(FileHits) + Sync),
    files: AtomicU64,
    hits: AtomicU64,
    is_cut: AtomicBool,
}

impl Visit for Search<'_> {
    fn folder(&self, _: &str, listed: io::Result<Listed>) -> ControlFlow<()> {
        // What cannot be listed cannot be searched; the tree says why.
        let entries = listed.map_or_else(|_| Vec::new(), |listed| listed.entries);
        for found in entries.iter().filter(|found| found.kind.is_file()) {
            if self.stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            let place = found.entry.path();
            if !self.is_wanted(&place) {
                continue;
            }
            let Some((path, text)) = self.workspace.text_at(&place) else {
                continue;
            };
            self.files.fetch_add(1, Ordering::Relaxed);
            if let Some(there) = self.pattern.search(path, &text) {
                if self.hits.fetch_add(there.count, Ordering::Relaxed) >= MOST_HITS {
                    self.is_cut.store(true, Ordering::Relaxed);
                    return ControlFlow::Break(());
                }
                (self.found)(there);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Search<'_> {
    /// Whether a file is among those that are to be searched: by itself, or by a folder it is in.
    fn is_wanted(&self, file: &Path) -> bool {
        let verdict = self.only.matched(file, false);
        if verdict.is_whitelist() {
            return true;
        }
        let folders = file.ancestors().skip(1);
        let mut folders = folders.take_while(|folder| *folder != self.workspace.root);
        let of_folder = folders.find_map(|folder| match self.only.matched(folder, true) {
            Match::None => None,
            Match::Whitelist(_) => Some(true),
            Match::Ignore(_) => Some(false),
        });
        of_folder.unwrap_or(!verdict.is_ignore())
    }
}

/// A query that can be searched for.
struct Pattern {
    regex: Regex,
    instead: Option<String>,
    /// Whether `$1` in what is put instead means a group.
    expands: bool,
}

impl Pattern {
    fn read(query: &Query, instead: Option<&str>) -> Result<Self> {
        let bad = |why: String| WorkspaceError::BadPattern { why };
        if query.text.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        let mut text = if query.is_regex {
            query.text.clone()
        } else {
            regex::escape(&query.text)
        };
        if query.whole_word {
            text = format!(r"\b(?:{text})\b");
        }
        let regex = RegexBuilder::new(&text)
            .case_insensitive(!query.match_case)
            .size_limit(MOST_PATTERN)
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            regex,
            instead: instead.map(str::to_owned),
            expands: query.is_regex,
        })
    }

    fn search(&self, path: FilePath, text: &str) -> Option<FileHits> {
        let mut hits = Vec::new();
        let mut count = 0;
        for (number, line) in (1..).zip(text.split('\n')) {
            let line = line.strip_suffix('\r').unwrap_or(line);
            for captures in self.regex.captures_iter(line) {
                let Some(found) = captures.get(0).filter(|found| !found.is_empty()) else {
                    continue;
                };
                count += 1;
                if hits.len() >= MOST_IN_FILE {
                    continue;
                }
                let units = |text: &str| u32::try_from(text.encode_utf16().count()).unwrap_or(0);
                let instead = self.instead.as_ref().map(|instead| {
                    let mut text = String::new();
                    if self.expands {
                        captures.expand(instead, &mut text);
                    } else {
                        text.push_str(instead);
                    }
                    text
                });
                let before = &line[..found.start()];
                let from = before
                    .char_indices()
                    .rev()
                    .nth(BEFORE - 1)
                    .map_or(0, |(at, _)| at);
                // The mark at the beginning is no part of what is shown.
                let column = units(before.trim_start_matches('\u{feff}'));
                hits.push(Hit {
                    line: number,
                    column,
                    length: units(found.as_str()),
                    before: before[from..].trim_start_matches('\u{feff}').to_owned(),
                    found: found.as_str().chars().take(MOST_OF_LINE).collect(),
                    instead,
                    after: line[found.end()..].chars().take(MOST_OF_LINE).collect(),
                });
            }
        }
        (count > 0).then(|| FileHits {
            path,
            hash: ContentHash::of(text.as_bytes()),
            hits,
            count,
        })
    }

    /// The text with everything replaced, line by line, each keeping its ending.
    fn replace(&self, text: &str) -> (String, u64) {
        let instead = self.instead.as_deref().unwrap_or_default();
        let mut count = 0;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let (line, ending) = match line.strip_suffix('\r') {
                Some(line) => (line, "\r"),
                None => (line, ""),
            };
            let mut made = String::with_capacity(line.len());
            let mut at = 0;
            for captures in self.regex.captures_iter(line) {
                let Some(found) = captures.get(0).filter(|found| !found.is_empty()) else {
                    continue;
                };
                made.push_str(&line[at..found.start()]);
                if self.expands {
                    let mut instead = instead;
                    instead.replace_append(&captures, &mut made);
                } else {
                    NoExpand(instead).replace_append(&captures, &mut made);
                }
                at = found.end();
                count += 1;
            }
            made.push_str(&line[at..]);
            made.push_str(ending);
            lines.push(made);
        }
        (lines.join("\n"), count)
    }
}
