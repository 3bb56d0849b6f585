//! The two cloud APIs, driven over HTTP through the real router, on a ground that lives in memory.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod cloudflare;
mod contract;
mod control;
mod digitalocean;
mod driver;
mod filtering;
mod malformed;
mod memory_ground;
mod resolved;
mod walk;
