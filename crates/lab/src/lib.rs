//! The practice cloud: a DigitalOcean and a Cloudflare on the user's own machine, public wire
//! formats in front, real Linux servers in containers behind.

pub mod api;
pub mod dns;
pub mod edge;
pub mod error;
mod folder;
pub mod ground;
pub mod tls;
