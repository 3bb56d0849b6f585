//! The resolver: answers the zones of the practice Cloudflare as their name servers would, and
//! forwards every other name, so that a droplet needs exactly one `nameserver` line.

mod directory;
mod record;
mod resolve;
mod server;
#[cfg(test)]
mod tests;
mod upstream;

pub use directory::{Directory, Origin, Settings};
pub use server::{Listeners, serve};
