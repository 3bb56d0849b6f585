//! `cargo xtask shots` and `cargo xtask axe`: every screen of the window, in every state and both
//! themes, as a picture to look at, and gone over for accessibility.

use crate::{
    run::{Done, run, say},
    setup::{self, npm, target},
};

/// Writes the pictures below `target/shots`; `only` names a part of the screens' names.
pub fn shots(only: Option<&str>) -> Done {
    setup::for_window()?;
    setup::pages()?;
    say("Taking a picture of every screen");
    let folder = target().join("shots");
    let mut command = npm(&["run", "--silent", "shots", "--"]);
    run(command.arg(folder).args(only))
}

/// Goes over every screen for what keeps people out; fails on anything serious.
pub fn axe(only: Option<&str>) -> Done {
    setup::for_window()?;
    setup::pages()?;
    say("Going over every screen for accessibility");
    run(npm(&["run", "--silent", "axe", "--"]).args(only))
}
