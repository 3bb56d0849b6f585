//! Plans and jobs. Everything outside is reached through the traits in [`ports`].

pub mod audit;
pub mod jobs;
pub mod ports;
pub mod redact;
pub mod seal;
