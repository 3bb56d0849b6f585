//! `cargo xtask fuzz`: the readers of what comes from anywhere, fed with what nobody thought of.

use crate::{
    run::{Done, Trouble, output, run, say},
    setup,
};
use std::{fs, process::Command};

/// The readers that have a door for it.
const TARGETS: [&str; 2] = ["archive", "pack"];
/// What a fuzzer needs to see which ways its bytes take (cargo-fuzz gives the same to the compiler).
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Most memory that bytes may make a reader take, MB.
const MEMORY: &str = "-rss_limit_mb=1024";

/// Fuzzes each reader for so many seconds, from what is kept in `fuzz/corpus`. What is new lies below
/// `target/fuzz`; what breaks a reader beside it.
pub fn fuzz(seconds: &str) -> Done {
    let seconds: u32 = seconds
        .parse()
        .map_err(|_| Trouble(format!("“{seconds}” is no number of seconds.")))?;
    let told = output(Command::new("rustc").arg("-vV"))?;
    let system = told.lines().find_map(|line| line.strip_prefix("host: "));
    let system = system.ok_or_else(|| Trouble("rustc names no system.".to_owned()))?;
    let place = setup::target().join("fuzz");
    say("Building the fuzzers");
    let mut build = setup::cargo(&["build", "--quiet", "--release", "--target", system]);
    build
        .current_dir(setup::root().join("fuzz"))
        // A target of its own: build scripts and macros must not be instrumented.
        .env("CARGO_TARGET_DIR", &place)
        .env("RUSTFLAGS", COVERAGE);
    run(&mut build)?;
    for target in TARGETS {
        say(format!("Fuzzing the reader of {target} for {seconds} s"));
        let (found, broken) = (place.join("found").join(target), place.join("broken"));
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&broken)?;
        let program = place.join(system).join("release").join(target);
        let mut fuzzer = Command::new(program);
        fuzzer
            .arg(found)
            .arg(setup::root().join("fuzz/corpus").join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", broken.display()))
            .args([MEMORY, "-print_final_stats=1"]);
        run(&mut fuzzer)?;
    }
    Ok(())
}
