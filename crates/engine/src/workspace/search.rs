//! Searching through the files of a project, and replacing what was found.

use super::{about, file};
use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::{ProjectId, content::ContentHash, path::FilePath};
use plimsoll_store::workspace::{FileHits, Query, Replaced, SearchEnd};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;

/// Most files' places that wait to be taken; the search waits with them.
const WAITING: usize = 64;

/// What a search tells.
#[derive(Debug)]
pub enum SearchNews {
    /// It was found in this file.
    Found(FileHits),
    /// That was all.
    Ended(Result<SearchEnd>),
}

/// A search that is under way; dropping it stops it.
#[derive(Debug)]
pub struct Searching {
    news: mpsc::Receiver<SearchNews>,
    stop: Arc<AtomicBool>,
}

impl Searching {
    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<SearchNews> {
        self.news.recv().await
    }
}

impl Drop for Searching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A file as a search has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHash {
    /// The file.
    pub path: String,
    /// BLAKE3 of what was searched.
    pub hash: ContentHash,
}

impl Engine {
    /// Searches every text of a project that is not ignored; `instead` is what would stand there
    /// instead, for a preview.
    ///
    /// # Errors
    /// `project_has_no_folder`. What else goes wrong comes as the end of the search.
    pub async fn search_files(
        &self,
        project: ProjectId,
        query: Query,
        instead: Option<String>,
    ) -> Result<Searching> {
        self.need_folder(project).await?;
        let (told, news) = mpsc::channel(WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (self.clone(), stop.clone());
        tokio::spawn(async move {
            let found = told.clone();
            let searched = engine.in_workspace(project, move |files| {
                files.search(&query, instead.as_deref(), &stopped, &|hits| {
                    // Who takes no more of it has stopped it.
                    if found.blocking_send(SearchNews::Found(hits)).is_err() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                })
            });
            let _ = told.send(SearchNews::Ended(searched.await)).await;
        });
        Ok(Searching { news, stop })
    }

    /// Replaces what a search found in those files that are still as it has seen them. The others
    /// are named and left alone.
    pub async fn replace_in_files(
        &self,
        project: ProjectId,
        query: Query,
        instead: String,
        files: Vec<FileHash>,
    ) -> Result<Replaced> {
        let files = files
            .into_iter()
            .map(|seen| Ok((file(&seen.path)?, seen.hash)))
            .collect::<Result<Vec<(FilePath, ContentHash)>>>()?;
        if files.is_empty() {
            return Err(EngineError::bad_input(
                "invalid_search",
                "There is no file to replace it in.",
            )
            .next_step("Search first."));
        }
        let replaced = self
            .in_workspace(project, move |workspace| {
                workspace.replace(&query, &instead, &files)
            })
            .await?;
        let details = json!({
            "files": replaced.files, "hits": replaced.hits, "left": replaced.left.len(),
        });
        self.note_done("file.replace", about(project), details)
            .await;
        Ok(replaced)
    }
}
