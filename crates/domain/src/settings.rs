//! How a project's files and their versions are treated, and how it runs on this machine. Kept with the project, so that everybody
//! who works on it has the same.

use crate::{run::RunSettings, version::Retention};
use serde::{Deserialize, Deserializer, Serialize};

/// Most rules of what is left out.
const MOST_RULES: usize = 500;
/// Longest rule, in characters.
const LONGEST_RULE: usize = 500;

/// The settings of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProjectSettings {
    /// Which versions stay when the others are pruned.
    pub retention: Retention,
    /// What is left out of its versions besides what `.gitignore` and `.plimsollignore` name: one
    /// pattern each, as they are written there.
    pub ignore: Vec<String>,
    /// How it runs on this machine's Docker.
    pub run: RunSettings,
}

/// What a document or a column holds of them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    retention: Retention,
    ignore: Vec<String>,
    run: RunSettings,
}

/// An older row says nothing about settings: then they are the usual ones.
impl<'de> Deserialize<'de> for ProjectSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Written {
            retention,
            ignore,
            run,
        } = Option::<Written>::deserialize(from)?.unwrap_or_default();
        Ok(Self {
            retention,
            ignore,
            run,
        })
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct InvalidSetting {
    /// Which one: `retention.last`, `retention.days`, `ignore` or one of `run`.
    pub setting: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl ProjectSettings {
    /// Checks what can be told without a file system; whether a pattern can be read is for those
    /// who match it.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let refuse = |setting, why: String| Err(InvalidSetting { setting, why });
        self.retention.check()?;
        if let Err(invalid) = self.run.check() {
            let setting = match invalid.setting {
                "postgres" => "run.postgres",
                "limits.memory" => "run.memory",
                _ => "run.cpu",
            };
            return refuse(setting, invalid.why);
        }
        if self.ignore.len() > MOST_RULES {
            return refuse("ignore", format!("at most {MOST_RULES} patterns"));
        }
        for rule in &self.ignore {
            let shown: String = rule.chars().take(40).flat_map(char::escape_debug).collect();
            if rule.trim().is_empty() {
                return refuse("ignore", "an empty pattern says nothing".to_owned());
            }
            if rule.chars().count() > LONGEST_RULE || rule.contains(char::is_control) {
                return refuse(
                    "ignore",
                    format!("“{shown}” is too long or holds control characters"),
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_says_nothing_has_the_usual_settings() {
        for text in ["null", "{}", r#"{"ignore":[]}"#] {
            let read: ProjectSettings = serde_json::from_str(text).unwrap();
            assert_eq!(read, ProjectSettings::default(), "{text}");
        }
        assert!(serde_json::from_str::<ProjectSettings>(r#"{"ignored":[]}"#).is_err());
    }

    #[test]
    fn what_would_keep_nothing_or_cannot_be_matched_is_refused() {
        let wrong = |change: &dyn Fn(&mut ProjectSettings)| {
            let mut settings = ProjectSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().setting
        };
        assert_eq!(wrong(&|s| s.retention.last = 0), "retention.last");
        assert_eq!(wrong(&|s| s.retention.days = 99_999), "retention.days");
        assert_eq!(wrong(&|s| s.ignore = vec![" ".into()]), "ignore");
        assert_eq!(wrong(&|s| s.ignore = vec!["a\nb".into()]), "ignore");
        assert_eq!(wrong(&|s| s.ignore = vec!["x".into(); 501]), "ignore");
        assert_eq!(ProjectSettings::default().check(), Ok(()));
    }
}
