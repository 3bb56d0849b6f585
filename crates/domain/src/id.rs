//! Identifiers: UUIDv7 (RFC 9562), one newtype a noun, minted in one place.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Ten random bytes, passed in so that tests repeat.
pub type Entropy = [u8; 10];

/// Mints a UUIDv7 from a moment and ten random bytes.
pub fn mint(now: Timestamp, entropy: Entropy) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid()
}

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is not an id of a {noun}")]
pub struct InvalidId {
    /// What was given.
    pub text: String,
    /// The noun whose id was expected.
    pub noun: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Mints a new id.
            pub fn mint(now: Timestamp, entropy: Entropy) -> Self {
                Self(mint(now, entropy))
            }
            /// The id as a UUID.
            pub fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| InvalidId { text: text.chars().take(80).collect(), noun: $noun })
            }
        }
    )*};
}

ids! {
    /// Id of a login at a provider.
    ProviderAccountId = "provider account";
    /// Id of a server.
    ServerId = "server";
    /// Id of an SSH key pair that Plimsoll keeps.
    SshKeyId = "SSH key";
    /// Id of a project.
    ProjectId = "project";
    /// Id of an environment.
    EnvironmentId = "environment";
    /// Id of a service.
    ServiceId = "service";
    /// Id of a saved deployment configuration.
    ConfigurationId = "configuration";
    /// Id of a variable.
    VariableId = "variable";
    /// Id of a release.
    ReleaseId = "release";
    /// Id of a deployment.
    DeploymentId = "deployment";
    /// Id of a domain.
    DomainId = "domain";
    /// Id of a certificate.
    CertificateId = "certificate";
    /// Id of a base snapshot.
    SnapshotId = "snapshot";
    /// Id of a plan.
    PlanId = "plan";
    /// Id of a job.
    JobId = "job";
    /// Id of a saved state of a project's files.
    VersionId = "version";
    /// Id of an entry of the audit log.
    AuditId = "audit entry";
}

impl DeploymentId {
    /// Mints an id whose first eight digits differ from those of the latest deployment.
    ///
    /// Images are tagged with the first eight digits, and in a UUIDv7 these are the upper 32 bits
    /// of the clock: they change every 65.5 s only. RFC 9562 §6.2 lets an implementation run ahead
    /// of the clock to stay monotonic, so a deployment that follows another closely takes the next
    /// 65.5 s window.
    pub fn mint_after(
        latest: Option<DeploymentId>,
        now: Timestamp,
        entropy: Entropy,
    ) -> DeploymentId {
        let fresh = Self::mint(now, entropy);
        match latest {
            Some(latest) if fresh.window() <= latest.window() => {
                let start = (u64::from(latest.window()) + 1) << 16;
                let ahead = Timestamp::from_millis(i64::try_from(start).unwrap_or(i64::MAX));
                Self::mint(ahead, entropy)
            }
            _ => fresh,
        }
    }

    /// The first eight hexadecimal digits, as in the tag of an image.
    pub fn short(&self) -> String {
        self.0.simple().to_string()[..8].to_owned()
    }

    fn window(&self) -> u32 {
        let bytes = self.0.as_bytes();
        u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_deployments_in_one_second_never_share_a_tag() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let mut latest = None;
        let mut seen = std::collections::HashSet::new();
        for n in 0..200u8 {
            let id = DeploymentId::mint_after(latest, now, [n; 10]);
            assert!(seen.insert(id.short()), "{} came twice", id.short());
            latest = Some(id);
        }
    }

    proptest! {
        #[test]
        fn ids_read_back_what_they_print(millis in 0i64..4_000_000_000_000, entropy: Entropy) {
            let id = ServerId::mint(Timestamp::from_millis(millis), entropy);
            prop_assert_eq!(id.to_string().parse::<ServerId>().unwrap(), id);
            prop_assert_eq!(id.as_uuid().get_version_num(), 7);
        }
    }
}
