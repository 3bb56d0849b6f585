//! Builds an image from a synced context, with Docker's command line as an argument vector.

use crate::{
    agent::Agent,
    context::check_path,
    disk,
    error::{AgentError, Result},
    images, program, tree,
    wire::{PATIENCE, Replies},
};
use plimsoll_domain::image::deploy_tag;
use plimsoll_protocol::{Build, ImageReady, LogStream, MAX_LOG_LINE};
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};

/// The limit when none is asked for: 30 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);
/// How many of the last lines show a failure.
const LAST_LINES: usize = 30;

/// Builds and answers the pinned image.
pub async fn build(agent: &Agent, request: &Build, replies: &Replies) -> Result<ImageReady> {
    let spec = &request.spec;
    if !spec.dockerfile.is_empty()
        && let Err(why) = check_path(&spec.dockerfile)
    {
        return Err(AgentError::refused(
            "bad_build",
            format!("“{}” cannot name a Dockerfile: {why}", spec.dockerfile),
            "Name a path within the source.",
        ));
    }
    let building = agent.building(&request.key);
    let _one_at_a_time = building.lock().await;
    let folder = {
        let (store, key, manifest) = (
            agent.contexts.clone(),
            request.key.clone(),
            request.manifest.clone(),
        );
        crate::blocking(move || tree::assemble(&store, &key, &manifest)).await?
    };
    let scratch = Scratch::new(agent, request)?;
    let mut buildkit = true;
    loop {
        let ended = run(agent, request, &folder, &scratch, buildkit, replies).await?;
        if ended.without_buildkit && buildkit {
            let line = "BuildKit is not installed here: building with the classic builder.";
            replies.log(LogStream::Agent, line).await;
            buildkit = false;
            continue;
        }
        if !ended.status.success() {
            return Err(ended.failure());
        }
        break;
    }
    let id = std::fs::read_to_string(&scratch.id_file)
        .map_err(AgentError::file("read", &scratch.id_file))?;
    let store = agent.contexts.clone();
    // Nobody waits for the clean-up.
    drop(tokio::task::spawn_blocking(move || store.collect_garbage()));
    images::ready(agent, &request.key, request.deployment_id, id.trim()).await
}

/// The argument vector of a build.
fn arguments(request: &Build, folder: &Path, scratch: &Scratch) -> Vec<String> {
    let spec = &request.spec;
    let mut argv = vec![
        "build".to_owned(),
        format!(
            "--tag={}",
            deploy_tag(&request.key.base(), request.deployment_id)
        ),
        format!("--iidfile={}", scratch.id_file.display()),
    ];
    let dockerfile = match &scratch.dockerfile {
        Some(generated) => generated.clone(),
        None if spec.dockerfile.is_empty() => folder.join("Dockerfile"),
        None => folder.join(&spec.dockerfile),
    };
    argv.push(format!("--file={}", dockerfile.display()));
    if !spec.target.is_empty() {
        argv.push(format!("--target={}", spec.target));
    }
    for (name, value) in &spec.args {
        argv.push(format!("--build-arg={name}={value}"));
    }
    argv.push("--".to_owned());
    argv.push(folder.display().to_string());
    argv
}

async fn run(
    agent: &Agent,
    request: &Build,
    folder: &Path,
    scratch: &Scratch,
    buildkit: bool,
    replies: &Replies,
) -> Result<Ended> {
    let failed = |why: String| AgentError::Program {
        program: "docker".to_owned(),
        doing: "build the image".to_owned(),
        why,
        output: Vec::new(),
    };
    let mut command = program::command("docker");
    command
        .args(arguments(request, folder, scratch))
        .env("DOCKER_HOST", agent.settings.docker_host())
        .env("DOCKER_BUILDKIT", if buildkit { "1" } else { "0" })
        .env("BUILDKIT_PROGRESS", "plain")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let (lines, mut said) = mpsc::channel(64);
    for pipe in [
        child
            .stdout
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>),
        child
            .stderr
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>),
    ]
    .into_iter()
    .flatten()
    {
        tokio::spawn(read_lines(pipe, lines.clone()));
    }
    drop(lines);
    let limit = match request.spec.timeout_ms {
        0 => DEFAULT_TIMEOUT,
        ms => Duration::from_millis(ms),
    };
    let deadline = tokio::time::sleep(limit);
    tokio::pin!(deadline);
    let mut story = Story::default();
    let status = loop {
        let why = tokio::select! {
            line = said.recv() => match line {
                Some(line) => {
                    story.hear(&line);
                    // Whoever asked may be gone without a word: the deadline has to hold.
                    let heard = replies.log(LogStream::Build, &line);
                    if tokio::time::timeout(PATIENCE, heard).await.is_ok() {
                        continue;
                    }
                    None
                }
                None => break child.wait().await.map_err(|error| failed(error.to_string()))?,
            },
            () = &mut deadline => Some(limit),
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if !replies.hung_up() {
                    continue;
                }
                None
            }
        };
        kill(&child);
        let _ = child.wait().await;
        return Err(match why {
            Some(limit) => AgentError::refused(
                "build_timeout",
                format!(
                    "the build did not end within {} s and was stopped",
                    limit.as_secs()
                ),
                "Look at its last lines; raise the build's time limit if it only needs longer.",
            )
            .with_evidence(story.last),
            None => AgentError::refused(
                "cancelled",
                "the build was stopped because nobody waits for it any more",
                "Build again: what was built so far is kept in the cache.",
            ),
        });
    };
    Ok(Ended {
        status,
        without_buildkit: story.without_buildkit,
        story,
    })
}

/// Ends the builder and whatever it started.
fn kill(child: &tokio::process::Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let group = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    }
}

/// Cuts output into lines: at newlines, at the carriage returns of progress bars, and where a line
/// grows too long.
async fn read_lines(mut pipe: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut buffer = vec![0u8; 8 << 10];
    let mut line: Vec<u8> = Vec::new();
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        for byte in &buffer[..n] {
            let end = matches!(byte, b'\n' | b'\r');
            if !end {
                line.push(*byte);
            }
            if (end && !line.is_empty()) || line.len() >= MAX_LOG_LINE {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                if lines.send(text).await.is_err() {
                    return;
                }
            }
        }
    }
    if !line.is_empty() {
        let _ = lines
            .send(String::from_utf8_lossy(&line).into_owned())
            .await;
    }
}

struct Ended {
    status: ExitStatus,
    without_buildkit: bool,
    story: Story,
}

impl Ended {
    fn failure(self) -> AgentError {
        let last: Vec<String> = self.story.last.into_iter().collect();
        if last
            .iter()
            .any(|line| line.to_lowercase().contains("no space left on device"))
        {
            return AgentError::refused(
                "disk_full",
                "the server's disk is full, so the image could not be built",
                "Free space on the server: remove images that nothing rolls back to (`prune`), \
                 or take a larger disk. What served before still serves.",
            )
            .with_evidence(last);
        }
        let message = match self.story.failing {
            Some(instruction) => format!("the build failed at `{instruction}`"),
            None => format!("the build failed: {}", self.status),
        };
        AgentError::refused(
            "build_failed",
            message,
            "The builder's last lines show why. Repair the Dockerfile or the source, then deploy \
             again. What served before still serves.",
        )
        .with_evidence(last)
    }
}

/// What a build's lines tell: the instruction at work, the last lines.
#[derive(Debug, Default)]
struct Story {
    steps: HashMap<String, String>,
    failing: Option<String>,
    without_buildkit: bool,
    last: VecDeque<String>,
}

impl Story {
    fn hear(&mut self, line: &str) {
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(crate::wire::shorten(line).to_owned());
        if line.contains("BuildKit is enabled but the buildx component is missing") {
            self.without_buildkit = true;
        }
        // Classic: `Step 3/4 : RUN make`.
        if let Some((_, instruction)) = line.strip_prefix("Step ").and_then(|r| r.split_once(" : "))
        {
            self.failing = Some(instruction.to_owned());
        }
        // BuildKit: `#7 [2/3] RUN make`, later `#7 ERROR: …`.
        let Some((number, rest)) = line.strip_prefix('#').and_then(|r| r.split_once(' ')) else {
            return;
        };
        if let Some((stage, instruction)) = rest.strip_prefix('[').and_then(|r| r.split_once("] "))
        {
            if stage.contains('/') {
                self.steps.insert(number.to_owned(), instruction.to_owned());
            }
        } else if rest.starts_with("ERROR")
            && let Some(instruction) = self.steps.get(number)
        {
            self.failing = Some(instruction.clone());
        }
    }
}

/// Files of one build; gone when it ends.
struct Scratch {
    dockerfile: Option<PathBuf>,
    id_file: PathBuf,
}

impl Scratch {
    fn new(agent: &Agent, request: &Build) -> Result<Self> {
        let folder = agent.settings.scratch();
        let id_file = folder.join(format!("{}.image", request.deployment_id));
        disk::remove_file(&id_file)?;
        let dockerfile = match &request.generated_dockerfile {
            Some(text) => {
                let path = folder.join(format!("{}.Dockerfile", request.deployment_id));
                disk::write_whole(&path, 0o600, text.as_bytes())?;
                Some(path)
            }
            None => None,
        };
        Ok(Self {
            dockerfile,
            id_file,
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.id_file);
        if let Some(path) = &self.dockerfile {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_instruction_is_found_in_both_builders_words() {
        let mut story = Story::default();
        for line in [
            "#4 [internal] load build context",
            "#5 [1/3] FROM docker.io/library/busybox",
            "#6 [2/3] COPY . /app",
            "#7 [3/3] RUN make",
            "#7 0.3 make: not found",
            "#7 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 127",
        ] {
            story.hear(line);
        }
        assert_eq!(story.failing.as_deref(), Some("RUN make"));
        let mut story = Story::default();
        story.hear("Step 1/2 : FROM busybox");
        story.hear("Step 2/2 : RUN false && echo : x");
        assert_eq!(story.failing.as_deref(), Some("RUN false && echo : x"));
    }

    #[tokio::test]
    async fn progress_bars_and_endless_lines_are_cut() {
        let (lines, mut said) = mpsc::channel(64);
        let mut bytes = b"10%\r20%\r\nend\n".to_vec();
        bytes.extend(vec![b'x'; MAX_LOG_LINE + 5]);
        read_lines(&bytes[..], lines).await;
        let mut all = Vec::new();
        while let Some(line) = said.recv().await {
            all.push(line.len());
        }
        assert_eq!(all, [3, 3, 3, MAX_LOG_LINE, 5]);
    }
}
