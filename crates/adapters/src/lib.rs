//! Plimsoll: adapters.

pub mod ssh;
