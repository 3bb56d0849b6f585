//! `.env` text: what people paste when they bring their variables along.

use crate::name::VariableName;

/// A line that could not be read. It never quotes a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct InvalidLine {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Reads `NAME=value` lines. Understood: empty lines, `#` comments, a leading `export`, values in
/// single quotes (as they are) and in double quotes (with `\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both
/// over several lines, and a comment after a blank behind an unquoted value. Nothing is expanded:
/// `$` stays `$`. A name given twice keeps its last value, at its first place.
pub fn parse(text: &str) -> Result<Vec<(VariableName, String)>, InvalidLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        rest: text,
        line: 1,
    };
    let mut found: Vec<(VariableName, String)> = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        let Some((name, value)) = reader.entry()? else {
            continue;
        };
        let name = VariableName::parse(&name).map_err(|invalid| InvalidLine {
            line,
            why: invalid.to_string(),
        })?;
        if value.contains('\0') {
            return Err(InvalidLine {
                line,
                why: format!("the value of {name} contains a NUL character"),
            });
        }
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => found.push((name, value)),
        }
    }
    Ok(found)
}

/// Whether a variable of this name usually holds something that nobody else may read. A guess, by
/// the words in it: people confirm it.
pub fn is_usually_secret(name: &VariableName) -> bool {
    const WORDS: [&str; 16] = [
        "SECRET",
        "TOKEN",
        "PASSWORD",
        "PASSWD",
        "PASS",
        "PWD",
        "KEY",
        "APIKEY",
        "PRIVATE",
        "CREDENTIAL",
        "CREDENTIALS",
        "AUTH",
        "SALT",
        "DSN",
        "SIGNATURE",
        "PASSPHRASE",
    ];
    let upper = name.as_str().to_ascii_uppercase();
    // These carry a login inside an address.
    if upper.ends_with("DATABASE_URL") || upper.ends_with("REDIS_URL") || upper.ends_with("_URI") {
        return true;
    }
    // Made to be seen by everybody who opens the page.
    if upper.starts_with("PUBLIC_")
        || upper.starts_with("NEXT_PUBLIC_")
        || upper.starts_with("VITE_")
    {
        return false;
    }
    upper.split('_').any(|word| WORDS.contains(&word)) && !upper.contains("PUBLIC_KEY")
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// One line, or one entry over several; `None` for a line without an entry.
    fn entry(&mut self) -> Result<Option<(String, String)>, InvalidLine> {
        let start = self.rest.trim_start_matches([' ', '\t']);
        let end = start.find('\n').unwrap_or(start.len());
        let first = start[..end].trim_end();
        if first.is_empty() || first.starts_with('#') {
            self.skip_line();
            return Ok(None);
        }
        let Some(equals) = first.find('=') else {
            return Err(InvalidLine {
                line: self.line,
                why: "expected NAME=value".to_owned(),
            });
        };
        let name = first[..equals].trim();
        let name = name
            .strip_prefix("export")
            .filter(|rest| rest.starts_with([' ', '\t']))
            .unwrap_or(name)
            .trim()
            .to_owned();
        let value = start[equals + 1..].trim_start_matches([' ', '\t']);
        let value = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(&name, value, quote)?,
            _ => {
                let end = value.find('\n').unwrap_or(value.len());
                let bare = &value[..end];
                let bare = match bare.find([' ', '\t']) {
                    Some(_) => without_comment(bare),
                    None => bare,
                };
                let bare = if bare.starts_with('#') { "" } else { bare };
                let bare = bare.trim().to_owned();
                self.skip_line();
                bare
            }
        };
        Ok(Some((name, value)))
    }

    fn quoted(&mut self, name: &str, value: &str, quote: char) -> Result<String, InvalidLine> {
        let began = self.line;
        let mut out = String::new();
        let mut chars = value[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    let after = &value[1 + at + 1..];
                    let end = after.find('\n').unwrap_or(after.len());
                    let tail = after[..end].trim();
                    if !tail.is_empty() && !tail.starts_with('#') {
                        return Err(InvalidLine {
                            line: self.line,
                            why: format!("text follows the closing quote of {name}"),
                        });
                    }
                    self.line += 1;
                    let rest = after.get(end + 1..).unwrap_or("");
                    let consumed = self.rest.len() - rest.len();
                    self.rest = &self.rest[consumed..];
                    return Ok(out);
                }
                '\\' if quote == '"' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some(c @ ('"' | '\\' | '$' | '\'')) => out.push(c),
                    Some(c) => {
                        if c == '\n' {
                            self.line += 1;
                        }
                        out.push('\\');
                        out.push(c);
                    }
                    None => break,
                },
                '\r' if value[1 + at + 1..].starts_with('\n') => {}
                c => {
                    if c == '\n' {
                        self.line += 1;
                    }
                    out.push(c);
                }
            }
        }
        Err(InvalidLine {
            line: began,
            why: format!("the quote of {name} is never closed"),
        })
    }

    fn skip_line(&mut self) {
        self.line += 1;
        self.rest = match self.rest.find('\n') {
            Some(end) => &self.rest[end + 1..],
            None => "",
        };
    }
}

fn without_comment(bare: &str) -> &str {
    let mut before = ' ';
    for (at, c) in bare.char_indices() {
        if c == '#' && (before == ' ' || before == '\t') {
            return &bare[..at];
        }
        before = c;
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }

    #[test]
    fn the_usual_forms_are_read() {
        let text = concat!(
            "\u{feff}# comment\r\n",
            "\n",
            "A=1\r\n",
            "export B = two words # note\n",
            "C='single $x \\n # kept'\n",
            "D=\"double \\\"q\\\" \\n line\" # note\n",
            "E=\n",
            "F=a#b\n",
            "G= # nothing\n",
            "H=\"-----BEGIN\nMIDDLE\n-----END\"\n",
            "I=x=y\n",
            "A=2",
        );
        let wanted = [
            ("A", "2"),
            ("B", "two words"),
            ("C", "single $x \\n # kept"),
            ("D", "double \"q\" \n line"),
            ("E", ""),
            ("F", "a#b"),
            ("G", ""),
            ("H", "-----BEGIN\nMIDDLE\n-----END"),
            ("I", "x=y"),
        ];
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(read(text), wanted);
    }

    #[test]
    fn an_error_names_the_line_and_never_the_value() {
        for (text, line) in [
            ("A=1\nhunter2\n", 2),
            ("A=1\n\nB-C=hunter2", 3),
            ("A='x\ny'\nB=\"hunter2", 3),
            ("A='x' hunter2", 1),
            ("A=\"x\ny\" hunter2", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[A-C=\"'\\\\# \n\r$xé]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_double_quoted_value_survives(value in "[^\0\r]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("X=\"{quoted}\"\nY=1\n");
            let found = read(&text);
            prop_assert_eq!(&found[0].1, &value);
            prop_assert_eq!(&found[1].1, "1");
        }
    }

    #[test]
    fn names_of_secrets_are_guessed_by_their_words() {
        for (name, secret) in [
            ("STRIPE_SECRET_KEY", true),
            ("password", true),
            ("DATABASE_URL", true),
            ("GITHUB_TOKEN", true),
            ("SESSION_SALT", true),
            ("PORT", false),
            ("MONKEY", false),
            ("NEXT_PUBLIC_MAP_KEY", false),
            ("SSH_PUBLIC_KEY", false),
            ("SITE_URL", false),
        ] {
            let parsed = VariableName::parse(name).unwrap();
            assert_eq!(is_usually_secret(&parsed), secret, "{name}");
        }
    }
}
