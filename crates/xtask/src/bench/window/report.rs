//! The table: a bare window beside ours, and every promise with what became of it.

use super::super::statistics::{largest, median, percentile};
use std::{fmt::Write, thread::available_parallelism};

/// A clock of a web view shows whole milliseconds: two numbers that differ by less do not differ.
const CLOCK_MS: f64 = 1.0;

/// What was measured of one side.
#[derive(Default)]
pub struct Measured {
    /// From asking for the window to its first page, ms.
    pub start_ms: Vec<f64>,
    /// Proportional memory of all its processes at rest, bytes.
    pub memory: Vec<f64>,
    /// The part of a processor that they use at rest.
    pub idle: Vec<f64>,
    /// Time between frames while the list is scrolled, ms.
    pub scroll_gaps: Vec<f64>,
    /// The same while a log is followed.
    pub follow_gaps: Vec<f64>,
    /// Lines a second that were written meanwhile.
    pub lines_a_second: Vec<f64>,
    /// Number of the last line that was shown when the frames had been noted.
    pub lines_shown: Vec<f64>,
    /// What broke down while it was measured, and was measured once more.
    pub broken: Vec<String>,
}

/// Both sides.
#[derive(Default)]
pub struct Sides {
    /// A window of the same toolkit with one page and nothing behind it.
    pub bare: Measured,
    /// Plimsoll.
    pub ours: Measured,
}

/// The table with what has to be known about it. `load` is how busy the machine was.
pub fn table(sides: &Sides, release: bool, load: &str) -> String {
    let mut text = about(sides, release, load);
    text.push_str(
        "\n\n| | bare window | Plimsoll | compared | promise | |\n|---|--:|--:|--:|---|---|\n",
    );
    for row in rows(sides) {
        let verdict = match row.kept {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {verdict} |",
            row.what, row.bare, row.ours, row.compared, row.promise
        );
    }
    let broken: Vec<&str> = [&sides.bare, &sides.ours]
        .iter()
        .flat_map(|side| side.broken.iter().map(String::as_str))
        .collect();
    if !broken.is_empty() {
        let _ = writeln!(
            text,
            "\nBroke down and was measured once more: {}.",
            broken.join(", ")
        );
    }
    text
}

fn about(sides: &Sides, release: bool, load: &str) -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let built = match release {
        true => "built as they are shipped",
        false => "built without optimisation, as for tests",
    };
    let rate = shown(median(&sides.ours.lines_a_second), whole);
    let last = shown(median(&sides.ours.lines_shown), whole);
    format!(
        "Written by `cargo xtask bench window`: one run in which both windows took turns ({} rounds), \
         both {built}, drawn by software on a virtual display; {cores} processors ({}), with a \
         load of {load} from other work when it began, which slows both sides. Both are started through WebDriver. The 10,000 \
         deployments are in a real store. The log is a job's, into which another process writes \
         {rate} lines a second; when the frames had been noted, line {last} was in view. The bare \
         window draws a list and a log of its own, without a store. Where there is no graphics \
         processor, both draw without OpenGL.",
        sides.ours.start_ms.len(),
        std::env::consts::ARCH,
    )
}

struct Row {
    what: &'static str,
    bare: String,
    ours: String,
    compared: String,
    promise: &'static str,
    /// Nothing was promised where there is none; a measurement that is missing keeps nothing.
    kept: Option<bool>,
}

fn rows(sides: &Sides) -> Vec<Row> {
    let Sides { bare, ours } = sides;
    let p95 = |gaps: &[f64]| percentile(gaps, 0.95);
    let start = (median(&bare.start_ms), median(&ours.start_ms));
    let memory = (median(&bare.memory), median(&ours.memory));
    let idle = (median(&bare.idle), median(&ours.idle));
    let scroll = (p95(&bare.scroll_gaps), p95(&ours.scroll_gaps));
    let slowest = (largest(&bare.scroll_gaps), largest(&ours.scroll_gaps));
    let follow = (largest(&bare.follow_gaps), largest(&ours.follow_gaps));
    let followed = (p95(&bare.follow_gaps), p95(&ours.follow_gaps));
    let more = |(bare, ours): (Option<f64>, Option<f64>)| Some(ours? - bare?);
    vec![
        row(
            "Start to usable",
            start,
            time,
            shown(ratio(start), times),
            "at most 1.3 × bare",
            Some(ratio(start).is_some_and(|ratio| ratio <= 1.3)),
        ),
        row(
            "Memory at rest, all processes (PSS)",
            memory,
            megabytes,
            shown(more(memory), |more| format!("{:+.0} MB", more / 1e6)),
            "at most 60 MB above bare",
            Some(more(memory).is_some_and(|more| more <= 60e6)),
        ),
        row(
            "Processor at rest, of one core",
            idle,
            percent,
            shown(more(idle), |more| format!("{:+.2} points", more * 100.0)),
            "under 0.5 %",
            Some(idle.1.is_some_and(|ours| ours < 0.005)),
        ),
        row(
            "Scrolling 10,000 deployments, p95 between frames",
            scroll,
            time,
            shown(ratio(scroll), times),
            "no worse than a bare list, as far as the clock (1 ms) can tell",
            Some(more(scroll).is_some_and(|more| more <= CLOCK_MS)),
        ),
        row(
            "Scrolling, longest between frames",
            slowest,
            time,
            shown(ratio(slowest), times),
            "",
            None,
        ),
        row(
            "Following 100,000 lines a second, longest between frames",
            follow,
            time,
            shown(ratio(follow), times),
            "at most 100 ms",
            Some(follow.1.is_some_and(|ours| ours <= 100.0)),
        ),
        row(
            "Following, p95 between frames",
            followed,
            time,
            shown(ratio(followed), times),
            "",
            None,
        ),
    ]
}

fn row(
    what: &'static str,
    (bare, ours): (Option<f64>, Option<f64>),
    unit: fn(f64) -> String,
    compared: String,
    promise: &'static str,
    kept: Option<bool>,
) -> Row {
    Row {
        what,
        bare: shown(bare, unit),
        ours: shown(ours, unit),
        compared,
        promise,
        kept,
    }
}

fn ratio((bare, ours): (Option<f64>, Option<f64>)) -> Option<f64> {
    Some(ours? / bare?)
}

fn shown(value: Option<f64>, unit: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), unit)
}

fn time(ms: f64) -> String {
    match ms {
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1_000.0),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(sides: &Sides, what: &str) -> Option<bool> {
        let mut rows = rows(sides).into_iter();
        rows.find(|row| row.what.contains(what)).unwrap().kept
    }

    #[test]
    fn what_was_not_measured_keeps_no_promise() {
        let nothing = Sides::default();
        for row in rows(&nothing).iter().filter(|row| row.kept.is_some()) {
            assert_eq!(row.kept, Some(false), "{}", row.what);
        }
        assert!(table(&nothing, false, "0.1").contains("| – | – | – |"));
    }

    #[test]
    fn every_promise_is_judged_by_its_own_measure() {
        let mut sides = Sides::default();
        sides.bare.start_ms = vec![400.0];
        sides.ours.start_ms = vec![520.0];
        sides.bare.memory = vec![200e6];
        sides.ours.memory = vec![261e6];
        sides.bare.idle = vec![0.02];
        sides.ours.idle = vec![0.004];
        sides.bare.scroll_gaps = vec![17.0];
        sides.ours.scroll_gaps = vec![18.0];
        sides.bare.follow_gaps = vec![17.0];
        sides.ours.follow_gaps = vec![17.0, 101.0];
        assert_eq!(verdict(&sides, "Start"), Some(true));
        assert_eq!(verdict(&sides, "Memory"), Some(false));
        assert_eq!(verdict(&sides, "Processor"), Some(true));
        assert_eq!(verdict(&sides, "Scrolling"), Some(true));
        assert_eq!(verdict(&sides, "Following"), Some(false));
    }
}
