//! Puts this binary in the place of the installed one, and the former one back unless this one
//! answers. Runs in a unit of its own, so that neither a cut connection nor the agent's restart
//! ends it.

use crate::{
    agent::binary_hash,
    disk,
    error::{AgentError, Result},
    program,
    settings::Settings,
};
use plimsoll_protocol::{Envelope, Hello, PROTOCOL_VERSION, Reply, Request, install};
use std::{
    fs::{self, File, TryLockError},
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

const UNIT: &str = "plimsoll-agent.service";

/// Installs this binary.
pub async fn install() -> Result<()> {
    let settings = Settings::from_env();
    disk::folder(&settings.state, 0o700)?;
    let Some(_alone) = alone(&settings)? else {
        return Err(AgentError::refused(
            "agent_installing",
            "another installation of the agent is under way",
            "Wait a minute and try again.",
        ));
    };
    let hash = binary_hash()?;
    write_units(&settings).await?;
    let had_one = settings.binary.exists();
    if had_one {
        // An upgrade that was cut off left a binary that nobody saw well: the one before it stays
        // the one to go back to.
        if !settings.upgrading.exists() {
            replace(&settings.binary, &settings.previous)?;
        }
        disk::write_whole(&settings.upgrading, 0o600, hash.as_bytes())?;
    }
    replace(Path::new("/proc/self/exe"), &settings.binary)?;
    disk::remove_file(&settings.new)?;
    let failure = match systemctl("start the new agent", &["restart", UNIT]).await {
        Err(error) => error,
        Ok(()) if answers(&settings, Some(&hash)).await => {
            return disk::remove_file(&settings.upgrading);
        }
        Ok(()) => AgentError::refused(
            "agent_silent",
            format!(
                "the new agent did not answer within {} s",
                settings.answer_within_ms.div_ceil(1_000)
            ),
            "Read `journalctl -u plimsoll-agent` on the server.",
        ),
    };
    if !had_one {
        return Err(failure);
    }
    take_over(&settings)?;
    if let Err(error) = systemctl("start the former agent", &["restart", UNIT]).await {
        return Err(failure.with_evidence([error.to_string()]));
    }
    let former = answers(&settings, None).await;
    Err(failure.with_evidence([format!(
        "the former agent {}",
        if former {
            "runs again"
        } else {
            "does not answer either"
        }
    )]))
}

/// What the former binary does before the agent is started: takes its place back when an upgrade
/// ended with its process or its machine, because nobody saw the new binary well.
pub fn settle() -> Result<()> {
    let settings = Settings::from_env();
    // The installation that restarts the agent is alive and looks after it itself.
    let Some(_alone) = alone(&settings)? else {
        return Ok(());
    };
    if settings.upgrading.exists() {
        take_over(&settings)?;
    }
    Ok(())
}

/// Keeps other installations away until it is dropped; `None` when there is one. The kernel gives
/// the place free when a process ends, however it ends.
fn alone(settings: &Settings) -> Result<Option<File>> {
    let path = settings.state.join("install.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(AgentError::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(AgentError::file("lock", &path)(source)),
    }
}

fn take_over(settings: &Settings) -> Result<()> {
    replace(&settings.previous, &settings.binary)?;
    disk::remove_file(&settings.upgrading)
}

fn replace(from: &Path, to: &Path) -> Result<()> {
    disk::copy_whole(from, to, 0o755)
}

async fn write_units(settings: &Settings) -> Result<()> {
    let mut changed = false;
    for (path, text) in [
        (install::AGENT_UNIT_PATH, install::AGENT_UNIT),
        (install::PREPARE_UNIT_PATH, install::PREPARE_UNIT),
        (install::SETTLE_UNIT_PATH, install::SETTLE_UNIT),
    ] {
        let name = path.rsplit('/').next().unwrap_or(path);
        let path = settings.units.join(name);
        if fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        disk::write_whole(&path, 0o644, text.as_bytes())?;
        changed = true;
    }
    if changed {
        systemctl("read the new units", &["daemon-reload"]).await?;
        let units = ["enable", "--quiet", UNIT, "plimsoll-prepare.service"];
        systemctl("enable the units", &units).await?;
    }
    Ok(())
}

async fn systemctl(doing: &str, arguments: &[&str]) -> Result<()> {
    let argv = [&["systemctl"], arguments].concat();
    program::run(doing, &argv, None).await.map(drop)
}

/// Asks until the agent answers, with this hash when one is named.
async fn answers(settings: &Settings, hash: Option<&str>) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(settings.answer_within_ms) {
        let found = hello(&settings.socket).ok().flatten();
        if found.is_some_and(|hello| hash.is_none_or(|hash| hello.binary_hash == hash)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    false
}

fn hello(socket: &Path) -> std::io::Result<Option<Hello>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let envelope = Envelope {
        protocol: PROTOCOL_VERSION,
        owner: "install".to_owned(),
        body_bytes: 0,
        request: Request::Hello,
    };
    let mut line = serde_json::to_vec(&envelope)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(match serde_json::from_str(&answer)? {
        Reply::Done { answer } => serde_json::from_value(answer).ok(),
        _ => None,
    })
}
