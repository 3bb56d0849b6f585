//! Takes secrets out of texts that others wrote: a proxy or a provider may repeat what we sent.

use plimsoll_domain::Secret;

const HIDDEN: &str = "(hidden)";
const LONGEST: usize = 400;

/// A foreign text made fit to be shown: known secrets hidden, one line, at most 400 characters.
pub(crate) fn scrub(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        for form in forms(secret.expose()) {
            text = text.replace(&form, HIDDEN);
        }
    }
    let mut line = String::new();
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(c);
    }
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The ways in which a secret can come back: as it is, and as JSON writes it.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let json = serde_json::to_string(secret).unwrap_or_default();
    // One quotation mark at each end; the secret may end with some of its own.
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    forms.extend(inner.filter(|inner| *inner != secret).map(str::to_owned));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form_it_can_come_back_in() {
        let secrets = [
            Secret::new("dop_v1_canary"),
            Secret::new("line\nbreak \"q\""),
        ];
        let said = scrub(
            "bad token dop_v1_canary, data line\\nbreak \\\"q\\\"",
            &secrets,
        );
        assert_eq!(said, "bad token (hidden), data (hidden)");
        assert_eq!(scrub("raw line\nbreak \"q\"", &secrets), "raw (hidden)");
    }

    #[test]
    fn a_page_becomes_one_short_line() {
        let said = scrub(&format!("<html>\r\n\t{}\u{1b}[31m", "ü".repeat(1_000)), &[]);
        assert!(said.starts_with("<html> ü") && said.ends_with('…'));
        assert_eq!(said.chars().count(), LONGEST + 1);
    }
}
