//! Commands on a server, as argument vectors.

use super::{Event, Opening, Ssh, Stage, Traffics, channel::Channel};
use plimsoll_domain::{quote::shell_words, server::SshTarget};
use plimsoll_engine::ports::{Output, PortError, PortResult, Progress};
use plimsoll_protocol::{Lines, LogStream};
use std::{sync::Arc, time::Duration};

/// Most bytes of either stream that are kept; the rest is read and dropped.
const KEPT: usize = 1024 * 1024;
/// From so many bytes on, input goes over the connection for bulk.
pub(crate) const BULK_FROM: u64 = 8 * 1024 * 1024;

/// Writes standard input to a file: beside it first, counted, synced, then moved into place. The
/// count tells a file that was cut off with its connection from a whole one.
///
/// The text is constant; path, mode and length are its arguments.
const WRITE_FILE: &str = r#"set -eu
umask 077
case "$1" in */*) folder=${1%/*}/ ;; *) folder=./ ;; esac
mkdir -p -- "$folder"
temporary=$(mktemp -- "${folder}.plimsoll-XXXXXXXX")
trap 'rm -f -- "$temporary"' EXIT
cat > "$temporary"
[ "$(wc -c < "$temporary")" -eq "$3" ] || { echo "cut short" >&2; exit 74; }
chmod -- "$2" "$temporary"
sync -- "$temporary"
mv -f -T -- "$temporary" "$1"
trap - EXIT
sync -- "$folder""#;

/// Runs a command to its end and answers what it said.
pub(super) async fn run(
    ssh: &Ssh,
    target: &SshTarget,
    argv: &[&str],
    stdin: Option<&[u8]>,
    sudo: bool,
    patience: Duration,
) -> PortResult<Output> {
    let program = argv.first().copied().unwrap_or_default().to_owned();
    let sudo = sudo && target.user != "root";
    let line = quoted(target, argv, sudo)?;
    let traffic = match stdin {
        Some(bytes) if bytes.len() as u64 >= BULK_FROM => Traffics::Bulk,
        _ => Traffics::Requests,
    };
    let work = async {
        let channel = ssh.open(target, traffic, Opening::Command(line)).await?;
        converse(channel, stdin.unwrap_or_default(), target, &program).await
    };
    let output = tokio::time::timeout(patience, work).await.map_err(|_| {
        PortError::new(
            "ssh_timeout",
            format!(
                "“{program}” on {} took longer than {} s",
                target.host,
                patience.as_secs()
            ),
        )
        .next_step("Look at the server's load; the command may still be running there.")
    })??;
    if sudo && !output.ok() {
        refused_sudo(target, &program, &output.complaint())?;
    }
    Ok(output)
}

/// The one line that the login shell is given.
fn quoted(target: &SshTarget, argv: &[&str], sudo: bool) -> PortResult<String> {
    let mut words: Vec<&str> = if sudo {
        vec!["sudo", "-n", "--"]
    } else {
        Vec::new()
    };
    words.extend_from_slice(argv);
    shell_words(&words).map_err(|error| {
        let program = argv.first().copied().unwrap_or_default();
        PortError::new(
            "ssh_argument",
            format!("running “{program}” on {}: {error}", target.host),
        )
        .next_step("Remove the NUL character from the value.")
    })
}

/// Fails when it was sudo that complained.
fn refused_sudo(target: &SshTarget, program: &str, complaint: &[String]) -> PortResult<()> {
    if !complaint
        .first()
        .is_some_and(|line| line.starts_with("sudo:"))
    {
        return Ok(());
    }
    let mut error = PortError::new(
        "ssh_sudo",
        format!(
            "“{}” may not run “{program}” as root on {}",
            target.user, target.host
        ),
    )
    .next_step("Allow this login sudo without a password, or log in as root.");
    for line in complaint {
        error = error.evidence(line);
    }
    Err(error)
}

/// Runs a command and hands its lines on as they come.
pub(super) async fn follow(
    ssh: &Ssh,
    target: &SshTarget,
    argv: &[&str],
    sudo: bool,
    progress: Arc<dyn Progress>,
) -> PortResult<Option<i32>> {
    let program = argv.first().copied().unwrap_or_default().to_owned();
    let sudo = sudo && target.user != "root";
    let line = quoted(target, argv, sudo)?;
    let mut channel = ssh
        .open(target, Traffics::Requests, Opening::Command(line))
        .await?;
    // Nothing is typed: the command sees the end of its input at once.
    drop(channel.take_input());
    let (mut out, mut err) = (Lines::default(), Lines::default());
    let mut complaint = Vec::new();
    let cause = loop {
        match channel.next().await {
            Some(Event::Out(bytes)) => {
                out.take(&bytes, |line| progress.line(LogStream::Stdout, line));
            }
            Some(Event::Err(bytes)) => err.take(&bytes, |line| {
                if complaint.is_empty() {
                    complaint.push(line.to_owned());
                }
                progress.line(LogStream::Stderr, line);
            }),
            Some(Event::Closed { status }) => {
                out.end(|line| progress.line(LogStream::Stdout, line));
                err.end(|line| progress.line(LogStream::Stderr, line));
                if sudo && status != Some(0) {
                    refused_sudo(target, &program, &complaint)?;
                }
                return Ok(status);
            }
            Some(Event::Cut(cause)) => break cause,
            None => break "it was closed".to_owned(),
        }
    };
    Err(Stage::Cut {
        to: super::dial::shown(&target.host, target.port),
        doing: format!("“{program}” ran"),
        cause,
        begun: true,
    }
    .into())
}

async fn converse(
    mut channel: Channel,
    stdin: &[u8],
    target: &SshTarget,
    program: &str,
) -> PortResult<Output> {
    let input = channel.take_input();
    let write = async move {
        // A command may end without reading all of its input; its status says whether that is bad.
        input.send(stdin).await;
    };
    let read = async {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match channel.next().await {
                Some(Event::Out(bytes)) => keep(&mut stdout, &bytes),
                Some(Event::Err(bytes)) => keep(&mut stderr, &bytes),
                Some(Event::Closed { status }) => {
                    return Ok(Output {
                        status,
                        stdout,
                        stderr,
                    });
                }
                Some(Event::Cut(cause)) => return Err(cause),
                None => return Err("it was closed".to_owned()),
            }
        }
    };
    let (_, output) = tokio::join!(write, read);
    output.map_err(|cause| {
        Stage::Cut {
            to: super::dial::shown(&target.host, target.port),
            doing: format!("“{program}” ran"),
            cause,
            begun: true,
        }
        .into()
    })
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = KEPT - kept.len();
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// Writes a file, as root where the login is not.
pub(super) async fn write_file(
    ssh: &Ssh,
    target: &SshTarget,
    path: &str,
    mode: u32,
    content: &[u8],
) -> PortResult<()> {
    let (mode, length) = (format!("{mode:04o}"), content.len().to_string());
    let argv = [
        "sh",
        "-c",
        WRITE_FILE,
        "plimsoll-write-file",
        path,
        &mode,
        &length,
    ];
    let patience = Duration::from_secs(600);
    let output = run(ssh, target, &argv, Some(content), true, patience).await?;
    if output.ok() {
        return Ok(());
    }
    let mut error = PortError::new(
        "ssh_write_file",
        format!("writing {path:?} on {} failed", target.host),
    )
    .next_step("Look at the server's free disk and at the rights on that folder.");
    for line in output.complaint() {
        error = error.evidence(line);
    }
    Err(error)
}
