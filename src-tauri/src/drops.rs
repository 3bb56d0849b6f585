//! What people drop on the window. The paths stay here: a page learns a number, so that it can have
//! nothing copied that nobody dropped.

use crate::views::{CommandError, Dropping};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};
use tauri::{DragDropEvent, Manager, PhysicalPosition, Runtime, Window};
use tauri_specta::Event;

/// What was dropped last. Managed by Tauri.
#[derive(Default)]
pub struct Drops(Mutex<Dropped>);

#[derive(Default)]
struct Dropped {
    number: u32,
    paths: Vec<PathBuf>,
}

impl Drops {
    /// Keeps what was dropped until the next drop; answers its number.
    fn keep(&self, paths: Vec<PathBuf>) -> u32 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.number += 1;
        last.paths = paths;
        last.number
    }

    /// What was dropped under a number, once.
    ///
    /// # Errors
    /// `drop_unknown` when it was taken before, or something else was dropped since.
    pub fn take(&self, number: u32) -> Result<Vec<PathBuf>, CommandError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.number == number && !last.paths.is_empty() {
            return Ok(std::mem::take(&mut last.paths));
        }
        Err(CommandError::input(
            "drop_unknown",
            "What was dropped is not known any more.",
            "Drop it again.",
        ))
    }
}

/// A place in the page's own pixels. Only Windows tells it in those of the screen; the others in the
/// page's, whatever the type says.
fn in_page(at: &PhysicalPosition<f64>, scale: f64, of_screen: bool) -> (i32, i32) {
    let at = at.to_logical::<i32>(if of_screen { scale } else { 1.0 });
    (at.x, at.y)
}

/// Only what has a place on this machine can be copied: a web view takes the addresses of a link that
/// is dragged for paths as well.
fn files(dragged: &[PathBuf]) -> Vec<PathBuf> {
    let files = dragged.iter().filter(|path| path.is_absolute());
    files.cloned().collect()
}

/// Tells the page what is dragged over it.
pub fn on_event<R: Runtime>(window: &Window<R>, event: &DragDropEvent) {
    let scale = window.scale_factor().unwrap_or(1.0);
    let place = |at| in_page(at, scale, cfg!(windows));
    let told = match event {
        DragDropEvent::Enter { position, .. } | DragDropEvent::Over { position } => {
            let (x, y) = place(position);
            Dropping::Over { x, y }
        }
        DragDropEvent::Drop { paths, position } => {
            let files = files(paths);
            let (x, y) = place(position);
            match files.is_empty() {
                true => Dropping::Left,
                false => Dropping::Dropped {
                    x,
                    y,
                    number: window.state::<Drops>().keep(files),
                },
            }
        }
        _ => Dropping::Left,
    };
    if let Err(error) = told.emit(window.app_handle()) {
        tracing::warn!("a drop could not be told to the window: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_dropped_is_no_file() {
        let dragged = [absolute("a.txt"), "https://example.com/b.txt".into()];
        assert_eq!(files(&dragged), [absolute("a.txt")]);
    }

    #[test]
    fn a_place_is_told_in_the_pixels_of_the_page() {
        let at = PhysicalPosition::new(300.0, 200.0);
        assert_eq!(in_page(&at, 2.0, true), (150, 100));
        assert_eq!(in_page(&at, 2.0, false), (300, 200));
    }

    fn absolute(name: &str) -> PathBuf {
        std::env::temp_dir().join(name)
    }

    #[test]
    fn what_was_dropped_is_taken_once_and_by_its_number() {
        let drops = Drops::default();
        assert!(drops.take(0).is_err());
        let first = drops.keep(vec!["a".into()]);
        let second = drops.keep(vec!["b".into()]);
        assert!(drops.take(first).is_err());
        assert_eq!(drops.take(second).unwrap(), [PathBuf::from("b")]);
        assert_eq!(drops.take(second).unwrap_err().code, "drop_unknown");
    }
}
