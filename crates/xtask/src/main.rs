//! What the README's commands call: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`.

mod bench;
mod bundle;
mod demo;
mod fuzz;
mod practice;
mod run;
mod setup;
mod shots;
mod test;
mod window;

use run::{Done, Trouble};
use std::{path::Path, process::ExitCode};

const USAGE: &str = "\
cargo xtask demo          the window on the practice cloud; where there is no display, the main job
                          in the terminal, from nothing to a rollback
  --terminal              in the terminal also where there is a display
  --keep                  leave the practice cloud running
cargo xtask window        the window on what you keep
cargo xtask test [NAME]   every test, with what it needs
cargo xtask bench         what we promise about speed, measured and written to BENCHMARKS.md
  --quick                 everything once, to see that the measuring works
  --write                 only the tables, from what was measured last
cargo xtask bench versions
                          what saving a large tree takes, beside git and restic
cargo xtask bench window  what the window takes beside a bare one of the same toolkit
  --quick                 everything once, to see that the measuring works
  --release               with programs that are built as they are shipped
cargo xtask bench canvas  a save until it is painted, beside a development server's push
  --quick                 everything once, to see that the measuring works
cargo xtask fuzz SECONDS  the readers of archives and packs, fed with what nobody thought of
cargo xtask bundle        a package to install, below target/dist/bundle
  --check                 installed here, started, and removed again
cargo xtask latest FOLDER VERSION URL
                          latest.json for the signed packages of a folder
cargo xtask shots [NAME]  a picture of every screen in every state, below target/shots
cargo xtask axe [NAME]    every screen gone over for accessibility
cargo xtask check-targets the types of what differs on Windows
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
        Some(("demo", flags)) => demonstrate(flags),
        Some(("window", [])) => window::open(),
        Some(("bench", [])) => bench::bench(false),
        Some(("bench", [quick])) if quick == "--quick" => bench::bench(true),
        Some(("bench", [write])) if write == "--write" => bench::write(),
        Some(("bench", [window, flags @ ..])) if window == "window" => bench::window(flags),
        Some(("bench", [of, flags @ ..])) if of == "versions" => bench::versions(flags),
        Some(("bench", [canvas])) if canvas == "canvas" => bench::canvas(false),
        Some(("bench", [canvas, quick])) if canvas == "canvas" && quick == "--quick" => {
            bench::canvas(true)
        }
        Some(("fuzz", [seconds])) => fuzz::fuzz(seconds),
        Some(("bundle", [])) => bundle::bundle(false),
        Some(("bundle", [check])) if check == "--check" => bundle::bundle(true),
        Some(("latest", [folder, version, url])) => bundle::latest(Path::new(folder), version, url),
        Some(("shots", [])) => shots::shots(None),
        Some(("shots", [name])) => shots::shots(Some(name)),
        Some(("axe", [])) => shots::axe(None),
        Some(("axe", [name])) => shots::axe(Some(name)),
        Some(("check-targets", [])) => setup::check_windows(),
        Some(("setup", [])) => set_up(),
        _ => Err(Trouble(USAGE.to_owned())),
    }
}

fn demonstrate(flags: &[String]) -> Done {
    let known = ["--keep", "--terminal"];
    if let Some(flag) = flags.iter().find(|flag| !known.contains(&flag.as_str())) {
        return Err(Trouble(format!("{flag} is not known.\n{USAGE}")));
    }
    let given = |flag: &str| flags.iter().any(|given| given == flag);
    if window::has_display() && !given("--terminal") {
        return window::practise(given("--keep"));
    }
    demo::demo(given("--keep"))
}

fn set_up() -> Done {
    setup::for_window()?;
    setup::pages()?;
    setup::build_with_tests().map(|_| ())
}
