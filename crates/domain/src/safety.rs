//! Droplet safety: what we may deploy to, and what we may destroy.

use crate::server::DEPLOYED_TAG;

/// Why a machine was not destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Protected {
    /// It does not carry our tag, and nobody forced it.
    #[error(
        "“{name}” does not carry the tag “{DEPLOYED_TAG}”, so Plimsoll did not create it and does \
         not destroy it"
    )]
    NotOurs {
        /// The machine's name at its provider.
        name: String,
    },
    /// It was forced, but under another name.
    #[error("the force names “{given}”, but the machine is called “{name}”")]
    ForcedOtherwise {
        /// The machine's name at its provider.
        name: String,
        /// The name that was given.
        given: String,
    },
}

/// Whether a machine with these tags may be deployed to without having been adopted.
pub fn is_deployable<S: AsRef<str>>(tags: &[S]) -> bool {
    tags.iter().any(|tag| tag.as_ref() == DEPLOYED_TAG)
}

/// Whether a machine may be destroyed. A force has to name it exactly; a force that names another
/// machine is refused even for our own, as it shows that somebody means something else.
pub fn may_destroy<S: AsRef<str>>(
    name: &str,
    tags: &[S],
    force: Option<&str>,
) -> Result<(), Protected> {
    match force {
        Some(given) if given == name => Ok(()),
        Some(given) => Err(Protected::ForcedOtherwise {
            name: name.to_owned(),
            given: given.to_owned(),
        }),
        None if is_deployable(tags) => Ok(()),
        None => Err(Protected::NotOurs {
            name: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_machine_without_our_tag_is_destroyed_only_when_named() {
        let none: [&str; 0] = [];
        assert!(may_destroy("db", &none, None).is_err());
        assert!(may_destroy("db", &["deployed-via-api-not"], None).is_err());
        assert!(may_destroy("db", &none, Some("db ")).is_err());
        assert!(may_destroy("db", &none, Some("db")).is_ok());
        assert!(may_destroy("db", &[DEPLOYED_TAG], None).is_ok());
        assert!(may_destroy("db", &[DEPLOYED_TAG], Some("web")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_but_the_exact_tag_makes_a_machine_ours(tags in prop::collection::vec("[a-z:-]{0,20}", 0..6)) {
            prop_assume!(tags.iter().all(|tag| tag != DEPLOYED_TAG));
            prop_assert!(!is_deployable(&tags));
            prop_assert!(may_destroy("m", &tags, None).is_err());
        }
    }
}
