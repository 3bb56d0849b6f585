//! What goes on for a page until it says stop: news of servers, logs that are followed.

use plimsoll_engine::LiveLog;
use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{sync::oneshot, task::AbortHandle};

/// Everything that goes on, by number. Managed by Tauri.
#[derive(Default)]
pub struct Streams {
    last: AtomicU32,
    running: Mutex<HashMap<u32, Running>>,
    /// Dropped, it ends the search that waits for it.
    search: Mutex<Option<oneshot::Sender<()>>>,
}

struct Running {
    work: AbortHandle,
    log: Option<LiveLog>,
}

impl Streams {
    /// Has something go on until it ends or is stopped; answers its number.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> u32 {
        self.keep(work, None)
    }

    /// The same for what fills a log, whose lines can be asked for as long as it is not stopped,
    /// also after it ended.
    pub fn start_log(&self, log: LiveLog, work: impl Future<Output = ()> + Send + 'static) -> u32 {
        self.keep(work, Some(log))
    }

    /// The log that a number fills; `None` when it was stopped.
    pub fn log(&self, number: u32) -> Option<LiveLog> {
        self.all().get(&number)?.log.clone()
    }

    /// Searches, one search at a time: a new one ends the one before, which then answers `None`.
    pub async fn search<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mine, ended) = oneshot::channel();
        drop(self.searching().replace(mine));
        tokio::select! {
            found = work => Some(found),
            _ = ended => None,
        }
    }

    /// Stops one; `Ok` when it is not there.
    pub fn stop(&self, number: u32) {
        if let Some(running) = self.all().remove(&number) {
            running.work.abort();
        }
    }

    /// Stops all: the page that wanted them is gone.
    pub fn stop_all(&self) {
        for (_, running) in self.all().drain() {
            running.work.abort();
        }
        drop(self.searching().take());
    }

    fn keep(&self, work: impl Future<Output = ()> + Send + 'static, log: Option<LiveLog>) -> u32 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let work = tauri::async_runtime::spawn(work).inner().abort_handle();
        let mut all = self.all();
        all.retain(|_, running| running.log.is_some() || !running.work.is_finished());
        all.insert(number, Running { work, log });
        number
    }

    fn searching(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Sender<()>>> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::pending, sync::Arc};

    #[test]
    fn what_is_stopped_ends() {
        let streams = Streams::default();
        let token = Arc::new(());
        let held = token.clone();
        let log = LiveLog::default();
        let number = streams.start_log(log, async move {
            let _held = held;
            pending::<()>().await;
        });
        assert!(streams.log(number).is_some());
        streams.stop(number);
        assert!(streams.log(number).is_none());
        let patience = std::time::Instant::now();
        while Arc::strong_count(&token) > 1 && patience.elapsed().as_secs() < 5 {
            std::thread::yield_now();
        }
        assert_eq!(Arc::strong_count(&token), 1);
    }
    #[tokio::test]
    async fn a_new_search_ends_the_one_before() {
        let streams = Streams::default();
        let (first, second) = tokio::join!(
            streams.search(pending::<u64>()),
            streams.search(async { 7 })
        );
        assert_eq!((first, second), (None, Some(7)));
        assert_eq!(streams.search(async { 8 }).await, Some(8));
    }
}
