//! Searches through the files of a project.

use super::CommandError;
use plimsoll_engine::{FileHash, FileHits, Hit, Query, Replaced, SearchNews};
use serde::{Deserialize, Serialize};
use specta::Type;

/// What is searched for.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct QueryView {
    /// A text, or an expression.
    pub text: String,
    /// Whether the text is a regular expression.
    pub is_regex: bool,
    /// Whether capitals count.
    pub match_case: bool,
    /// Whether only whole words count.
    pub whole_word: bool,
    /// Only files whose path fits this, such as `*.css`; empty for all.
    pub only: String,
}

impl From<QueryView> for Query {
    fn from(query: QueryView) -> Self {
        Self {
            text: query.text,
            is_regex: query.is_regex,
            match_case: query.match_case,
            whole_word: query.whole_word,
            only: query.only,
        }
    }
}

/// A place where it was found.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct HitView {
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

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        Self {
            line: hit.line,
            column: hit.column,
            length: hit.length,
            before: hit.before,
            found: hit.found,
            instead: hit.instead,
            after: hit.after,
        }
    }
}

/// Where it was found in a file.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FileHitsView {
    /// The file.
    pub path: String,
    /// BLAKE3 of what was searched.
    pub hash: String,
    /// The first places.
    pub hits: Vec<HitView>,
    /// All places in it.
    pub count: u64,
}

impl From<FileHits> for FileHitsView {
    fn from(found: FileHits) -> Self {
        Self {
            path: found.path.into(),
            hash: found.hash.to_string(),
            hits: found.hits.into_iter().map(Into::into).collect(),
            count: found.count,
        }
    }
}

/// What a search tells.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SearchNewsView {
    /// It was found in this file.
    Found {
        /// Where.
        file: FileHitsView,
    },
    /// That was all.
    Ended {
        /// Files that were searched.
        files: u64,
        /// There may be more than was told.
        is_cut: bool,
    },
    /// It could not be done.
    Failed {
        /// Why.
        failure: CommandError,
    },
}

impl From<SearchNews> for SearchNewsView {
    fn from(news: SearchNews) -> Self {
        match news {
            SearchNews::Found(file) => Self::Found { file: file.into() },
            SearchNews::Ended(Ok(end)) => Self::Ended {
                files: end.files,
                is_cut: end.is_cut,
            },
            SearchNews::Ended(Err(error)) => Self::Failed {
                failure: error.into(),
            },
        }
    }
}

/// A file as a search has seen it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FileHashView {
    /// The file.
    pub path: String,
    /// BLAKE3 of what was searched.
    pub hash: String,
}

impl FileHashView {
    /// The file as the engine knows it.
    ///
    /// # Errors
    /// When its hash is none.
    pub fn read(self) -> Result<FileHash, CommandError> {
        let hash = self.hash.parse().map_err(|_| {
            CommandError::input(
                "invalid_hash",
                "It is not known what was found.",
                "Search again.",
            )
        })?;
        Ok(FileHash {
            path: self.path,
            hash,
        })
    }
}

/// What was replaced.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ReplacedView {
    /// Files that were written.
    pub files: u64,
    /// Places in them.
    pub hits: u64,
    /// Files that were left alone, each with its reason.
    pub left: Vec<String>,
}

impl From<Replaced> for ReplacedView {
    fn from(replaced: Replaced) -> Self {
        Self {
            files: replaced.files,
            hits: replaced.hits,
            left: replaced.left,
        }
    }
}
