//! `cargo xtask bench canvas`: how long a save takes until it is painted, beside a development server
//! that pushes it, in one browser and in turns.

use super::{
    publish,
    statistics::{median, percentile},
};
use crate::{
    run::{Done, Trouble, output, println, say},
    setup,
};
use serde::Deserialize;
use std::{fmt::Write, process::Command};

/// What the marked places of README.md and BENCHMARKS.md are called.
const MARK: &str = "bench-canvas";
/// How often each is saved.
const ROUNDS: &str = "40";
/// So many times the development server's push and a frame it may take.
const PROMISE: f64 = 2.0;

/// Milliseconds from a save to the frame that shows it.
#[derive(Deserialize)]
struct Sides {
    ours: Vec<f64>,
    vite: Vec<f64>,
}

#[derive(Deserialize)]
struct Measured {
    style: Sides,
    page: Sides,
}

/// Measures and writes the table down; `quick` only sees that the measuring works.
pub fn bench(quick: bool) -> Done {
    setup::for_window()?;
    setup::pages()?;
    let built = setup::build()?;
    say("Saving into a canvas and into a development server's folder, in turns");
    let mut command = Command::new("node");
    command
        .arg("tools/canvas-bench.mjs")
        .arg(&built.plimsoll)
        .arg(if quick { "2" } else { ROUNDS })
        .current_dir(setup::root().join("ui"));
    let measured: Measured = serde_json::from_str(&output(&mut command)?)
        .map_err(|error| Trouble(format!("The measuring said something else: {error}")))?;
    let table = table(&measured)?;
    println(&table);
    if quick {
        return Ok(());
    }
    publish(MARK, &format!("## Canvas\n\n{ABOUT}\n\n{table}"), &table)
}

const ABOUT: &str = "Written by `cargo xtask bench canvas`: one Chromium shows the same page of 200 \
    lines from `plimsoll canvas serve`, built without optimisation as for tests, and from Vite's \
    development server. A file is written to both in turns; the time ends with the frame after the \
    one in which the page has what was written.";

fn table(measured: &Measured) -> Done<String> {
    let mut text = String::from(
        "| Save to repaint | Vite's push and a frame | p95 | Plimsoll | p95 | compared | promise | |\n\
         |---|--:|--:|--:|--:|--:|---|---|\n",
    );
    for (what, sides) in [
        ("A style sheet", &measured.style),
        ("The page", &measured.page),
    ] {
        let taken = |values: &[f64]| median(values).zip(percentile(values, 0.95));
        let (Some(vite), Some(ours)) = (taken(&sides.vite), taken(&sides.ours)) else {
            return Err(Trouble(format!("{what} was never measured.")));
        };
        let ratio = ours.0 / vite.0;
        let verdict = if ratio <= PROMISE {
            "kept"
        } else {
            "**missed**"
        };
        let _ = writeln!(
            text,
            "| {what} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} ms | {ratio:.2} × | at most \
             {PROMISE} × | {verdict} |",
            vite.0, vite.1, ours.0, ours.1
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(ours: f64) -> Measured {
        let sides = || Sides {
            ours: vec![ours; 3],
            vite: vec![20.0; 3],
        };
        Measured {
            style: sides(),
            page: sides(),
        }
    }

    #[test]
    fn the_table_says_whether_the_promise_is_kept() {
        let kept = table(&measured(40.0)).unwrap();
        assert_eq!(kept.matches("| 2.00 × | at most 2 × | kept |").count(), 2);
        let missed = table(&measured(41.0)).unwrap();
        assert_eq!(missed.matches("**missed**").count(), 2);
    }

    #[test]
    fn what_was_not_measured_is_no_result() {
        let nothing = Measured {
            style: Sides {
                ours: vec![],
                vite: vec![],
            },
            page: Sides {
                ours: vec![1.0],
                vite: vec![1.0],
            },
        };
        assert!(table(&nothing).is_err());
    }
}
