//! The one home of running other programs: argument vectors only, no shell.

use crate::error::{AgentError, Result};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command};

/// A command that inherits nothing but the search path.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", "/root")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn search_path() -> String {
    std::env::var("PATH")
        .unwrap_or_else(|_| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())
}

/// Whether a program is on the search path.
pub fn exists(program: &str) -> bool {
    search_path()
        .split(':')
        .any(|folder| Path::new(folder).join(program).is_file())
}

/// Runs a program to its end, at most 60 s, and answers its standard output.
pub async fn run(doing: &str, argv: &[&str], stdin: Option<&[u8]>) -> Result<String> {
    let program = argv.first().copied().unwrap_or_default();
    let failed = |why: String, output: Vec<String>| AgentError::Program {
        program: program.to_owned(),
        doing: doing.to_owned(),
        why,
        output,
    };
    let mut command = command(program);
    command
        .args(argv.iter().skip(1))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .map_err(|error| failed(error.to_string(), Vec::new()))?;
    if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // A program that ends early leaves a closed pipe; its status tells more.
        let _ = pipe.write_all(bytes).await;
    }
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output())
        .await
        .map_err(|_| failed("no end after 60 s".to_owned(), Vec::new()))?
        .map_err(|error| failed(error.to_string(), Vec::new()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let last = lines[lines.len().saturating_sub(10)..].to_vec();
    Err(failed(output.status.to_string(), last))
}
