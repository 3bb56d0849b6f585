//! A channel as the asynchronous side holds it.

use bytes::Bytes;
use mio::Waker;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};
use tokio::sync::mpsc;

/// Most bytes in one piece, either way.
pub(crate) const PIECE: usize = 64 * 1024;
/// Pieces that may wait on each side before the other has to.
pub(super) const WAITING: usize = 8;

/// What comes out of a channel.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes of standard output, or of a forwarded socket.
    Out(Bytes),
    /// Bytes of standard error.
    Err(Bytes),
    /// The other side closed the channel. A command tells its exit status, unless a signal ended it.
    Closed {
        /// Exit status of a command.
        status: Option<i32>,
    },
    /// The connection broke; nothing more will come.
    Cut(String),
}

/// What both sides of a channel share.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The pump holds bytes back because nobody has taken the last ones.
    pub(super) stalled: AtomicBool,
}

/// Bytes that travelled over all connections.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// One channel of a connection. Dropping it closes it on the server.
#[derive(Debug)]
pub(crate) struct Channel {
    input: Option<mpsc::Sender<Bytes>>,
    output: mpsc::Receiver<Event>,
    flow: Arc<Flow>,
    waker: Arc<Waker>,
}

/// The sending half, apart from the channel, for whoever writes and reads at once.
#[derive(Debug)]
pub(crate) struct Input {
    pieces: Option<mpsc::Sender<Bytes>>,
    waker: Arc<Waker>,
}

impl Channel {
    pub(super) fn new(
        input: mpsc::Sender<Bytes>,
        output: mpsc::Receiver<Event>,
        flow: Arc<Flow>,
        waker: Arc<Waker>,
    ) -> Self {
        Self {
            input: Some(input),
            output,
            flow,
            waker,
        }
    }

    /// Takes the sending half out. Dropping it tells the other side that nothing more comes.
    pub(crate) fn take_input(&mut self) -> Input {
        Input {
            pieces: self.input.take(),
            waker: Arc::clone(&self.waker),
        }
    }

    /// The next event; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let event = self.output.recv().await;
        fence(Ordering::SeqCst);
        if self.flow.stalled.swap(false, Ordering::SeqCst) {
            wake(&self.waker);
        }
        event
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.input = None;
        self.output.close();
        wake(&self.waker);
    }
}

impl Input {
    /// Sends bytes, in pieces, waiting while the other side is slow. `false` when it takes none
    /// any more: the reason comes out of the channel.
    pub(crate) async fn send(&self, bytes: &[u8]) -> bool {
        let Some(pieces) = &self.pieces else {
            return false;
        };
        for piece in bytes.chunks(PIECE) {
            if pieces.send(Bytes::copy_from_slice(piece)).await.is_err() {
                return false;
            }
            wake(&self.waker);
        }
        true
    }
}

impl Input {
    /// Has the pump look at what changed beside the bytes.
    pub(crate) fn nudge(&self) {
        wake(&self.waker);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.pieces = None;
        wake(&self.waker);
    }
}

/// Wakes the pump. It fails only when the pump is gone, and then the channel says so.
pub(super) fn wake(waker: &Waker) {
    if let Err(error) = waker.wake() {
        tracing::debug!(%error, "the pump of a connection could not be woken");
    }
}
