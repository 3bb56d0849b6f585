//! What the program says of itself: on standard error for whoever started it there, and its last
//! lines for a diagnostics bundle.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How many lines are kept.
const KEPT: usize = 2_000;

/// The last lines. Cloning is cheap. Managed by Tauri.
#[derive(Clone, Default)]
pub struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// All of them, oldest first.
    pub fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect()
    }
}

impl io::Write for LastLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LastLines {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Begins to listen to what the program says.
pub fn begin() -> LastLines {
    let kept = LastLines::default();
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_filter(EnvFilter::from_env("PLIMSOLL_LOG"));
    let remembered = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(kept.clone())
        .with_filter(LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(shown)
        .with(remembered)
        .init();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use io::Write;

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        let mut lines = LastLines::default();
        for number in 0..KEPT + 3 {
            lines
                .write_all(format!("line {number}\n").as_bytes())
                .unwrap();
        }
        let text = lines.text();
        assert!(text.starts_with("line "), "{}", &text[..20]);
        assert!(!text.contains("line 0\n"));
        assert!(text.ends_with(&format!("line {}\n", KEPT + 2)));
    }
}
