//! The store as its users see it, and what lies in its tables.

mod care;
mod history;
mod lines;
mod rows;
mod sync;
pub(crate) mod world;
