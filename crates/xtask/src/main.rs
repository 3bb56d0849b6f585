//! What the README's commands call: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`.

mod bench;
mod demo;
mod practice;
mod run;
mod setup;
mod test;

use run::{Done, Trouble};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo          the main job on the practice cloud, from nothing to a rollback
  --keep                  leave it running also where there is no display
cargo xtask test [NAME]   every test, with what it needs
cargo xtask bench         what we promise about speed, measured and written to BENCHMARKS.md
  --quick                 everything once, to see that the measuring works
  --write                 only the tables, from what was measured last
cargo xtask setup         only install and build what is missing";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match act(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            run::say(format!("{trouble}"));
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &[String]) -> Done {
    match arguments
        .split_first()
        .map(|(task, rest)| (task.as_str(), rest))
    {
        Some(("test", filter)) => test::test(filter),
        Some(("demo", [])) => demo::demo(false),
        Some(("demo", [keep])) if keep == "--keep" => demo::demo(true),
        Some(("bench", [])) => bench::bench(false),
        Some(("bench", [quick])) if quick == "--quick" => bench::bench(true),
        Some(("bench", [write])) if write == "--write" => bench::write(),
        Some(("setup", [])) => set_up(),
        _ => Err(Trouble(USAGE.to_owned())),
    }
}

fn set_up() -> Done {
    setup::for_window()?;
    setup::pages()?;
    setup::build_with_tests().map(|_| ())
}
