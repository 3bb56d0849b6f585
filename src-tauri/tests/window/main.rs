//! The real window, driven as a person would: a display, a session with a keyring, the practice
//! cloud and WebDriver. `cargo xtask test` brings what is needed; without it these tests are
//! skipped, loudly.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod accounts;
mod bad_input;
mod canvas;
mod data;
mod dropping;
mod files;
mod journey;
mod keyboard;
mod keychain;
mod live;
mod looking;
mod offline;
mod opening;
mod runs;
mod searching;
mod support;
mod tabs;
mod updates;
mod versions;
mod writing;
