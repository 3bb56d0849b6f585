//! A vault whose passphrase nobody has given yet.

use async_trait::async_trait;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Keychain, PortError, PortResult};

/// Stands in for a vault that is there but not open: everything answers `vault_locked`.
pub(crate) struct LockedVault;

impl LockedVault {
    fn refused<T>() -> PortResult<T> {
        Err(PortError::new(
            "vault_locked",
            "Your tokens and keys are in a vault, which is locked.",
        )
        .next_step("Give the vault's passphrase; on the command line as PLIMSOLL_PASSPHRASE_FILE."))
    }
}

#[async_trait]
impl Keychain for LockedVault {
    async fn get(&self, _: &str) -> PortResult<Option<Secret>> {
        Self::refused()
    }
    async fn set(&self, _: &str, _: &Secret) -> PortResult<()> {
        Self::refused()
    }
    async fn delete(&self, _: &str) -> PortResult<()> {
        Self::refused()
    }
}
