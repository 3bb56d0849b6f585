//! `cargo xtask test`: sets up what is missing and passes every test.

use crate::{
    practice::Practice,
    run::{Done, Trouble, found, println, say, watched},
    setup,
};
use std::{process::Command, time::Instant};

/// Runs everything; `filter` goes to the test runner.
pub fn test(filter: &[String]) -> Done {
    let began = Instant::now();
    setup::packages()?;
    let built = setup::build()?;
    setup::build_agent_for_tests()?;
    let python = setup::python()?;
    let practice = Practice::start(&built, "test")?;

    say("Running every test");
    let mut tally = Tally::default();
    let mut command = with_keyring(&["test", "--workspace", "--no-fail-fast"])?;
    command.arg("--").args(filter);
    command
        .env("PLIMSOLL_PRACTICE", &practice.folder)
        .env(
            "PLIMSOLL_PRACTICE_CACHE",
            setup::target().join("practice-cache"),
        )
        .env("PLIMSOLL_AGENT", &built.agent)
        .env("PLIMSOLL_AGENT_TEST", setup::target().join("agent-test"));
    if let Some(python) = &python {
        command.env("PLIMSOLL_SDK_PYTHON", python);
    } else {
        say("No Python with venv: the official clients' life cycle is skipped");
    }
    let succeeded = watched(&mut command, |line| tally.read(line))?;
    drop(practice);

    println("");
    println(&format!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    ));
    say(format!("{} s in all", began.elapsed().as_secs()));
    if !succeeded || tally.failed > 0 {
        return Err(Trouble("A test failed; its output is above.".into()));
    }
    if tally.passed == 0 {
        return Err(Trouble("No test ran.".into()));
    }
    Ok(())
}

/// Unlocks a keyring with an empty passphrase, then becomes the program that is named after it.
const UNLOCK: &str =
    "printf '\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";

/// A cargo call in a session of its own with a real, unlocked keyring, where there is one to have.
fn with_keyring(arguments: &[&str]) -> Done<Command> {
    if !(found("dbus-run-session") && found("gnome-keyring-daemon")) {
        say("No keyring here: its test is skipped");
        return Ok(setup::cargo(arguments));
    }
    let folder = setup::target().join("keyring");
    let cargo = setup::cargo(arguments);
    let mut command = Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-c", UNLOCK, "sh"])
        .arg(cargo.get_program())
        .args(cargo.get_args());
    command
        .current_dir(setup::root())
        .env("PLIMSOLL_TEST_KEYRING", "1");
    for name in [
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        let place = folder.join(name);
        std::fs::create_dir_all(&place)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o700))?;
        }
        command.env(name, place);
    }
    Ok(command)
}

/// Sums the closing lines of every test program.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Reads `test result: ok. 13 passed; 0 failed; 0 ignored; …`.
    fn read(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        for part in rest.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(count) = count.parse::<u32>() else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_every_test_program() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 13 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out");
        tally.read("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured");
        tally.read("running 12 tests");
        assert_eq!((tally.passed, tally.failed, tally.skipped), (16, 1, 2));
    }
}
