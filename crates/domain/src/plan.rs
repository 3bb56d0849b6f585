//! Plans: what a click will do, before it does it. Pure: prints, prices and compares without a
//! server.

use crate::{PlanId, ServerId, Timestamp};
use serde::{Deserialize, Serialize};

/// Steps in an order. The runner runs exactly these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan<A> {
    /// Id.
    pub id: PlanId,
    /// What it does, in a few words.
    pub title: String,
    /// The steps, first to last.
    pub steps: Vec<PlannedStep<A>>,
    /// What the planner wants people to know before they approve.
    pub notices: Vec<String>,
    /// What was asked for, so that the same question can be asked again.
    #[serde(default)]
    pub intent: serde_json::Value,
    /// What was observed, so that a refusal can say what has changed since.
    #[serde(default)]
    pub observed: serde_json::Value,
    /// BLAKE3 over what was observed: when it differs at the start, the world has moved.
    pub observed_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One step of a plan. `A` is the engine's closed set of actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep<A> {
    /// What it does, in a few words: an imperative sentence.
    pub title: String,
    /// The act and everything it needs.
    pub action: A,
    /// The server it works on.
    pub server_id: Option<ServerId>,
    /// Steps of the same group run side by side; groups run in order.
    pub group: u32,
    /// What it costs a month from then on, in integer cents of US dollars.
    pub price_cents_month: Option<i64>,
    /// Bytes that travel, estimated; `None` where nothing is known.
    pub transfer_bytes: Option<u64>,
    /// Expected downtime, ms.
    pub downtime_ms: u64,
    /// How it is undone, or `None` when it cannot be.
    pub undo: Option<String>,
    /// What changes, before and after, one line each.
    pub changes: Vec<BeforeAfter>,
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// What it is about, such as `A app.example.com`.
    pub subject: String,
    /// Now; `None` when it does not exist.
    pub before: Option<String>,
    /// Afterwards; `None` when it is removed.
    pub after: Option<String>,
}

impl<A> Plan<A> {
    /// What the whole costs a month more, in integer cents of US dollars.
    pub fn price_cents_month(&self) -> i64 {
        self.steps
            .iter()
            .filter_map(|step| step.price_cents_month)
            .sum()
    }
    /// Bytes that travel, where they are known.
    pub fn transfer_bytes(&self) -> u64 {
        self.steps
            .iter()
            .filter_map(|step| step.transfer_bytes)
            .sum()
    }
    /// Expected downtime, ms.
    pub fn downtime_ms(&self) -> u64 {
        self.steps.iter().map(|step| step.downtime_ms).sum()
    }
}

/// BLAKE3 over the canonical JSON of a value, hex: object keys sorted, so that the order in which
/// fields were written does not count.
pub fn hash_of(value: &serde_json::Value) -> String {
    blake3::hash(canonical(value).to_string().as_bytes())
        .to_hex()
        .to_string()
}

fn canonical(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            Value::Object(
                sorted
                    .into_iter()
                    .map(|(key, value)| (key.clone(), canonical(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// What differs between two observations, one line a place, such as
/// `servers.0.state: "ready" → "off"`.
pub fn differences(before: &serde_json::Value, after: &serde_json::Value) -> Vec<BeforeAfter> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(
    path: &str,
    before: &serde_json::Value,
    after: &serde_json::Value,
    found: &mut Vec<BeforeAfter>,
) {
    use serde_json::Value;
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let old = old.get(key).unwrap_or(&Value::Null);
                let new = new.get(key).unwrap_or(&Value::Null);
                compare(&below(key), old, new, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&below(&index.to_string()), old, new, found);
            }
        }
        (old, new) if old != new => found.push(BeforeAfter {
            subject: path.to_owned(),
            before: (!old.is_null()).then(|| old.to_string()),
            after: (!new.is_null()).then(|| new.to_string()),
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_fields_does_not_change_the_hash() {
        assert_eq!(
            hash_of(&json!({"a": 1, "b": {"c": 2, "d": 3}})),
            hash_of(&json!({"b": {"d": 3, "c": 2}, "a": 1}))
        );
        assert_ne!(hash_of(&json!([1, 2])), hash_of(&json!([2, 1])));
    }

    #[test]
    fn a_difference_names_its_place_and_both_values() {
        let found = differences(
            &json!({"servers": [{"state": "ready"}], "gone": 1}),
            &json!({"servers": [{"state": "off"}]}),
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].subject, "gone");
        assert_eq!(found[0].after, None);
        assert_eq!(found[1].subject, "servers.0.state");
        assert_eq!(found[1].after.as_deref(), Some("\"off\""));
    }
}
