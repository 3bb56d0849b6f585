//! The agent's client, through a real sshd, against an agent that speaks the protocol.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

use nix::sys::signal::Signal;
use plimsoll_adapters::{agent::AgentClient, ssh::Ssh};
use plimsoll_domain::{DeploymentId, Secret, Timestamp, name::Name, server::SshTarget};
use plimsoll_engine::ports::{Agents, Body, Progress, Servers, Unwatched};
use plimsoll_protocol::{Build, Load, LogStream, Logs, OfDeployment, Prune, Request, ServiceKey};
use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{Sshd, fake_agent, slow_line::slow_line};

struct Set {
    sshd: Sshd,
    ssh: Ssh,
    client: AgentClient,
    target: SshTarget,
}

async fn set() -> Set {
    let sshd = Sshd::start().await;
    let socket = sshd.folder.path().join("agent.sock");
    fake_agent::serve(&socket, "cafe");
    let ssh = Ssh::new(sshd.keychain.clone());
    let client = AgentClient::new(ssh.clone(), "ada@desk").at_socket(socket.to_str().unwrap());
    let target = sshd.target();
    Set {
        sshd,
        ssh,
        client,
        target,
    }
}

fn key() -> ServiceKey {
    let name = |text| Name::parse(text).unwrap();
    ServiceKey {
        project: name("shop"),
        environment: name("live"),
        service: name("web"),
    }
}

fn deployment() -> DeploymentId {
    DeploymentId::mint(Timestamp::from_millis(1_790_000_000_000), [1; 10])
}

fn load() -> Request {
    Request::Load(Load {
        key: key(),
        deployment_id: deployment(),
        image_id: "sha256:x".into(),
    })
}

#[derive(Default)]
struct Watched {
    lines: Mutex<Vec<(LogStream, String)>>,
    bytes: Mutex<(u64, Option<u64>)>,
}

impl Progress for Watched {
    fn line(&self, stream: LogStream, line: &str) {
        self.lines.lock().unwrap().push((stream, line.to_owned()));
    }
    fn bytes(&self, done: u64, total: Option<u64>) {
        *self.bytes.lock().unwrap() = (done, total);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_says_who_it_is() {
    let set = set().await;
    let hello = set.client.hello(&set.target).await.unwrap().unwrap();
    assert_eq!(hello.binary_hash, "cafe");
    let nowhere = set.client.clone().at_socket("/nowhere/agent.sock");
    let error = nowhere
        .ask(
            &set.target,
            &Request::Status,
            Body::Empty,
            Arc::new(Unwatched),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code(), "agent_absent");
    assert_eq!(nowhere.hello(&set.target).await.unwrap(), None);
    assert_eq!(set.ssh.traffic().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_request_costs_two_round_trips() {
    let mut set = set().await;
    let round_trip = Duration::from_millis(100);
    let server = ([127, 0, 0, 1], set.sshd.port).into();
    set.target.port = slow_line(server, round_trip / 2).await;
    let start = Instant::now();
    set.client.hello(&set.target).await.unwrap();
    let cold = start.elapsed();
    let mut warm = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        set.client.hello(&set.target).await.unwrap();
        warm = warm.min(start.elapsed());
    }
    println!("cold {cold:?}, warm {warm:?}, at a round trip of {round_trip:?}");
    assert!(warm >= round_trip * 2, "{warm:?}");
    assert!(warm < round_trip * 5 / 2, "{warm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_arrives_as_it_was() {
    let set = set().await;
    let folder = tempfile::tempdir().unwrap();
    for length in [0usize, 1, 16 * 1024, 16 * 1024 + 1, 3_000_000, 20_000_000] {
        let bytes: Vec<u8> = (0..length).map(|n| (n * n % 253) as u8).collect();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let path = folder.path().join("body");
        fs::write(&path, &bytes).unwrap();
        for body in [Body::Bytes(Arc::new(bytes)), Body::File(path)] {
            let watched = Arc::new(Watched::default());
            let answer = set
                .client
                .ask(&set.target, &load(), body, watched.clone())
                .await
                .unwrap();
            assert_eq!(answer["bytes"], length);
            assert_eq!(answer["hash"], hash);
            assert_eq!(answer["owner"], "ada@desk");
            if length > 0 {
                let length = length as u64;
                assert_eq!(*watched.bytes.lock().unwrap(), (length, Some(length)));
            }
        }
    }
    let secret = Body::Secret(Secret::new("{\"KEY\":\"hunter2\"}"));
    let answer = set
        .client
        .ask(&set.target, &load(), secret, Arc::new(Unwatched))
        .await
        .unwrap();
    assert_eq!(answer["bytes"], 17);
    assert_eq!(set.ssh.traffic().connections, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_come_in_order_and_failures_come_whole() {
    let set = set().await;
    let build = Request::Build(Build {
        key: key(),
        deployment_id: deployment(),
        manifest: String::new(),
        spec: Default::default(),
        generated_dockerfile: None,
    });
    let watched = Arc::new(Watched::default());
    set.client
        .ask(&set.target, &build, Body::Empty, watched.clone())
        .await
        .unwrap();
    let lines = watched.lines.lock().unwrap().clone();
    assert_eq!(lines.len(), 1_001);
    assert_eq!(lines[0].0, LogStream::Agent);
    for (number, (stream, line)) in lines[1..].iter().enumerate() {
        assert_eq!(*stream, LogStream::Build);
        assert!(line.starts_with(&format!("step {number}: ü")), "{line}");
    }
    let prune = Request::Prune(Prune {
        keep: Vec::new(),
        remove: true,
        only: None,
    });
    let error = set
        .client
        .ask(&set.target, &prune, Body::Empty, Arc::new(Unwatched))
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("disk_full", true));
    assert_eq!(error.0.evidence, ["0 bytes free"]);
    let logs = Request::Logs(Logs {
        key: key(),
        deployment_id: None,
        tail: 1,
        follow: false,
    });
    let watched = Arc::new(Watched::default());
    set.client
        .ask(&set.target, &logs, Body::Empty, watched.clone())
        .await
        .unwrap();
    assert_eq!(watched.lines.lock().unwrap()[0].1, "the last line");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_image_is_everything_after_the_answer() {
    let set = set().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let written = set
        .client
        .export(&set.target, "sha256:x", 5, &path)
        .await
        .unwrap();
    assert_eq!(written, 3_000_005);
    assert_eq!(fs::read(&path).unwrap(), vec![b'\n'; 3_000_005]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_breaks_off_can_be_tried_again() {
    let set = set().await;
    let of = OfDeployment {
        deployment_id: deployment(),
    };
    let unwatched = Arc::new(Unwatched);
    let died = Request::Commit(of.clone());
    let error = set
        .client
        .ask(&set.target, &died, Body::Empty, unwatched.clone())
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("ssh_cut", true));
    let asking = {
        let (client, target) = (set.client.clone(), set.target.clone());
        tokio::spawn(async move {
            client
                .ask(&target, &Request::Revert(of), Body::Empty, unwatched)
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    set.sshd.signal_connections(Signal::SIGKILL);
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("ssh_cut", true));
    assert!(set.client.hello(&set.target).await.unwrap().is_some());
}

/// Where the agent that a test installs listens.
const SOCKET_VARIABLE: &str = "PLIMSOLL_TEST_AGENT_SOCKET";
/// An agent that ends with this does not start.
const BROKEN: &[u8] = b"BROKEN";

/// Not a test: the agent's process in the next one, which installs this very program as the agent.
#[test]
#[ignore = "runs as a process of its own"]
fn agent_process() {
    let Some(socket) = std::env::var_os(SOCKET_VARIABLE) else {
        return;
    };
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    if own.ends_with(BROKEN) {
        std::process::exit(1);
    }
    fake_agent::serve(&PathBuf::from(socket), blake3::hash(&own).to_hex().as_str());
    loop {
        std::thread::park();
    }
}

/// Stands in for `systemd-run … NEW install`: puts the new binary in place, starts it, and puts the
/// previous one back unless it listens.
const INSTALL: &str = r#"#!/bin/sh
set -eu
while [ "$1" != -- ]; do shift; done
[ "$2" = /usr/local/lib/plimsoll/plimsoll-agent.new ] && [ "$3" = install ]
cd /usr/local/lib/plimsoll
start() {
    if [ -e "$FOLDER/agent.pid" ]; then kill "$(cat "$FOLDER/agent.pid")" 2>/dev/null || true; fi
    rm -f "$FOLDER/agent.sock"
    PLIMSOLL_TEST_AGENT_SOCKET="$FOLDER/agent.sock" setsid ./plimsoll-agent agent_process \
        --exact --ignored >/dev/null 2>&1 </dev/null &
    echo $! > "$FOLDER/agent.pid"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ ! -e "$FOLDER/agent.sock" ] || return 0
        sleep 0.1
    done
    return 1
}
[ ! -e plimsoll-agent ] || cp plimsoll-agent plimsoll-agent.previous
mv plimsoll-agent.new plimsoll-agent
start || { mv plimsoll-agent.previous plimsoll-agent; start; echo "it did not answer" >&2; exit 1; }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_installed_kept_upgraded_and_put_back_when_the_new_one_fails() {
    if !nix::unistd::getuid().is_root() {
        println!("skipped: a namespace for the server's folders takes root");
        return;
    }
    let sshd = Sshd::start_in_folders_of_its_own(INSTALL).await;
    let socket = sshd.folder.path().join("agent.sock");
    let ssh = Ssh::new(sshd.keychain.clone());
    let target = sshd.target();
    let version = |name: &str, more: &[u8]| {
        let mut bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        bytes.extend_from_slice(more);
        let path = sshd.folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let client = AgentClient::new(ssh.clone(), "ada@desk")
            .at_socket(socket.to_str().unwrap())
            .with_binary(Some(path));
        (client, blake3::hash(&bytes).to_hex().to_string())
    };
    let (first, first_hash) = version("first", b"1");
    assert_eq!(first.hello(&target).await.unwrap(), None);
    assert_eq!(first.ensure(&target).await.unwrap().binary_hash, first_hash);
    let sent = ssh.traffic().sent_bytes;
    assert_eq!(first.ensure(&target).await.unwrap().binary_hash, first_hash);
    assert!(ssh.traffic().sent_bytes - sent < 1_000, "it was sent again");

    let (second, second_hash) = version("second", b"2");
    assert_eq!(
        second.ensure(&target).await.unwrap().binary_hash,
        second_hash
    );

    let (broken, _) = version("broken", BROKEN);
    let error = broken.ensure(&target).await.unwrap_err();
    assert_eq!(error.code(), "agent_install_failed", "{error:?}");
    assert!(error.0.next_step.contains("back at work"), "{error:?}");
    assert_eq!(
        second.hello(&target).await.unwrap().unwrap().binary_hash,
        second_hash
    );
    let pid = fs::read_to_string(sshd.folder.path().join("agent.pid")).unwrap();
    let _ = Command::new("kill").arg(pid.trim()).status();
}
