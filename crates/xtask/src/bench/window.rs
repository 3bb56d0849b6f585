//! `cargo xtask bench window`: what the window takes beside a bare window of the same toolkit, both
//! in turns.

mod driver;
mod processes;
mod report;

use super::publish;
use crate::{
    run::{Done, Trouble, found, println, run, say},
    setup,
};
use driver::Window;
use processes::{Started, memory, processor_time};
use report::{Measured, Sides};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// What the marked places of README.md and BENCHMARKS.md are called.
const MARK: &str = "bench-window";
/// Set for the process that measures, which runs inside of a session that the first one makes.
const INSIDE: &str = "PLIMSOLL_BENCH_SESSION";
/// Unlocks a keyring with an empty passphrase, then becomes the program that is named after it.
const UNLOCK: &str =
    "printf '\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
/// Notes the frames of a page, and scrolls meanwhile.
const FRAMES: &str = include_str!("window/frames.js");

/// How often everything is measured.
const ROUNDS: usize = 2;
/// What the list holds.
const DEPLOYMENTS: &str = "10000";
/// Pixels a second: some 125 rows, a quick turn of the wheel.
const SPEED: u32 = 6_000;
/// Lines a second of the log that is followed.
const RATE: &str = "100000";
/// Longer than the frames are noted, so that lines come all the while.
const LINES_COME: &str = "8";
/// What passes between the opening of a window and its first look at its memory.
const SETTLING: Duration = Duration::from_secs(10);

/// That a page of ours can be used: its heading is there, and nothing covers it.
const READY: &str = "return document.querySelector('#main h1') !== null";

/// How much is measured.
#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    settling: Duration,
    idle: Duration,
    frames: Duration,
}

/// What is measured: programs that were built with one profile.
struct Programs {
    window: PathBuf,
    bare: PathBuf,
    fill: PathBuf,
    folder: PathBuf,
}

/// Measures and writes the table down; with `--quick` it only sees that the measuring works, with
/// `--release` the programs are built as they are shipped.
pub fn bench(flags: &[String]) -> Done {
    if !cfg!(target_os = "linux") {
        return Err(Trouble("The window is measured on Linux only.".into()));
    }
    let known = ["--quick", "--release"];
    if let Some(flag) = flags.iter().find(|flag| !known.contains(&flag.as_str())) {
        return Err(Trouble(format!("{flag} is not known.")));
    }
    let given = |flag: &str| flags.iter().any(|given| given == flag);
    if std::env::var_os(INSIDE).is_some() {
        return measure(given("--quick"), given("--release"));
    }
    setup::for_window()?;
    setup::pages()?;
    build(given("--release"))?;
    run(&mut in_session(flags)?)
}

fn build(release: bool) -> Done {
    say("Building the window, a bare one, and what fills a store");
    let mut command = setup::cargo(&["build", "--quiet", "--workspace"]);
    command.args(["--bin", "plimsoll-desktop", "--example", "bare_window"]);
    command.args(["--example", "fill_store"]);
    if release {
        command.args(["--profile", "dist"]);
    }
    run(&mut command)
}

/// This program once more, in a graphical session of its own with an unlocked keyring.
fn in_session(flags: &[String]) -> Done<Command> {
    for program in ["dbus-run-session", "gnome-keyring-daemon", "xvfb-run"] {
        if !found(program) {
            return Err(Trouble(format!("`{program}` is not there.")));
        }
    }
    let session = setup::target().join("bench/session");
    let mut command = Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-c", UNLOCK, "sh"])
        .args([
            "xvfb-run",
            "-a",
            "-s",
            "-screen 0 1440x900x24 -nolisten tcp -noreset",
        ])
        .arg(std::env::current_exe()?)
        .args(["bench", "window"])
        .args(flags)
        .env(INSIDE, "1")
        // WebKitGTK takes its language from here; "C" is none.
        .env("LANG", "en_US.UTF-8")
        .env("GDK_BACKEND", "x11")
        .env("GSETTINGS_BACKEND", "memory")
        .env("NO_AT_BRIDGE", "1");
    if session.exists() {
        fs::remove_dir_all(&session)?;
    }
    for name in [
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        let place = session.join(name);
        private(&place)?;
        command.env(name, place);
    }
    Ok(command)
}

/// A folder for its owner only, as a session's folders have to be.
fn private(folder: &Path) -> Done {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn measure(quick: bool, release: bool) -> Done {
    let plan = match quick {
        true => Plan {
            rounds: 1,
            settling: Duration::from_secs(1),
            idle: Duration::from_secs(5),
            frames: Duration::from_secs(1),
        },
        false => Plan {
            rounds: ROUNDS,
            settling: SETTLING,
            idle: Duration::from_secs(60),
            frames: Duration::from_secs(5),
        },
    };
    let programs = Programs::of(release)?;
    let load = load();
    let mut sides = Sides::default();
    say("Opening both windows once, so that their files are in memory");
    programs.open_bare("still")?;
    programs.open_ours("empty")?;
    for round in 1..=plan.rounds {
        say(format!("Round {round} of {}: start, rest", plan.rounds));
        // A minute each is long enough to be spent once.
        let idle = (round == 1).then_some(plan.idle);
        let Sides { bare, ours } = &mut sides;
        twice("the bare window at rest", bare, |bare| {
            let (window, start) = programs.open_bare("still")?;
            rest(&window, start, plan.settling, idle, bare)
        })?;
        twice("Plimsoll at rest", ours, |ours| {
            let (window, start) = programs.open_ours("empty")?;
            rest(&window, start, plan.settling, idle, ours)
        })?;
        say(format!("Round {round} of {}: scrolling", plan.rounds));
        twice("the bare list", bare, |bare| {
            scroll(&programs.open_bare("list")?.0, plan.frames, bare)
        })?;
        twice("Plimsoll's list", ours, |ours| {
            let (window, _) = programs.open_ours("full")?;
            go(&window, "/deployments")?;
            scroll(&window, plan.frames, ours)
        })?;
        say(format!("Round {round} of {}: following", plan.rounds));
        twice("the bare log", bare, |bare| {
            let writing = Writing::begin(&programs)?;
            follow(&programs.open_bare("log")?.0, writing, plan.frames, bare)
        })?;
        twice("Plimsoll's log", ours, |ours| {
            let writing = Writing::begin(&programs)?;
            let (window, _) = programs.open_ours("full")?;
            go(&window, &format!("/jobs/{}", writing.job))?;
            window.until("return document.querySelector('[role=\"log\"]') !== null")?;
            follow(&window, writing, plan.frames, ours)
        })?;
    }
    let table = report::table(&sides, release, &load);
    println(&table);
    if quick {
        return Ok(());
    }
    publish(MARK, &format!("## The window\n\n{table}"), &table)
}

/// Measures something; once more where that fails, which the table tells.
fn twice(what: &str, measured: &mut Measured, mut act: impl FnMut(&mut Measured) -> Done) -> Done {
    let Err(trouble) = act(measured) else {
        return Ok(());
    };
    say(format!("Once more, {what}: {trouble}"));
    measured.broken.push(what.to_owned());
    act(measured)
}

/// How busy the machine is before anything is measured.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split_whitespace().next().unwrap_or("unknown");
    minute.to_owned()
}

impl Programs {
    fn of(release: bool) -> Done<Self> {
        let built = setup::target().join(if release { "dist" } else { "debug" });
        let programs = Self {
            window: built.join("plimsoll-desktop"),
            bare: built.join("examples/bare_window"),
            fill: built.join("examples/fill_store"),
            folder: setup::target().join("bench/window"),
        };
        if programs.folder.exists() {
            fs::remove_dir_all(&programs.folder)?;
        }
        for home in ["empty", "full"] {
            private(&programs.home(home))?;
            private(&programs.web_data(home))?;
        }
        say(format!("Writing {DEPLOYMENTS} deployments"));
        let mut fill = Command::new(&programs.fill);
        fill.arg(programs.home("full"));
        run(fill.args(["deployments", DEPLOYMENTS]))?;
        Ok(programs)
    }

    fn home(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the web view remembers the page that was open last: a window with another home shall
    /// not begin there.
    fn web_data(&self, home: &str) -> PathBuf {
        self.folder.join(format!("{home}-web"))
    }

    /// Opens a bare window; answers also how long it took until it could be used, ms.
    fn open_bare(&self, page: &str) -> Done<(Window, f64)> {
        let window = Window::open(&self.bare, &[page], &[])?;
        let ready = "return document.querySelector('h1, #list, #log') !== null";
        let start = window.until(ready)?;
        Ok((window, start))
    }

    /// The same of ours on a home of this name.
    fn open_ours(&self, home: &str) -> Done<(Window, f64)> {
        let practice = self.folder.join("practice");
        let (web_data, home) = (self.web_data(home), self.home(home));
        let variables: [(&str, &Path); 3] = [
            ("PLIMSOLL_HOME", &home),
            ("PLIMSOLL_PRACTICE", &practice),
            ("XDG_DATA_HOME", &web_data),
        ];
        let window = Window::open(&self.window, &[], &variables)?;
        let start = window.until(READY)?;
        Ok((window, start))
    }
}

/// Goes to a page of ours.
fn go(window: &Window, path: &str) -> Done {
    window.script("location.hash = arguments[0]", &json!([path]))?;
    Ok(())
}

/// Notes the start, and what the window takes while nobody does anything.
fn rest(
    window: &Window,
    start_ms: f64,
    settling: Duration,
    idle: Option<Duration>,
    measured: &mut Measured,
) -> Done {
    measured.start_ms.push(start_ms);
    sleep(settling);
    let processes = window.processes();
    measured.memory.push(memory(&processes)?);
    if let Some(idle) = idle {
        let (began, before) = (Instant::now(), processor_time(&processes));
        sleep(idle);
        let used = processor_time(&processes) - before;
        measured.idle.push(used / began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Scrolls the list of a window down, always as fast, and notes the frames.
fn scroll(window: &Window, lasting: Duration, measured: &mut Measured) -> Done {
    window.until("return document.querySelectorAll('[role=\"grid\"] [data-row]').length > 10")?;
    let gaps = frames(window, Some("[role=\"grid\"]"), lasting)?;
    let wanted = f64::from(SPEED) * lasting.as_secs_f64();
    let scrolled = window.script("return window.benchmark.scrolled", &json!([]))?;
    if scrolled
        .as_f64()
        .is_none_or(|scrolled| scrolled < wanted * 0.9)
    {
        return Err(Trouble(format!(
            "the list was scrolled {scrolled} instead of {wanted} pixels"
        )));
    }
    measured.scroll_gaps.extend(gaps);
    Ok(())
}

/// Lets lines come, and notes the frames.
fn follow(window: &Window, writing: Writing, lasting: Duration, measured: &mut Measured) -> Done {
    let rate = writing.watched(|| {
        sleep(Duration::from_millis(500));
        let gaps = frames(window, None, lasting)?;
        measured.follow_gaps.extend(gaps);
        let shown = window.script(
            "return document.querySelector('.total')?.innerText ?? document.querySelector('#log').innerText.trim().split('\\n').at(-1)",
            &json!([]),
        )?;
        let shown = number(shown.as_str().unwrap_or_default());
        measured.lines_shown.push(shown);
        Ok(())
    })?;
    measured.lines_a_second.push(rate);
    Ok(())
}

/// The number that a text begins with, whatever groups its digits.
fn number(text: &str) -> f64 {
    let word = text.split_whitespace().next().unwrap_or_default();
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0.0)
}

/// The time between frames, ms.
fn frames(window: &Window, scrolled: Option<&str>, lasting: Duration) -> Done<Vec<f64>> {
    let arguments = json!([scrolled, SPEED, lasting.as_millis() as u64]);
    if window.script(FRAMES, &arguments)? != true {
        return Err(Trouble(format!("there is no {scrolled:?} to scroll")));
    }
    // Asked only afterwards: a question would take its part of a frame.
    sleep(lasting);
    window.until("return window.benchmark.done")?;
    let gaps = window.script("return window.benchmark.gaps", &json!([]))?;
    serde_json::from_value::<Vec<f64>>(gaps)
        .map_err(|error| Trouble(format!("the frames cannot be read: {error}")))
}

/// A process that writes into a log.
struct Writing {
    process: Started,
    said: BufReader<std::process::ChildStdout>,
    /// Whose log it is.
    job: String,
}

impl Writing {
    /// Begins a job, and writes nothing yet.
    fn begin(programs: &Programs) -> Done<Self> {
        let mut command = Command::new(&programs.fill);
        command
            .arg(programs.home("full"))
            .args(["log", RATE, LINES_COME])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Started::new(&mut command)?;
        let stdout = process.0.stdout.take();
        let stdout = stdout.ok_or_else(|| Trouble("fill_store says nothing".into()))?;
        let mut said = BufReader::new(stdout);
        let job = line(&mut said)?;
        Ok(Self { process, said, job })
    }

    /// Has it write while something is done; answers how many lines a second it wrote.
    fn watched(mut self, act: impl FnOnce() -> Done) -> Done<f64> {
        if let Some(mut stdin) = self.process.0.stdin.take() {
            stdin.write_all(b"go\n")?;
        }
        act()?;
        Ok(number(&line(&mut self.said)?))
    }
}

fn line(said: &mut impl BufRead) -> Done<String> {
    let mut line = String::new();
    said.read_line(&mut line)?;
    match line.trim() {
        "" => Err(Trouble("fill_store ended without a word".into())),
        line => Ok(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_its_digits_are_grouped() {
        assert_eq!(number("512,300 lines"), 512_300.0);
        assert_eq!(number("512\u{202f}300"), 512.0);
        assert_eq!(number("99871 compile module 99871"), 99_871.0);
        assert_eq!(number("no lines"), 0.0);
    }
}
