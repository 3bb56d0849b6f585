//! The public specifications as a judge of every request and answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use regex::Regex;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// The specifications, or `None` where they are not at hand.
pub static CONTRACT: LazyLock<Option<Contract>> = LazyLock::new(Contract::find);

/// Paths that the real clouds answer and our copy of the specifications leaves out.
const BEYOND: &[&str] = &["/client/v4/accounts/{}/tokens/verify"];

pub struct Contract {
    operations: Vec<Operation>,
    digitalocean_defs: Value,
    cloudflare_defs: Value,
    /// Compiled once each: `method path code`.
    validators: Mutex<BTreeMap<String, &'static Validator>>,
    covered: Mutex<BTreeSet<String>>,
}

struct Operation {
    cloudflare: bool,
    method: String,
    path: String,
    regex: Regex,
    spec: Value,
}

/// One exchange with a cloud.
pub struct Exchange<'a> {
    pub method: &'a str,
    /// Path with its query.
    pub path: &'a str,
    pub sent: Option<&'a Value>,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub received: &'a Value,
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_SPECS").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    named.or_else(|| beside.is_dir().then_some(beside))
}

impl Contract {
    fn find() -> Option<Self> {
        let folder = folder()?;
        let mut operations = Vec::new();
        let mut read = |file: &str, cloudflare: bool| {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let mut whole: Value = serde_json::from_str(&text).unwrap();
            for spec in whole["operations"].as_array_mut().unwrap() {
                operations.push(Operation {
                    cloudflare,
                    method: spec["method"].as_str().unwrap().to_owned(),
                    path: spec["path"].as_str().unwrap().to_owned(),
                    regex: Regex::new(spec["regex"].as_str().unwrap()).unwrap(),
                    spec: spec.take(),
                });
            }
            whole["$defs"].take()
        };
        let digitalocean_defs = read("digitalocean-v2-subset.jsonschema.json", false);
        let cloudflare_defs = read("cloudflare-v4-subset.jsonschema.json", true);
        Some(Self {
            operations,
            digitalocean_defs,
            cloudflare_defs,
            validators: Mutex::default(),
            covered: Mutex::default(),
        })
    }

    /// Every operation that was exchanged so far, as `METHOD /path/{template}`.
    pub fn covered(&self) -> BTreeSet<String> {
        self.covered.lock().unwrap().clone()
    }

    /// The scopes that the specification asks for a DigitalOcean operation.
    pub fn digitalocean_scopes(&self, method: &str, path: &str) -> Vec<String> {
        let operation = self.operation(method, path).unwrap();
        let scopes = operation.spec["scopes"].as_array().unwrap();
        scopes
            .iter()
            .map(|scope| scope.as_str().unwrap().to_owned())
            .collect()
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let bare = path.split('?').next().unwrap();
        let (cloudflare, bare) = match bare.strip_prefix("/client/v4") {
            Some(rest) => (true, rest),
            None => (false, bare),
        };
        // `/v2/droplets/actions` also has the shape of `/v2/droplets/{droplet_id}`.
        let mut fitting: Vec<&Operation> = self
            .operations
            .iter()
            .filter(|operation| {
                operation.cloudflare == cloudflare
                    && operation.method == method
                    && operation.regex.is_match(bare)
            })
            .collect();
        fitting.sort_by_key(|operation| operation.path.matches('{').count());
        fitting.first().copied()
    }

    fn validator(&self, operation: &Operation, what: &str, schema: &Value) -> &'static Validator {
        let key = format!(
            "{} {} {} {what}",
            operation.cloudflare, operation.method, operation.path
        );
        let mut validators = self.validators.lock().unwrap();
        validators.entry(key).or_insert_with(|| {
            let defs = if operation.cloudflare {
                &self.cloudflare_defs
            } else {
                &self.digitalocean_defs
            };
            let whole = json!({"allOf": [schema], "$defs": defs});
            let options = jsonschema::options().should_validate_formats(true);
            Box::leak(Box::new(options.build(&whole).unwrap()))
        })
    }

    /// Fails the test unless request and answer are what the specification says.
    pub fn judge(&self, exchange: &Exchange<'_>) {
        let Exchange {
            method,
            path,
            sent,
            status,
            headers,
            received,
        } = exchange;
        let Some(operation) = self.operation(method, path) else {
            let ids = Regex::new("[0-9a-f]{32}").unwrap();
            let bare = path.split('?').next().unwrap();
            let template = ids.replace_all(bare, "{}").into_owned();
            assert!(
                *status == 404 || BEYOND.contains(&template.as_str()),
                "{method} {path} is not in the specification"
            );
            return;
        };
        let about = format!("{method} {}", operation.path);
        self.covered.lock().unwrap().insert(about.clone());
        if *status < 400 {
            self.judge_request(operation, &about, path, *sent);
        }
        let responses = operation.spec["responses"].as_object().unwrap();
        let exact = status.to_string();
        let (code, schema) = [exact.as_str(), "4XX", "4xx", "default"]
            .iter()
            .find_map(|code| responses.get_key_value(*code))
            .filter(|(code, _)| **code == exact || *status >= 400)
            .unwrap_or_else(|| panic!("{about} may not answer {status}: {received}"));
        if *status == 204 {
            assert!(
                received.is_null(),
                "{about}: a 204 has no body, got {received}"
            );
        } else if *status == 429 && operation.cloudflare {
            // The limiter in front answers code 971; the specification starts codes at 1000.
            assert_eq!(received["errors"][0]["code"], 971);
        } else if !schema.is_null() {
            let schema = if *status >= 400 {
                only_failure(schema)
            } else {
                schema
            };
            let validator = self.validator(operation, code, schema);
            complain(&about, &exact, validator, received);
        }
        for name in operation.spec["headers"][&exact]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap();
            assert!(
                headers.contains_key(name),
                "{about}: {status} lacks the header {name}"
            );
        }
    }

    fn judge_request(&self, operation: &Operation, about: &str, path: &str, sent: Option<&Value>) {
        match (&operation.spec["request"], sent) {
            (Value::Null, Some(body)) => panic!("{about} takes no body, sent {body}"),
            (Value::Null, None) => {}
            (schema, Some(body)) => {
                let schema = &untangled(operation, schema);
                complain(
                    about,
                    "request",
                    self.validator(operation, "request", schema),
                    body,
                );
            }
            (_, None) => {
                let required = operation.spec["request_required"] == true;
                assert!(!required, "{about} requires a body");
            }
        }
        let query = path.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let schema = &operation.spec["query"][name.as_ref()];
            assert!(!schema.is_null(), "{about} knows no parameter {name}");
            let validator = self.validator(operation, &format!("query {name}"), schema);
            let as_json = serde_json::from_str(&value).unwrap_or(Value::Null);
            let as_text = Value::String(value.into_owned());
            assert!(
                validator.is_valid(&as_text) || validator.is_valid(&as_json),
                "{about}: parameter {name} may not be {as_text}"
            );
        }
    }
}

/// Actions by tag are specified as exactly one of *any action* and *a snapshot*, which no snapshot
/// can be and any action is twice; either is what is meant.
fn untangled(operation: &Operation, schema: &Value) -> Value {
    match (operation.path.as_str(), schema.get("oneOf")) {
        ("/v2/droplets/actions", Some(variants)) => json!({"anyOf": variants}),
        _ => schema.clone(),
    }
}

/// Cloudflare's failures are specified as success *and* failure at once, which nothing can be;
/// the failure half is what is meant.
fn only_failure(schema: &Value) -> &Value {
    let halves = schema["allOf"].as_array();
    let failure = halves.into_iter().flatten().find(|half| {
        half["$ref"]
            .as_str()
            .is_some_and(|name| name.ends_with("common-failure"))
    });
    failure.unwrap_or(schema)
}

fn complain(about: &str, what: &str, validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("at {}: {error}", error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{about} {what}: {}\n{value:#}",
        errors.join("\n")
    );
}

/// Whether the judge accepts an exchange.
fn accepts(exchange: &Exchange<'_>) -> bool {
    let judged = std::panic::AssertUnwindSafe(|| CONTRACT.as_ref().unwrap().judge(exchange));
    std::panic::catch_unwind(judged).is_ok()
}

#[test]
fn the_judge_notices_what_is_wrong() {
    if CONTRACT.is_none() {
        eprintln!("SKIPPED: no specifications; name their folder in PLIMSOLL_SPECS");
        return;
    }
    let mut headers = HeaderMap::new();
    for name in ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
        headers.insert(name, "1".parse().unwrap());
    }
    let none = HeaderMap::new();
    let key = json!({"ssh_key": {"id": 1, "name": "n", "public_key": "k"}});
    let order = json!({"name": "n", "public_key": "k"});
    let good = Exchange {
        method: "POST",
        path: "/v2/account/keys",
        sent: Some(&order),
        status: 201,
        headers: &headers,
        received: &key,
    };
    assert!(accepts(&good));
    let nameless = json!({"ssh_key": {"id": 1, "public_key": "k"}});
    assert!(!accepts(&Exchange {
        received: &nameless,
        ..good
    }));
    assert!(!accepts(&Exchange {
        sent: Some(&nameless),
        ..good
    }));
    assert!(!accepts(&Exchange {
        headers: &none,
        ..good
    }));
    assert!(!accepts(&Exchange {
        status: 200,
        ..good
    }));
    assert!(!accepts(&Exchange {
        path: "/v2/account/keys?colour=red",
        ..good
    }));
    assert!(!accepts(&Exchange {
        path: "/v2/account/kees",
        ..good
    }));
    let refusal = json!({"id": "not_found"});
    assert!(!accepts(&Exchange {
        status: 404,
        received: &refusal,
        ..good
    }));
}
