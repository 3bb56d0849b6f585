//! The agent on a real engine: everything it promises, tried.
//!
//! Needs root, `docker.io`, `iptables`, `iproute2`, `nginx-light`, `openssl` and `curl`, and runs
//! only when `PLIMSOLL_AGENT_TEST` names a scratch folder (it is made and removed):
//!
//! ```text
//! rustup target add x86_64-unknown-linux-musl          # and apt install musl-tools
//! cargo build -p plimsoll-agent --target x86_64-unknown-linux-musl --bins --examples
//! PLIMSOLL_AGENT_TEST=/tmp/plimsoll-agent-test cargo test -p plimsoll-agent --test server
//! ```
//!
//! `PLIMSOLL_AGENT_BINARIES` names another folder with `plimsoll-agent` and
//! `examples/practice_app`; they must be static, and debug builds for the crash points. A word
//! after `--` selects the facts whose names contain it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod deploying;
mod sites;
mod stage;
mod surviving;
mod traffic;
mod upgrading;

use stage::Stage;
use std::{panic, path::Path, process::ExitCode, time::Instant};

type Fact = (&'static str, fn(&mut Stage));

fn main() -> ExitCode {
    let Some(folder) = std::env::var_os("PLIMSOLL_AGENT_TEST") else {
        eprintln!("skipped: PLIMSOLL_AGENT_TEST names no scratch folder");
        return ExitCode::SUCCESS;
    };
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let facts = [
        deploying::FACTS,
        surviving::FACTS,
        sites::FACTS,
        upgrading::FACTS,
    ]
    .concat();
    let mut stage = Stage::raise(Path::new(&folder));
    let mut failed = Vec::new();
    for (name, fact) in facts {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !name.contains(wanted.as_str()))
        {
            continue;
        }
        let begun = Instant::now();
        stage.kill_agent();
        stage.start_agent(None);
        let held = panic::catch_unwind(panic::AssertUnwindSafe(|| fact(&mut stage)));
        let word = if held.is_ok() { "ok" } else { "FAILED" };
        eprintln!(
            "test {name} ... {word} ({:.1} s)",
            begun.elapsed().as_secs_f32()
        );
        if held.is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    let log = std::fs::read_to_string(Path::new(&folder).join("agent.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    eprintln!(
        "the agent's last lines:\n{}",
        lines[lines.len().saturating_sub(30)..].join("\n")
    );
    eprintln!("failed: {}", failed.join(", "));
    ExitCode::FAILURE
}
