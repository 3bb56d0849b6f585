//! The public specifications as validators of what goes over the wire.

use crate::stage::Exchange;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{collections::HashMap, path::PathBuf};

/// One provider's specification.
pub struct Specification {
    operations: Vec<Operation>,
    definitions: Value,
    built: HashMap<String, Validator>,
}

struct Operation {
    method: String,
    path: regex::Regex,
    name: String,
    json: Value,
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_SPECS").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    named.or(Some(beside)).filter(|folder| folder.is_dir())
}

impl Specification {
    /// Reads a specification; `None`, said aloud, where there is none.
    pub fn read(file: &str) -> Option<Self> {
        let Some(folder) = folder() else {
            eprintln!("no specifications here (PLIMSOLL_SPECS): nothing is checked against them");
            return None;
        };
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let mut whole: Value = serde_json::from_str(&text).unwrap();
        let operations = whole["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|operation| Operation {
                method: operation["method"].as_str().unwrap().to_owned(),
                path: regex::Regex::new(operation["regex"].as_str().unwrap()).unwrap(),
                name: operation["path"].as_str().unwrap().to_owned(),
                json: operation.clone(),
            })
            .collect();
        Some(Self {
            operations,
            definitions: whole["$defs"].take(),
            built: HashMap::new(),
        })
    }

    /// Everything in which an exchange departs from the specification.
    pub fn departures(&mut self, said: &Exchange, prefix: &str) -> Vec<String> {
        let path = said.path.strip_prefix(prefix).unwrap();
        // Literal segments win over parameters, as in every router.
        let found = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| {
                operation.method == said.method && operation.path.is_match(path)
            })
            .min_by_key(|(_, operation)| operation.name.matches('{').count())
            .map(|(index, _)| index);
        let Some(index) = found else {
            return vec![format!(
                "{} {path} is not in the specification",
                said.method
            )];
        };
        let operation = self.operations[index].json.clone();
        let name = format!("{} {}", said.method, self.operations[index].name);
        let mut departures = Vec::new();
        for (key, value) in &said.query {
            match operation["query"].get(key) {
                None => departures.push(format!("{name}: no query parameter {key}")),
                Some(schema) => {
                    // A query is text; the schema means the number that it writes.
                    let text = json!(value);
                    let number = value.parse::<u64>().ok().map(|number| json!(number));
                    let place = format!("{name} ?{key}");
                    let as_text = self.check(&place, schema, &text);
                    let as_number = number
                        .map(|number| self.check(&place, schema, &number))
                        .unwrap_or(as_text.clone());
                    if !as_text.is_empty() {
                        departures.extend(as_number);
                    }
                }
            }
        }
        match (&operation["request"], &said.request) {
            (Value::Null, Some(_)) => departures.push(format!("{name}: no body is expected")),
            (Value::Null, None) => {}
            (schema, Some(body)) => {
                departures.extend(self.check(&format!("{name} request"), schema, body));
            }
            (_, None) if operation["request_required"] == true => {
                departures.push(format!("{name}: a body is required"));
            }
            (_, None) => {}
        }
        let class = format!("{}XX", said.status / 100);
        let schema = [
            said.status.to_string(),
            class.clone(),
            class.to_lowercase(),
            "default".into(),
        ]
        .iter()
        .find_map(|code| operation["responses"].get(code).cloned());
        match (schema, &said.answer) {
            (None, _) => departures.push(format!("{name}: no answer {}", said.status)),
            (Some(Value::Null), None) => {}
            (Some(Value::Null), Some(body)) => {
                departures.push(format!(
                    "{name} {}: no body is expected: {body}",
                    said.status
                ));
            }
            (Some(_), None) => {
                departures.push(format!("{name} {}: a body is expected", said.status))
            }
            (Some(schema), Some(body)) => {
                // Cloudflare's errors are specified as a success and a failure at once, which
                // nothing can be; what is meant is the failure, the last of the two.
                let failure = schema["allOf"]
                    .as_array()
                    .and_then(|all| all.last())
                    .cloned();
                let schema = match failure {
                    Some(failure) if said.status >= 400 => failure,
                    _ => schema,
                };
                departures.extend(self.check(&format!("{name} {}", said.status), &schema, body));
            }
        }
        departures
    }

    fn check(&mut self, place: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = self.built.entry(place.to_owned()).or_insert_with(|| {
            let whole = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$defs": self.definitions,
                "allOf": [schema],
            });
            jsonschema::options()
                .should_validate_formats(true)
                .build(&whole)
                .unwrap()
        });
        validator
            .iter_errors(value)
            .map(|error| format!("{place} at “{}”: {error}", error.instance_path()))
            .map(|text| text.chars().take(600).collect())
            .collect()
    }
}
