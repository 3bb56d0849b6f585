//! Releases: immutable.

use crate::{
    DeploymentId, EnvironmentId, ReleaseId, ServiceId, Timestamp,
    image::ImageRef,
    name::VariableName,
    service::ServiceSpec,
    source::{Provenance, Source},
};
use serde::{Deserialize, Serialize};

/// An image by digest, with the configuration and variables it ran with. Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Id.
    pub id: ReleaseId,
    /// The environment it was made for.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The deployment that made it; its image's tag carries this id.
    pub deployment_id: DeploymentId,
    /// Counts up from 1 for each service in an environment.
    pub number: u32,
    /// The exact image.
    pub image: ImageRef,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Where its code came from.
    pub source: Source,
    /// Exactly which bytes.
    pub provenance: Provenance,
    /// How it runs.
    pub spec: ServiceSpec,
    /// Variables at that time, secrets sealed.
    pub variables: Vec<SealedVariable>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A variable as a release keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedVariable {
    /// Name.
    pub name: VariableName,
    /// Plain, or sealed.
    pub value: VariableValue,
}

/// The value of a variable at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum VariableValue {
    /// Readable.
    Plain(String),
    /// AES-256-GCM: base64 of nonce, ciphertext and tag; the associated data is the variable's
    /// environment, service and name.
    Sealed(String),
}

/// Why there is no release to go back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRollback {
    /// Nothing was ever deployed.
    #[error("nothing has been deployed yet, so there is nothing to roll back")]
    NeverDeployed,
    /// There is no earlier release.
    #[error("release {current} is the first one: there is nowhere to roll back to")]
    First {
        /// The release that serves.
        current: u32,
    },
    /// The release that was named does not exist.
    #[error("there is no release {number}; kept are {}", list(.kept))]
    Unknown {
        /// What was asked for.
        number: u32,
        /// Releases that are kept, newest first.
        kept: Vec<u32>,
    },
    /// The release that was named serves already.
    #[error("release {number} serves already")]
    Serving {
        /// What was asked for.
        number: u32,
    },
    /// The release that was named is older than what is kept.
    #[error("release {number} is no longer kept; kept are {}", list(.kept))]
    Discarded {
        /// What was asked for.
        number: u32,
        /// Releases that are kept, newest first.
        kept: Vec<u32>,
    },
}

fn list(numbers: &[u32]) -> String {
    if numbers.is_empty() {
        return "none".to_owned();
    }
    numbers
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The release to go back to: the one with that number, or else the newest one before the one that
/// serves. `numbers` are all releases of the service in the environment, newest first; the first
/// `keep` of them, and the one that serves, still have their images.
pub fn rollback_target(
    numbers: &[u32],
    serving: Option<u32>,
    wanted: Option<u32>,
    keep: u32,
) -> Result<u32, NoRollback> {
    let serving = serving.ok_or(NoRollback::NeverDeployed)?;
    let kept: Vec<u32> = numbers.iter().copied().take(keep as usize).collect();
    match wanted {
        Some(number) if number == serving => Err(NoRollback::Serving { number }),
        Some(number) if kept.contains(&number) => Ok(number),
        Some(number) if numbers.contains(&number) => Err(NoRollback::Discarded { number, kept }),
        Some(number) => Err(NoRollback::Unknown { number, kept }),
        None => kept
            .into_iter()
            .filter(|number| *number < serving)
            .max()
            .ok_or(NoRollback::First { current: serving }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_release_has_nowhere_to_roll_back_to() {
        assert_eq!(
            rollback_target(&[1], Some(1), None, 10),
            Err(NoRollback::First { current: 1 })
        );
        assert_eq!(
            rollback_target(&[], None, None, 10),
            Err(NoRollback::NeverDeployed)
        );
    }

    #[test]
    fn without_a_number_the_release_before_the_serving_one_is_meant() {
        assert_eq!(rollback_target(&[5, 4, 3], Some(5), None, 10), Ok(4));
        assert_eq!(rollback_target(&[5, 4, 3], Some(4), None, 10), Ok(3));
    }

    #[test]
    fn a_named_release_has_to_be_kept_and_not_serving() {
        assert_eq!(rollback_target(&[5, 4, 3], Some(3), Some(5), 10), Ok(5));
        assert_eq!(
            rollback_target(&[5, 4, 3], Some(5), Some(5), 10),
            Err(NoRollback::Serving { number: 5 })
        );
        assert_eq!(
            rollback_target(&[5, 4, 3], Some(5), Some(3), 2),
            Err(NoRollback::Discarded {
                number: 3,
                kept: vec![5, 4]
            })
        );
        let unknown = rollback_target(&[5, 4], Some(5), Some(9), 2).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no release 9; kept are 5, 4");
    }
}
