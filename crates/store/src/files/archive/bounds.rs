//! How far an archive may unpack.

use std::{
    cell::Cell,
    io::{self, Read},
};

/// Most bytes that an archive may unpack to.
const MOST_BYTES: u64 = 64 << 30;
/// Text shrinks to a tenth; deflate reaches a thousandth with nothing but repetition. What is large
/// and shrinks further than this is a bomb.
const MOST_RATIO: u64 = 200;
/// Below this size nobody minds how far an entry shrinks.
const HARMLESS: u64 = 64 << 20;
/// The same for the archive as a whole: no disk is filled by it.
const HARMLESS_IN_ALL: u64 = 256 << 20;

/// What is still allowed. The whole is measured by the size of the archive and not by what its
/// entries say, as several of them may lie on the same bytes.
pub(super) struct Bounds {
    left: Cell<u64>,
    is_exceeded: Cell<Option<&'static str>>,
}

impl Bounds {
    /// For an archive of so many bytes.
    pub(super) fn of(archive_bytes: u64) -> Self {
        let all = archive_bytes
            .saturating_mul(MOST_RATIO)
            .clamp(HARMLESS_IN_ALL, MOST_BYTES);
        Self {
            left: Cell::new(all),
            is_exceeded: Cell::new(None),
        }
    }

    /// Why reading ended, when it was because of a bound.
    pub(super) fn exceeded(&self) -> Option<&'static str> {
        self.is_exceeded.get()
    }

    /// Counts what really comes of an entry, whatever the archive says about itself.
    pub(super) fn counted<R: Read>(&self, entry: R, compressed: u64) -> impl Read {
        Counted {
            inner: entry,
            left: compressed.saturating_mul(MOST_RATIO).max(HARMLESS),
            bounds: self,
        }
    }
}

struct Counted<'a, R> {
    inner: R,
    left: u64,
    bounds: &'a Bounds,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let exceeded = |why| {
            self.bounds.is_exceeded.set(Some(why));
            Err(io::Error::other(why))
        };
        let Some(left) = self.left.checked_sub(count as u64) else {
            return exceeded("it unpacks to far more than an honest file does");
        };
        let Some(all) = self.bounds.left.get().checked_sub(count as u64) else {
            return exceeded(
                "with what comes before it, it unpacks to far more than an honest archive does",
            );
        };
        self.left = left;
        self.bounds.left.set(all);
        Ok(count)
    }
}
