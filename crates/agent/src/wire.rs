//! One connection: the request line, its body, the replies.

use crate::error::{AgentError, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use plimsoll_domain::job::Failure;
use plimsoll_protocol::{Envelope, LogStream, MAX_LOG_LINE, PROTOCOL_VERSION, Phase, Reply};
use serde::Deserialize;
use std::{io, os::fd::AsFd, pin::Pin, sync::Arc, task, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, ReadBuf, Take},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::Sleep,
};
use zeroize::Zeroizing;

/// Longest request line: a manifest of 100,000 files fits.
const MAX_LINE: u64 = 32 << 20;
/// Longest secret body: values of variables, a private key.
const MAX_SECRET_BODY: u64 = 1 << 20;
/// How long a client may stay silent while we wait for its bytes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What follows the request line: exactly as many bytes as announced.
pub struct Body {
    reader: Take<BufReader<OwnedReadHalf>>,
    patience: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Body {
    fn new(reader: Take<BufReader<OwnedReadHalf>>, patience: Duration) -> Self {
        Self {
            reader,
            patience,
            silence: None,
        }
    }

    /// Bytes that have not been read yet.
    pub fn left(&self) -> u64 {
        self.reader.limit()
    }

    /// Reads a body that holds secrets, wiped after use.
    pub async fn secret(&mut self) -> Result<Zeroizing<Vec<u8>>> {
        if self.left() > MAX_SECRET_BODY {
            return Err(AgentError::refused(
                "body_too_long",
                format!("{} bytes of secrets are more than 1 MiB", self.left()),
                "Keep large data in a volume or a file, not in a variable.",
            ));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            usize::try_from(self.left()).unwrap_or(0),
        ));
        let announced = self.left();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_to_end(&mut bytes));
        let read = read.await.map_err(|_| silent("reading the body"))?;
        read.map_err(cut("reading the body"))?;
        if bytes.len() as u64 != announced {
            return Err(silent("reading the body"));
        }
        Ok(bytes)
    }
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> task::Poll<io::Result<()>> {
        if let task::Poll::Ready(read) = Pin::new(&mut self.reader).poll_read(cx, buf) {
            self.silence = None;
            return task::Poll::Ready(read);
        }
        // A laptop that closed in the middle leaves a connection that never ends, and with it a
        // lock that nobody else could take.
        let patience = self.patience;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        silence
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn cut(doing: &'static str) -> impl FnOnce(io::Error) -> AgentError {
    move |source| AgentError::Connection { doing, source }
}

fn silent(doing: &'static str) -> AgentError {
    cut(doing)(io::ErrorKind::TimedOut.into())
}

/// Reads the request line. `Ok(None)` when the client hung up without asking.
pub async fn read_request(stream: UnixStream) -> Result<Option<(Envelope, Body, Replies)>> {
    let (read, write) = stream.into_split();
    let replies = Replies::over(write);
    let mut limited = BufReader::with_capacity(16 << 10, read).take(MAX_LINE);
    let mut line = Vec::new();
    let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await;
    let read = read.map_err(|_| silent("reading the request"))?;
    read.map_err(cut("reading the request"))?;
    if line.is_empty() {
        return Ok(None);
    }
    let envelope = if line.ends_with(b"\n") {
        parse(&line)
    } else if limited.limit() == 0 {
        Err(bad_request("the request line is longer than 32 MiB"))
    } else {
        Err(bad_request("the request line has no end"))
    };
    match envelope {
        Ok(envelope) => {
            let body = Body::new(limited.into_inner().take(envelope.body_bytes), PATIENCE);
            Ok(Some((envelope, body, replies)))
        }
        Err(failure) => {
            replies.send(&Reply::Failed { failure }).await;
            replies.finish().await;
            Ok(None)
        }
    }
}

fn bad_request(why: &str) -> Failure {
    Failure {
        code: "bad_request".to_owned(),
        message: format!("the agent cannot read the request: {why}"),
        evidence: Vec::new(),
        next_step: "Upgrade the desktop or the agent so that both speak the same protocol."
            .to_owned(),
        retryable: false,
    }
}

/// Reads an envelope from its line.
pub fn parse(line: &[u8]) -> std::result::Result<Envelope, Failure> {
    #[derive(Deserialize)]
    struct Peek {
        protocol: u32,
    }
    // The version first: a request of a newer protocol need not be readable for us.
    let peek: Peek = serde_json::from_slice(line).map_err(|why| bad_request(&why.to_string()))?;
    if peek.protocol > PROTOCOL_VERSION {
        return Err(Failure {
            code: "agent_too_old".to_owned(),
            message: format!(
                "the agent speaks protocol {PROTOCOL_VERSION}, the request protocol {}",
                peek.protocol
            ),
            evidence: Vec::new(),
            next_step: "Upgrade the agent.".to_owned(),
            retryable: false,
        });
    }
    serde_json::from_slice(line).map_err(|why| bad_request(&why.to_string()))
}

/// The way back to whoever asked. Cheap to clone; sending to a client that hung up is no error.
#[derive(Clone)]
pub struct Replies {
    lines: mpsc::Sender<Vec<u8>>,
    hung_up: Arc<dyn Fn() -> bool + Send + Sync>,
    finished: Arc<tokio::sync::Notify>,
}

impl Replies {
    fn over(write: OwnedWriteHalf) -> Self {
        // Few lines in flight: a slow reader slows the writer down instead of filling memory.
        let (lines, mut queue) = mpsc::channel::<Vec<u8>>(64);
        let finished = Arc::new(tokio::sync::Notify::new());
        let done = Arc::clone(&finished);
        let socket = write.as_ref().as_fd().try_clone_to_owned().ok();
        let hung_up = move || {
            let Some(socket) = &socket else { return false };
            let mut polled = [PollFd::new(socket.as_fd(), PollFlags::empty())];
            nix::poll::poll(&mut polled, PollTimeout::ZERO).is_ok_and(|n| n > 0)
        };
        let mut write = write;
        tokio::spawn(async move {
            // An empty line is the end: other holders of the way back may live on.
            while let Some(line) = queue.recv().await.filter(|line| !line.is_empty()) {
                if write.write_all(&line).await.is_err() {
                    break;
                }
            }
            let _ = write.shutdown().await;
            // Senders notice from now on that nobody listens.
            drop(queue);
            done.notify_one();
        });
        Self {
            lines,
            hung_up: Arc::new(hung_up),
            finished,
        }
    }

    /// Whether the client closed the connection in both directions.
    pub fn hung_up(&self) -> bool {
        self.lines.is_closed() || (self.hung_up)()
    }

    /// Sends raw bytes.
    pub async fn bytes(&self, bytes: Vec<u8>) -> bool {
        self.lines.send(bytes).await.is_ok()
    }

    /// Sends a reply; `false` when nobody listens any more.
    pub async fn send(&self, reply: &Reply) -> bool {
        self.bytes(encode(reply)).await
    }

    /// Sends a line of a log.
    pub async fn log(&self, stream: LogStream, line: &str) -> bool {
        self.send(&Reply::Log {
            stream,
            line: shorten(line).to_owned(),
            at_ms: None,
        })
        .await
    }

    /// Tells that a phase began.
    pub async fn phase(&self, phase: Phase) -> bool {
        self.send(&Reply::Phase { phase }).await
    }

    /// Waits until everything sent is written, then closes.
    pub async fn finish(self) {
        if self.bytes(Vec::new()).await {
            let _ = tokio::time::timeout(PATIENCE, self.finished.notified()).await;
        }
    }
}

/// A reply as its line.
pub fn encode(reply: &Reply) -> Vec<u8> {
    let mut line = serde_json::to_vec(reply).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The beginning of a line, at most [`MAX_LOG_LINE`] bytes.
pub fn shorten(line: &str) -> &str {
    if line.len() <= MAX_LOG_LINE {
        return line;
    }
    let mut end = MAX_LOG_LINE;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_newer_protocol_is_refused_even_when_the_rest_is_unknown() {
        let failure = parse(br#"{"protocol":999,"something":"else"}"#).unwrap_err();
        assert_eq!(failure.code, "agent_too_old");
    }

    #[test]
    fn a_hello_is_understood() {
        let line = br#"{"protocol":1,"owner":"ada@desk","request":{"kind":"hello"}}"#;
        assert_eq!(parse(line).unwrap().body_bytes, 0);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "ü".repeat(MAX_LOG_LINE);
        assert!(shorten(&line).len() <= MAX_LOG_LINE);
        assert!(shorten(&line).chars().all(|c| c == 'ü'));
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_in_its_body_is_given_up() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let (read, _write) = far.into_split();
        let mut body = Body::new(BufReader::new(read).take(10), Duration::from_millis(50));
        near.write_all(b"half!").await.unwrap();
        let mut bytes = Vec::new();
        let error = body.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(bytes, b"half!");
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange_to_answer(line in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&line);
        }
        #[test]
        fn no_json_is_too_strange_to_answer(kind in "[a-z_]{0,12}", text in ".{0,60}", n in any::<i64>()) {
            let line = serde_json::json!({"protocol": 1, "owner": text, "body_bytes": n,
                "request": {"kind": kind, "key": text, "deployment_id": n}});
            let _ = parse(line.to_string().as_bytes());
        }
    }
}
