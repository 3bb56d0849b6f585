//! A secret on its way in. There is none on the way out.

use plimsoll_domain::Secret;
use serde::Deserialize;
use specta::Type;
use std::fmt;

/// A secret that somebody typed: it can be read from a page, and is neither printed nor told back.
#[derive(Deserialize, Type)]
#[serde(transparent)]
pub struct SecretText(#[specta(type = String)] Typed);

/// Deserialised straight into custody, so that no plain copy of it stays behind.
struct Typed(Secret);

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl SecretText {
    /// Hands it to the engine.
    pub fn into_secret(self) -> Secret {
        self.0.0
    }

    /// The same, without the blanks and line ends that come along when something is pasted.
    pub fn trimmed(self) -> Secret {
        Secret::new(self.0.0.expose().trim())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_secret_reaches_the_engine_and_nobody_else() {
        let typed: SecretText = serde_json::from_str("\" hunter2\\n\"").unwrap();
        assert!(!format!("{typed:?}").contains("hunter2"));
        assert_eq!(typed.trimmed().expose(), "hunter2");
    }
}
