//! What a plan says of variables: their names, and what becomes of them; never a value.

use super::DeployAction;
use crate::{Result, action::Action, steps::Prepared, world::World};
use plimsoll_domain::{
    deployment::Deployment,
    plan::BeforeAfter,
    release::{Release, SealedVariable},
};

/// Has a plan say which variables the new container finds changed.
pub(super) async fn say_changes(
    world: &World,
    serving: Option<&Deployment>,
    prepared: &mut Prepared,
) -> Result<()> {
    let before = match serving.and_then(|serving| serving.release_id) {
        Some(id) => world.store.get::<Release>(&id).await?,
        None => None,
    };
    let before = before.map(|release| release.variables).unwrap_or_default();
    for step in &mut prepared.steps {
        if let Action::Deploy(DeployAction::Start { draft, .. }) = &step.action {
            step.changes.extend(changes(&before, &draft.variables));
            // On the other servers it is the same.
            break;
        }
    }
    Ok(())
}

fn changes(before: &[SealedVariable], after: &[SealedVariable]) -> Vec<BeforeAfter> {
    let of = |all: &[SealedVariable], wanted: &SealedVariable| {
        all.iter()
            .find(|one| one.name == wanted.name)
            .map(|one| one.value.clone())
    };
    let mut all: Vec<&SealedVariable> = before.iter().chain(after).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.dedup_by(|a, b| a.name == b.name);
    all.into_iter()
        .filter_map(|variable| {
            let (was, is) = (of(before, variable), of(after, variable));
            let (before, after) = match (&was, &is) {
                (Some(was), Some(is)) if was == is => return None,
                (Some(_), Some(_)) => (Some("set"), Some("another value")),
                (None, _) => (None, Some("set")),
                (Some(_), None) => (Some("set"), None),
            };
            Some(BeforeAfter {
                subject: format!("variable {}", variable.name),
                before: before.map(str::to_owned),
                after: after.map(str::to_owned),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::{name::VariableName, release::VariableValue};

    fn variable(name: &str, value: &str) -> SealedVariable {
        SealedVariable {
            name: VariableName::parse(name).unwrap(),
            value: VariableValue::Plain(value.to_owned()),
        }
    }

    #[test]
    fn what_changes_is_named_without_its_value() {
        let before = [
            variable("GONE", "a"),
            variable("KEPT", "b"),
            variable("MOVED", "c"),
        ];
        let after = [
            variable("KEPT", "b"),
            variable("MOVED", "d"),
            variable("NEW", "e"),
        ];
        let told: Vec<String> = changes(&before, &after)
            .into_iter()
            .map(|one| format!("{}: {:?} {:?}", one.subject, one.before, one.after))
            .collect();
        assert_eq!(
            told,
            [
                "variable GONE: Some(\"set\") None",
                "variable MOVED: Some(\"set\") Some(\"another value\")",
                "variable NEW: None Some(\"set\")",
            ]
        );
        assert_eq!(changes(&after, &after), []);
    }
}
