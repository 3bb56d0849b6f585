//! The cloud adapters against the practice cloud's API and against the public specifications.
//!
//! The specifications' JSON-Schema forms are read from the folder that `PLIMSOLL_SPECS` names, or
//! from `../../../shared/specs`; without them the same calls run, unchecked, and say so.

#![allow(clippy::unwrap_used)]

mod bad_days;
mod canary;
mod contract;
mod digitalocean;
mod ground;
mod lists;
mod scopes;
mod scripted;
mod specification;
mod stage;
mod tokens;
mod zones;
