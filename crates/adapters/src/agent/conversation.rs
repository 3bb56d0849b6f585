//! One request and its replies over one channel.

use super::body::{Lines, Travelling};
use crate::ssh::{Channel, Event, Input, Stage, shown};
use bytes::Bytes;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{PortError, PortResult, Progress};
use plimsoll_protocol::{LogStream, Phase, Reply};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest line that an agent may answer.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// A body up to this long goes out in one piece with its line.
const SHORT: u64 = 16 * 1024;

pub(super) struct Conversation {
    channel: Channel,
    /// Kept until the end: an agent may take its closing for a desktop that hung up.
    input: Option<Input>,
    outgoing: Option<(Vec<u8>, Travelling)>,
    lines: Lines,
    to: String,
    progress: Arc<dyn Progress>,
}

impl Conversation {
    pub(super) fn new(
        mut channel: Channel,
        target: &SshTarget,
        line: Vec<u8>,
        body: Travelling,
        progress: Arc<dyn Progress>,
    ) -> Self {
        let input = Some(channel.take_input());
        Self {
            channel,
            input,
            outgoing: Some((line, body)),
            lines: Lines::default(),
            to: shown(&target.host, target.port),
            progress,
        }
    }

    /// Sends the request while listening, and answers its `Done`. With `may_just_end` the end of
    /// the conversation is an answer too.
    pub(super) async fn answer(&mut self, may_just_end: bool) -> PortResult<serde_json::Value> {
        let Some((line, body)) = self.outgoing.take() else {
            return Err(self.ended("the request was sent already"));
        };
        let Some(input) = self.input.take() else {
            return Err(self.ended("the request was sent already"));
        };
        let progress = Arc::clone(&self.progress);
        let answer = {
            let send = send(&input, line, body, progress.as_ref());
            tokio::pin!(send);
            let mut is_sent = false;
            loop {
                tokio::select! {
                    sent = &mut send, if !is_sent => {
                        is_sent = true;
                        // When the agent takes no more, it says why.
                        sent?;
                    }
                    reply = next_reply(&mut self.channel, &mut self.lines, &self.to) => {
                        match reply? {
                            Some(Reply::Log { stream, line, .. }) => progress.line(stream, &line),
                            Some(Reply::Phase { phase }) => {
                                progress.line(LogStream::Agent, named(phase));
                            }
                            Some(Reply::Done { answer }) => break answer,
                            Some(Reply::Failed { failure }) => return Err(failure.into()),
                            None if may_just_end => break serde_json::Value::Null,
                            None => return Err(self.ended("the agent closed the conversation")),
                        }
                    }
                }
            }
        };
        self.input = Some(input);
        Ok(answer)
    }

    /// Bytes after the `Done` line; `None` at their end.
    pub(super) async fn rest(&mut self) -> PortResult<Option<Bytes>> {
        if self.lines.len() > 0 {
            return Ok(Some(self.lines.take()));
        }
        loop {
            match self.channel.next().await {
                Some(Event::Out(bytes)) => return Ok(Some(bytes)),
                Some(Event::Err(_)) => {}
                Some(Event::Closed { .. }) => return Ok(None),
                Some(Event::Cut(cause)) => return Err(self.ended(&cause)),
                None => return Err(self.ended("it was closed")),
            }
        }
    }

    fn ended(&self, cause: &str) -> PortError {
        cut(&self.to, cause)
    }
}

/// Sends line and body. `Ok` also when the other side takes no more of it.
async fn send(
    input: &Input,
    line: Vec<u8>,
    mut body: Travelling,
    progress: &dyn Progress,
) -> PortResult<()> {
    let total = body.length();
    let mut outgoing = Zeroizing::new(line);
    // A short body goes out with its line, in one piece.
    if total > SHORT {
        if !input.send(&outgoing).await {
            return Ok(());
        }
        outgoing.clear();
    }
    while let Some(piece) = body.next().await? {
        if total > SHORT {
            if !input.send(&piece).await {
                return Ok(());
            }
        } else {
            outgoing.extend_from_slice(&piece);
        }
        progress.bytes(total - body.left(), Some(total));
    }
    if !outgoing.is_empty() {
        input.send(&outgoing).await;
    }
    Ok(())
}

async fn next_reply(
    channel: &mut Channel,
    lines: &mut Lines,
    to: &str,
) -> PortResult<Option<Reply>> {
    loop {
        if let Some(line) = lines.next() {
            return serde_json::from_slice(&line).map(Some).map_err(|error| {
                let mut start = String::from_utf8_lossy(&line).into_owned();
                start.truncate(start.floor_char_boundary(200));
                unintelligible(to, &error).evidence(start)
            });
        }
        if lines.len() > LONGEST_LINE {
            return Err(PortError::new(
                "agent_answer",
                format!("the agent on {to} answered a line of more than 64 MiB"),
            ));
        }
        match channel.next().await {
            Some(Event::Out(bytes)) => lines.push(&bytes),
            Some(Event::Err(_)) => {}
            Some(Event::Closed { .. }) => return Ok(None),
            Some(Event::Cut(cause)) => return Err(cut(to, &cause)),
            None => return Err(cut(to, "it was closed")),
        }
    }
}

fn cut(to: &str, cause: &str) -> PortError {
    Stage::Cut {
        to: to.to_owned(),
        doing: "the agent worked".to_owned(),
        cause: cause.to_owned(),
        begun: true,
    }
    .into()
}

fn unintelligible(to: &str, error: &serde_json::Error) -> PortError {
    PortError::new(
        "agent_answer",
        format!("the answer of the agent on {to} makes no sense: {error}"),
    )
    .next_step("Upgrade the agent: prepare the server again.")
}

/// Reads the answer that a request names.
pub(super) fn understood<T: DeserializeOwned>(
    answer: serde_json::Value,
    target: &SshTarget,
) -> PortResult<T> {
    serde_json::from_value(answer)
        .map_err(|error| unintelligible(&shown(&target.host, target.port), &error))
}

fn named(phase: Phase) -> &'static str {
    match phase {
        Phase::Locked => "the server is locked for this deployment",
        Phase::ReleaseCommand => "the release command runs",
        Phase::Started => "the new container starts beside the old one",
        Phase::Healthy => "the new container is healthy",
        Phase::Switched => "new connections go to the new container",
        Phase::Draining => "the old container finishes its requests",
        Phase::Finished => "done",
        Phase::Reverted => "back to what ran before",
    }
}
