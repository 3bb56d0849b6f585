//! Running a program inside a droplet, through the engine and not through its network.

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures::StreamExt;

use crate::error::{Doing, LabError};

/// How a program inside a droplet ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i64,
    /// Standard output and standard error, as they came.
    pub(crate) said: String,
}

/// Runs `command` as root and waits for its end.
pub(crate) async fn run(
    docker: &Docker,
    container: &str,
    command: &[&str],
) -> Result<Ended, LabError> {
    let doing = || {
        format!(
            "run {} in {container}",
            command.first().unwrap_or(&"nothing")
        )
    };
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        user: Some("0"),
        cmd: Some(command.to_vec()),
        ..Default::default()
    };
    let exec = docker
        .create_exec(container, options)
        .await
        .doing(doing())?;
    let mut said = String::new();
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&exec.id, None).await.doing(doing())?
    {
        while let Some(piece) = output.next().await {
            said.push_str(&piece.doing(doing())?.to_string());
        }
    }
    let ended = docker.inspect_exec(&exec.id).await.doing(doing())?;
    Ok(Ended {
        code: ended.exit_code.unwrap_or(-1),
        said,
    })
}

/// The same, where any other end than success is an error.
pub(crate) async fn must(
    docker: &Docker,
    container: &str,
    command: &[&str],
    doing: &str,
) -> Result<String, LabError> {
    let ended = run(docker, container, command).await?;
    if ended.code == 0 {
        return Ok(ended.said);
    }
    Err(LabError::Program {
        doing: doing.to_owned(),
        program: (*command.first().unwrap_or(&"nothing")).to_owned(),
        how: format!("ended with exit status {}", ended.code),
        stderr: ended.said.trim().to_owned(),
    })
}
