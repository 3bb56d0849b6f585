//! Putting the agent on a server, and bringing it up to date.
//!
//! The new binary is written beside the old one and moved into place; the old one stays. When the
//! new one does not answer in time, the old one takes over again.

use super::{
    AgentClient,
    binary::{self, Binary},
};
use crate::ssh::Ssh;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{Agents, Output, PortError, PortResult, Servers};
use plimsoll_protocol::{
    AGENT_PATH, Hello, PREVIOUS_AGENT_PATH, PROTOCOL_VERSION, UNIT, UNIT_PATH, UNIT_TEXT,
};
use std::time::{Duration, Instant};

/// How long a new agent may take to answer.
const PROBATION: Duration = Duration::from_secs(60);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);

/// Tells a server without an agent (`Ok(None)`) from one whose agent does not run.
pub(super) async fn explain_absence(
    ssh: &Ssh,
    target: &SshTarget,
    absence: PortError,
) -> PortResult<Option<Hello>> {
    if !ssh
        .run(target, &["test", "-x", AGENT_PATH], None, true)
        .await?
        .ok()
    {
        return Ok(None);
    }
    let mut error = PortError(absence.0);
    for line in last_words(ssh, target).await {
        error = error.evidence(line);
    }
    Err(error)
}

/// Answers who is there, after making sure that it is an agent we can work with.
pub(super) async fn ensure(client: &AgentClient, target: &SshTarget) -> PortResult<Hello> {
    let binary = client.binary().await?;
    let found = match client.hello(target).await {
        Ok(Some(hello)) if hello.protocol > PROTOCOL_VERSION => {
            return Err(PortError::new(
                "agent_newer",
                format!(
                    "the agent on {} ({}) speaks a newer protocol than this program",
                    target.host, hello.version
                ),
            )
            .next_step("Bring this program up to date; a colleague's already is."));
        }
        Ok(Some(hello)) if hello.binary_hash == binary.hash => return Ok(hello),
        // A colleague's newer agent understands us as well as our own would.
        Ok(Some(hello)) if hello.protocol == PROTOCOL_VERSION && is_newer(&hello.version) => {
            return Ok(hello);
        }
        Ok(found) => found,
        // It is there and does not answer: putting ours in its place is the repair.
        Err(error) if error.code() == "agent_absent" => None,
        Err(error) => return Err(error),
    };
    let had_one = place(client, target, &binary).await?;
    restart(&client.ssh, target).await?;
    match wait_for(client, target, Some(&binary.hash)).await {
        Ok(hello) => Ok(hello),
        Err(last) => Err(fall_back(client, target, had_one, found.as_ref(), last).await),
    }
}

/// Writes binary and unit. Answers whether there was a binary before, which is kept.
async fn place(client: &AgentClient, target: &SshTarget, binary: &Binary) -> PortResult<bool> {
    let ssh = &client.ssh;
    let machine = done(ssh, target, &["uname", "-m"]).await?.text();
    let needed = binary::in_dockers_words(&machine);
    if needed != binary.architecture {
        return Err(PortError::new(
            "agent_wrong_architecture",
            format!(
                "the agent's binary is for {}, but {} has {needed} processors",
                binary.architecture, target.host
            ),
        )
        .next_step("Name an agent for these processors in the environment as PLIMSOLL_AGENT."));
    }
    let had_one = ssh
        .run(target, &["test", "-x", AGENT_PATH], None, true)
        .await?
        .ok();
    if had_one {
        let copy = [
            "cp",
            "-f",
            "--preserve=mode",
            "--",
            AGENT_PATH,
            PREVIOUS_AGENT_PATH,
        ];
        done(ssh, target, &copy).await?;
    }
    ssh.write_file(target, AGENT_PATH, 0o755, &binary.bytes)
        .await?;
    ssh.write_file(target, UNIT_PATH, 0o644, UNIT_TEXT.as_bytes())
        .await?;
    Ok(had_one)
}

async fn restart(ssh: &Ssh, target: &SshTarget) -> PortResult<()> {
    done(ssh, target, &["systemctl", "daemon-reload"]).await?;
    done(ssh, target, &["systemctl", "enable", "--quiet", UNIT]).await?;
    // A unit that failed too often in a row is not started again without this.
    ssh.run(target, &["systemctl", "reset-failed", UNIT], None, true)
        .await?;
    done(ssh, target, &["systemctl", "restart", UNIT]).await?;
    Ok(())
}

/// Waits for an agent to answer, with this hash where one is given; otherwise tells why not.
async fn wait_for(
    client: &AgentClient,
    target: &SshTarget,
    hash: Option<&str>,
) -> Result<Hello, String> {
    let start = Instant::now();
    let mut last = "it gave no answer".to_owned();
    while start.elapsed() < client.probation.unwrap_or(PROBATION) {
        match client.ask_hello(target).await {
            Ok(hello) if hash.is_none_or(|hash| hash == hello.binary_hash) => return Ok(hello),
            Ok(hello) => last = format!("the agent {} still answers", hello.version),
            Err(error) => last = error.0.message.clone(),
        }
        tokio::time::sleep(BETWEEN_QUESTIONS).await;
    }
    Err(last)
}

/// Puts the previous binary back. Answers the error to report.
async fn fall_back(
    client: &AgentClient,
    target: &SshTarget,
    had_one: bool,
    before: Option<&Hello>,
    last: String,
) -> PortError {
    let mut error = PortError::new(
        "agent_start_failed",
        format!("the new agent on {} did not answer", target.host),
    )
    .evidence(last);
    for line in last_words(&client.ssh, target).await {
        error = error.evidence(line);
    }
    if !had_one {
        return error.next_step("Look at `journalctl -u plimsoll-agent` on the server.");
    }
    let back = async {
        done(
            &client.ssh,
            target,
            &["mv", "-f", "-T", "--", PREVIOUS_AGENT_PATH, AGENT_PATH],
        )
        .await?;
        restart(&client.ssh, target).await
    };
    let outcome = match back.await {
        Ok(()) => wait_for(client, target, None)
            .await
            .map(|hello| hello.version),
        Err(failed) => Err(failed.0.message.clone()),
    };
    match (outcome, before) {
        (Ok(version), _) => error.next_step(format!(
            "The previous agent ({version}) is back at work. Report the lines above."
        )),
        (Err(why), Some(before)) => error.evidence(why).next_step(format!(
            "The previous agent ({}) did not come back either: look at the server.",
            before.version
        )),
        (Err(why), None) => error.evidence(why).next_step(
            "The agent did not run before either: look at the server's Docker and disk.",
        ),
    }
}

/// Runs a command as root, and takes any status but 0 for a failure.
async fn done(ssh: &Ssh, target: &SshTarget, argv: &[&str]) -> PortResult<Output> {
    let output = ssh.run(target, argv, None, true).await?;
    if output.ok() {
        return Ok(output);
    }
    let mut error = PortError::new(
        "agent_install_failed",
        format!(
            "installing the agent on {}: “{}” failed",
            target.host,
            argv.join(" ")
        ),
    )
    .next_step("Prepare the server again; look at its free disk if that fails too.");
    for line in output.complaint() {
        error = error.evidence(line);
    }
    Err(error)
}

/// The last lines that the agent logged.
async fn last_words(ssh: &Ssh, target: &SshTarget) -> Vec<String> {
    let argv = [
        "journalctl",
        "--unit",
        UNIT,
        "--lines",
        "10",
        "--no-pager",
        "--output",
        "cat",
    ];
    match ssh.run(target, &argv, None, true).await {
        Ok(output) => output.text().lines().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

/// Whether an agent's version is above ours, number by number.
fn is_newer(version: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-', '+'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    numbers(version) > numbers(env!("CARGO_PKG_VERSION"))
}
