//! A container's output as lines.

use super::super::LocalEngine;
use crate::docker::{engine::failure, is_absence};
use bollard::{container::LogOutput, query_parameters as query};
use futures::StreamExt;
use plimsoll_engine::ports::{PortResult, Progress};
use plimsoll_protocol::{Lines, LogStream};

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
