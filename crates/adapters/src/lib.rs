//! Plimsoll: adapters.

pub mod clock;
pub mod cloudflare;
pub mod digitalocean;
pub mod docker;
pub mod git;
pub mod http;
pub mod keychain;
pub mod keys;
pub mod agent;
pub mod outside;
pub mod sources;
pub mod ssh;
pub mod tokens;
