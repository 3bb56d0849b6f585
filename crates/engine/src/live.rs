//! A log that is looked at while it is written: kept here line by line, so that whoever shows it
//! asks for the lines in sight and holds no others.

use crate::ports::Progress;
use plimsoll_protocol::LogStream;
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Most lines that are kept; the oldest go first.
const MOST_LINES: usize = 1_000_000;
/// Most text that is kept, bytes.
const MOST_BYTES: usize = 128 << 20;
/// Most lines that are answered at once.
const MOST_AT_ONCE: u32 = 2_000;

/// Lines that are searched at a time.
const SEARCHED: u64 = 10_000;

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLine {
    /// Where it comes from.
    pub stream: LogStream,
    /// The line, without its end.
    pub text: Arc<str>,
}

/// Lines as they come. Cloning is cheap; all clones are the same log.
#[derive(Clone)]
pub struct LiveLog {
    kept: Arc<RwLock<Kept>>,
    total: Arc<watch::Sender<u64>>,
    limits: (usize, usize),
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<LiveLine>,
    bytes: usize,
    /// How many went before the first that is kept.
    gone: u64,
}

impl Default for LiveLog {
    fn default() -> Self {
        Self::with_limits(MOST_LINES, MOST_BYTES)
    }
}

impl LiveLog {
    fn with_limits(lines: usize, bytes: usize) -> Self {
        Self {
            kept: Arc::default(),
            total: Arc::new(watch::Sender::new(0)),
            limits: (lines, bytes),
        }
    }

    /// How many lines came so far, also of those that are no longer kept; wakes when more come.
    pub fn total(&self) -> watch::Receiver<u64> {
        self.total.subscribe()
    }

    /// Lines from a place on, counted from 0. One that is no longer kept is `None`.
    pub fn lines(&self, from: u64, count: u32) -> Vec<Option<LiveLine>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let end = kept.gone + kept.lines.len() as u64;
        let to = from
            .saturating_add(u64::from(count.min(MOST_AT_ONCE)))
            .min(end);
        (from..to).map(|place| kept.at(place).cloned()).collect()
    }

    /// The nearest line that contains the text, in either case, from a place on; that line included.
    pub fn search(&self, text: &str, from: u64, forward: bool) -> Option<u64> {
        let wanted = text.to_lowercase();
        let mut at = from;
        // The lines that come meanwhile wait for a part of the search, not for all of it.
        loop {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            let end = kept.gone + kept.lines.len() as u64;
            let holds = |place: &u64| {
                kept.at(*place)
                    .is_some_and(|line| line.text.to_lowercase().contains(&wanted))
            };
            let (found, next) = if forward {
                at = at.max(kept.gone);
                let to = at.saturating_add(SEARCHED).min(end);
                ((at..to).find(holds), (to < end).then_some(to))
            } else {
                let last = end.checked_sub(1)?;
                let high = at.min(last);
                let low = high.saturating_sub(SEARCHED - 1).max(kept.gone);
                let next = (low > kept.gone).then(|| low - 1);
                ((low..=high).rev().find(holds), next)
            };
            if found.is_some() {
                return found;
            }
            at = next?;
        }
    }
}

impl Kept {
    fn at(&self, place: u64) -> Option<&LiveLine> {
        let place = usize::try_from(place.checked_sub(self.gone)?).ok()?;
        self.lines.get(place)
    }
}

impl Progress for LiveLog {
    fn line(&self, stream: LogStream, line: &str) {
        let (most_lines, most_bytes) = self.limits;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += line.len();
        kept.lines.push_back(LiveLine {
            stream,
            text: line.into(),
        });
        while kept.lines.len() > most_lines || kept.bytes > most_bytes {
            let Some(oldest) = kept.lines.pop_front() else {
                break;
            };
            kept.bytes -= oldest.text.len();
            kept.gone += 1;
        }
        let total = kept.gone + kept.lines.len() as u64;
        drop(kept);
        self.total.send_replace(total);
    }

    fn bytes(&self, _: u64, _: Option<u64>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(log: &LiveLog, from: u64, count: u32) -> Vec<Option<String>> {
        log.lines(from, count)
            .into_iter()
            .map(|line| line.map(|line| line.text.to_string()))
            .collect()
    }

    #[test]
    fn places_stay_when_the_oldest_lines_go() {
        let log = LiveLog::with_limits(3, 1_000);
        for line in ["a", "b", "c", "d"] {
            log.line(LogStream::Stdout, line);
        }
        assert_eq!(*log.total().borrow(), 4);
        let shown = [None, Some("b".to_owned()), Some("c".to_owned())];
        assert_eq!(texts(&log, 0, 3), shown);
        assert_eq!(texts(&log, 3, 10), [Some("d".to_owned())]);
        assert_eq!(texts(&log, 4, 10), []);
    }

    #[test]
    fn long_lines_count_by_their_bytes() {
        let log = LiveLog::with_limits(100, 10);
        for line in ["12345", "67890", "x"] {
            log.line(LogStream::Stdout, line);
        }
        assert_eq!(texts(&log, 0, 1), [None]);
        assert_eq!(log.lines(1, 9).len(), 2);
    }

    #[test]
    fn search_goes_both_ways_and_minds_no_case() {
        let log = LiveLog::with_limits(4, 1_000);
        for line in ["Error 0", "error 1", "fine", "ERROR 3", "fine"] {
            log.line(LogStream::Stderr, line);
        }
        assert_eq!(log.search("error", 0, true), Some(1), "line 0 is gone");
        assert_eq!(log.search("error", 2, true), Some(3));
        assert_eq!(log.search("error", 2, false), Some(1));
        assert_eq!(log.search("error", 99, false), Some(3));
        assert_eq!(log.search("absent", 0, true), None);
        assert_eq!(LiveLog::default().search("x", 0, false), None);
    }

    #[test]
    fn a_search_goes_on_beyond_its_first_part() {
        let log = LiveLog::default();
        for number in 0..SEARCHED * 3 {
            log.line(LogStream::Stdout, &format!("line {number}."));
        }
        assert_eq!(log.search("Line 29999.", 0, true), Some(SEARCHED * 3 - 1));
        assert_eq!(log.search("line 0.", u64::MAX, false), Some(0));
        assert_eq!(log.search("line 0.", 1, true), None);
        assert_eq!(log.search("line 10000.", 9_999, true), Some(10_000));
    }
}
