//! Terminals that are open in pages: what a page has not shown yet holds the server back.

use crate::views::{ScreenBytes, TerminalEndView};
use plimsoll_engine::{Ending, Terminal, Viewer};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};
use tauri::ipc::Channel;
use tokio::sync::Semaphore;

/// Most bytes that a page may have been sent and not shown.
const UNSHOWN: u32 = 64 * 1024;

/// A page's screen, fed as fast as it shows.
pub struct PageScreen {
    bytes: Channel<ScreenBytes>,
    end: Channel<TerminalEndView>,
    room: Semaphore,
    sent: AtomicU64,
    shown: AtomicU64,
}

impl PageScreen {
    /// A screen that is fed through these channels.
    pub fn new(bytes: Channel<ScreenBytes>, end: Channel<TerminalEndView>) -> Self {
        Self {
            bytes,
            end,
            room: Semaphore::new(UNSHOWN as usize),
            sent: AtomicU64::new(0),
            shown: AtomicU64::new(0),
        }
    }

    /// The page has shown so many bytes in all: that much room is there again.
    fn acknowledge(&self, total: u64) {
        // Nobody makes room by showing what was never sent.
        let total = total.min(self.sent.load(Ordering::SeqCst));
        let before = self.shown.fetch_max(total, Ordering::SeqCst);
        let more = total.saturating_sub(before);
        self.room.add_permits(usize::try_from(more).unwrap_or(0));
    }
}

#[async_trait::async_trait]
impl Viewer for PageScreen {
    async fn show(&self, bytes: Vec<u8>) {
        for piece in bytes.chunks(UNSHOWN as usize / 2) {
            let length = u32::try_from(piece.len()).unwrap_or(UNSHOWN);
            let Ok(room) = self.room.acquire_many(length).await else {
                return;
            };
            room.forget();
            self.sent.fetch_add(u64::from(length), Ordering::SeqCst);
            if let Err(error) = self.bytes.send(ScreenBytes(piece.to_vec())) {
                tracing::debug!("a page does not take a terminal's bytes: {error}");
            }
        }
    }

    fn ended(&self, ending: Ending) {
        let end = TerminalEndView::new(self.sent.load(Ordering::SeqCst), ending);
        if let Err(error) = self.end.send(end) {
            tracing::debug!("a page does not hear that its terminal ended: {error}");
        }
    }
}

/// All open terminals, by number. Managed by Tauri.
#[derive(Default)]
pub struct Terminals {
    last: AtomicU32,
    open: Mutex<HashMap<u32, Open>>,
}

#[derive(Clone)]
struct Open {
    terminal: Arc<Terminal>,
    screen: Arc<PageScreen>,
}

impl Terminals {
    /// Keeps a terminal until it is closed; answers its number.
    pub fn keep(&self, terminal: Terminal, screen: Arc<PageScreen>) -> u32 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let terminal = Arc::new(terminal);
        self.all().insert(number, Open { terminal, screen });
        number
    }

    /// The terminal of a number; `None` when it was closed.
    pub fn get(&self, number: u32) -> Option<Arc<Terminal>> {
        Some(self.all().get(&number)?.terminal.clone())
    }

    /// The page has shown so many bytes in all.
    pub fn acknowledge(&self, number: u32, total: u64) {
        let open = self.all().get(&number).cloned();
        if let Some(open) = open {
            open.screen.acknowledge(total);
        }
    }

    /// Hangs up; `Ok` when it is closed already.
    pub fn close(&self, number: u32) {
        if let Some(open) = self.all().remove(&number) {
            open.terminal.close();
        }
    }

    /// Hangs all up: the page that showed them is gone.
    pub fn close_all(&self) {
        for (_, open) in self.all().drain() {
            open.terminal.close();
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_page_that_shows_nothing_holds_the_server_back() {
        let sent = Arc::new(AtomicU64::new(0));
        let counted = sent.clone();
        let bytes = Channel::new(move |body| {
            let length = match body {
                tauri::ipc::InvokeResponseBody::Raw(bytes) => bytes.len() as u64,
                tauri::ipc::InvokeResponseBody::Json(_) => panic!("bytes travel raw"),
            };
            counted.fetch_add(length, Ordering::SeqCst);
            Ok(())
        });
        let screen = Arc::new(PageScreen::new(bytes, Channel::new(|_| Ok(()))));
        let flood = screen.clone();
        let flooding = tokio::spawn(async move {
            for _ in 0..100 {
                flood.show(vec![b'y'; 16 * 1024]).await;
            }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = sent.load(Ordering::SeqCst);
        assert_eq!(seen, u64::from(UNSHOWN));
        // A page cannot make room by lying.
        screen.acknowledge(u64::MAX);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = sent.load(Ordering::SeqCst);
        assert_eq!(seen, 2 * u64::from(UNSHOWN));
        while !flooding.is_finished() {
            screen.acknowledge(sent.load(Ordering::SeqCst));
            tokio::task::yield_now().await;
        }
        assert_eq!(sent.load(Ordering::SeqCst), 100 * 16 * 1024);
    }
}
