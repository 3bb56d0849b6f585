//! Each command parses, makes one call and prints its answer.

mod account;
mod bin;
mod canvas;
mod configuration;
mod data;
mod domain;
mod practice;
mod project;
mod run;
mod server;
mod settings;
mod spec;
mod variable;
mod version;
mod work;

use crate::{
    args::{Arguments, Noun},
    desk::Desk,
    failure::{Answer, Failed},
    output::Output,
};
use clap::CommandFactory;
use plimsoll_engine::EngineError;

/// Runs what was typed.
pub async fn run(arguments: Arguments, output: Output) -> Answer {
    match &arguments.noun {
        Noun::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "plimsoll", &mut text);
            output.line(String::from_utf8_lossy(&text).trim_end());
            return Ok(());
        }
        Noun::Practice(verb) => return practice::run(verb, output).await,
        _ => {}
    }
    let desk = Desk::open(&arguments, output).await?;
    let answer = carry_out(arguments.noun, &desk).await;
    if let Some(notice) = desk.engine.unnoted() {
        output.note(&notice.text);
    }
    answer
}

async fn carry_out(noun: Noun, desk: &Desk) -> Answer {
    match noun {
        Noun::Practice(_) | Noun::Completions { .. } => Ok(()),
        Noun::Account(verb) => account::run(verb, desk).await,
        Noun::Key(verb) => account::keys(verb, desk).await,
        Noun::Server(verb) => server::run(verb, desk).await,
        Noun::Snapshot(verb) => server::snapshots(verb, desk).await,
        Noun::Project(verb) => project::run(verb, desk).await,
        Noun::Settings(verb) => settings::run(verb, desk).await,
        Noun::Bin(verb) => bin::run(verb, desk).await,
        Noun::Versions(verb) => version::run(verb, desk).await,
        Noun::Canvas(verb) => canvas::run(verb, desk).await,
        Noun::Run(arguments) => run::run(arguments, desk).await,
        Noun::Environment(verb) => project::environments(verb, desk).await,
        Noun::Service(verb) => project::services(verb, desk).await,
        Noun::Variable(verb) => variable::run(verb, desk).await,
        Noun::Configuration(verb) => configuration::run(verb, desk).await,
        Noun::Deploy(arguments) => work::deploy(arguments, desk).await,
        Noun::Rollback(arguments) => work::rollback(arguments, desk).await,
        Noun::Reconfigure(arguments) => work::reconfigure(arguments, desk).await,
        Noun::Restart(arguments) => work::restart(arguments, desk).await,
        Noun::Release(verb) => work::releases(verb, desk).await,
        Noun::Deployment(verb) => work::deployments(verb, desk).await,
        Noun::Logs(arguments) => work::logs(arguments, desk).await,
        Noun::Status(arguments) => work::status(arguments, desk).await,
        Noun::Job(verb) => work::jobs(verb, desk).await,
        Noun::Audit(verb) => work::audit(verb, desk).await,
        Noun::Data(verb) => data::run(verb, desk).await,
        Noun::Domain(verb) => domain::run(verb, desk).await,
    }
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        Self {
            kind: error.kind().into(),
            failure: error.into_failure(),
        }
    }
}

/// Reads something that has rules of its own.
fn parsed<T>(what: &str, text: &str) -> Answer<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        Failed::input(
            &format!("invalid_{}", what.replace(' ', "_")),
            error.to_string(),
            "",
        )
    })
}
