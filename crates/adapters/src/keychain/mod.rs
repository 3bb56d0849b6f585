//! Where tokens and keys are kept: the keychain of the operating system, or a file sealed with a
//! passphrase where there is none.

mod passphrase;
mod seal;
mod system;
mod vault;

pub use passphrase::passphrase_from;
pub use system::SystemKeychain;
pub use vault::Vault;
