//! The use cases against small stand-ins for the outside world.

#![allow(clippy::unwrap_used)]

mod addresses;
mod cloud;
mod deploying;
mod domains;
mod fakes;
mod faults;
mod fleet;
mod forms;
#[cfg(target_os = "linux")]
mod full_disk;
mod health;
mod history;
mod hosts;
mod projects;
mod provisioning;
mod recalls;
mod resuming;
mod secrets;
mod tour;
mod versions;
mod watching;
mod workspace;
mod world;
