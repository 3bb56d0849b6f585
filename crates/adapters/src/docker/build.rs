//! Building with the Docker command: it brings BuildKit and the user's registry logins with it.

use super::{context::Archive, engine::Host};
use plimsoll_domain::service::BuildSpec;
use plimsoll_engine::ports::{PortError, PortResult, Progress};
use plimsoll_protocol::LogStream;
use std::{collections::VecDeque, io, path::Path, process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    sync::mpsc,
    time::timeout,
};

const DEFAULT_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Longest line that is passed on, bytes.
const LONGEST_LINE: usize = 16 * 1024;
/// Lines that a failure shows.
const SHOWN: usize = 20;

/// What to build, and under which name.
pub(super) struct Order<'a> {
    pub(super) host: &'a Host,
    pub(super) spec: &'a BuildSpec,
    pub(super) tag: &'a str,
    /// The platform, where it is not the engine's own.
    pub(super) platform: Option<String>,
}

/// Builds from an archive; answers the image's id.
pub(super) async fn build(
    order: &Order<'_>,
    archive: Archive,
    progress: &Arc<dyn Progress>,
) -> PortResult<String> {
    let limit = match order.spec.timeout_ms {
        0 => DEFAULT_LIMIT,
        ms => Duration::from_millis(ms),
    };
    let scratch = tempfile::tempdir().map_err(|error| unstartable(&error))?;
    let id_file = scratch.path().join("id");
    let mut last = VecDeque::new();
    let work = async {
        for buildkit in [true, false] {
            last.clear();
            let is_built = run(order, &archive, &id_file, buildkit, progress, &mut last).await?;
            if is_built || !(buildkit && last.iter().any(|line| lacks_buildkit(line))) {
                return Ok(is_built);
            }
            rewind(&archive)?;
        }
        Ok(false)
    };
    let ended = timeout(limit, work).await;
    let evidence = |error: PortError| last.iter().cloned().fold(error, PortError::evidence);
    match ended {
        Err(_) => Err(evidence(
            PortError::new(
                "build_timeout",
                format!(
                    "the build did not end within {} s and was stopped",
                    limit.as_secs()
                ),
            )
            .next_step("Look at its last lines; raise the build's limit if it only needs longer."),
        )),
        Ok(Err(error)) => Err(error),
        Ok(Ok(false)) => Err(evidence(
            PortError::new("build_failed", "the build failed on this machine's Docker").next_step(
                "The builder's last lines show why. Repair the Dockerfile or the source, then \
                 deploy again. What served before still serves.",
            ),
        )),
        Ok(Ok(true)) => {
            let id = tokio::fs::read_to_string(&id_file).await;
            Ok(id.map_err(|error| unstartable(&error))?.trim().to_owned())
        }
    }
}

fn arguments(order: &Order<'_>, archive: &Archive, id_file: &Path) -> Vec<String> {
    let mut argv = vec![
        "build".to_owned(),
        format!("--tag={}", order.tag),
        format!("--iidfile={}", id_file.display()),
        format!("--file={}", archive.dockerfile),
    ];
    if let Some(platform) = &order.platform {
        argv.push(format!("--platform={platform}"));
    }
    if !order.spec.target.is_empty() {
        argv.push(format!("--target={}", order.spec.target));
    }
    for (name, value) in &order.spec.args {
        argv.push(format!("--build-arg={name}={value}"));
    }
    argv.push("-".to_owned());
    argv
}

/// Runs the builder once; answers whether it built.
async fn run(
    order: &Order<'_>,
    archive: &Archive,
    id_file: &Path,
    buildkit: bool,
    progress: &Arc<dyn Progress>,
    last: &mut VecDeque<String>,
) -> PortResult<bool> {
    let input = archive
        .file
        .try_clone()
        .map_err(|error| unstartable(&error))?;
    let mut child = Command::new("docker")
        .args(arguments(order, archive, id_file))
        .env("DOCKER_HOST", order.host.variable())
        .env_remove("DOCKER_CONTEXT")
        .env("DOCKER_BUILDKIT", if buildkit { "1" } else { "0" })
        .env("BUILDKIT_PROGRESS", "plain")
        // An attestation would make the result an index, which has no layers of its own.
        .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| unstartable(&error))?;
    let (lines, mut said) = mpsc::channel(64);
    if let Some(pipe) = child.stdout.take() {
        tokio::spawn(read_lines(pipe, lines.clone()));
    }
    if let Some(pipe) = child.stderr.take() {
        tokio::spawn(read_lines(pipe, lines.clone()));
    }
    drop(lines);
    while let Some(line) = said.recv().await {
        progress.line(LogStream::Build, &line);
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(line);
    }
    Ok(child
        .wait()
        .await
        .map_err(|error| unstartable(&error))?
        .success())
}

fn unstartable(error: &io::Error) -> PortError {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "Install Docker's command line, or build on the server instead.",
        _ => "Look at `docker version` on this machine, or build on the server instead.",
    };
    PortError::new(
        "docker_command",
        format!("the Docker command could not be run: {error}"),
    )
    .next_step(next)
}

fn rewind(archive: &Archive) -> PortResult<()> {
    let mut file = &archive.file;
    io::Seek::seek(&mut file, io::SeekFrom::Start(0)).map_err(|error| unstartable(&error))?;
    Ok(())
}

/// The command's words for a BuildKit that is not installed, or not in the engine.
fn lacks_buildkit(line: &str) -> bool {
    let line = line.to_lowercase();
    line.contains("buildx component is missing") || line.contains("buildkit not supported")
}

/// Cuts output into lines, also at the carriage returns of progress bars and where one is too long.
async fn read_lines(mut pipe: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut buffer = vec![0; 8 * 1024];
    let mut line = Vec::new();
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        for byte in &buffer[..count] {
            let is_end = matches!(byte, b'\n' | b'\r');
            if !is_end {
                line.push(*byte);
            }
            if (is_end && !line.is_empty()) || line.len() == LONGEST_LINE {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                if lines.send(text).await.is_err() {
                    return;
                }
            }
        }
    }
    if !line.is_empty() {
        // Nobody may be listening any more, and then nobody misses it.
        let _ = lines
            .send(String::from_utf8_lossy(&line).into_owned())
            .await;
    }
}
