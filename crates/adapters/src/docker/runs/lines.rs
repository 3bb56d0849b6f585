//! A container's output as lines.

use super::super::LocalEngine;
use crate::docker::{engine::failure, is_absence};
use bollard::{container::LogOutput, query_parameters as query};
use futures::StreamExt;
use plimsoll_engine::ports::{PortResult, Progress};
use plimsoll_protocol::LogStream;

/// Longest line that is passed on whole, bytes.
const LONGEST_LINE: usize = 16 * 1024;

pub(super) async fn follow(
    engine: &LocalEngine,
    id: &str,
    tail: u32,
    follow: bool,
    progress: &dyn Progress,
) -> PortResult<()> {
    let (_, client) = engine.found().await?;
    let options = query::LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .follow(follow)
        .tail(&tail.to_string())
        .build();
    let mut parts = Box::pin(client.logs(id, Some(options)));
    let (mut out, mut err) = (Lines::default(), Lines::default());
    while let Some(part) = parts.next().await {
        match part {
            Ok(LogOutput::StdErr { message }) => {
                err.take(&message, |line| progress.line(LogStream::Stderr, line));
            }
            Ok(
                LogOutput::StdOut { message }
                | LogOutput::Console { message }
                | LogOutput::StdIn { message },
            ) => out.take(&message, |line| progress.line(LogStream::Stdout, line)),
            // It was removed while somebody listened.
            Err(error) if is_absence(&error) => break,
            Err(error) => return Err(failure("tell a container's lines", error)),
        }
    }
    out.end(|line| progress.line(LogStream::Stdout, line));
    err.end(|line| progress.line(LogStream::Stderr, line));
    Ok(())
}

/// Bytes that become lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, bytes: &[u8], mut tell: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.0.len() >= LONGEST_LINE {
                self.end(&mut tell);
            }
        }
    }

    fn end(&mut self, mut tell: impl FnMut(&str)) {
        if self.0.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.0);
        tell(text.trim_end_matches(['\n', '\r']));
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for part in ["one\ntw", "o\r\n\n", "thr", "ee"] {
            lines.take(part.as_bytes(), |line| told.push(line.to_owned()));
        }
        lines.end(|line| told.push(line.to_owned()));
        assert_eq!(told, ["one", "two", "", "three"]);
    }

    #[test]
    fn a_line_without_an_end_is_passed_on_in_pieces() {
        let mut lines = Lines::default();
        let mut told = 0;
        for _ in 0..5 {
            lines.take(&[b'x'; LONGEST_LINE / 2], |line| told += line.len());
        }
        assert_eq!(told, 2 * LONGEST_LINE);
    }
}
