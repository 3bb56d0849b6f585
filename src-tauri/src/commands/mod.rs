//! One file a noun. A command parses, makes one call and converts.

pub mod desk;
pub mod project;
