//! Ids as the pages know them: texts, checked when they come in.

use plimsoll_domain as domain;
use serde::{Deserialize, Serialize};
use specta::Type;

macro_rules! ids {
    ($($name:ident),* $(,)?) => {$(
        #[doc = concat!("A `", stringify!($name), "` as text.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
        #[serde(transparent)]
        pub struct $name(#[specta(type = String)] pub domain::$name);

        impl From<domain::$name> for $name {
            fn from(id: domain::$name) -> Self {
                Self(id)
            }
        }

        impl From<$name> for domain::$name {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    CertificateId, ConfigurationId, DeploymentId, DomainId, EnvironmentId, JobId, PlanId,
    ProjectId, ProviderAccountId, ReleaseId, ServerId, ServiceId, SnapshotId, SshKeyId, VariableId,
    VersionId,
}
