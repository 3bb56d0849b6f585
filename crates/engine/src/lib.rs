//! Plans and jobs. Everything outside is reached through the traits in [`ports`].

pub mod ports;
