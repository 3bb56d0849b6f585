//! `cargo xtask bundle`: a package that can be installed, and the proof that it can be.

mod check;
mod latest;

use crate::{
    run::{Done, Trouble, println, run, say},
    setup::{self, npm, root, target},
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub use latest::latest;

/// What is made on this system, as the bundler names it.
const KINDS: &str = if cfg!(target_os = "windows") {
    "nsis,msi"
} else if cfg!(target_os = "macos") {
    "app,dmg"
} else {
    "deb"
};

/// Builds the package; `checked` installs it, starts what it brought and removes it again.
pub fn bundle(checked: bool) -> Done {
    setup::for_window()?;
    setup::pages()?;
    let agent = setup::agent()?;
    say("Building the window as it is installed");
    run(&mut bundler(&agent))?;
    let packages = packages(&target().join("dist/bundle"))?;
    if packages.is_empty() {
        return Err(Trouble("The bundler made no package.".into()));
    }
    for package in &packages {
        let megabytes = fs::metadata(package)?.len() as f64 / 1e6;
        println(&format!("{} ({megabytes:.1} MB)", package.display()));
    }
    if checked {
        let deb = packages.iter().find(|path| is(path, "deb"));
        let deb = deb.ok_or_else(|| {
            Trouble("Only Debian packages can be checked, and none was made.".into())
        })?;
        check::check(deb)?;
    }
    Ok(())
}

fn bundler(agent: &Path) -> Command {
    // The agent is no part of the configuration that every build reads, since it would have to be
    // there for every build.
    let configuration = json!({
        "build": { "beforeBuildCommand": "" },
        "bundle": { "resources": { agent.to_string_lossy(): "plimsoll-agent" } },
    });
    let mut command = npm(&["exec", "--", "tauri", "build", "--ci"]);
    command
        .args(["--bundles", KINDS])
        .args(["--config", &configuration.to_string()])
        .args(["--", "--profile", "dist"])
        .current_dir(root())
        // npm looks for programs here, tauri for its configuration below the current folder.
        .env("npm_config_prefix", root().join("ui"));
    command
}

/// Every package below the bundler's folder that belongs to this version.
fn packages(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(kinds) = fs::read_dir(folder) else {
        return Ok(found);
    };
    for kind in kinds.flatten() {
        let Ok(files) = fs::read_dir(kind.path()) else {
            continue;
        };
        let files = files.flatten().map(|file| file.path());
        found.extend(
            files.filter(|file| ["deb", "dmg", "exe", "msi"].iter().any(|end| is(file, end))),
        );
    }
    found.sort();
    Ok(found)
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}
