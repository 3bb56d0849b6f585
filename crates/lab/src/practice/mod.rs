//! Starting, looking at, stopping and wiping a practice cloud.
//!
//! A lab is a background process: the same program, started again with the hidden word `serve`. It
//! writes what it does to a log that the starting process follows, and the facts of the running lab
//! to a file when it is ready. Everything that must survive it lies in the state folder.

mod asking;
mod control;
mod door;
mod lock;
mod serve;

use std::io::{Read, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use door::{Door, Doors};
pub use serve::serve;

use crate::command::{Program, process_runs};
use crate::engine::{self, Choices, EngineKind};
use crate::error::{AtPath, LabError};
use crate::folder::{self, StateFolder};
use crate::instance::Instance;
use crate::settings::{Itself, Settings};
use control::Handle;

/// How long a first start may take: it builds the droplet image from packages.
const READY: Duration = Duration::from_secs(900);
/// How long a stop may take: droplets are shut down in an orderly way.
const STOPPED: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Marks a line of the log as one for the person who waits.
const SAID: &str = "» ";
/// Marks the line of the log with the error that ended the lab.
const FAILED: &str = "! ";
/// The environment variable that carries the settings to the background process.
const SETTINGS_VARIABLE: &str = "PLIMSOLL_PRACTICE_SETTINGS";

/// Facts of a running lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Base of the DigitalOcean API, such as `https://127.0.0.1:7443`; requests go below `/v2`.
    pub digitalocean_url: String,
    /// Base of the Cloudflare API; requests go below `/client/v4`.
    pub cloudflare_url: String,
    /// Base of the lab's own control interface; requests go below `/lab/v1`.
    pub control_url: String,
    /// Certificate of the authority that the APIs and the edge are signed by, PEM.
    pub ca: PathBuf,
    /// The lab's state folder.
    pub state: PathBuf,
    /// Folder of the APIs' books, with the file of the demo accounts' credentials.
    pub api: PathBuf,
    /// Which kind of engine it stands on.
    pub engine: EngineKind,
    /// The engine's address, as `DOCKER_HOST` is written.
    pub engine_endpoint: String,
    /// Resolver that knows the lab's zones, port 53.
    pub resolver: Ipv4Addr,
    /// Address that proxied names resolve to, ports 80 and 443.
    pub edge: Ipv4Addr,
    /// Registry mirror, as `http://address:port`.
    pub registry: String,
    /// Directory of the ACME authority, as droplets and the host reach it; its TLS certificate is of
    /// the lab's own authority. `None` when it does not run.
    pub acme_url: Option<String>,
    /// Root of the certificates that the ACME authority issues, PEM; a new one at each start.
    pub acme_root: Option<PathBuf>,
    /// Git host on the loopback address, below which repositories are `owner/name.git`; its TLS
    /// certificate is of the lab's own authority.
    pub git_url: String,
    /// Folder of the git host's repositories.
    pub git: PathBuf,
    /// Proxy to reach droplets through, as `socks5h://127.0.0.1:port`; `None` when their addresses
    /// are routable from this host.
    pub proxy: Option<String>,
    /// Folder of built images.
    pub cache: PathBuf,
    /// Process of the lab.
    pub pid: u32,
    /// How it was started: another lab can be started the same way.
    pub itself: Itself,
}

/// What a stop leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wipe {
    /// Everything stays for the next start.
    No,
    /// Nothing stays but built images, which any lab can use.
    State,
}

/// Starts a lab in the background, or finds it running, and returns its facts.
///
/// `say` is told what happens: a first start takes minutes.
///
/// # Errors
/// [`LabError::Start`] with the lab's own words when it does not come up.
pub async fn start(settings: &Settings, say: impl Fn(&str)) -> Result<Running, LabError> {
    let folder = StateFolder::open(&settings.state)?;
    if let Some(running) = status(&settings.state).await? {
        return Ok(running);
    }
    let log = folder.log();
    // One that is starting already is waited for, and its log is followed from its beginning.
    let pid = match lock::holder(&folder)? {
        Some(pid) => pid,
        None => launch(settings, &log)?,
    };
    let mut reader = LogReader::open(&log)?;
    let deadline = Instant::now() + READY;
    loop {
        let ended = !process_runs(pid) && lock::holder(&folder)?.is_none();
        for line in reader.lines()? {
            if let Some(said) = line.strip_prefix(SAID) {
                say(said);
            } else if let Some(cause) = line.strip_prefix(FAILED) {
                return Err(LabError::Start {
                    cause: cause.to_owned(),
                    log,
                });
            }
        }
        if let Some(running) = status(&settings.state).await? {
            return Ok(running);
        }
        if ended || Instant::now() > deadline {
            let cause = if ended {
                "its process ended"
            } else {
                "it was not ready in time"
            }
            .to_owned();
            return Err(LabError::Start { cause, log });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn launch(settings: &Settings, log: &Path) -> Result<u32, LabError> {
    let file = std::fs::File::create(log).at("write", log)?;
    let text = serde_json::to_string(settings).map_err(|error| LabError::State {
        path: log.to_owned(),
        cause: error.to_string(),
    })?;
    let program = settings.itself.program.to_string_lossy();
    Program::new(&program, "plimsoll")
        .args(&settings.itself.arguments)
        .arg("serve")
        .env(SETTINGS_VARIABLE, text)
        .detach("start the practice cloud", file)
}

/// The facts of the lab on a state folder; `None` when none runs.
///
/// # Errors
/// When the folder cannot be read.
pub async fn status(state: &Path) -> Result<Option<Running>, LabError> {
    if !state.exists() {
        return Ok(None);
    }
    let folder = StateFolder::open(state)?;
    let running = folder::read_json::<Running>(&folder.running())?;
    let handle = folder::read_json::<Handle>(&folder.handle())?;
    let (Some(running), Some(handle)) = (running, handle) else {
        return Ok(None);
    };
    // Files without their process are what a crash leaves.
    Ok(handle.answers().await.then_some(running))
}

/// Stops a lab, and removes what `wipe` says. Stopping one that does not run is no error.
///
/// # Errors
/// When it does not end, or something cannot be removed.
pub async fn stop(settings: &Settings, wipe: Wipe) -> Result<(), LabError> {
    if settings.state.exists() {
        let folder = StateFolder::open(&settings.state)?;
        if let Some(running) = status(&settings.state).await? {
            if let Some(handle) = folder::read_json::<Handle>(&folder.handle())? {
                handle.ask_to_end(wipe != Wipe::No).await?;
            }
            wait_for_end(running.pid).await?;
        } else if let Some(pid) = lock::holder(&folder)? {
            // It is starting, or stuck; what it made so far is found by its labels and files.
            lock::end_holder(pid);
            wait_for_end(pid).await?;
        }
        if wipe != Wipe::No {
            clear(&folder).await?;
        }
    }
    Ok(())
}

async fn wait_for_end(pid: u32) -> Result<(), LabError> {
    let deadline = Instant::now() + STOPPED;
    while process_runs(pid) {
        if Instant::now() > deadline {
            return Err(LabError::Network {
                doing: "stop the practice cloud".into(),
                cause: format!("its process {pid} does not end"),
            });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// Removes what a lab that is not running left: also after a crash.
async fn clear(folder: &StateFolder) -> Result<(), LabError> {
    let instance = Instance::of_folder(folder.root());
    if let Some(choices) = folder::read_json::<Choices>(&folder.choices())? {
        engine::wipe_left(folder, &instance, &choices).await?;
    }
    folder.remove()
}

/// The settings that a background process was started with.
///
/// # Errors
/// When there are none: `serve` is a word for the lab itself.
pub fn settings_from_environment() -> Result<Settings, LabError> {
    let path = || PathBuf::from(SETTINGS_VARIABLE);
    let text = std::env::var(SETTINGS_VARIABLE).map_err(|error| LabError::State {
        path: path(),
        cause: error.to_string(),
    })?;
    serde_json::from_str(&text).map_err(|error| LabError::State {
        path: path(),
        cause: error.to_string(),
    })
}

/// Follows a growing log.
struct LogReader {
    file: std::fs::File,
    path: PathBuf,
    position: u64,
}

impl LogReader {
    fn open(path: &Path) -> Result<Self, LabError> {
        let file = std::fs::File::open(path).at("read", path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            position: 0,
        })
    }

    /// Whole lines that were written since the last call.
    fn lines(&mut self) -> Result<Vec<String>, LabError> {
        let mut text = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.position))
            .at("read", &self.path)?;
        self.file.read_to_end(&mut text).at("read", &self.path)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.position += whole as u64;
        Ok(String::from_utf8_lossy(&text[..whole])
            .lines()
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_is_read_in_whole_lines() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mut reader = LogReader::open(file.path()).expect("opened");
        write!(file, "one\ntw").expect("written");
        assert_eq!(reader.lines().expect("read"), ["one"]);
        writeln!(file, "o").expect("written");
        assert_eq!(reader.lines().expect("read"), ["two"]);
        assert!(reader.lines().expect("read").is_empty());
    }

    #[tokio::test]
    async fn no_lab_runs_on_a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("none");
        assert_eq!(status(&state).await.expect("no error"), None);
        assert!(!state.exists(), "asking makes nothing");
    }
}
