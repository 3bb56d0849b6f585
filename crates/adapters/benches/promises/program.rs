//! Running other programs, failing with what they said.

use crate::Done;
use std::{ffi::OsStr, process::Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

/// A program with neither input nor a life beyond ours.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs one.
pub async fn run(command: &mut Command) -> Done {
    output(command).await.map(|_| ())
}

/// Runs one and answers what it printed.
pub async fn output(command: &mut Command) -> Done<String> {
    let output = command.output().await?;
    if !output.status.success() {
        return Err(complaint(command, &output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs one with an input.
pub async fn feed(command: &mut Command, input: &str) -> Done {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        return Err(complaint(command, &output.stderr).into());
    }
    Ok(())
}

/// Runs several, each reading what the one before it prints.
pub async fn pipe(commands: Vec<Command>) -> Done {
    let mut children = Vec::new();
    let mut input = Stdio::null();
    for mut command in commands {
        let mut child = command.stdin(input).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("a pipe without an end")?;
        input = stdout.try_into()?;
        children.push((command, child));
    }
    // Nobody reads what the last one prints; it is one line.
    for (command, mut child) in children {
        let status = child.wait().await?;
        if !status.success() {
            return Err(complaint(&command, b"").into());
        }
    }
    Ok(())
}

fn complaint(command: &Command, stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    format!("{:?} failed: {}", command.as_std(), said.trim())
}
