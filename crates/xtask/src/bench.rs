//! `cargo xtask bench`: what we promise about speed, measured on a practice cloud and written down.

mod canvas;
mod report;
mod samples;
mod statistics;
mod versions;
mod window;

pub use canvas::bench as canvas;
pub use versions::{bench as versions, works as versions_work};
pub use window::bench as window;

use crate::{
    practice::Practice,
    run::{Done, Trouble, println, run, say},
    setup::{self, Built},
};
use samples::Samples;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Everything that was measured, in the workspace's folder.
const REPORT: &str = "BENCHMARKS.md";
/// What shows a part of it.
const README: &str = "README.md";
/// What the marked places in both are called.
const MARK: &str = "bench";

/// Measures everything and writes the tables; `quick` only sees that the measuring works.
pub fn bench(quick: bool) -> Done {
    setup::for_practice()?;
    let built = setup::build()?;
    let practice = Practice::start(&built, "bench")?;
    if quick {
        return works(&built, &practice);
    }
    say("Building and running the benchmarks");
    measure(&built, &practice, &[])?;
    drop(practice);
    write()
}

/// Writes the tables from what was measured last.
pub fn write() -> Done {
    let text = fs::read_to_string(samples())?;
    let report = report::write(&Samples::read(&text).map_err(Trouble)?);
    println(&report.tables);
    publish(MARK, &report.tables, &report.summary)
}

/// Writes everything into one file and what the README shows into the other, each between its marks.
fn publish(mark: &str, everything: &str, summary: &str) -> Done {
    for (name, shown) in [(REPORT, everything), (README, summary)] {
        let file = setup::root().join(name);
        let text = fs::read_to_string(&file)?;
        let text = between_marks(&text, mark, shown).ok_or_else(|| {
            let [begin, end] = marks(mark);
            Trouble(format!("{name} has no {begin} with an {end} after it"))
        })?;
        fs::write(file, text)?;
    }
    say(format!("Written to {REPORT} and {README}"));
    Ok(())
}

/// Runs every measurement once on a practice cloud that runs already, judging no time.
pub fn works(built: &Built, practice: &Practice) -> Done {
    say("Running every benchmark once");
    measure(built, practice, &["--quick"])
}

fn samples() -> PathBuf {
    setup::target().join("bench/samples.jsonl")
}

fn measure(built: &Built, practice: &Practice, flags: &[&str]) -> Done {
    // Those of a quick run are no numbers to be written down.
    let file = match flags {
        [] => samples(),
        _ => setup::target().join("bench/quick.jsonl"),
    };
    fs::create_dir_all(setup::target().join("bench"))?;
    // What takes long happens on the server, where the agent is optimised as it is shipped. The
    // desktop's part is the one that the tests build, which can only be slower.
    let mut command = setup::cargo(&["bench", "--quiet", "--profile", "dev"]);
    command.args(["--workspace", "--bench", "promises", "--"]);
    command.args(flags);
    environment(&mut command, built, practice, &file);
    run(&mut command)
}

fn environment(command: &mut Command, built: &Built, practice: &Practice, samples: &Path) {
    command
        .env("PLIMSOLL_PRACTICE", &practice.folder)
        .env("PLIMSOLL_AGENT", &built.agent)
        .env("PLIMSOLL_BENCH_SAMPLES", samples)
        // Tokens of the practice cloud go to a sealed file that is removed afterwards, not to the
        // keychain.
        .env("PLIMSOLL_PASSPHRASE", "only for the practice cloud");
}

/// What stands before and after a marked place.
fn marks(name: &str) -> [String; 2] {
    ["begin", "end"].map(|side| format!("<!-- {name}:{side} -->"))
}

/// The text with what stands between the marks replaced.
fn between_marks(text: &str, mark: &str, shown: &str) -> Option<String> {
    let [begin, end] = marks(mark);
    let begin = text.find(&begin)? + begin.len();
    let end = begin + text[begin..].find(&end)?;
    Some(format!(
        "{}\n{}\n{}",
        &text[..begin],
        shown.trim(),
        &text[end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = |shown| {
            format!(
                "<!-- bench-window:begin -->\nkept\n<!-- bench-window:end -->\n\
                 <!-- bench:begin -->\n{shown}\n<!-- bench:end -->\nbelow\n"
            )
        };
        assert_eq!(
            between_marks(&text("old"), MARK, "new\n"),
            Some(text("new"))
        );
    }

    #[test]
    fn a_text_without_both_marks_in_order_is_left_alone() {
        assert_eq!(between_marks("nothing", MARK, "new"), None);
        let [begin, end] = marks(MARK);
        assert_eq!(between_marks(&format!("{end} {begin}"), MARK, "new"), None);
    }
}
