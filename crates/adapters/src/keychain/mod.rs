//! Where tokens and keys are kept: the keychain of the operating system, or a file sealed with a
//! passphrase where there is none.

mod passphrase;
mod seal;
mod system;
mod vault;

pub use passphrase::passphrase_from;
pub use system::SystemKeychain;
pub use vault::Vault;

use plimsoll_engine::ports::{Clock, Keychain, PortResult};
use std::{ffi::OsString, path::PathBuf, sync::Arc};

/// The keychain that this process uses: the vault in `file` when the environment gives a
/// passphrase ([`passphrase_from`]), the system's otherwise.
///
/// # Errors
/// As [`passphrase_from`]. Neither the vault nor the system's keychain is opened yet.
pub fn keychain_from(
    environment: impl Fn(&str) -> Option<OsString>,
    file: impl Into<PathBuf>,
    clock: Arc<dyn Clock>,
) -> PortResult<Arc<dyn Keychain>> {
    Ok(match passphrase_from(environment)? {
        Some(passphrase) => Arc::new(Vault::new(file, passphrase, clock)),
        None => Arc::new(SystemKeychain::new()),
    })
}
