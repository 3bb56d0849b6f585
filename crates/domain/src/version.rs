//! Versions: saved states of a project's files, and which of them are kept.

use crate::{
    ProjectId, Timestamp, VersionId, content::ContentHash, name::Name, settings::InvalidSetting,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A saved state of a project's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Id.
    pub id: VersionId,
    /// The project.
    pub project_id: ProjectId,
    /// Counts up from 1 within the project.
    pub number: u32,
    /// The tree of its files.
    pub root: ContentHash,
    /// What its author says about it.
    pub message: String,
    /// Why it was saved.
    pub cause: VersionCause,
    /// A name that somebody gave it; unique within the project.
    pub name: Option<Name>,
    /// Whether it stays when others are pruned.
    pub pinned: bool,
    /// Who saved it: `user@machine`.
    pub author: String,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes by which the store grew when it was saved.
    pub added_bytes: u64,
    /// When it was saved.
    pub created_at: Timestamp,
}

/// Why a version was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionCause {
    /// Somebody saved it.
    Saved,
    /// By itself, before a deployment from the project's folder.
    BeforeDeploy,
    /// By itself, before another version was restored.
    BeforeRestore,
    /// By itself, before files were generated.
    BeforeGeneration,
    /// It came in as an archive.
    Imported,
}

/// Which versions are kept when the others are pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// The newest so many.
    pub last: u32,
    /// And every one younger than so many days.
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { last: 50, days: 90 }
    }
}

/// Most versions that a rule can ask to keep.
const MOST_VERSIONS: u32 = 100_000;
/// Longest time that a rule can ask for, in days: a century.
const LONGEST_DAYS: u32 = 36_500;

impl Retention {
    /// Checks that a rule keeps something, and is one that somebody can mean.
    ///
    /// # Errors
    /// Which of its numbers cannot be.
    pub fn check(self) -> Result<(), InvalidSetting> {
        let refuse = |setting, why: String| Err(InvalidSetting { setting, why });
        if !(1..=MOST_VERSIONS).contains(&self.last) {
            return refuse(
                "retention.last",
                format!("keep at least 1 and at most {MOST_VERSIONS} versions"),
            );
        }
        if self.days > LONGEST_DAYS {
            return refuse("retention.days", format!("at most {LONGEST_DAYS} days"));
        }
        Ok(())
    }
}

/// One day, ms.
const DAY_MS: i64 = 86_400_000;

/// The versions of a project that a rule lets go. Whatever the rule says, these stay: what is
/// pinned or has a name, and what is `needed` (the active version, those that releases came from).
pub fn prunable(
    versions: &[Version],
    needed: &BTreeSet<VersionId>,
    rule: Retention,
    now: Timestamp,
) -> Vec<VersionId> {
    let mut newest: Vec<&Version> = versions.iter().collect();
    newest.sort_by_key(|version| std::cmp::Reverse(version.number));
    newest
        .into_iter()
        .skip(rule.last as usize)
        .filter(|version| {
            let old = now.since_ms(version.created_at) > i64::from(rule.days) * DAY_MS;
            let stays = version.pinned || version.name.is_some() || needed.contains(&version.id);
            old && !stays
        })
        .map(|version| version.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(number: u32, days_ago: i64) -> Version {
        let now = Timestamp::from_millis(1_000 * DAY_MS);
        let created_at = now.plus_ms(-days_ago * DAY_MS);
        Version {
            id: VersionId::mint(created_at, [u8::try_from(number).unwrap(); 10]),
            project_id: ProjectId::mint(now, [0; 10]),
            number,
            root: ContentHash::of(b""),
            message: String::new(),
            cause: VersionCause::Saved,
            name: None,
            pinned: false,
            author: String::new(),
            files: 0,
            bytes: 0,
            added_bytes: 0,
            created_at,
        }
    }

    proptest! {
        #[test]
        fn what_is_new_pinned_named_or_needed_is_never_let_go(
            ages in prop::collection::vec((0i64..300, any::<bool>(), any::<bool>(), any::<bool>()), 0..40),
            last in 0u32..10,
            days in 0u32..200,
        ) {
            let now = Timestamp::from_millis(1_000 * DAY_MS);
            let mut needed = BTreeSet::new();
            let count = ages.len();
            let versions: Vec<Version> = ages
                .into_iter()
                .zip(1u32..)
                .map(|((age, pinned, named, used), number)| {
                    let mut version = version(number, age);
                    version.pinned = pinned;
                    version.name = named.then(|| Name::parse("a").unwrap());
                    if used {
                        needed.insert(version.id);
                    }
                    version
                })
                .collect();
            let gone = prunable(&versions, &needed, Retention { last, days }, now);
            for version in &versions {
                let young = now.since_ms(version.created_at) <= i64::from(days) * DAY_MS;
                let recent = count - (version.number as usize) < last as usize;
                let stays = young || recent || version.pinned || version.name.is_some()
                    || needed.contains(&version.id);
                prop_assert_eq!(gone.contains(&version.id), !stays);
            }
        }
    }
}
