//! A person at a desk, for tests: a machine account of their own with a display and a keyring, the
//! practice cloud, and the real window, driven through WebDriver.

mod drag;
mod find;
mod frame;
mod network;
mod picture;
mod practice;
pub mod process;
mod project;
mod session;
mod terminal;
mod window;
mod work;

pub use find::Role;
pub use network::{Outside, names_asked_for, without_network};
pub use picture::dot;
pub use practice::Practice;
pub use session::Keyring;
pub use window::{Key, Window};
pub use work::Standing;

use plimsoll_lab::practice::Running;
use process::Process;
use serde_json::Value;
use session::Session;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long something that needs no network may take, also on a slow machine.
pub const SOON: Duration = Duration::from_secs(20);
/// How long something on a server may take.
pub const LATER: Duration = Duration::from_secs(180);

/// Programs that drive the window.
const PROGRAMS: [&str; 5] = [
    "WebKitWebDriver",
    "Xvfb",
    "dbus-daemon",
    "dbus-send",
    "gnome-keyring-daemon",
];

/// A desk. What was started for it ends with it.
pub struct Desk {
    // Fields are dropped in this order: the session's processes end before their folder goes.
    session: Session,
    practice: Practice,
    folder: tempfile::TempDir,
}

impl Desk {
    /// A desk; `None`, said loudly, where the window cannot be driven. Under `cargo xtask test`,
    /// which brings all that is needed, it is there or the test fails.
    pub fn new(keyring: Keyring) -> Option<Self> {
        let missing = missing();
        if !missing.is_empty() {
            let told = format!("the window's tests miss {}", missing.join(", "));
            assert!(
                env::var_os("PLIMSOLL_TEST_WINDOW").is_none(),
                "{told}: run `cargo xtask setup`"
            );
            eprintln!("SKIPPED: {told}; `cargo xtask test` brings it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            session: Session::start(folder.path(), keyring),
            practice: Practice::named_by_environment(),
            folder,
        })
    }

    /// The same with a practice cloud that nobody else uses and that does not run yet.
    pub fn with_own_practice(keyring: Keyring) -> Option<Self> {
        let mut desk = Self::new(keyring)?;
        desk.practice = Practice::own(desk.folder.path().join("practice"));
        Some(desk)
    }

    /// Opens the window and waits until it shows something.
    pub async fn open(&self) -> Window {
        self.open_with(&[]).await
    }

    /// The same with more in its environment.
    pub async fn open_with(&self, more: &[(String, OsString)]) -> Window {
        // Sessions follow one another closely: none shall be taken for a second start.
        let alone = [("TAURI_AUTOMATION".to_owned(), "true".into())];
        Window::open(&[&self.variables(), &alone[..], more].concat(), &self.log()).await
    }

    /// Opens the window as people do: a second start finds it.
    pub async fn open_as_people_do(&self) -> Window {
        Window::open(&self.variables(), &self.log()).await
    }

    /// Starts the program once more, without a driver.
    pub fn start_again(&self) -> Process {
        let mut command = Command::new(window::binary());
        command.env_clear().envs(self.variables());
        Process::start(&mut command)
    }

    /// `plimsoll …` in a terminal of this desk.
    pub fn plimsoll(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(&window::binary()).with_file_name("plimsoll"));
        command.args(arguments).env_clear().envs(self.variables());
        command
    }

    /// Closes the window as people do, by the cross in its corner.
    pub fn click_the_cross(&self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/window/support/close.py");
        let mut command = Command::new("python3");
        command.args([script, "Plimsoll"]).envs(self.variables());
        let asked = command.output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
    }

    fn variables(&self) -> Vec<(String, OsString)> {
        let mut variables = self.session.variables();
        variables.push(("PLIMSOLL_PRACTICE".into(), self.practice.folder().into()));
        variables
    }

    /// What the window's processes say.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("window.log")
    }

    /// The facts of its practice cloud, as it wrote them down.
    pub fn practice_facts(&self) -> Running {
        self.practice.facts()
    }

    /// Asks the practice cloud's own interface; `path` goes below `/lab/v1`.
    pub async fn practice_control(&self, method: &str, path: &str, body: Value) -> Value {
        let facts = self.practice.facts();
        facts.control(method, path, Some(&body)).await.unwrap()
    }

    /// Runs a command inside a droplet, past every network.
    pub fn inside(&self, droplet: &str, command: &[&str]) {
        let endpoint = self.practice.facts().engine_endpoint;
        let docker = |arguments: &[&str]| {
            let mut docker = Command::new("docker");
            let output = docker.args(["-H", &endpoint]).args(arguments).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let names = docker(&["ps", "--format", "{{.Names}}"]);
        let suffix = format!("-droplet-{droplet}");
        let name = names.lines().find(|name| name.ends_with(&suffix)).unwrap();
        docker(&[&["exec", name], command].concat());
    }

    /// A folder with the sample application in it, on this desk.
    pub fn app(&self) -> PathBuf {
        let folder = self.folder.path().join("app");
        std::fs::create_dir_all(&folder).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello/app.py");
        std::fs::copy(sample, folder.join("app.py")).unwrap();
        folder
    }

    /// Where this desk's data lies.
    pub fn home(&self) -> PathBuf {
        self.session.data().join("plimsoll")
    }

    /// The session's processes.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}

fn missing() -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        |program: &str| env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let mut missing: Vec<String> = PROGRAMS
        .iter()
        .filter(|program| !found(program))
        .map(|program| (*program).to_owned())
        .collect();
    for variable in ["PLIMSOLL_PRACTICE", "PLIMSOLL_AGENT"] {
        if env::var_os(variable).is_none() {
            missing.push(variable.to_owned());
        }
    }
    // The window starts and asks the practice cloud through it.
    let command = Path::new(&window::binary()).with_file_name("plimsoll");
    if !command.is_file() {
        missing.push(command.display().to_string());
    }
    missing
}

/// Waits until something holds, for at most `limit`.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "after {limit:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until a file says this and nothing else.
pub async fn holds(file: &Path, text: &str) {
    let what = format!("{} says “{text}”", file.display());
    let says = || std::fs::read_to_string(file).is_ok_and(|there| there == text);
    eventually(&what, SOON, says).await;
}
