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
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

/// There while an upgrade has not proved well.
const MARK: &str = "upgrading";
const UNIT: &str = "plimsoll-agent.service";

/// Installs this binary.
pub async fn install() -> Result<()> {
    let settings = Settings::from_env();
    disk::folder(&settings.state, 0o700)?;
    let hash = binary_hash()?;
    write_units().await?;
    let mark = settings.state.join(MARK);
    let present = Path::new(install::BINARY);
    let had_one = present.exists();
    if had_one {
        // An upgrade that was cut off left a binary that nobody saw well: the one before it stays
        // the one to go back to.
        if !mark.exists() {
            replace(present, Path::new(install::PREVIOUS))?;
        }
        disk::write_whole(&mark, 0o600, hash.as_bytes())?;
    }
    replace(Path::new("/proc/self/exe"), present)?;
    disk::remove_file(Path::new(install::NEW))?;
    let failure = match systemctl("start the new agent", &["restart", UNIT]).await {
        Err(error) => error,
        Ok(()) if answers(&settings.socket, Some(&hash)).await => {
            return disk::remove_file(&mark);
        }
        Ok(()) => AgentError::refused(
            "agent_silent",
            format!(
                "the new agent did not answer within {} s",
                install::ANSWER_WITHIN_MS / 1000
            ),
            "Read `journalctl -u plimsoll-agent` on the server.",
        ),
    };
    if !had_one {
        return Err(failure);
    }
    take_over(&mark)?;
    if let Err(error) = systemctl("start the former agent", &["restart", UNIT]).await {
        return Err(failure.with_evidence([error.to_string()]));
    }
    let former = answers(&settings.socket, None).await;
    Err(failure.with_evidence([format!(
        "the former agent {}",
        if former {
            "runs again"
        } else {
            "does not answer either"
        }
    )]))
}

/// After a reboot in the middle of an upgrade: nobody saw the new binary well.
pub fn settle(settings: &Settings) -> Result<()> {
    let mark = settings.state.join(MARK);
    if mark.exists() {
        take_over(&mark)
    } else {
        Ok(())
    }
}

fn take_over(mark: &Path) -> Result<()> {
    replace(Path::new(install::PREVIOUS), Path::new(install::BINARY))?;
    disk::remove_file(mark)
}

fn replace(from: &Path, to: &Path) -> Result<()> {
    disk::copy_whole(from, to, 0o755)
}

async fn write_units() -> Result<()> {
    let mut changed = false;
    for (path, text) in [
        (install::AGENT_UNIT_PATH, install::AGENT_UNIT),
        (install::PREPARE_UNIT_PATH, install::PREPARE_UNIT),
    ] {
        if fs::read_to_string(path).is_ok_and(|present| present == text) {
            continue;
        }
        disk::write_whole(Path::new(path), 0o644, text.as_bytes())?;
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
async fn answers(socket: &Path, hash: Option<&str>) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(install::ANSWER_WITHIN_MS) {
        let found = hello(socket).ok().flatten();
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
