//! One file a noun. A command parses, makes one call and converts.

pub mod account;
pub mod desk;
pub mod domain;
pub mod practice;
pub mod project;
pub mod settings;
