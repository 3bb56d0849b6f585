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
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
