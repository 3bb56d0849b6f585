//! Log lines on their way to the store: cleaned of secrets, in batches.

use super::watch::Live;
use crate::{
    ports::{Clock, Progress},
    redact::Redactor,
};
use plimsoll_domain::JobId;
use plimsoll_protocol::LogStream;
use plimsoll_store::{LogPolicy, NewLine, Store};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::AbortHandle,
};

/// How long lines wait for company.
const BATCH_PAUSE: Duration = Duration::from_millis(150);
/// Most lines in one transaction.
const BATCH_LINES: usize = 500;
/// Lines that may wait for the disk; more are counted instead of kept.
const WAITING_LINES: usize = 20_000;
/// Longest line that is kept, in characters.
const LINE_CHARACTERS: usize = 16_384;

enum Message {
    Line(NewLine),
    Flush(oneshot::Sender<()>),
}

/// Writes the lines of all jobs of a runner.
pub(super) struct LogWriter {
    sender: mpsc::UnboundedSender<Message>,
    waiting: Arc<AtomicU64>,
    task: AbortHandle,
}

impl LogWriter {
    pub(super) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(write_lines(store, receiver, waiting.clone())).abort_handle();
        Self {
            sender,
            waiting,
            task,
        }
    }

    /// Waits until every line that was given so far is in the store.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).is_ok() {
            // An error means that the writer ended; there is nothing to wait for then.
            let _ = wait.await;
        }
    }

    /// Stops writing at once, as the end of the process would.
    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

async fn write_lines(
    store: Store,
    mut receiver: mpsc::UnboundedReceiver<Message>,
    waiting: Arc<AtomicU64>,
) {
    let policy = LogPolicy::default();
    while let Some(first) = receiver.recv().await {
        let mut lines = Vec::new();
        let mut flushed = Vec::new();
        let mut take = |message, lines: &mut Vec<NewLine>| match message {
            Message::Line(line) => lines.push(line),
            Message::Flush(done) => flushed.push(done),
        };
        // Whoever waits for the disk waits for no company.
        let hurry = matches!(first, Message::Flush(_));
        take(first, &mut lines);
        let pause = tokio::time::sleep(BATCH_PAUSE);
        tokio::pin!(pause);
        while !hurry && lines.len() < BATCH_LINES {
            tokio::select! {
                biased;
                message = receiver.recv() => match message {
                    Some(Message::Flush(done)) => {
                        take(Message::Flush(done), &mut lines);
                        break;
                    }
                    Some(message) => take(message, &mut lines),
                    None => break,
                },
                () = &mut pause => break,
            }
        }
        waiting.fetch_sub(lines.len() as u64, Ordering::Relaxed);
        if let Err(error) = store.append_lines(&lines, &policy).await {
            // A log that cannot be written stops no deployment.
            tracing::warn!(%error, lines = lines.len(), "log lines were lost");
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// Takes what a step tells.
pub(super) struct StepProgress {
    pub(super) job_id: JobId,
    pub(super) step: u32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) live: broadcast::Sender<Live>,
    sender: mpsc::UnboundedSender<Message>,
    waiting: Arc<AtomicU64>,
    overflowed: AtomicBool,
}

impl StepProgress {
    pub(super) fn new(
        writer: &LogWriter,
        job_id: JobId,
        step: u32,
        clock: Arc<dyn Clock>,
        redactor: Arc<Redactor>,
        live: broadcast::Sender<Live>,
    ) -> Self {
        Self {
            job_id,
            step,
            clock,
            redactor,
            live,
            sender: writer.sender.clone(),
            waiting: writer.waiting.clone(),
            overflowed: AtomicBool::new(false),
        }
    }

    /// A line that the runner itself has to say.
    pub(super) fn say(&self, text: &str) {
        self.send("runner", text);
    }

    fn send(&self, stream: &str, text: &str) {
        let text = if self.waiting.load(Ordering::Relaxed) < WAITING_LINES as u64 {
            text
        } else if self.overflowed.swap(true, Ordering::Relaxed) {
            return;
        } else {
            "lines came faster than they could be kept; some are missing here"
        };
        let mut text = self.redactor.text(text).into_owned();
        if let Some((end, _)) = text.char_indices().nth(LINE_CHARACTERS) {
            text.truncate(end);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // An error means that the runner ended; so does the process.
        let _ = self.sender.send(Message::Line(NewLine {
            job_id: self.job_id,
            step: self.step,
            at: self.clock.now(),
            stream: stream.to_owned(),
            text,
        }));
    }
}

impl Progress for StepProgress {
    fn line(&self, stream: LogStream, line: &str) {
        let stream = match stream {
            LogStream::Build => "build",
            LogStream::Release => "release",
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
            LogStream::Agent => "agent",
        };
        self.send(stream, line);
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        // An error means that nobody watches.
        let _ = self.live.send(Live {
            job_id: self.job_id,
            step: self.step,
            done,
            total,
        });
    }
}
