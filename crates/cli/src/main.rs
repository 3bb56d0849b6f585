//! `plimsoll`: the engine without a window.

mod args;
mod commands;
mod desk;
mod failure;
mod input;
mod output;
mod path;
mod watch;

use args::Arguments;
use clap::Parser;
use failure::Failed;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return unreadable(&error),
    };
    let output = Output {
        json: arguments.json,
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("PLIMSOLL_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(&format!("error: no thread could be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let answer = runtime.block_on(commands::run(arguments, output));
    // A blocking read of a keychain or a terminal must not hold the program back.
    runtime.shutdown_background();
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(output),
    }
}

/// A command line that makes no sense, told to programs in their own form; help is no failure.
fn unreadable(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|word| word == "--json");
    if !json || !error.use_stderr() {
        error.exit();
    }
    let text = error.render().to_string();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let mut failed = Failed::input(
        "bad_arguments",
        message,
        "See `plimsoll --help` for what a command takes.",
    );
    failed.failure.evidence = lines.map(|line| line.trim().to_owned()).collect();
    failed.report(Output { json })
}
