//! Putting the agent on a server, and bringing it up to date.
//!
//! We upload the binary and start its own `install`, which works in a unit of its own: it goes on
//! when our connection breaks, and puts the previous binary back unless the new one answers
//! ([`plimsoll_protocol::install`]).

use super::{
    AgentClient,
    binary::{self, Binary},
};
use crate::ssh::Ssh;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{Agents, Output, PortError, PortResult, Servers};
use plimsoll_protocol::{
    Hello, PROTOCOL_VERSION,
    install::{ANSWER_WITHIN_MS, BINARY, NEW, install, make_folder},
};
use std::time::{Duration, Instant};

const BETWEEN_QUESTIONS: Duration = Duration::from_millis(200);

/// Tells a server without an agent (`Ok(None)`) from one whose agent does not run.
pub(super) async fn explain_absence(
    ssh: &Ssh,
    target: &SshTarget,
    absence: PortError,
) -> PortResult<Option<Hello>> {
    if !ssh
        .run(target, &["test", "-x", BINARY], None, true)
        .await?
        .ok()
    {
        return Ok(None);
    }
    let lines = last_words(ssh, target).await;
    Err(lines.into_iter().fold(absence, PortError::evidence))
}

/// Answers who is there, after making sure that it is an agent we can work with.
pub(super) async fn ensure(client: &AgentClient, target: &SshTarget) -> PortResult<Hello> {
    let binary = client.binary().await?;
    match client.hello(target).await {
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
        Ok(_) => {}
        // It is there and does not answer: putting ours in its place is the repair.
        Err(error) if error.code() == "agent_absent" => {}
        Err(error) => return Err(error),
    }
    upload(&client.ssh, target, &binary).await?;
    let argv = install();
    let ended = run(&client.ssh, target, &argv).await?;
    if ended.ok() || is_under_way(&ended) {
        return wait_for(client, target, &binary.hash).await;
    }
    let mut error = refused(target, &argv, &ended);
    for line in last_words(&client.ssh, target).await {
        error = error.evidence(line);
    }
    Err(match client.ask_hello(target).await {
        Ok(hello) => error.next_step(format!(
            "The previous agent ({}) is back at work. Report the lines above.",
            hello.version
        )),
        Err(_) => error.next_step(
            "No agent answers now: look at `journalctl -u plimsoll-agent` on the server.",
        ),
    })
}

async fn upload(ssh: &Ssh, target: &SshTarget, binary: &Binary) -> PortResult<()> {
    let machine = ssh.run(target, &["uname", "-m"], None, false).await?.text();
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
    let argv = make_folder();
    let made = run(ssh, target, &argv).await?;
    if !made.ok() {
        return Err(refused(target, &argv, &made)
            .next_step("Prepare the server again; look at its free disk if that fails too."));
    }
    let bytes = binary.bytes().await?;
    ssh.write_file(target, NEW, 0o755, &bytes).await
}

async fn run(ssh: &Ssh, target: &SshTarget, argv: &[String]) -> PortResult<Output> {
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    ssh.run(target, &argv, None, true).await
}

fn refused(target: &SshTarget, argv: &[String], ended: &Output) -> PortError {
    let error = PortError::new(
        "agent_install_failed",
        format!("installing the agent on {} failed", target.host),
    )
    .evidence(format!(
        "“{}” ended with {:?}",
        argv.join(" "),
        ended.status
    ));
    let said = ended.text();
    let said = said
        .lines()
        .rev()
        .take(10)
        .collect::<Vec<_>>()
        .into_iter()
        .rev();
    let said = said.map(str::to_owned).chain(ended.complaint());
    said.fold(error, PortError::evidence)
}

/// Whether an installation that we lost sight of is still at work.
fn is_under_way(ended: &Output) -> bool {
    ended
        .complaint()
        .iter()
        .any(|line| line.contains("plimsoll-install") && line.contains("already"))
}

/// Waits for the agent with this hash to answer.
async fn wait_for(client: &AgentClient, target: &SshTarget, hash: &str) -> PortResult<Hello> {
    let start = Instant::now();
    loop {
        let found = client.ask_hello(target).await;
        if let Ok(hello) = &found
            && hello.binary_hash == hash
        {
            return found;
        }
        if start.elapsed() > Duration::from_millis(ANSWER_WITHIN_MS) {
            let error = PortError::new(
                "agent_install_failed",
                format!("the new agent on {} did not answer", target.host),
            )
            .next_step("Look at `journalctl -u plimsoll-agent` on the server.");
            return Err(match found {
                Ok(hello) => error.evidence(format!("the agent {} still answers", hello.version)),
                Err(last) => error.evidence(last.0.message),
            });
        }
        tokio::time::sleep(BETWEEN_QUESTIONS).await;
    }
}

/// The last lines that the agent logged.
async fn last_words(ssh: &Ssh, target: &SshTarget) -> Vec<String> {
    let argv = [
        "journalctl",
        "--unit",
        "plimsoll-agent",
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
