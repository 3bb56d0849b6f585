//! A graphical session of its own: folders, a display, a session bus and a keyring.

use super::process::{Process, wait_for};
use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const PASSWORD: &str = "only for tests";
/// A bus on which nobody is started because somebody asks for them.
const LONELY_BUS: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>
<allow own=\"*\"/></policy></busconfig>";

/// How the keyring of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// Open, as after a login with a password.
    Unlocked,
    /// There, but not opened, with nobody to ask for its password.
    Locked,
    /// None runs.
    Missing,
}

/// What runs around the window.
pub struct Session {
    keyring: Option<Process>,
    bus_address: String,
    display: String,
    folder: PathBuf,
    _bus: Process,
    _display: Process,
}

impl Session {
    pub fn start(folder: &Path, keyring: Keyring) -> Self {
        for name in ["data", "config", "cache", "run", "home"] {
            let place = folder.join(name);
            fs::create_dir_all(&place).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let (screen, display) = display();
        let (bus, bus_address) = bus(folder);
        let mut session = Self {
            keyring: None,
            bus_address,
            display,
            folder: folder.to_path_buf(),
            _bus: bus,
            _display: screen,
        };
        session.keyring(keyring);
        session
    }

    /// Makes the keyring so.
    pub fn keyring(&mut self, keyring: Keyring) {
        self.keyring = None;
        match keyring {
            Keyring::Missing => {}
            Keyring::Unlocked => self.start_keyring(true),
            Keyring::Locked => self.start_keyring(false),
        }
    }

    fn start_keyring(&mut self, unlock: bool) {
        self.until_secrets_are(false);
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        if unlock {
            command.arg("--unlock");
        }
        command
            .env_clear()
            .envs(self.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut daemon = Process::start(&mut command);
        let mut stdin = daemon.0.stdin.take().unwrap();
        stdin.write_all(PASSWORD.as_bytes()).unwrap();
        drop(stdin);
        self.keyring = Some(daemon);
        self.until_secrets_are(true);
    }

    /// Waits until somebody keeps secrets on the bus, or nobody any more.
    fn until_secrets_are(&self, kept: bool) {
        let began = Instant::now();
        loop {
            let output = Command::new("dbus-send")
                .args(["--session", "--print-reply=literal"])
                .args(["--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"])
                .arg("org.freedesktop.DBus.NameHasOwner")
                .arg("string:org.freedesktop.secrets")
                .env("DBUS_SESSION_BUS_ADDRESS", &self.bus_address)
                .output()
                .unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("true") == kept {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "the keyring did not start or end"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where programs keep data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The display, as programs are told of it.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The environment of every program in this session, complete.
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let mut variables: Vec<(String, OsString)> = vec![
            ("DISPLAY".into(), self.display.clone().into()),
            (
                "DBUS_SESSION_BUS_ADDRESS".into(),
                self.bus_address.clone().into(),
            ),
            // WebKitGTK takes its language from here; "C" is none.
            ("LANG".into(), "en_US.UTF-8".into()),
            ("GDK_BACKEND".into(), "x11".into()),
            ("GSETTINGS_BACKEND".into(), "memory".into()),
            // Nobody listens to the screen reader's bus here.
            ("NO_AT_BRIDGE".into(), "1".into()),
        ];
        for (name, place) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("HOME", "home"),
        ] {
            variables.push((name.into(), self.folder.join(place).into_os_string()));
        }
        for name in [
            "PATH",
            "PLIMSOLL_AGENT",
            "PLIMSOLL_PRACTICE_CACHE",
            "RUST_BACKTRACE",
        ] {
            if let Some(value) = std::env::var_os(name) {
                variables.push((name.into(), value));
            }
        }
        variables
    }
}

/// A display that chooses its own number.
fn display() -> (Process, String) {
    let mut command = Command::new("Xvfb");
    command
        .args(["-displayfd", "1", "-screen", "0", "1440x900x24"])
        // Between two windows nobody is connected: then it must not begin anew.
        .args(["-nolisten", "tcp", "-noreset"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut screen = Process::start(&mut command);
    let number = first_line(&mut screen);
    (screen, format!(":{number}"))
}

/// A session bus on which nothing starts by itself: what a test wants there, it starts.
fn bus(folder: &Path) -> (Process, String) {
    let configuration = folder.join("bus.conf");
    fs::write(&configuration, LONELY_BUS).unwrap();
    let socket = folder.join("bus");
    let mut command = Command::new("dbus-daemon");
    command
        .args(["--nofork", "--nopidfile", "--print-address=1"])
        .arg(format!("--config-file={}", configuration.display()))
        .arg(format!("--address=unix:path={}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut bus = Process::start(&mut command);
    let address = first_line(&mut bus);
    wait_for(&socket);
    (bus, address)
}

fn first_line(process: &mut Process) -> String {
    let mut line = String::new();
    let stdout = process.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert!(
        !line.trim().is_empty(),
        "a program ended before it was ready"
    );
    line.trim().to_owned()
}
