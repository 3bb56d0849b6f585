//! The runner against a world in memory: killed anywhere, failed everywhere, cancelled, limited.

mod ends;
mod kill;
mod lines;
pub(crate) mod world;
