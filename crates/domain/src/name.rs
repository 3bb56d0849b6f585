//! Names that travel into tags, host names, unit names and paths: strict, so that nothing needs
//! escaping later.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given.
    #[error("a name is needed")]
    Empty,
    /// More than 63 characters: the limit of a DNS label (RFC 1035 §2.3.4).
    #[error("“{0}…” is longer than 63 characters")]
    TooLong(String),
    /// A character outside `a-z`, `0-9` and `-`, or a dash at an end.
    #[error(
        "“{0}” is not a usable name: lower-case letters, digits and dashes only, starting with a \
         letter and not ending with a dash; “{1}” would do"
    )]
    Malformed(String, String),
}

/// A name of a project, environment, service, server or volume: a lower-case DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks a text; the error proposes a name that would do.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.chars().count() > 63 {
            return Err(InvalidName::TooLong(text.chars().take(24).collect()));
        }
        let well_formed = text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::Malformed(
                text.to_owned(),
                Self::suggest(text).0,
            ))
        }
    }

    /// The nearest usable name to any text.
    pub fn suggest(text: &str) -> Self {
        let mut out = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || (c.is_ascii_digit() && !out.is_empty()) {
                out.push(c);
            } else if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
        }
        out.truncate(63);
        let out = out.trim_end_matches('-');
        Self(if out.is_empty() {
            "app".to_owned()
        } else {
            out.to_owned()
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}
impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

/// Why the name of a variable was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{0}” cannot name a variable: letters, digits and underscores only, not starting with a digit"
)]
pub struct InvalidVariableName(pub String);

/// A name of an environment variable (POSIX.1-2017 §8.1, both cases allowed).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableName(String);

impl VariableName {
    /// Checks a text.
    pub fn parse(text: &str) -> Result<Self, InvalidVariableName> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if starts && rest && text.len() <= 255 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidVariableName(text.chars().take(80).collect()))
        }
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl TryFrom<String> for VariableName {
    type Error = InvalidVariableName;
    fn try_from(text: String) -> Result<Self, InvalidVariableName> {
        Self::parse(&text)
    }
}
impl From<VariableName> for String {
    fn from(name: VariableName) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_a_shell_or_docker_could_misread_are_refused() {
        for bad in [
            "-rf", "a b", "a;b", "$(id)", "ünï", "a\nb", "9lives", "a-", "A", "", "a/b",
        ] {
            assert!(Name::parse(bad).is_err(), "{bad:?} passed");
        }
        for bad in ["1A", "A-B", "A=B", "", "A B", "$(A)"] {
            assert!(VariableName::parse(bad).is_err(), "{bad:?} passed");
        }
    }

    proptest! {
        #[test]
        fn every_suggestion_is_a_name(text in ".{0,200}") {
            let suggestion = Name::suggest(&text);
            prop_assert_eq!(Name::parse(suggestion.as_str()).unwrap(), suggestion);
        }
    }
}
