//! What people drop on the window. The paths stay here: a page learns a number and names, so that it
//! can have nothing copied that nobody dropped.

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

/// Tells the page what is dragged over it.
pub fn on_event<R: Runtime>(window: &Window<R>, event: &DragDropEvent) {
    let place = |at: &PhysicalPosition<f64>| {
        let at = at.to_logical::<i32>(window.scale_factor().unwrap_or(1.0));
        (at.x, at.y)
    };
    let told = match event {
        DragDropEvent::Enter { position, .. } | DragDropEvent::Over { position } => {
            let (x, y) = place(position);
            Dropping::Over { x, y }
        }
        DragDropEvent::Drop { paths, position } => {
            let (x, y) = place(position);
            let names = paths.iter().filter_map(|path| path.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            let names = names.collect();
            let number = window.state::<Drops>().keep(paths.clone());
            Dropping::Dropped {
                x,
                y,
                number,
                names,
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
