//! One redactor through which every text passes that leaves the process: logs, failures, events,
//! audit details. It knows every live secret in the forms in which secrets travel.

use base64::{Engine, engine::general_purpose};
use plimsoll_domain::{Secret, job::Failure};
use regex::Regex;
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt::Write,
    sync::{PoisonError, RwLock},
};

/// What stands where a secret was. Shorter than any form that is masked inside words, so that
/// masking always ends.
const MASK: &str = "***";
/// Shorter secrets are masked only where they stand as a word: `42` inside `1420` tells nothing.
const SHORTEST_INSIDE_WORDS: usize = 4;
/// Shortest line of a secret of several lines, and shortest piece of an encoding, that is masked by
/// itself.
const SHORTEST_PIECE: usize = 12;

/// Masks every secret that it was told.
#[derive(Default)]
pub struct Redactor {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    forms: BTreeSet<String>,
    words: BTreeSet<String>,
    inside: Option<Regex>,
    whole: Option<Regex>,
}

impl Redactor {
    /// A redactor that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a secret.
    pub fn learn(&self, secret: &Secret) {
        self.learn_all([secret]);
    }

    /// Learns many secrets at once.
    pub fn learn_all<'a>(&self, secrets: impl IntoIterator<Item = &'a Secret>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.forms.len() + known.words.len();
        for secret in secrets {
            for form in forms(secret.expose()) {
                if form.len() >= SHORTEST_INSIDE_WORDS {
                    known.forms.insert(form);
                } else if !form.trim().is_empty() {
                    known.words.insert(form);
                }
            }
        }
        if known.forms.len() + known.words.len() != before {
            known.inside = any_of(&known.forms, "", "");
            known.whole = any_of(&known.words, r"\b{start-half}", r"\b{end-half}");
        }
    }

    /// The text without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        if let Some(whole) = &known.whole {
            clean = replaced(whole, clean);
        }
        if let Some(inside) = &known.inside {
            // What is left after a secret was cut out may be one again; every round is shorter.
            while inside.is_match(&clean) {
                clean = replaced(inside, clean);
            }
        }
        clean
    }

    /// The failure without secrets.
    pub fn failure(&self, failure: Failure) -> Failure {
        Failure {
            code: failure.code,
            message: self.text(&failure.message).into_owned(),
            evidence: failure
                .evidence
                .iter()
                .map(|line| self.text(line).into_owned())
                .collect(),
            next_step: self.text(&failure.next_step).into_owned(),
            retryable: failure.retryable,
        }
    }

    /// The value without secrets, in its texts and the names of its members.
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.text(&name).into_owned(), self.value(value)))
                .collect(),
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

fn replaced<'t>(pattern: &Regex, text: Cow<'t, str>) -> Cow<'t, str> {
    match pattern.replace_all(&text, MASK) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => Cow::Owned(clean),
    }
}

/// One pattern for all forms, the longest first: a secret that contains another goes as a whole.
fn any_of(forms: &BTreeSet<String>, before: &str, after: &str) -> Option<Regex> {
    let mut longest_first: Vec<&str> = forms.iter().map(String::as_str).collect();
    longest_first.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let escaped: Vec<String> = longest_first
        .iter()
        .map(|form| regex::escape(form))
        .collect();
    if escaped.is_empty() {
        return None;
    }
    let pattern = format!("{before}(?:{}){after}", escaped.join("|"));
    regex::RegexBuilder::new(&pattern)
        .size_limit(1 << 30)
        .dfa_size_limit(1 << 26)
        .build()
        .ok()
}

/// The forms in which a secret may appear in a text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut add = |form: String| forms.push(form);
    let pieces = std::iter::once(secret)
        .chain(secret.lines().filter(|line| is_telling(line)))
        .chain(Some(secret.trim()));
    let pieces: BTreeSet<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    for piece in pieces {
        add(piece.to_owned());
        add(url_encoded(piece, true));
        add(url_encoded(piece, false));
        let json = Value::from(piece).to_string();
        add(json[1..json.len() - 1].to_owned());
        // A secret may be quoted twice, as JSON inside JSON.
        let twice = Value::from(&json[1..json.len() - 1]).to_string();
        add(twice[1..twice.len() - 1].to_owned());
        add(piece.escape_debug().to_string());
        add(piece.escape_default().to_string());
        for form in base64_forms(piece.as_bytes()) {
            add(form);
        }
        if piece.len() * 2 >= SHORTEST_PIECE {
            let mut hex = String::with_capacity(piece.len() * 2);
            for byte in piece.bytes() {
                // Writing to a String does not fail.
                let _ = write!(hex, "{byte:02x}");
            }
            add(hex.to_uppercase());
            add(hex);
        }
    }
    forms
}

/// Whether one line of a longer secret tells something by itself; the frame of a PEM does not.
fn is_telling(line: &str) -> bool {
    line.trim().len() >= SHORTEST_PIECE && !line.starts_with("-----")
}

/// RFC 3986 §2.1, with hexadecimal digits of either case.
fn url_encoded(text: &str, upper: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = if upper {
                write!(out, "%{byte:02X}")
            } else {
                write!(out, "%{byte:02x}")
            };
        }
    }
    out
}

/// Base64 in both alphabets, as a whole and as it appears inside a longer encoded text: there it
/// begins at one of three offsets, and the digits at its ends also carry its neighbours' bits.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = vec![
        general_purpose::STANDARD.encode(bytes),
        general_purpose::URL_SAFE.encode(bytes),
    ];
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        for encoded in [
            general_purpose::STANDARD_NO_PAD.encode(&shifted),
            general_purpose::URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            let first = (offset * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            if last.saturating_sub(first) >= SHORTEST_PIECE {
                forms.push(encoded[first..last].to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::new();
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
        redactor.learn_all(&secrets);
        redactor
    }

    #[test]
    fn a_token_is_masked_in_every_form_in_which_it_travels() {
        let secret = "p@ss/wörd \"with\\quotes\"\tand=more&";
        let redactor = knowing(&[secret]);
        let basic = general_purpose::STANDARD.encode(format!("user:{secret}"));
        for (form, tell) in [
            (secret.to_owned(), "quotes"),
            (Value::from(secret).to_string(), "quotes"),
            (format!("{secret:?}"), "quotes"),
            (
                format!("https://x/?q={}", url_encoded(secret, true)),
                "w%C3",
            ),
            (general_purpose::URL_SAFE.encode(secret), "cEBzcy93"),
            (basic.clone(), &basic[8..24]),
        ] {
            let clean = redactor.text(&form).into_owned();
            assert!(clean.contains(MASK), "{form} was not masked");
            assert!(!clean.contains(tell), "{clean} still tells");
        }
    }

    #[test]
    fn each_line_of_a_private_key_is_masked_by_itself() {
        let pem = "-----BEGIN KEY-----\nAAAAB3NzaC1yc2EAAAADAQAB\nQzZBYmNkZWZnaGlqa2xt\n-----END KEY-----\n";
        let redactor = knowing(&[pem]);
        assert_eq!(redactor.text("> QzZBYmNkZWZnaGlqa2xt"), "> ***");
        assert_eq!(redactor.text("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
    }

    #[test]
    fn a_short_secret_is_masked_as_a_word_only() {
        let redactor = knowing(&["42"]);
        assert_eq!(
            redactor.text("answer=42; port 1420"),
            "answer=***; port 1420"
        );
    }

    #[test]
    fn failures_and_values_are_cleaned_wherever_text_is() {
        let redactor = knowing(&["hunter2hunter2"]);
        let failure = redactor.failure(Failure {
            code: "x".into(),
            message: "login hunter2hunter2 failed".into(),
            evidence: vec!["hunter2hunter2".into()],
            next_step: "not hunter2hunter2".into(),
            retryable: false,
        });
        assert!(!format!("{failure:?}").contains("hunter2"));
        let value = serde_json::json!({"hunter2hunter2": ["a", {"b": "xhunter2hunter2x"}]});
        assert!(!redactor.value(value).to_string().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_any_text(
            secrets in prop::collection::vec("\\PC{4,24}", 1..6),
            parts in prop::collection::vec((any::<prop::sample::Index>(), ".{0,12}", 0..4u8), 0..8),
        ) {
            let learned: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let redactor = knowing(&learned);
            let mut text = String::new();
            for (which, between, form) in parts {
                let secret = which.get(&secrets);
                text.push_str(&between);
                text.push_str(&match form {
                    0 => secret.clone(),
                    1 => Value::from(secret.as_str()).to_string(),
                    2 => url_encoded(secret, false),
                    _ => general_purpose::STANDARD.encode(secret),
                });
            }
            let clean = redactor.text(&text);
            for secret in &secrets {
                prop_assert!(!clean.contains(secret.as_str()), "{clean:?} has {secret:?}");
                let encoded = general_purpose::STANDARD.encode(secret);
                prop_assert!(!clean.contains(&encoded), "{clean:?} has {encoded:?}");
            }
        }
    }
}
