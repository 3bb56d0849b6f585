//! Building what the tasks run.

use super::{cargo, root, target};
use crate::run::{Done, found, output, run, say};
use std::{path::PathBuf, process::Command};

/// The target of what runs on servers: static, so that any distribution carries it.
const AGENT_TARGET: &str = match std::env::consts::ARCH.as_bytes() {
    b"aarch64" => "aarch64-unknown-linux-musl",
    _ => "x86_64-unknown-linux-musl",
};

/// The one for Windows that can be checked on Linux, C included.
const WINDOWS_TARGET: &str = "x86_64-pc-windows-gnu";

/// Where the parts of a built Plimsoll lie.
pub struct Built {
    /// The `plimsoll` command.
    pub plimsoll: PathBuf,
    /// The static agent.
    pub agent: PathBuf,
    /// The program with the window; there only when it was asked for.
    pub window: PathBuf,
}

// Cargo decides on the features of each library by the packages that are chosen, here always the
// whole workspace: a command that was built alone would have half of its libraries compiled a second
// time for the tests.

/// Builds the agent and the command.
pub fn build() -> Done<Built> {
    agent()?;
    say("Building plimsoll");
    programs(&["--bin", "plimsoll"])
}

/// Builds the agent, the command and the program with the window.
pub fn build_with_window() -> Done<Built> {
    agent()?;
    say("Building plimsoll and its window");
    programs(&["--bin", "plimsoll", "--bin", "plimsoll-desktop"])
}

/// Builds the agent, every program and every test.
pub fn build_with_tests() -> Done<Built> {
    agent()?;
    say("Building every program and every test");
    programs(&["--bins", "--tests", "--examples"])
}

fn programs(which: &[&str]) -> Done<Built> {
    run(cargo(&["build", "--quiet", "--workspace"]).args(which))?;
    Ok(built())
}

/// Makes rustc able to build for a target, where rustup can.
fn add_target(target: &str) -> Done {
    if !found("rustup") {
        return Ok(());
    }
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    if installed.lines().any(|line| line.trim() == target) {
        return Ok(());
    }
    say(format!("Adding the Rust target {target}"));
    run(Command::new("rustup").args(["target", "add", target]))
}

/// Checks the types of the window and everything below it as they are compiled for Windows.
pub fn check_windows() -> Done {
    super::for_windows()?;
    super::pages()?;
    add_target(WINDOWS_TARGET)?;
    say("Checking what is compiled for Windows");
    run(&mut cargo(&[
        "check",
        "-p",
        "plimsoll-desktop",
        "-p",
        "plimsoll-cli",
        "--target",
        WINDOWS_TARGET,
    ]))
}

/// Builds the agent as it is shipped: static, small. Answers where it lies.
pub fn agent() -> Done<PathBuf> {
    add_target(AGENT_TARGET)?;
    say("Building the agent, static");
    let profile = ["--profile", "agent", "--target", AGENT_TARGET];
    run(cargo(&["build", "--quiet", "-p", "plimsoll-agent"]).args(profile))?;
    Ok(built().agent)
}

fn built() -> Built {
    let program = |name: &str| {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        target().join("debug").join(file)
    };
    Built {
        plimsoll: program("plimsoll"),
        window: program("plimsoll-desktop"),
        agent: target()
            .join(AGENT_TARGET)
            .join("agent")
            .join("plimsoll-agent"),
    }
}

/// Builds what the agent's own tests run: its debug binary, which can be crashed on purpose.
pub fn build_agent_for_tests() -> Done {
    say("Building the agent for its own tests");
    let parts = ["--target", AGENT_TARGET, "--bins", "--examples"];
    run(cargo(&["build", "--quiet", "-p", "plimsoll-agent"]).args(parts))
}

/// A Python with the official clients of both clouds, in a folder of its own.
pub fn python() -> Done<Option<PathBuf>> {
    let wanted = root().join("crates/lab/tests/sdk/requirements.txt");
    if !found("python3") || !wanted.is_file() {
        return Ok(None);
    }
    let folder = target().join("sdk-python");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    let text = std::fs::read_to_string(&wanted)?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(Some(python));
    }
    say("Installing the official Python clients of both clouds");
    if output(Command::new("python3").args(["-m", "venv"]).arg(&folder)).is_err() {
        // Debian keeps venv in a package of its own.
        return Ok(None);
    }
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    run(Command::new(&python).args(install).arg(&wanted))?;
    std::fs::write(&stamp, text)?;
    Ok(Some(python))
}
