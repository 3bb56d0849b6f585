//! `cargo xtask window`, and the demo where there is a display: the window, built from this checkout.

use crate::{
    practice::Practice,
    run::{Done, println, run, say},
    setup::{self, Built},
};
use std::{fs, path::PathBuf, process::Command};

/// Whether there is somewhere to show a window.
pub fn has_display() -> bool {
    // Windows and macOS always have one for whoever sits in front of it.
    !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens the window on what this person keeps, and stays until it is closed.
pub fn open() -> Done {
    let built = build()?;
    run(&mut command(&built))
}

/// Opens the window for a newcomer on a practice cloud, and wipes both when it is closed.
pub fn practise(keep: bool) -> Done {
    let built = build()?;
    let mut practice = Practice::start(&built, "demo")?;
    let folder = setup::target().join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let home = folder.join("home");
    fs::create_dir_all(&home)?;
    println("");
    println("Choose the practice cloud on the first page: it runs already, and costs nothing.");
    println("When the window is closed, the practice cloud is wiped.");
    let mut window = command(&built);
    window.envs(environment(&practice, home));
    run(&mut window)?;
    if keep {
        practice.keep();
        return Ok(());
    }
    drop(practice);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Of the demo: a home of its own, and tokens in a sealed file, so that nothing stays in the
/// keychain.
fn environment(practice: &Practice, home: PathBuf) -> [(&'static str, PathBuf); 4] {
    [
        ("PLIMSOLL_HOME", home),
        ("PLIMSOLL_PASSPHRASE", "only for the practice cloud".into()),
        ("PLIMSOLL_PRACTICE", practice.folder.clone()),
        (
            "PLIMSOLL_PRACTICE_CACHE",
            setup::target().join("practice-cache"),
        ),
    ]
}

fn build() -> Done<Built> {
    setup::for_window()?;
    setup::pages()?;
    setup::build_with_window()
}

fn command(built: &Built) -> Command {
    say("Opening the window");
    let mut command = Command::new(&built.window);
    command.env("PLIMSOLL_AGENT", &built.agent);
    command
}
