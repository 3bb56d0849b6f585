//! One file a noun. A command parses, makes one call and converts.

pub mod account;
pub mod audit;
pub mod bin;
pub mod canvas;
pub mod data;
pub mod deployment;
pub mod desk;
pub mod domain;
pub mod file;
pub mod form;
pub mod health;
pub mod job;
pub mod plan;
pub mod practice;
pub mod project;
pub mod run;
pub mod search;
pub mod server;
pub mod service;
pub mod settings;
pub mod snapshot;
pub mod terminal;
pub mod update;
pub mod variable;
pub mod version;
pub mod window;
