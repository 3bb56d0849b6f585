//! What follows a request's line, as it is read on its way out.

use bytes::Bytes;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Body, PortError, PortResult};
use std::{io, path::Path, sync::Arc};
use tokio::{fs::File, io::AsyncReadExt};
use zeroize::Zeroizing;

/// Bytes that are read from a file at a time.
const READ: usize = 256 * 1024;

/// A body with its length, which the request's line announces, read piece by piece.
pub(super) struct Travelling {
    length: u64,
    left: u64,
    content: Content,
}

enum Content {
    Bytes(Arc<Vec<u8>>),
    Secret(Secret),
    File { file: File, name: String },
}

impl Travelling {
    pub(super) async fn open(body: Body) -> PortResult<Self> {
        let (length, content) = match body {
            Body::Empty => (0, Content::Bytes(Arc::default())),
            Body::Bytes(bytes) => (bytes.len() as u64, Content::Bytes(bytes)),
            Body::Secret(secret) => (secret.len() as u64, Content::Secret(secret)),
            Body::File(path) => {
                let failed = |error: io::Error| local(&path, "reading what is to be sent", &error);
                let file = File::open(&path).await.map_err(failed)?;
                let length = file.metadata().await.map_err(failed)?.len();
                let name = path.display().to_string();
                (length, Content::File { file, name })
            }
        };
        Ok(Self {
            length,
            left: length,
            content,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes that were not taken yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece; `None` after the last one.
    pub(super) async fn next(&mut self) -> PortResult<Option<Zeroizing<Vec<u8>>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let done = usize::try_from(self.length - self.left).unwrap_or(usize::MAX);
        let room = usize::try_from(self.left).map_or(READ, |left| left.min(READ));
        let piece = match &mut self.content {
            Content::Bytes(bytes) => bytes[done..done + room].to_vec(),
            Content::Secret(secret) => secret.expose().as_bytes()[done..done + room].to_vec(),
            Content::File { file, name } => {
                let failed = |error| local(Path::new(name), "reading what is to be sent", &error);
                let mut buffer = vec![0; room];
                let count = file.read(&mut buffer).await.map_err(failed)?;
                if count == 0 {
                    // The length was announced already: the conversation cannot go on.
                    return Err(failed(io::ErrorKind::UnexpectedEof.into()));
                }
                buffer.truncate(count);
                buffer
            }
        };
        self.left -= piece.len() as u64;
        Ok(Some(Zeroizing::new(piece)))
    }
}

/// A file of this machine failed us.
pub(super) fn local(path: &Path, doing: &str, error: &io::Error) -> PortError {
    PortError::new(
        "file_local",
        format!("{doing} at {}: {error}", path.display()),
    )
    .next_step("Check this machine's free disk and the rights on that folder.")
}

/// Pieces of an answer, put together to lines.
#[derive(Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Takes the next whole line, without its end.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.pending[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| end + self.searched) else {
            self.searched = self.pending.len();
            return None;
        };
        let rest = self.pending.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.pending, rest);
        line.pop();
        self.searched = 0;
        Some(line)
    }

    /// Bytes that wait for the end of their line.
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes whatever is left, line or not.
    pub(super) fn take(&mut self) -> Bytes {
        self.searched = 0;
        Bytes::from(std::mem::take(&mut self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_come_out_whole_however_they_came_in(
            lines in prop::collection::vec("[^\n]{0,20}", 0..8),
            cuts in prop::collection::vec(1usize..7, 1..40),
            rest in "[^\n]{0,5}",
        ) {
            let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            text.push_str(&rest);
            let mut bytes = text.as_bytes();
            let mut taken = Lines::default();
            let mut seen = Vec::new();
            let mut cuts = cuts.iter().cycle();
            while !bytes.is_empty() {
                let cut = cuts.next().copied().unwrap_or(1).min(bytes.len());
                taken.push(&bytes[..cut]);
                bytes = &bytes[cut..];
                while let Some(line) = taken.next() {
                    seen.push(String::from_utf8(line).unwrap());
                }
            }
            prop_assert_eq!(seen, lines);
            prop_assert_eq!(taken.take(), rest.as_bytes());
        }
    }
}
