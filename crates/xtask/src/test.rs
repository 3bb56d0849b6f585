//! `cargo xtask test`: sets up what is missing and passes every test.

use crate::{
    bench,
    practice::Practice,
    run::{Done, Trouble, found, println, say, watched},
    setup::{self, Built},
};
use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// Runs everything; `filter` goes to the test runner, and the pages' checks and the benchmarks are
/// left out.
pub fn test(filter: &[String]) -> Done {
    let mut stages = Stages::default();
    let mut tally = Tally::default();
    let whole = filter.is_empty();
    stages.time("packages", setup::for_window)?;
    stages.time("building the pages", setup::pages)?;
    let pages = !whole || stages.time("checking the pages", || check_pages(&mut tally))?;
    let built = stages.time("building", setup::build_with_tests)?;
    stages.time("the agent for its own tests", setup::build_agent_for_tests)?;
    let python = stages.time("the clouds' own clients", setup::python)?;
    let practice = stages.time("the practice cloud", || Practice::start(&built, "test"))?;
    let tests = stages.time("every other test", || {
        run_tests(filter, &built, &practice, python, &mut tally)
    })?;
    if whole && tests {
        stages.time("every benchmark once", || {
            bench::works(&built, &practice)?;
            bench::versions_work(true)
        })?;
    }
    stages.time("wiping the practice cloud", || {
        drop(practice);
        Ok(())
    })?;

    println("");
    println(&format!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    ));
    stages.print();
    if !pages || !tests || tally.failed > 0 {
        return Err(Trouble(
            "A check or a test failed; its output is above.".into(),
        ));
    }
    if tally.passed == 0 {
        return Err(Trouble("No test ran.".into()));
    }
    Ok(())
}

/// What is checked of the pages: types, walls and style, the tests of their logic, and that nobody
/// is kept out.
const PAGE_CHECKS: [(&str, &str); 4] = [
    ("check", "Checking the pages' types"),
    ("lint", "Checking the pages' walls and style"),
    ("test", "Running the pages' tests"),
    ("axe", "Going over every screen for accessibility"),
];

/// Answers whether all passed; each is run also when one before it failed.
fn check_pages(tally: &mut Tally) -> Done<bool> {
    let mut passed = true;
    for (script, title) in PAGE_CHECKS {
        say(title);
        let mut command = setup::npm(&["run", "--silent", script]);
        command.env("NO_COLOR", "1");
        passed &= watched(&mut command, |line| tally.read(line))?;
    }
    Ok(passed)
}

fn run_tests(
    filter: &[String],
    built: &Built,
    practice: &Practice,
    python: Option<PathBuf>,
    tally: &mut Tally,
) -> Done<bool> {
    say("Running every test");
    let mut command = with_keyring(&["test", "--workspace", "--no-fail-fast"])?;
    command.arg("--").args(filter);
    command
        .env("PLIMSOLL_PRACTICE", &practice.folder)
        .env(
            "PLIMSOLL_PRACTICE_CACHE",
            setup::target().join("practice-cache"),
        )
        .env("PLIMSOLL_AGENT", &built.agent)
        .env("PLIMSOLL_AGENT_TEST", setup::target().join("agent-test"))
        // From here on a test of the window that misses something fails.
        .env("PLIMSOLL_TEST_WINDOW", "1");
    if let Some(python) = &python {
        command.env("PLIMSOLL_SDK_PYTHON", python);
    } else {
        say("No Python with venv: the official clients' life cycle is skipped");
    }
    watched(&mut command, |line| tally.read(line))
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

/// What was done and how long it took.
#[derive(Default)]
struct Stages(Vec<(&'static str, Duration)>);

impl Stages {
    fn time<T>(&mut self, title: &'static str, act: impl FnOnce() -> Done<T>) -> Done<T> {
        let began = Instant::now();
        let done = act();
        self.0.push((title, began.elapsed()));
        done
    }

    fn print(&self) {
        let all = ("in all", self.0.iter().map(|(_, took)| *took).sum());
        for (title, took) in self.0.iter().chain([&all]) {
            println(&format!("{:6} s  {title}", took.as_secs()));
        }
    }
}

/// Sums the closing lines of every test program.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Reads cargo's `test result: ok. 13 passed; 0 failed; 0 ignored; …` and vitest's
    /// `Tests  1 failed | 12 passed | 2 skipped (15)`.
    fn read(&mut self, line: &str) {
        let line = line.trim_start();
        let Some(rest) = line
            .strip_prefix("test result: ")
            .or_else(|| line.strip_prefix("Tests  "))
        else {
            return;
        };
        for part in rest.split(['.', ';', '|']) {
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
                "ignored" | "skipped" => self.skipped += count,
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
        tally.read("      Tests  2 failed | 40 passed | 1 skipped (43)");
        tally.read(" Test Files  9 passed (9)");
        assert_eq!((tally.passed, tally.failed, tally.skipped), (56, 3, 3));
    }
}
