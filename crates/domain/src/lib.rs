//! The nouns of Plimsoll and their pure rules: ids, names, plans. No I/O, no async, no clock.

pub mod audit;
pub mod canvas;
pub mod change;
pub mod content;
pub mod deployment;
pub mod dns;
pub mod dotenv;
pub mod form;
pub mod id;
pub mod image;
pub mod job;
pub mod name;
pub mod path;
pub mod plan;
pub mod preferences;
pub mod project;
pub mod quote;
pub mod recipe;
pub mod release;
pub mod run;
pub mod safety;
pub mod secret;
pub mod server;
pub mod service;
pub mod settings;
pub mod source;
pub mod stack;
pub mod time;
pub mod tour;
pub mod version;

pub use id::*;
pub use secret::Secret;
pub use time::Timestamp;
