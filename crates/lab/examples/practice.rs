//! The practice cloud by itself, without the rest of the `plimsoll` command:
//!
//! ```text
//! cargo run -p plimsoll-lab --example practice -- start | status | stop | wipe [FOLDER]
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use plimsoll_lab::error::LabError;
use plimsoll_lab::practice::{self, Wipe};
use plimsoll_lab::settings::{EngineChoice, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut words = std::env::args().skip(1);
    let word = words.next().unwrap_or_default();
    match run(&word, words.next().map(PathBuf::from)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(word: &str, state: Option<PathBuf>) -> Result<(), LabError> {
    match word {
        "serve" => return plimsoll_lab::serve(practice::settings_from_environment()?).await,
        "gateway" => return plimsoll_lab::gateway::run().await,
        _ => {}
    }
    let mut settings = Settings::usual(state, &[]).map_err(|source| LabError::File {
        doing: "find",
        path: "the home folder".into(),
        source,
    })?;
    settings.engine = match std::env::var("PLIMSOLL_PRACTICE_ENGINE").as_deref() {
        Ok("own") => EngineChoice::Own,
        Ok("given") => EngineChoice::Given(None),
        _ => EngineChoice::Auto,
    };
    match word {
        "start" => {
            let running = practice::start(&settings, |said| eprintln!("{said}")).await?;
            eprintln!("{running:#?}");
            Ok(())
        }
        "status" => {
            eprintln!("{:#?}", practice::status(&settings.state).await?);
            Ok(())
        }
        "stop" => practice::stop(&settings, Wipe::No).await,
        "wipe" => practice::stop(&settings, Wipe::State).await,
        _ => {
            eprintln!("usage: practice start | status | stop | wipe [FOLDER]");
            Ok(())
        }
    }
}
