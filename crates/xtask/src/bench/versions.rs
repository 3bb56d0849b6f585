//! `cargo xtask bench versions`: what saving versions of a large tree takes beside a plain walk, git
//! and restic, all sides in turns.

use super::{publish, samples::Samples, statistics::median};
use crate::{
    run::{Done, Trouble, found, println, run, say},
    setup,
};
use std::{fmt::Write, fs, path::Path, thread::available_parallelism};

/// What the marked places of README.md and BENCHMARKS.md are called.
const MARK: &str = "bench-versions";

/// Measures and writes the table down; `quick` only sees that the measuring works.
pub fn bench(flags: &[String]) -> Done {
    let quick = match flags {
        [] => false,
        [flag] if flag == "--quick" => true,
        [flag] if flag == "--write" => return write(&samples(false)),
        [flag, ..] => return Err(Trouble(format!("{flag} is not known."))),
    };
    works(quick)?;
    match quick {
        true => Ok(()),
        false => write(&samples(false)),
    }
}

/// Runs the measurement.
pub fn works(quick: bool) -> Done {
    for program in ["git", "restic"] {
        if !found(program) {
            return Err(Trouble(format!("`{program}` is not there.")));
        }
    }
    say("Building and running the benchmark of versions");
    let place = setup::target().join("bench");
    fs::create_dir_all(&place)?;
    let mut command = setup::cargo(&["bench", "--quiet"]);
    if quick {
        // Whether it works is seen of what the tests have built.
        command.args(["--profile", "dev"]);
    }
    command.args(["-p", "plimsoll-store", "--bench", "versions", "--"]);
    if quick {
        command.arg("--quick");
    }
    command
        .env("PLIMSOLL_BENCH_FOLDER", place.join("versions"))
        .env("PLIMSOLL_BENCH_SAMPLES", samples(quick));
    run(&mut command)
}

fn samples(quick: bool) -> std::path::PathBuf {
    let name = match quick {
        true => "versions-quick.jsonl",
        false => "versions.jsonl",
    };
    setup::target().join("bench").join(name)
}

fn write(file: &Path) -> Done {
    let text = fs::read_to_string(file)?;
    let table = table(&Samples::read(&text).map_err(Trouble)?);
    println(&table);
    publish(MARK, &format!("## Versions\n\n{table}"), &table)
}

/// A line of the table.
struct Line {
    side: &'static str,
    title: &'static str,
}

const SIDES: [Line; 5] = [
    Line {
        side: "walk",
        title: "Floor: a walk that looks at every file's size and times",
    },
    Line {
        side: "ours",
        title: "**Plimsoll**",
    },
    Line {
        side: "ours, opened anew",
        title: "**Plimsoll**, its store opened first",
    },
    Line {
        side: "git",
        title: "`git add -A && git commit`",
    },
    Line {
        side: "restic",
        title: "`restic backup`",
    },
];

const LOOKS: [Line; 3] = [
    Line {
        side: "walk",
        title: "Floor: a walk over every name",
    },
    Line {
        side: "opened",
        title: "**Plimsoll**, the screen of files opened",
    },
    Line {
        side: "unfolded",
        title: "**Plimsoll**, every folder of it unfolded",
    },
];

fn table(samples: &Samples) -> String {
    let of = |work: &str, side: &str, measure: &str| samples.values(work, side, 0, measure);
    let middle = |work: &str, side: &str, measure: &str| median(&of(work, side, measure));
    let cores = available_parallelism().map_or(1, usize::from);
    let files = middle("tree", "tree", "files").unwrap_or_default();
    let bytes = middle("tree", "tree", "bytes").unwrap_or_default();
    let changed = middle("again", "tree", "changed_bytes").unwrap_or_default();
    let rounds = of("again", "ours", "ms").len();
    let load = match middle("tree", "tree", "load") {
        Some(load) if load > 1.0 => {
            format!(
                ", with a load of {load:.1} from other work when it began, which slows all sides"
            )
        }
        _ => String::new(),
    };
    let mut text = format!(
        "Written by `cargo xtask bench versions`: {files:.0} files of {:.2} GB, most of them code, \
         on one machine with {cores} processors{load}; all sides took turns. A first save is the median \
         of {}, a later one that of {rounds}, each after 10 files of {} in all were changed. Git \
         and restic run as they come, without housekeeping. What a store grows by in a \
         round counts its journals, which are emptied later.\n\n\
         | | first save | store after it | after 10 changed files | × walk | grows by |\n\
         |---|--:|--:|--:|--:|--:|\n",
        bytes / 1e9,
        of("first", "ours", "ms").len(),
        size(changed),
    );
    let walk = middle("again", "walk", "ms");
    for Line { side, title } in SIDES {
        let again = middle("again", side, "ms");
        let times = again.zip(walk).map(|(again, walk)| again / walk);
        let _ = writeln!(
            text,
            "| {title} | {} | {} | {} | {} | {} |",
            told(middle("first", side, "ms"), time),
            told(middle("first", side, "stored_bytes"), size),
            told(again, time),
            told(times, |times| format!("{times:.2} ×")),
            told(middle("again", side, "grew_bytes"), size),
        );
    }
    let ratio =
        |work: &str, other: &str| Some(middle(work, "ours", "ms")? / middle(work, other, "ms")?);
    // Of all rounds together: the index grows in steps of its own.
    let all = |side: &str, measure: &str| middle("again", side, measure);
    let grew = all("ours", "grew_in_all_bytes")
        .zip(all("tree", "changed_in_all_bytes"))
        .map(|(grew, changed)| grew / changed);
    let looked = |side: &str| Some(middle("look", side, "ms")? / middle("look", "walk", "ms")?);
    let proved = of("proof", "ours", "whole");
    let whole = !proved.is_empty() && proved.iter().all(|whole| *whole > 0.0);
    let promises = [
        (
            "A first save is faster than git's",
            ratio("first", "git"),
            1.0,
        ),
        (
            "A first save is faster than restic's",
            ratio("first", "restic"),
            1.0,
        ),
        (
            "After 10 changed files at most 1.5 × a walk",
            ratio("again", "walk"),
            1.5,
        ),
        (
            "After 10 changed files faster than git",
            ratio("again", "git"),
            1.0,
        ),
        (
            "The store grows by at most 1.5 × the changed bytes, all rounds together, its journals \
             emptied",
            grew,
            1.5,
        ),
        (
            "Opening the screen of files at most 1.3 × a walk over every name",
            looked("opened"),
            1.3,
        ),
    ];
    text += "\n| Looking at the tree | time | × walk | entries | memory meanwhile |\n\
             |---|--:|--:|--:|--:|\n";
    for Line { side, title } in LOOKS {
        let _ = writeln!(
            text,
            "| {title} | {} | {} | {} | {} |",
            told(middle("look", side, "ms"), time),
            told(looked(side), |times| format!("{times:.2} ×")),
            told(middle("look", side, "seen"), |seen| format!("{seen:.0}")),
            told(middle("look", side, "memory_bytes"), |bytes| format!(
                "+{}",
                size(bytes)
            )),
        );
    }
    text += "\n| Promise | Measured | |\n|---|--:|---|\n";
    for (promise, measured, most) in promises {
        let verdict = match measured {
            Some(measured) if measured <= most => "kept",
            _ => "**missed**",
        };
        let measured = told(measured, |measured| format!("{measured:.2} ×"));
        let _ = writeln!(text, "| {promise} | {measured} | {verdict} |");
    }
    let proof = if whole { "kept" } else { "**missed**" };
    let _ = writeln!(
        text,
        "| Afterwards every byte of every version can be read | | {proof} |"
    );
    text
}

fn told(value: Option<f64>, how: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), how)
}

fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1_000.0),
    }
}

fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes < 1e3 => format!("{bytes:.0} B"),
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{:.1} MB", bytes / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_or_missed_by_its_numbers() {
        let line = |work: &str, side: &str, measure: &str, value: f64| {
            format!(
                r#"{{"work":"{work}","side":"{side}","round_trip_ms":0,"measure":"{measure}","values":[{value}]}}"#
            )
        };
        let text = [
            line("first", "ours", "ms", 4_000.0),
            line("first", "git", "ms", 20_000.0),
            line("first", "restic", "ms", 3_000.0),
            line("again", "tree", "changed_bytes", 100_000.0),
            line("again", "walk", "ms", 100.0),
            line("again", "ours", "ms", 140.0),
            line("again", "ours", "grew_in_all_bytes", 160_000.0),
            line("again", "tree", "changed_in_all_bytes", 100_000.0),
            line("look", "walk", "ms", 50.0),
            line("look", "opened", "ms", 5.0),
            line("proof", "ours", "whole", 1.0),
        ]
        .join("\n");
        let table = table(&Samples::read(&text).unwrap());
        for wanted in [
            "| A first save is faster than git's | 0.20 × | kept |",
            "| A first save is faster than restic's | 1.33 × | **missed** |",
            "| After 10 changed files at most 1.5 × a walk | 1.40 × | kept |",
            "| After 10 changed files faster than git | – | **missed** |",
            "| The store grows by at most 1.5 × the changed bytes, all rounds together, its journals emptied | 1.60 × | **missed** |",
            "| Opening the screen of files at most 1.3 × a walk over every name | 0.10 × | kept |",
            "| **Plimsoll**, the screen of files opened | 5 ms | 0.10 × | – | – |",
            "| Afterwards every byte of every version can be read | | kept |",
        ] {
            assert!(table.contains(wanted), "{wanted} in {table}");
        }
    }
}
