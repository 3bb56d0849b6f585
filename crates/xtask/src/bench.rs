//! `cargo xtask bench`: what we promise about speed, measured on a practice cloud and written down.

mod report;
mod samples;
mod statistics;

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
/// Where the README shows the tables.
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

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
    let tables = format!("# Benchmarks\n\n{}", report.tables);
    fs::write(setup::root().join(REPORT), tables)?;
    let readme = setup::root().join("README.md");
    let text = fs::read_to_string(&readme)?;
    let shown = between_markers(&text, &report.summary)
        .ok_or_else(|| Trouble(format!("README.md has no {BEGIN} with an {END} after it")))?;
    fs::write(readme, shown)?;
    say(format!("Written to {REPORT} and README.md"));
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

/// The text with what stands between the markers replaced.
fn between_markers(text: &str, shown: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text[begin..].find(END)?;
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
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let wanted = format!("above\n{BEGIN}\nnew\n{END}\nbelow\n");
        assert_eq!(between_markers(&text, "new\n"), Some(wanted));
    }

    #[test]
    fn a_text_without_both_markers_in_order_is_left_alone() {
        assert_eq!(between_markers("nothing", "new"), None);
        assert_eq!(between_markers(&format!("{END} {BEGIN}"), "new"), None);
    }
}
