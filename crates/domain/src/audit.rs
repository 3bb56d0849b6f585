//! The audit log: who did what to what, each entry chained to the one before by its hash.

use crate::{AuditId, Timestamp};
use serde::{Deserialize, Serialize};

/// One act, kept for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Id.
    pub id: AuditId,
    /// Its place in its device's chain, from 1.
    pub number: i64,
    /// The device on which it was written; each has a chain of its own.
    pub device: String,
    /// When.
    pub at: Timestamp,
    /// Who: `user@machine`.
    pub author: String,
    /// What was done, such as `server.destroy`.
    pub act: String,
    /// To what, such as `server:0192…`.
    pub subject: String,
    /// More about it; never a secret.
    pub details: serde_json::Value,
    /// Hash of the entry before; 64 zeros for the first.
    pub previous_hash: String,
    /// BLAKE3 of everything above, in hexadecimal.
    pub hash: String,
}

impl AuditEntry {
    /// The hash that this entry ought to carry.
    pub fn expected_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let number = self.number.to_string();
        let details = canonical(&self.details);
        for part in [
            &self.previous_hash,
            &self.id.to_string(),
            &number,
            &self.device,
            &self.at.to_string(),
            &self.author,
            &self.act,
            &self.subject,
            &details,
        ] {
            // The length in front keeps two different entries from hashing as the same text.
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// JSON with sorted keys, so that the order in which a store keeps them does not matter.
fn canonical(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let members: Vec<String> = keys
                .into_iter()
                .map(|key| format!("{}:{}", Value::from(key.as_str()), canonical(&map[key])))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            id: AuditId::mint(Timestamp::from_millis(1), [1; 10]),
            number: 1,
            device: "d".into(),
            at: Timestamp::from_millis(1),
            author: "ada@laptop".into(),
            act: "server.destroy".into(),
            subject: "server:1".into(),
            details: serde_json::json!({"forced": true, "name": "web"}),
            previous_hash: "0".repeat(64),
            hash: String::new(),
        }
    }

    #[test]
    fn every_cell_of_an_entry_is_hashed() {
        let hash = entry().expected_hash();
        let changed: [fn(&mut AuditEntry); 8] = [
            |e| e.number = 2,
            |e| e.device = "e".into(),
            |e| e.at = Timestamp::from_millis(2),
            |e| e.author = "bob@laptop".into(),
            |e| e.act = "server.create".into(),
            |e| e.subject = "server:2".into(),
            |e| e.details = serde_json::json!({"forced": false, "name": "web"}),
            |e| e.previous_hash = "1".repeat(64),
        ];
        for change in changed {
            let mut other = entry();
            change(&mut other);
            assert_ne!(other.expected_hash(), hash);
        }
    }

    #[test]
    fn the_order_of_details_does_not_matter() {
        let mut other = entry();
        other.details = serde_json::json!({"name": "web", "forced": true});
        assert_eq!(other.expected_hash(), entry().expected_hash());
    }
}
