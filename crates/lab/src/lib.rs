//! The practice cloud: a DigitalOcean and a Cloudflare on the user's own machine, public wire
//! formats in front, real Linux servers in containers behind.
//!
//! [`practice`] starts, finds, stops and wipes one as a background process. That process opens an
//! [`engine`], puts the [`gateway`] and the droplets on it (they are the [`ground`]), and serves the
//! [`api`] above. Everything it makes carries its [`instance`]; a wipe removes exactly that.

pub mod acme;
pub mod api;
mod command;
pub mod dns;
mod droplets;
pub mod edge;
pub mod engine;
pub mod error;
mod folder;
pub mod gateway;
pub mod git;
pub mod ground;
mod host;
mod images;
pub mod instance;
mod network;
pub mod practice;
pub mod proxy;
pub mod sample;
pub mod settings;
pub mod tls;

pub use practice::serve;
