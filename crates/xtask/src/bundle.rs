//! `cargo xtask bundle`: a package that can be installed, and the proof that it can be.

mod check;
mod latest;

use crate::{
    run::{Done, Trouble, println, run, say},
    setup::{self, cargo, root, target},
};
use serde_json::{Value, json};
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
    say("Building the command and the window as they are installed");
    let dist = ["--workspace", "--profile", "dist", "--bin", "plimsoll"];
    run(cargo(&["build", "--quiet"]).args(dist))?;
    run(&mut bundler(&configuration(&agent, &target().join("dist"))))?;
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

/// What a package carries besides the window: the agent, which goes to servers, and the command,
/// which the practice cloud runs by. Neither is part of the configuration that every build reads,
/// since both would have to be there for every build.
fn configuration(agent: &Path, dist: &Path) -> Value {
    let agent = agent.to_string_lossy();
    let command = dist.join(format!("plimsoll{}", std::env::consts::EXE_SUFFIX));
    let command = command.to_string_lossy();
    let mut configuration = json!({
        "build": { "beforeBuildCommand": "" },
        "bundle": { "resources": { agent: "plimsoll-agent" } },
    });
    let bundle = &mut configuration["bundle"];
    if cfg!(target_os = "windows") {
        bundle["resources"][&*command] = "plimsoll.exe".into();
    } else if cfg!(target_os = "macos") {
        bundle["macOS"] = json!({ "files": { "MacOS/plimsoll": command } });
    } else {
        bundle["linux"] = json!({ "deb": { "files": { "/usr/bin/plimsoll": command } } });
    }
    configuration
}

fn bundler(configuration: &Value) -> Command {
    let mut command = Command::new("node");
    command
        .arg(root().join("ui/node_modules/@tauri-apps/cli/tauri.js"))
        .args(["build", "--ci", "--bundles", KINDS])
        .args(["--config", &configuration.to_string()])
        // The same choice of packages as for the command, so that nothing is compiled twice.
        .args(["--", "--workspace", "--profile", "dist"])
        .current_dir(root().join("src-tauri"));
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
