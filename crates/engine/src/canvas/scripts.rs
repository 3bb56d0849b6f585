//! Whether the scripts of a canvas's own run. One that comes to no end would take with it whatever
//! shares its process, so whoever shows the preview may have them left out from then on.

use super::preview::Scripts;
use crate::Engine;
use plimsoll_domain::{ProjectId, canvas::CanvasName};

impl Engine {
    /// Leaves the scripts of a canvas out of its previews until the program ends, or runs them again.
    /// It is true of what is loaded from now on.
    pub fn set_canvas_scripts(&self, project: ProjectId, canvas: &CanvasName, run: bool) {
        let scripts = if run { Scripts::Run } else { Scripts::Off };
        self.world.canvas.set_scripts(project, canvas, scripts);
    }

    /// Whether the scripts of a canvas are left out of its previews.
    pub fn canvas_scripts_are_off(&self, project: ProjectId, canvas: &CanvasName) -> bool {
        self.world.canvas.scripts(project, canvas) == Scripts::Off
    }
}
