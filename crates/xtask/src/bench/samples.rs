//! What the benchmarks measured: lines of JSON, one measure each.

use super::statistics::median;
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    work: String,
    side: String,
    round_trip_ms: u64,
    measure: String,
    values: Vec<f64>,
}

/// All samples of a run.
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Reads lines of JSON.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.is_empty());
        let read = lines.map(|line| serde_json::from_str(line).map_err(|error| error.to_string()));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// All numbers of a measure.
    pub fn values(&self, work: &str, side: &str, round_trip_ms: u64, measure: &str) -> Vec<f64> {
        self.0
            .iter()
            .filter(|sample| {
                sample.work == work
                    && sample.side == side
                    && sample.round_trip_ms == round_trip_ms
                    && sample.measure == measure
            })
            .flat_map(|sample| sample.values.iter().copied())
            .collect()
    }

    /// The median of a measure.
    pub fn median(&self, work: &str, side: &str, round_trip_ms: u64, measure: &str) -> Option<f64> {
        median(&self.values(work, side, round_trip_ms, measure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"
{"work":"change","side":"floor","round_trip_ms":0,"measure":"served_ms","values":[900.0]}
{"work":"change","side":"floor","round_trip_ms":0,"measure":"served_ms","values":[1100.0]}
{"work":"change","side":"floor","round_trip_ms":40,"measure":"served_ms","values":[5000.0]}
{"work":"change","side":"ours, warm","round_trip_ms":0,"measure":"served_ms","values":[7000.0]}
"#;

    #[test]
    fn numbers_of_different_settings_do_not_mix() {
        let samples = Samples::read(LINES).unwrap();
        assert_eq!(
            samples.values("change", "floor", 0, "served_ms"),
            [900.0, 1100.0]
        );
        assert_eq!(
            samples.median("change", "floor", 0, "served_ms"),
            Some(1000.0)
        );
        assert_eq!(
            samples.median("change", "floor", 40, "served_ms"),
            Some(5000.0)
        );
        assert_eq!(samples.median("change", "nobody", 0, "served_ms"), None);
    }

    #[test]
    fn a_line_that_is_no_sample_is_an_error() {
        assert!(Samples::read("{\"work\":1}").is_err());
    }
}
