//! Log lines of a service, read from Docker's own files: many times faster than its API.

use crate::{
    agent::Agent,
    docker::LABEL_DEPLOYMENT,
    error::{AgentError, Result},
    record::Running,
    wire::{Replies, encode, shorten},
};
use plimsoll_domain::{DeploymentId, Timestamp};
use plimsoll_protocol::{LogStream, Logs, MAX_LOG_LINE, Reply};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How much is read at once.
const CHUNK: usize = 256 << 10;
/// Pause when there is nothing new.
const IDLE: Duration = Duration::from_millis(100);
/// Most lines to begin with.
const MAX_TAIL: u32 = 1_000_000;

/// A line of Docker's file.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    log: &'a RawValue,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// Streams a service's lines until they end, or, when following, until nobody listens.
pub async fn logs(agent: &Agent, request: &Logs, replies: &Replies) -> Result<()> {
    let mut container = find(agent, request).await?;
    let mut path = log_path(agent, &container).await?;
    let mut at = {
        let (path, tail) = (path.clone(), request.tail.min(MAX_TAIL));
        crate::blocking(move || Position::last_lines(&path, tail)).await?
    };
    loop {
        let read = crate::blocking(move || at.read()).await?;
        at = read.0;
        let lines = read.1;
        if !lines.is_empty() {
            if !replies.bytes(lines).await {
                return Ok(());
            }
            continue;
        }
        if !request.follow || replies.hung_up() {
            return Ok(());
        }
        tokio::time::sleep(IDLE).await;
        // After a switch the lines of whoever serves now go on.
        if request.deployment_id.is_none()
            && let Ok(now) = find(agent, request).await
            && now != container
        {
            container = now;
            path = log_path(agent, &container).await?;
            at = Position::start(&path);
        }
    }
}

/// The container whose lines are wanted.
async fn find(agent: &Agent, request: &Logs) -> Result<String> {
    let nothing = || {
        AgentError::refused(
            "nothing_to_show",
            format!(
                "no container of “{}” is on this server",
                request.key.service
            ),
            "Deploy the service first.",
        )
    };
    let record = agent.records.get(&request.key).ok_or_else(nothing)?;
    let Some(id) = request.deployment_id else {
        return record
            .serving
            .map(|one| one.container_id)
            .ok_or_else(nothing);
    };
    let is_it = |one: &&Running| one.deployment_id == id || one.started_for == id;
    let retiring = record.retiring.iter().map(|one| &one.running);
    if let Some(running) = record.serving.iter().chain(retiring).find(is_it) {
        return Ok(running.container_id.clone());
    }
    // One that is just being proved is in no record yet.
    by_label(agent, id).await?.ok_or_else(nothing)
}

async fn by_label(agent: &Agent, id: DeploymentId) -> Result<Option<String>> {
    let found = agent
        .engine
        .labelled(&format!("{LABEL_DEPLOYMENT}={id}"))
        .await?;
    Ok(found.into_iter().next().map(|(id, _)| id))
}

async fn log_path(agent: &Agent, container: &str) -> Result<PathBuf> {
    let seen = agent.engine.see(container).await?;
    seen.and_then(|seen| seen.log_path).ok_or_else(|| {
        AgentError::refused(
            "no_log_file",
            "Docker keeps no file of this container's log",
            "Look at the container's log driver.",
        )
    })
}

/// Where reading goes on.
#[derive(Debug)]
struct Position {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Position {
    fn start(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            rest: Vec::new(),
        }
    }

    /// Before the last `count` lines of the file and the one that was rotated away before it.
    fn last_lines(path: &Path, count: u32) -> Result<Self> {
        let mut position = Self::start(path);
        let failed = |source| AgentError::file("read", path)(source);
        let Ok(mut file) = File::open(path) else {
            return Ok(position);
        };
        let (offset, found) = before_last_lines(&mut file, u64::from(count)).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        position.file = Some(file);
        let mut older = path.as_os_str().to_owned();
        older.push(".1");
        if found < u64::from(count)
            && let Ok(mut file) = File::open(PathBuf::from(older))
        {
            let wanted = u64::from(count) - found;
            let (offset, _) = before_last_lines(&mut file, wanted).map_err(failed)?;
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            let _ = file.take(64 << 20).read_to_end(&mut position.rest);
        }
        Ok(position)
    }

    /// Reads what is there and makes replies of it; nothing when there is nothing new.
    fn read(mut self) -> Result<(Self, Vec<u8>)> {
        let mut out = Vec::new();
        loop {
            let mut buffer = vec![0u8; CHUNK];
            let n = match &mut self.file {
                Some(file) => file
                    .read(&mut buffer)
                    .map_err(AgentError::file("read", &self.path))?,
                None => 0,
            };
            self.rest.extend_from_slice(&buffer[..n]);
            take_lines(&mut self.rest, &mut out);
            if !out.is_empty() || n > 0 {
                return Ok((self, out));
            }
            if !self.reopen() {
                return Ok((self, out));
            }
        }
    }

    /// After a rotation the name stands for another file; the old one was read to its end.
    fn reopen(&mut self) -> bool {
        let Ok(named) = fs::metadata(&self.path) else {
            return false;
        };
        if let Some(file) = &mut self.file
            && let Ok(open) = file.metadata()
        {
            let truncated = file.stream_position().is_ok_and(|at| at > open.len());
            if open.ino() == named.ino() && !truncated {
                return false;
            }
        }
        self.file = File::open(&self.path).ok();
        self.file.is_some()
    }
}

/// The offset before the last `count` lines, and how many there are from there on.
fn before_last_lines(file: &mut File, count: u64) -> io::Result<(u64, u64)> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let total = end;
    let mut found = 0;
    let mut buffer = vec![0u8; CHUNK];
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        let length = usize::try_from(end - start).unwrap_or(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut buffer[..length])?;
        for index in (0..length).rev() {
            if buffer[index] == b'\n' && start + index as u64 + 1 < total {
                found += 1;
                if found == count {
                    return Ok((start + index as u64 + 1, count));
                }
            }
        }
        end = start;
    }
    let lines = if total == 0 { 0 } else { found + 1 };
    Ok(if count == 0 { (total, 0) } else { (0, lines) })
}

/// Moves whole lines out of `rest`, as replies.
fn take_lines(rest: &mut Vec<u8>, out: &mut Vec<u8>) {
    let mut begin = 0;
    while let Some(length) = rest[begin..].iter().position(|byte| *byte == b'\n') {
        convert(&rest[begin..begin + length], out);
        begin += length + 1;
    }
    rest.drain(..begin);
    // A line that never ends is no log of Docker's.
    if rest.len() > 4 << 20 {
        rest.clear();
    }
}

fn convert(line: &[u8], out: &mut Vec<u8>) {
    let Ok(written) = serde_json::from_slice::<Written>(line) else {
        return;
    };
    let at_ms = moment_ms(&written.time);
    let stream = match &*written.stream {
        "stderr" => LogStream::Stderr,
        _ => LogStream::Stdout,
    };
    let raw = without_line_end(written.log.get());
    match at_ms {
        // The text stays as Docker escaped it: to unescape and escape a busy log takes longer than
        // everything else.
        Some(at_ms) if raw.len() <= MAX_LOG_LINE => {
            let stream = match stream {
                LogStream::Stderr => "stderr",
                _ => "stdout",
            };
            let _ = writeln!(
                out,
                r#"{{"kind":"log","stream":"{stream}","line":{raw}","at_ms":{at_ms}}}"#
            );
        }
        _ => {
            let text: String = serde_json::from_str(written.log.get()).unwrap_or_default();
            out.extend(encode(&Reply::Log {
                stream,
                line: shorten(text.trim_end_matches(['\n', '\r'])).to_owned(),
                at_ms,
            }));
        }
    }
}

/// A JSON text without its closing quote and the escaped line end before it.
fn without_line_end(raw: &str) -> &str {
    let mut text = raw.strip_suffix('"').unwrap_or(raw);
    while let Some(shorter) = text
        .strip_suffix("\\n")
        .or_else(|| text.strip_suffix("\\r"))
    {
        // After an even number of backslashes this one begins the escape; after an odd number it
        // is the second half of an escaped backslash.
        let before = shorter
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        if before % 2 == 1 {
            break;
        }
        text = shorter;
    }
    text
}

/// Milliseconds since 1970 of Docker's form of RFC 3339: UTC, digits at fixed places. Days by the
/// civil calendar, counted in years that begin in March.
fn moment_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + i64::from(digit - b'0'))
        })
    };
    if bytes.len() < 20 || bytes.last() != Some(&b'Z') || bytes.get(10) != Some(&b'T') {
        return text.parse().ok().map(Timestamp::as_millis);
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction = bytes.get(20..bytes.len() - 1).unwrap_or_default();
    let millis = (0..3).try_fold(0, |sum, place| match fraction.get(place) {
        Some(digit) if digit.is_ascii_digit() => Some(sum * 10 + i64::from(digit - b'0')),
        Some(_) => None,
        None => Some(sum * 10),
    })?;
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leaps = shifted / 4 - shifted / 100 + shifted / 400;
    let days = shifted * 365 + leaps + day_of_year - 719_468;
    Some((days * 86_400 + seconds) * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u32) -> String {
        format!(
            "{{\"log\":\"line {n} \\u00fc\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-21T09:00:00.123456789Z\"}}\n"
        )
    }

    fn replies(bytes: &[u8]) -> Vec<String> {
        String::from_utf8_lossy(bytes)
            .lines()
            .map(|line| match serde_json::from_str(line).unwrap() {
                Reply::Log { line, at_ms, .. } => {
                    assert_eq!(at_ms, Some(1_795_251_600_123));
                    line
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn only_a_line_end_is_cut_off() {
        for text in [
            "a",
            "a\n",
            "a\r\n",
            "",
            "\n",
            "\\n",
            "a\\\n",
            "\\\\n\n",
            "\"\n",
            "ü\u{1}\n",
        ] {
            let raw = serde_json::to_string(text).unwrap();
            let cut: String =
                serde_json::from_str(&(without_line_end(&raw).to_owned() + "\"")).unwrap();
            assert_eq!(cut, text.trim_end_matches(['\n', '\r']), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn moments_read_as_the_calendar_says(millis in 0i64..4_000_000_000_000) {
            let text = Timestamp::from_millis(millis).to_string();
            proptest::prop_assert_eq!(moment_ms(&text), Some(millis));
            let _ = moment_ms(&text.replace('0', "x"));
        }
    }

    #[test]
    fn the_last_lines_come_first_then_what_is_new_also_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x-json.log");
        fs::write(&path, (0..5000).map(line).collect::<String>()).unwrap();
        let position = Position::last_lines(&path, 3).unwrap();
        let (position, out) = position.read().unwrap();
        assert_eq!(replies(&out), ["line 4997 ü", "line 4998 ü", "line 4999 ü"]);
        fs::rename(&path, folder.path().join("x-json.log.1")).unwrap();
        fs::write(&path, line(5000)).unwrap();
        let (position, out) = position.read().unwrap();
        assert_eq!(replies(&out), ["line 5000 ü"]);
        let (_, out) = position.read().unwrap();
        assert!(out.is_empty());
        let (_, out) = Position::last_lines(&path, 3).unwrap().read().unwrap();
        assert_eq!(replies(&out), ["line 4998 ü", "line 4999 ü", "line 5000 ü"]);
        let (_, out) = Position::last_lines(&path, 0).unwrap().read().unwrap();
        assert!(out.is_empty());
    }
}
