//! The program on a server: builds images, runs the deployment transaction, watches services.

mod agent;
mod archive;
mod build;
mod clock;
mod context;
mod disk;
mod docker;
mod edge;
mod error;
mod health;
mod images;
mod install;
mod journal;
mod lock;
mod logs;
mod machine;
mod nat;
mod nginx;
mod probe;
mod program;
mod record;
mod secrets;
mod server;
mod settings;
mod shim;
mod site;
mod site_files;
mod sockets;
mod transaction;
mod tree;
mod wire;

use error::{AgentError, Result};
use settings::Settings;
use std::{ffi::OsString, io::Write, process::ExitCode, sync::Arc, time::Duration};

const USAGE: &str = "\
usage: plimsoll-agent serve      answer requests on the agent's socket
       plimsoll-agent prepare    put secrets into memory before Docker starts
       plimsoll-agent install    take the installed agent's place, or give it back
       plimsoll-agent settle     take the place back from an upgrade that was cut off
       plimsoll-agent init -- …  first process of a container with secrets
       plimsoll-agent receive -- …  the same, with secrets from its standard input
       plimsoll-agent --version | --hash
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = arguments.first().map(|first| first.to_string_lossy());
    match first.as_deref() {
        // Before anything else: this is a container's start.
        Some("init") => {
            let rest = &arguments[1..];
            let rest = rest.strip_prefix(&[OsString::from("--")]).unwrap_or(rest);
            shim::become_application(rest)
        }
        Some("receive") => {
            let rest = &arguments[1..];
            let rest = rest.strip_prefix(&[OsString::from("--")]).unwrap_or(rest);
            shim::receive_and_become(rest)
        }
        Some("--version") => say(&format!("plimsoll-agent {}", machine::VERSION)),
        Some("--hash") => end(agent::binary_hash().map(|hash| say(&hash)).map(drop)),
        Some("prepare") => end(prepare()),
        Some("install") => end(runtime().and_then(|runtime| runtime.block_on(install::install()))),
        Some("settle") => end(install::settle()),
        Some("serve") => end(serve()),
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) -> ExitCode {
    let written = writeln!(std::io::stdout(), "{line}");
    if written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn end(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plimsoll-agent: {error}");
            for line in error.failure().evidence {
                eprintln!("  {line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// What must be in place before Docker starts containers: their secrets in memory.
fn prepare() -> Result<()> {
    let settings = Settings::from_env();
    disk::folder(&settings.state, 0o700)?;
    disk::folder(&settings.run, 0o755)?;
    let secrets = secrets::Secrets::new(&settings);
    secrets.prepare()?;
    secrets.restore_all()
}

fn serve() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("PLIMSOLL_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    runtime()?.block_on(run(Settings::from_env()))
}

/// Two threads, so that a long computation never keeps a health check or a switch waiting.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(5))
        .enable_all()
        .build()
        .map_err(AgentError::file("start", "the runtime"))
}

async fn run(settings: Settings) -> Result<()> {
    let agent = Arc::new(agent::Agent::new(settings)?);
    agent.secrets.restore_all()?;
    let listener = server::listen(&agent.settings.socket)?;
    tracing::info!(
        version = machine::VERSION,
        hash = agent.binary_hash,
        "listening"
    );
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(AgentError::file("listen to", "signals"))?;
    tokio::spawn(come_up(Arc::clone(&agent)));
    tokio::select! {
        () = server::serve(Arc::clone(&agent), listener) => {}
        _ = terminate.recv() => tracing::info!("asked to end"),
    }
    Ok(())
}

/// Sets the routes and watches, then finishes or takes back what was cut off.
async fn come_up(agent: Arc<agent::Agent>) {
    while !agent.engine.answers().await {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    edge::adopt(&agent).await;
    // Who serves is known: it does so whatever becomes of what was cut off. On a full disk that may
    // have to wait.
    if let Err(error) = health::establish(&agent).await {
        tracing::error!(%error, "the routes could not be set yet");
    }
    tokio::spawn(health::follow_events(Arc::clone(&agent)));
    tokio::spawn(health::watch(Arc::clone(&agent)));
    while let Err(error) = transaction::recover(&agent).await {
        tracing::error!(%error, "what was cut off could not be finished or taken back yet");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    agent.recovered.send_replace(true);
}

/// Runs work that blocks beside the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(AgentError::refused(
            "agent_fault",
            format!("the agent's own work broke off: {error}"),
            "Try again; report this if it stays.",
        )),
    }
}
