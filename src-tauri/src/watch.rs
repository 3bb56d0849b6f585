//! Watches whether the window still runs while it shows a canvas. The programs of a preview share a
//! process with our own pages on Linux and macOS, so one that comes to no end stops both.

use crate::{desk::Desk, window};
use plimsoll_domain::{ProjectId, canvas::CanvasName};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tauri::{AppHandle, Manager, Runtime};
use tokio::{sync::oneshot, time};

/// How often the window is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long it may take to answer. What a page of ours does takes a small part of this.
const PATIENCE: Duration = Duration::from_secs(10);

/// The canvases that the window shows, and how often. Managed by Tauri.
#[derive(Default)]
pub struct Shown(Mutex<HashMap<(ProjectId, CanvasName), usize>>);

impl Shown {
    fn all(&self) -> MutexGuard<'_, HashMap<(ProjectId, CanvasName), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A canvas counts as shown until this is dropped.
struct Showing<'a> {
    shown: &'a Shown,
    canvas: (ProjectId, CanvasName),
}

impl<'a> Showing<'a> {
    fn begin(shown: &'a Shown, canvas: (ProjectId, CanvasName)) -> Self {
        *shown.all().entry(canvas.clone()).or_default() += 1;
        Self { shown, canvas }
    }
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        let mut all = self.shown.all();
        if let Some(times) = all.get_mut(&self.canvas) {
            *times -= 1;
            if *times == 0 {
                all.remove(&self.canvas);
            }
        }
    }
}

/// Asks the window again and again whether it runs, while it shows a canvas; ends its process when
/// it does not. It comes back by itself, with the canvas's own scripts off.
pub async fn watch<R: Runtime>(app: AppHandle<R>, project: ProjectId, canvas: CanvasName) {
    let shown = app.state::<Shown>();
    let _showing = Showing::begin(&shown, (project, canvas));
    loop {
        time::sleep(EVERY).await;
        if !answers(&app).await {
            tracing::warn!("the window did not answer for {PATIENCE:?} while it showed a canvas");
            stop_scripts(&app);
            window::end_page(&app);
            return;
        }
    }
}

/// Leaves the scripts of every canvas that is shown out of what is loaded next.
pub fn stop_scripts<R: Runtime>(app: &AppHandle<R>) {
    let Some(engine) = app.state::<Desk>().engine_now() else {
        return;
    };
    for (project, canvas) in app.state::<Shown>().all().keys() {
        engine.set_canvas_scripts(*project, canvas, false);
    }
}

async fn answers<R: Runtime>(app: &AppHandle<R>) -> bool {
    let Some(window) = app.get_webview_window(window::MAIN) else {
        return true;
    };
    let (tell, heard) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let asked = window.eval_with_callback("1", move |_| {
        let tell = tell.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Too late an answer is heard by nobody.
        let _ = tell.map(|tell| tell.send(()));
    });
    asked.is_err() || time::timeout(PATIENCE, heard).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canvas_is_shown_for_as_long_as_one_of_its_views_is() {
        let shown = Shown::default();
        let canvas = (
            ProjectId::mint(plimsoll_domain::Timestamp::from_millis(0), [0; 10]),
            CanvasName::main(),
        );
        let first = Showing::begin(&shown, canvas.clone());
        let second = Showing::begin(&shown, canvas.clone());
        drop(first);
        assert!(shown.all().contains_key(&canvas));
        drop(second);
        assert!(shown.all().is_empty());
    }
}
