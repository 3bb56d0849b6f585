//! The window's pages: installed and built by Node where they are older than their sources.

use super::root;
use crate::run::{Done, Trouble, found, output, run, say};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The oldest Node that the pages' tools run on (`engines` in ui/package.json).
const NODE: (u32, u32) = (20, 19);
/// What a built page depends on, below ui/.
const SOURCES: [&str; 6] = [
    "src",
    "index.html",
    "package.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];

fn folder() -> PathBuf {
    root().join("ui")
}

/// A call of npm among the pages.
pub fn npm(arguments: &[&str]) -> Command {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder());
    command
}

/// Installs the pages' libraries and builds the pages, unless they are newer than their sources.
pub fn pages() -> Done {
    node()?;
    let ui = folder();
    // npm writes this file last when it has installed everything.
    let installed = changed(&ui.join("node_modules/.package-lock.json"));
    if installed < changed(&ui.join("package-lock.json")) {
        say("Installing the pages' libraries");
        run(&mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    }
    let built = changed(&ui.join("dist/index.html"));
    let newest = SOURCES.iter().map(|source| newest(&ui.join(source))).max();
    if built < newest.flatten() {
        say("Building the pages");
        run(&mut npm(&["run", "--silent", "build"]))?;
    }
    Ok(())
}

fn node() -> Done {
    let (major, minor) = NODE;
    let needed = format!("The window's pages need Node {major}.{minor} or newer, with npm");
    let next = "Next step: install it from your system's packages or https://nodejs.org/, and try \
                again.";
    if !found("node") || !found("npm") {
        return Err(Trouble(format!("{needed}. It is missing.\n{next}")));
    }
    let version = output(Command::new("node").arg("--version"))?;
    match numbers(&version) {
        Some(found) if found >= NODE => Ok(()),
        _ => Err(Trouble(format!(
            "{needed}. This one is {}.\n{next}",
            version.trim()
        ))),
    }
}

/// The first two numbers of `v20.19.4`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// When a file was last written; `None`, which is older than everything, when it is not there.
fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|facts| facts.modified()).ok()
}

/// When the newest file at or below a path was last written. Folders count as well: theirs is the
/// time at which a file was last taken away.
fn newest(path: &Path) -> Option<SystemTime> {
    let below = fs::read_dir(path).into_iter().flatten().flatten();
    below
        .filter_map(|entry| newest(&entry.path()))
        .chain(changed(path))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("v20.19.4\n") >= Some(NODE));
        assert!(numbers("v22.1.0") >= Some(NODE));
        assert!(numbers("v20.9.0") < Some(NODE));
        assert_eq!(numbers("20"), None);
    }

    #[test]
    fn what_is_not_there_is_older_than_everything() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(changed(&here.join("nothing")) < newest(here));
        assert!(newest(&here.join("src")) >= changed(&here.join("src/main.rs")));
    }
}
