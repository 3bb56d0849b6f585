//! Two releases side by side: what runs, how, with which variables, from which files. Values of
//! variables are never part of it.

use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::{
    ReleaseId,
    name::VariableName,
    plan::{BeforeAfter, differences},
    release::{Release, SealedVariable, VariableValue},
};
use plimsoll_protocol::ContextFile;
use serde::Serialize;
use std::collections::BTreeMap;

/// How something stands in the second release against the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Only in the second.
    Added,
    /// Only in the first.
    Removed,
    /// In both, and not the same.
    Changed,
    /// In both, sealed: whether the values are the same is not known without opening them.
    Sealed,
    /// The same in both.
    Same,
}

/// A variable by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VariableDifference {
    /// Its name.
    pub name: VariableName,
    /// Whether it is secret in the release that has it last.
    pub secret: bool,
    /// How it differs.
    pub difference: Difference,
}

/// A file by its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// Path within the source.
    pub path: String,
    /// How it differs.
    pub difference: Difference,
}

/// Two releases side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The first, without its variables.
    pub before: Release,
    /// The second, without its variables.
    pub after: Release,
    /// Settings that differ, by their place.
    pub settings: Vec<BeforeAfter>,
    /// All variables of both, by name.
    pub variables: Vec<VariableDifference>,
    /// Files that differ; `None` where what one was built from is not known any more.
    pub files: Option<Vec<FileDifference>>,
}

impl Engine {
    /// Compares two releases of one service.
    ///
    /// # Errors
    /// `releases_apart` when they are of different services.
    pub async fn compare_releases(
        &self,
        before: ReleaseId,
        after: ReleaseId,
    ) -> Result<Comparison> {
        let (before, after) = (self.release(before).await?, self.release(after).await?);
        if before.service_id != after.service_id {
            return Err(EngineError::bad_input(
                "releases_apart",
                "These releases are of different services.",
            )
            .next_step("Choose two releases of the same service."));
        }
        let settings = differences(&spec(&before)?, &spec(&after)?);
        let files = match (self.files(&before).await?, self.files(&after).await?) {
            (Some(old), Some(new)) => Some(files(old, new)),
            _ => None,
        };
        let variables = variables(&before, &after);
        let unvalued = |release| Release {
            variables: Vec::new(),
            ..release
        };
        Ok(Comparison {
            settings,
            variables,
            files,
            before: unvalued(before),
            after: unvalued(after),
        })
    }

    async fn files(&self, release: &Release) -> Result<Option<Vec<ContextFile>>> {
        let Some(hash) = &release.provenance.content_hash else {
            return Ok(None);
        };
        let kept = self.world.store.content(hash).await?;
        Ok(kept.and_then(|files| serde_json::from_value(files).ok()))
    }
}

fn spec(release: &Release) -> Result<serde_json::Value> {
    serde_json::to_value(&release.spec)
        .map_err(|error| EngineError::internal("internal", error.to_string()))
}

fn variables(before: &Release, after: &Release) -> Vec<VariableDifference> {
    let by_name = |variables: &[SealedVariable]| -> BTreeMap<VariableName, VariableValue> {
        variables
            .iter()
            .map(|variable| (variable.name.clone(), variable.value.clone()))
            .collect()
    };
    let (old, new) = (by_name(&before.variables), by_name(&after.variables));
    let same_place = before.environment_id == after.environment_id;
    merged(old, new, |old, new| match (old, new) {
        (VariableValue::Plain(old), VariableValue::Plain(new)) if old == new => Difference::Same,
        // What was never written again is the same sealed text; written again it is sealed anew.
        (VariableValue::Sealed(old), VariableValue::Sealed(new)) if same_place && old == new => {
            Difference::Same
        }
        (VariableValue::Sealed(_), VariableValue::Sealed(_)) => Difference::Sealed,
        _ => Difference::Changed,
    })
    .into_iter()
    .map(|(name, value, difference)| VariableDifference {
        name,
        secret: matches!(value, VariableValue::Sealed(_)),
        difference,
    })
    .collect()
}

fn files(old: Vec<ContextFile>, new: Vec<ContextFile>) -> Vec<FileDifference> {
    let by_path = |files: Vec<ContextFile>| -> BTreeMap<String, ContextFile> {
        files
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect()
    };
    merged(by_path(old), by_path(new), |old, new| {
        if old == new {
            Difference::Same
        } else {
            Difference::Changed
        }
    })
    .into_iter()
    .filter(|(_, _, difference)| *difference != Difference::Same)
    .map(|(path, _, difference)| FileDifference { path, difference })
    .collect()
}

/// Both maps in one, in order; of what is in both, the second's value.
fn merged<K: Ord + Clone, V>(
    old: BTreeMap<K, V>,
    mut new: BTreeMap<K, V>,
    judge: impl Fn(&V, &V) -> Difference,
) -> Vec<(K, V, Difference)> {
    let mut all: Vec<(K, V, Difference)> = old
        .into_iter()
        .map(|(key, old)| match new.remove(&key) {
            Some(new) => {
                let difference = judge(&old, &new);
                (key, new, difference)
            }
            None => (key, old, Difference::Removed),
        })
        .collect();
    all.extend(
        new.into_iter()
            .map(|(key, new)| (key, new, Difference::Added)),
    );
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_in_one_or_both_is_told_in_order() {
        let old = BTreeMap::from([("a", 1), ("b", 2), ("d", 4)]);
        let new = BTreeMap::from([("b", 2), ("c", 3), ("d", 5)]);
        let judge = |old: &i32, new: &i32| {
            if old == new {
                Difference::Same
            } else {
                Difference::Changed
            }
        };
        let told: Vec<_> = merged(old, new, judge)
            .into_iter()
            .map(|(key, _, difference)| (key, difference))
            .collect();
        assert_eq!(
            told,
            [
                ("a", Difference::Removed),
                ("b", Difference::Same),
                ("c", Difference::Added),
                ("d", Difference::Changed),
            ]
        );
    }
}
