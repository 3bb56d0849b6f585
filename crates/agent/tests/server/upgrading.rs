//! Facts about the agent that takes another one's place.

use crate::{
    Fact,
    stage::{Stage, network_of_the_server, run},
};
use plimsoll_protocol::{Hello, Request, install};
use std::{
    env, fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

pub const FACTS: &[Fact] = &[
    (
        "a_new_agent_takes_the_place_and_keeps_the_former_one",
        a_new_agent_takes_the_place_and_keeps_the_former_one,
    ),
    (
        "a_new_agent_that_stays_silent_gives_the_place_back",
        a_new_agent_that_stays_silent_gives_the_place_back,
    ),
    (
        "a_new_agent_that_cannot_start_is_replaced_after_a_reboot",
        a_new_agent_that_cannot_start_is_replaced_after_a_reboot,
    ),
];

/// What systemd does for an installation: ends the agent and starts the one that is in place. With
/// the file `silent` it starts something that never answers, once.
const SYSTEMCTL: &str = r#"#!/bin/sh
[ "$1" = restart ] || exit 0
stage=$(dirname "$(dirname "$0")")
[ -e "$stage/agent.pid" ] && kill "$(cat "$stage/agent.pid")"
export PLIMSOLL_ROOT="$stage/root" PLIMSOLL_DOCKER_SOCKET="$stage/docker.sock"
if [ -e "$stage/silent" ]; then
    rm "$stage/silent"
    sleep 600 >/dev/null 2>&1 </dev/null &
else
    "$PLIMSOLL_ROOT/usr/local/lib/plimsoll/plimsoll-agent" serve \
        >/dev/null 2>>"$stage/agent.log" </dev/null &
fi
echo $! >"$stage/agent.pid"
"#;

/// A server whose agent was installed.
struct Server<'a> {
    stage: &'a Stage,
}

impl<'a> Server<'a> {
    fn new(stage: &'a mut Stage) -> Self {
        stage.kill_agent();
        for folder in [
            "root/etc/systemd/system",
            "root/usr/local/lib/plimsoll",
            "bin",
        ] {
            fs::create_dir_all(stage.folder.join(folder)).unwrap();
        }
        let systemctl = stage.folder.join("bin/systemctl");
        fs::write(&systemctl, SYSTEMCTL).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        let server = Self { stage };
        let first = server.install("first", 20_000).output().unwrap();
        assert!(first.status.success(), "{first:?}");
        server
    }

    fn at(&self, path: &str) -> PathBuf {
        self.stage.root().join(path.trim_start_matches('/'))
    }

    /// An installation of an agent that differs from others in this word.
    fn install(&self, word: &str, answer_within_ms: u64) -> Command {
        let new = self.at(install::NEW);
        let _ = fs::remove_file(&new);
        fs::copy(self.stage.binary(), &new).unwrap();
        let mut file = fs::File::options().append(true).open(&new).unwrap();
        file.write_all(word.as_bytes()).unwrap();
        let mut command = self.command(new);
        command
            .arg("install")
            .env("PLIMSOLL_ANSWER_WITHIN_MS", answer_within_ms.to_string());
        command
    }

    fn command(&self, program: PathBuf) -> Command {
        let mut path = self.stage.folder.join("bin").into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let mut command = Command::new("nsenter");
        command
            .arg(network_of_the_server())
            .arg(program)
            .env("PATH", path)
            .env("PLIMSOLL_ROOT", self.stage.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What the unit does that runs before the agent is started.
    fn settle(&self) {
        let settled = self
            .command(self.at(install::PREVIOUS))
            .arg("settle")
            .output();
        let settled = settled.unwrap();
        assert!(settled.status.success(), "{settled:?}");
    }

    fn restart(&self) {
        let systemctl = self.stage.folder.join("bin/systemctl");
        let mut command = self.command(systemctl);
        assert!(
            command
                .args(["restart", "agent"])
                .status()
                .unwrap()
                .success()
        );
    }

    fn be_silent_once(&self) {
        fs::write(self.stage.folder.join("silent"), "").unwrap();
    }

    fn answers_as(&self) -> String {
        let hello: Hello = self.stage.ask(Request::Hello, &[]).as_();
        hello.binary_hash
    }

    fn hash(&self, path: &str) -> String {
        let bytes = fs::read(self.at(path)).unwrap();
        blake3::hash(&bytes).to_hex().to_string()
    }

    fn is_settled(&self) -> bool {
        !self.at(install::UPGRADING).exists()
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let pid = self.stage.folder.join("agent.pid");
        if let Ok(text) = fs::read_to_string(&pid) {
            let _ = run(&["kill", "-KILL", text.trim()]);
        }
        let _ = fs::remove_file(pid);
        let _ = fs::remove_dir_all(self.at(install::FOLDER));
    }
}

fn a_new_agent_takes_the_place_and_keeps_the_former_one(stage: &mut Stage) {
    let server = Server::new(stage);
    let first = server.answers_as();
    assert_eq!(first, server.hash(install::BINARY));
    assert!(!server.at(install::PREVIOUS).exists());
    let second = server.install("second", 20_000).output().unwrap();
    assert!(second.status.success(), "{second:?}");
    assert_ne!(server.answers_as(), first);
    assert_eq!(server.answers_as(), server.hash(install::BINARY));
    assert_eq!(server.hash(install::PREVIOUS), first);
    assert!(server.is_settled() && !server.at(install::NEW).exists());
    // Nothing is pending: whoever is there stays.
    let second = server.answers_as();
    server.settle();
    assert_eq!(server.hash(install::BINARY), second);
}

fn a_new_agent_that_stays_silent_gives_the_place_back(stage: &mut Stage) {
    let server = Server::new(stage);
    let first = server.answers_as();
    server.be_silent_once();
    let second = server.install("second", 1_500).output().unwrap();
    assert!(!second.status.success(), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("did not answer within 2 s"), "{said}");
    assert!(said.contains("the former agent runs again"), "{said}");
    assert_eq!(server.answers_as(), first);
    assert_eq!(server.hash(install::BINARY), first);
    assert!(server.is_settled());
}

fn a_new_agent_that_cannot_start_is_replaced_after_a_reboot(stage: &mut Stage) {
    let server = Server::new(stage);
    let first = server.answers_as();
    server.be_silent_once();
    let mut second = server.install("second", 60_000).spawn().unwrap();
    let in_place = || server.hash(install::BINARY) != first;
    server.stage.wait("the new binary in its place", in_place);
    // As long as the installation lives it decides itself, and alone.
    server.settle();
    assert!(in_place() && !server.is_settled());
    let other = server.install("other", 1_000).output().unwrap();
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(
        !other.status.success() && said.contains("under way"),
        "{said}"
    );
    // The power goes, and the new binary turns out to be none at all.
    second.kill().unwrap();
    second.wait().unwrap();
    let broken = server.at(install::NEW);
    fs::write(&broken, "not a program").unwrap();
    fs::rename(&broken, server.at(install::BINARY)).unwrap();
    server.settle();
    assert_eq!(server.hash(install::BINARY), first);
    assert!(server.is_settled());
    server.restart();
    let back = || server.stage.try_ask(Request::Hello, &[]).is_some();
    server.stage.wait("the former agent's return", back);
    assert_eq!(server.answers_as(), first);
}
