//! A Debian package is installed here, its program started and driven, and everything removed again.

use crate::{
    run::{Done, Trouble, output, run, say},
    setup::{as_root, cargo, root, target},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What has to be there once it is installed.
const BRINGS: [&str; 4] = [WINDOW, "/usr/bin/plimsoll", AGENT, ENTRY];
const WINDOW: &str = "/usr/bin/plimsoll-desktop";
const AGENT: &str = "/usr/lib/Plimsoll/plimsoll-agent";
const ENTRY: &str = "/usr/share/applications/Plimsoll.desktop";

pub fn check(deb: &Path) -> Done {
    let name = output(
        Command::new("dpkg-deb")
            .arg("--field")
            .arg(deb)
            .arg("Package"),
    )?;
    let name = name.trim();
    if is_installed(name) {
        return Err(Trouble(format!(
            "{name} is installed on this machine: the check would remove it.\n\
             Next step: remove it, or check on another machine."
        )));
    }
    let files = files(deb)?;
    say(format!("Installing {}", deb.display()));
    run(as_root("apt-get")?
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(["-o", "DPkg::Lock::Timeout=600"])
        .arg(deb))?;
    let worked = works();
    say(format!("Removing {name}"));
    run(as_root("dpkg")?.args(["--purge", name]))?;
    worked?;
    let left: Vec<String> = files
        .iter()
        .filter(|file| file.exists())
        .map(|file| file.display().to_string())
        .collect();
    if !left.is_empty() {
        return Err(Trouble(format!("It left behind {}", left.join(", "))));
    }
    say("It installed, started and left nothing behind");
    Ok(())
}

fn works() -> Done {
    for file in BRINGS {
        if !Path::new(file).is_file() {
            return Err(Trouble(format!("The package brought no {file}.")));
        }
    }
    let entry = std::fs::read_to_string(ENTRY)?;
    if !entry.contains("x-scheme-handler/plimsoll") {
        return Err(Trouble(format!(
            "{} does not open plimsoll:// links.",
            ENTRY
        )));
    }
    say("Starting it, with a display and a keyring of its own");
    let mut tests = cargo(&["test", "--quiet", "--workspace", "--test", "window"]);
    tests
        .args(["--", "opening::"])
        .current_dir(root())
        .env("PLIMSOLL_TEST_WINDOW", "1")
        .env("PLIMSOLL_TEST_BINARY", WINDOW)
        .env("PLIMSOLL_PRACTICE", target().join("practice/none"))
        // It finds the one that it brought.
        .env("PLIMSOLL_AGENT", AGENT);
    run(&mut tests)
}

fn is_installed(package: &str) -> bool {
    let status = ["--show", "--showformat=${db:Status-Status}", package];
    output(Command::new("dpkg-query").args(status)).is_ok_and(|status| status == "installed")
}

/// The files of a package, as they lie on the disk once it is installed.
fn files(deb: &Path) -> Done<Vec<PathBuf>> {
    let list = output(Command::new("dpkg-deb").arg("--contents").arg(deb))?;
    Ok(list
        .lines()
        .filter(|line| line.starts_with('-'))
        .filter_map(|line| line.split_whitespace().last())
        .map(|path| Path::new("/").join(path.trim_start_matches("./")))
        .collect())
}
