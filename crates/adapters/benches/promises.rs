//! What we promise about speed, measured: ours, the floor and what people would use instead,
//! interleaved in one run against the practice cloud that `PLIMSOLL_PRACTICE` names.
//!
//! `cargo xtask bench` starts that cloud, runs this and judges the samples, which go to the file
//! that `PLIMSOLL_BENCH_SAMPLES` names. With `--quick` everything runs once, to see that it works.

#[path = "promises/app.rs"]
mod app;
#[path = "promises/cloud.rs"]
mod cloud;
#[path = "promises/line.rs"]
mod line;
#[path = "promises/load.rs"]
mod load;
#[path = "promises/ours.rs"]
mod ours;
#[path = "promises/peers.rs"]
mod peers;
#[path = "promises/program.rs"]
mod program;
#[path = "promises/samples.rs"]
mod samples;
#[path = "promises/served.rs"]
mod served;
#[path = "promises/site.rs"]
mod site;
#[path = "promises/works.rs"]
mod works;

use plimsoll_lab::practice::{self, Running};
use samples::Samples;
use std::{error::Error, path::PathBuf, process::ExitCode};
use works::{Bench, Rounds};

/// What everything here answers.
type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    match measure(quick).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(quick: bool) -> Done {
    let rounds = if quick { Rounds::QUICK } else { Rounds::FULL };
    let folder = tempfile::tempdir()?;
    let file = std::env::var_os("PLIMSOLL_BENCH_SAMPLES").map(PathBuf::from);
    let file = file.unwrap_or_else(|| folder.path().join("samples.jsonl"));
    let samples = Samples::create(&file)?;
    let mut bench = Bench::prepare(&running().await?, folder.path(), samples, rounds).await?;
    bench.run().await?;
    bench.end().await
}

async fn running() -> Done<Running> {
    let folder = std::env::var_os("PLIMSOLL_PRACTICE").ok_or("PLIMSOLL_PRACTICE is not set")?;
    let running = practice::status(&PathBuf::from(folder)).await?;
    Ok(running.ok_or("the practice cloud does not run")?)
}
