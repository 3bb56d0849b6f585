//! Where tokens and keys are kept: the keychain of the operating system, or a file sealed with a
//! passphrase where there is none.

mod locked;
mod passphrase;
pub(crate) mod seal;
mod system;
mod vault;

pub(crate) use locked::LockedVault;
pub use passphrase::{check_passphrase, passphrase_from};
pub use system::SystemKeychain;
pub use vault::Vault;
