//! What was measured, one number at a time; who judges and prints it is `cargo xtask bench`.

use crate::Done;
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    time::Duration,
};

/// Under which conditions a number was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// What was done: `change`, `rollback`, `switch`, `boot`, `idle`.
    pub work: &'static str,
    /// Who did it.
    pub side: &'static str,
    /// Round trip between this machine and the server, ms.
    pub round_trip_ms: u64,
}

#[derive(Serialize)]
struct Sample<'a> {
    #[serde(flatten)]
    setting: &'a Setting,
    measure: &'static str,
    values: &'a [f64],
}

/// Writes samples as lines of JSON, and shows them as they come.
pub struct Samples(BufWriter<File>);

impl Samples {
    /// Begins the file.
    pub fn create(path: &Path) -> Done<Self> {
        Ok(Self(BufWriter::new(File::create(path)?)))
    }

    /// Adds a number. The unit is the measure's ending: `_ms`, `_us`, `_bytes`, none for a count.
    pub fn add(&mut self, setting: &Setting, measure: &'static str, value: f64) -> Done {
        self.add_all(setting, measure, &[value])
    }

    /// Adds a duration, in milliseconds.
    pub fn time(&mut self, setting: &Setting, measure: &'static str, took: Duration) -> Done {
        self.add(setting, measure, milliseconds(took))
    }

    /// Adds many durations of one kind.
    pub fn times(&mut self, setting: &Setting, measure: &'static str, took: &[Duration]) -> Done {
        let values: Vec<f64> = took.iter().copied().map(milliseconds).collect();
        self.add_all(setting, measure, &values)
    }

    fn add_all(&mut self, setting: &Setting, measure: &'static str, values: &[f64]) -> Done {
        let Setting {
            work,
            side,
            round_trip_ms,
        } = setting;
        let shown = match values {
            [value] => format!("{value:.1}"),
            many => format!("{} values", many.len()),
        };
        eprintln!("  {work:9} {round_trip_ms:3} ms  {side:18} {measure:14} {shown:>12}");
        let sample = Sample {
            setting,
            measure,
            values,
        };
        serde_json::to_writer(&mut self.0, &sample)?;
        self.0.write_all(b"\n")?;
        Ok(self.0.flush()?)
    }
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
