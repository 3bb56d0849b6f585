//! A connection as the asynchronous side holds it.

use super::{
    channel::{Channel, wake},
    stage::Stage,
};
use mio::Waker;
use plimsoll_engine::ports::ScreenSize;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// What to open.
#[derive(Debug, Clone)]
pub(crate) enum Opening {
    /// A command, already quoted.
    Command(String),
    /// A unix socket on the server.
    Socket(String),
    /// A login shell on a screen, whose size is told here.
    Terminal(watch::Receiver<ScreenSize>),
}

impl Opening {
    /// Whether it counts against sshd's MaxSessions.
    pub(super) fn is_session(&self) -> bool {
        match self {
            Opening::Command(_) | Opening::Terminal(_) => true,
            Opening::Socket(_) => false,
        }
    }
}

/// How long things may take, and how many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Name, TCP and proxy.
    pub(crate) dial: Duration,
    /// Banner, keys and login, each.
    pub(crate) handshake: Duration,
    /// Opening a channel.
    pub(crate) open: Duration,
    /// Pause between two signs of life.
    pub(crate) keepalive: Duration,
    /// Commands at once: sshd's MaxSessions is 10 unless somebody set it.
    pub(crate) commands: usize,
    /// Longest that a command may run.
    pub(crate) run: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            open: Duration::from_secs(15),
            keepalive: Duration::from_secs(15),
            commands: 10,
            run: Duration::from_secs(3_600),
        }
    }
}

/// A request to the pump.
pub(super) enum Command {
    /// Open a channel and answer it.
    Open(Opening, oneshot::Sender<Result<Channel, Stage>>),
    /// Close everything and end.
    Close,
}

/// The asynchronous side of a connection.
#[derive(Clone)]
pub(crate) struct Connection {
    commands: mpsc::UnboundedSender<Command>,
    waker: Arc<Waker>,
    cut: Arc<OnceLock<String>>,
    to: Arc<str>,
}

impl Connection {
    pub(super) fn new(
        commands: mpsc::UnboundedSender<Command>,
        waker: Arc<Waker>,
        cut: Arc<OnceLock<String>>,
        to: Arc<str>,
    ) -> Self {
        Self {
            commands,
            waker,
            cut,
            to,
        }
    }

    /// Whether it broke or was closed.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.get().is_some()
    }

    fn cut(&self, doing: &str) -> Stage {
        Stage::Cut {
            to: self.to.to_string(),
            doing: doing.to_owned(),
            cause: self
                .cut
                .get()
                .cloned()
                .unwrap_or_else(|| "it was closed".to_owned()),
            begun: false,
        }
    }

    /// Opens a channel. [`Stage::Cut`] says whether anything may have begun on the server.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Channel, Stage> {
        let (answer, answered) = oneshot::channel();
        let gone = || self.cut("opening a channel");
        self.commands
            .send(Command::Open(opening, answer))
            .map_err(|_| gone())?;
        wake(&self.waker);
        answered.await.map_err(|_| gone())?
    }

    /// Closes it, with all its channels.
    pub(crate) fn close(&self) {
        if self.commands.send(Command::Close).is_ok() {
            wake(&self.waker);
        }
    }
}
