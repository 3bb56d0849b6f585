//! The tables: every side beside the floor, and every promise with what became of it.

use super::{
    samples::Samples,
    statistics::{largest, median, percentile},
};
use std::{fmt::Write, thread::available_parallelism};

const FLOOR: &str = "floor";
const WARM: &str = "ours, warm";
const COLD: &str = "ours, new connection";
const STOPPED: &str = "ours, stopped";
const DEPLOYMENT: &str = "ours, deployment";
const ROUND_TRIPS_MS: [u64; 2] = [0, 40];
/// The long line over which dependent round trips are counted, ms.
const FAR_MS: u64 = 400;

/// Who brings a change, and what that is.
const CHANGERS: [(&str, &str); 6] = [
    (FLOOR, "Floor: files already there, one command"),
    (WARM, "**Plimsoll**"),
    (COLD, "**Plimsoll**, not yet connected"),
    ("rsync and build", "rsync, then build on the server"),
    ("docker -H ssh://", "`docker -H ssh://` build"),
    (
        "docker save | ssh",
        "`docker save \\| zstd \\| ssh docker load`",
    ),
];

/// What is written down.
pub struct Report {
    /// Everything.
    pub tables: String,
    /// What the README shows.
    pub summary: String,
}

/// Writes the tables for these samples.
pub fn write(samples: &Samples) -> Report {
    let change = change(samples);
    let promises = promises(samples);
    let about = about();
    let tables = format!(
        "{about}\n\n## Promises\n\n{promises}\n## A change of one line, click to served\n\n{change}\n\
         ## Rollback\n\n{}\n## Switch under load\n\n{}\n## Boot, click to ready\n\n{}",
        rollback(samples),
        switch(samples),
        boot(samples),
    );
    Report {
        tables,
        summary: format!("{change}\n{promises}"),
    }
}

fn about() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    format!(
        "Written by `cargo xtask bench`: medians of one run in which all sides took turns, against \
         servers of the practice cloud, everything on one machine with {cores} processors ({}). \
         The round trip is made by a relay in front of the servers. Plimsoll's desktop part is \
         built without optimisation, as for tests. Ratios travel between machines; times do not.",
        std::env::consts::ARCH
    )
}

fn change(samples: &Samples) -> String {
    let mut text = String::from(
        "| A change of one line, click to served | 0 ms | × floor | 40 ms | × floor | new SSH \
         connections | bytes up | dependent round trips |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (side, name) in CHANGERS {
        let _ = write!(text, "| {name} ");
        for round_trip in ROUND_TRIPS_MS {
            let served = samples.median("change", side, round_trip, "served_ms");
            let over = over_floor(samples, "change", side, round_trip);
            let _ = write!(text, "| {} | {} ", shown(served, time), shown(over, ratio));
        }
        let count = samples.median("change", side, 40, "connections");
        let up = samples.median("change", side, 40, "up_bytes");
        let trips = round_trips(samples, side);
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            shown(count, whole),
            shown(up, bytes),
            shown(trips, tenths)
        );
    }
    text
}

fn rollback(samples: &Samples) -> String {
    let mut text = String::from(
        "| | 0 ms | × floor | 40 ms | × floor | switch on the server |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for (side, name) in [
        (FLOOR, "Floor: `docker run`, health, switch in one command"),
        (STOPPED, "**Plimsoll**, a container is started"),
        (WARM, "**Plimsoll**, the previous release is still warm"),
    ] {
        let _ = write!(text, "| {name} ");
        for round_trip in ROUND_TRIPS_MS {
            let served = samples.median("rollback", side, round_trip, "served_ms");
            let over = over_floor(samples, "rollback", side, round_trip);
            let _ = write!(text, "| {} | {} ", shown(served, time), shown(over, ratio));
        }
        let switch = switch_ms(samples, side);
        let _ = writeln!(text, "| {} |", shown(median(&switch), time));
    }
    text
}

fn switch(samples: &Samples) -> String {
    let mut text = String::from(
        "| | round trip | switches | requests | failed | p99 steady | p99 around a switch |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for (side, name) in [
        (WARM, "**Plimsoll**, rollback to a warm release"),
        (DEPLOYMENT, "**Plimsoll**, deployment with its build"),
        ("nginx -s reload", "The floor's switch: `nginx -s reload`"),
    ] {
        for round_trip in ROUND_TRIPS_MS {
            let one = |measure| shown(samples.median("switch", side, round_trip, measure), whole);
            let _ = writeln!(
                text,
                "| {name} | {round_trip} ms | {} | {} | {} | {} | {} |",
                one("switches"),
                one("requests"),
                one("failures"),
                shown(p99(samples, side, round_trip, "steady_ms"), time),
                shown(p99(samples, side, round_trip, "switch_ms"), time),
            );
        }
    }
    text.push_str("\nEight clients that keep their connections and never retry, GET and POST.\n");
    text
}

fn boot(samples: &Samples) -> String {
    let ready = |side| samples.median("boot", side, 0, "ready_ms");
    let mut text = String::from("| | click to ready |\n|---|--:|\n");
    for (side, name) in [
        ("stock image", "From the stock image"),
        ("base snapshot", "From a base snapshot"),
        ("making the snapshot", "Making that snapshot, once"),
    ] {
        let _ = writeln!(text, "| {name} | {} |", shown(ready(side), time));
    }
    text.push_str(
        "\nThe practice cloud's stock image brings Docker and nginx along, and containers boot in a \
         moment. At DigitalOcean, installing both comes on top for the stock image.\n",
    );
    text
}

/// A promise and what became of it; a measurement that is missing keeps nothing.
struct Promise {
    promise: &'static str,
    measured: String,
    kept: bool,
}

fn promises(samples: &Samples) -> String {
    let mut text = String::from("| Promise | Measured | |\n|---|---|---|\n");
    for Promise {
        promise,
        measured,
        kept,
    } in judged(samples)
    {
        let verdict = if kept { "kept" } else { "**missed**" };
        let _ = writeln!(text, "| {promise} | {measured} | {verdict} |");
    }
    text
}

fn judged(samples: &Samples) -> Vec<Promise> {
    let at_both = |of: &dyn Fn(u64) -> Option<f64>| ROUND_TRIPS_MS.map(of).to_vec();
    let ours = [WARM, DEPLOYMENT];
    let failures = ROUND_TRIPS_MS.iter().flat_map(|&round_trip| {
        ours.map(|side| samples.median("switch", side, round_trip, "failures"))
    });
    let connections = |side| samples.median("change", side, 40, "connections");
    vec![
        promise(
            "A change is served within 1.3 × the floor",
            at_both(&|round_trip| over_floor(samples, "change", WARM, round_trip)),
            ratio,
            1.3,
        ),
        promise(
            "At most 4 kB go up for it",
            vec![samples.median("change", WARM, 40, "up_bytes")],
            bytes,
            4_096.0,
        ),
        promise(
            "No new connection while one is open",
            vec![connections(WARM)],
            whole,
            0.0,
        ),
        promise(
            "One connection otherwise",
            vec![connections(COLD)],
            whole,
            1.0,
        ),
        promise(
            "At most 8 dependent round trips",
            vec![round_trips(samples, WARM)],
            tenths,
            8.0,
        ),
        promise(
            "No request fails across a switch",
            failures.collect(),
            whole,
            0.0,
        ),
        promise(
            "p99 around a switch is at most 2 × p99 in steady times",
            at_both(&|round_trip| {
                let steady = p99(samples, WARM, round_trip, "steady_ms")?;
                Some(p99(samples, WARM, round_trip, "switch_ms")? / steady)
            }),
            ratio,
            2.0,
        ),
        promise(
            "A rollback that starts a container is served within 1.3 × the floor",
            at_both(&|round_trip| over_floor(samples, "rollback", STOPPED, round_trip)),
            ratio,
            1.3,
        ),
        warm_switch(samples),
        promise(
            "The idle agent takes at most 20 MB",
            vec![samples.median("idle", "ours", 0, "memory_bytes")],
            bytes,
            20e6,
        ),
    ]
}

/// Judged by its median as everything here is, with the slowest one beside it.
fn warm_switch(samples: &Samples) -> Promise {
    let switch = switch_ms(samples, WARM);
    let mut judged = promise(
        "A rollback to a warm release switches within 100 ms on the server",
        vec![median(&switch)],
        time,
        100.0,
    );
    if let Some(slowest) = largest(&switch) {
        let _ = write!(judged.measured, " (slowest {})", time(slowest));
    }
    judged
}

fn promise(
    promise: &'static str,
    measured: Vec<Option<f64>>,
    unit: fn(f64) -> String,
    most: f64,
) -> Promise {
    let kept = measured
        .iter()
        .all(|value| value.is_some_and(|value| value <= most));
    let mut words: Vec<String> = measured
        .into_iter()
        .map(|value| shown(value, unit))
        .collect();
    words.dedup();
    Promise {
        promise,
        measured: words.join(", "),
        kept,
    }
}

fn over_floor(samples: &Samples, work: &str, side: &str, round_trip_ms: u64) -> Option<f64> {
    let floor = samples.median(work, FLOOR, round_trip_ms, "served_ms")?;
    Some(samples.median(work, side, round_trip_ms, "served_ms")? / floor)
}

/// How many round trips waited for one another: what a long line added, in its round trips.
fn round_trips(samples: &Samples, side: &str) -> Option<f64> {
    let near = samples.median("change", side, 0, "served_ms")?;
    let far = samples.median("change", side, FAR_MS, "served_ms")?;
    Some((far - near) / FAR_MS as f64)
}

fn p99(samples: &Samples, side: &str, round_trip_ms: u64, measure: &str) -> Option<f64> {
    percentile(
        &samples.values("switch", side, round_trip_ms, measure),
        0.99,
    )
}

fn switch_ms(samples: &Samples, side: &str) -> Vec<f64> {
    let all =
        ROUND_TRIPS_MS.map(|round_trip| samples.values("rollback", side, round_trip, "switch_us"));
    all.concat()
        .into_iter()
        .map(|micros| micros / 1000.0)
        .collect()
}

fn shown(value: Option<f64>, unit: fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), unit)
}

fn time(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        10.0..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

fn bytes(count: f64) -> String {
    match count {
        ..1e3 => format!("{count:.0} B"),
        1e3..1e6 => format!("{:.1} kB", count / 1e3),
        _ => format!("{:.1} MB", count / 1e6),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.2} ×")
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(lines: &[(&str, &str, u64, &str, f64)]) -> Samples {
        let text: Vec<String> = lines
            .iter()
            .map(|(work, side, round_trip_ms, measure, value)| {
                serde_json::json!({
                    "work": work, "side": side, "round_trip_ms": round_trip_ms,
                    "measure": measure, "values": [value],
                })
                .to_string()
            })
            .collect();
        Samples::read(&text.join("\n")).unwrap()
    }

    fn verdict(samples: &Samples, words: &str) -> (String, bool) {
        let found = judged(samples)
            .into_iter()
            .find(|judged| judged.promise.contains(words));
        let found = found.unwrap();
        (found.measured, found.kept)
    }

    #[test]
    fn a_promise_holds_only_where_every_measurement_keeps_it() {
        let mut lines = vec![
            ("change", FLOOR, 0, "served_ms", 1000.0),
            ("change", WARM, 0, "served_ms", 1200.0),
            ("change", FLOOR, 40, "served_ms", 1000.0),
        ];
        assert!(!verdict(&samples(&lines), "A change is served").1);
        lines.push(("change", WARM, 40, "served_ms", 1300.0));
        let (measured, kept) = verdict(&samples(&lines), "A change is served");
        assert_eq!((measured.as_str(), kept), ("1.20 ×, 1.30 ×", true));
        lines.pop();
        lines.push(("change", WARM, 40, "served_ms", 1310.0));
        assert!(!verdict(&samples(&lines), "A change is served").1);
    }

    #[test]
    fn dependent_round_trips_are_what_a_long_line_adds() {
        let samples = samples(&[
            ("change", WARM, 0, "served_ms", 1000.0),
            ("change", WARM, FAR_MS, "served_ms", 3400.0),
        ]);
        assert_eq!(round_trips(&samples, WARM), Some(6.0));
        assert_eq!(round_trips(&samples, FLOOR), None);
    }

    #[test]
    fn every_side_has_a_row_and_a_missing_number_is_a_dash() {
        let table = change(&samples(&[("change", FLOOR, 0, "served_ms", 940.0)]));
        assert_eq!(table.lines().count(), 2 + CHANGERS.len());
        assert!(
            table.contains("| Floor: files already there, one command | 940 ms | 1.00 × | – |")
        );
    }

    #[test]
    fn units_are_those_that_people_read() {
        assert_eq!(time(7.25), "7.2 ms");
        assert_eq!(time(310.4), "310 ms");
        assert_eq!(time(1_240.0), "1.24 s");
        assert_eq!(bytes(420.0), "420 B");
        assert_eq!(bytes(1_900.0), "1.9 kB");
        assert_eq!(bytes(72_600_000.0), "72.6 MB");
    }
}
