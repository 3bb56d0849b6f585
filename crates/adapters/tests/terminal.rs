//! A login shell on a screen, against a real sshd.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

use plimsoll_adapters::ssh::Ssh;
use plimsoll_engine::ports::{Login, Progress, ScreenSize, Servers, Shown};
use plimsoll_protocol::LogStream;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::Sshd;

const SIZE: ScreenSize = ScreenSize {
    columns: 91,
    rows: 17,
};
const PATIENCE: Duration = Duration::from_secs(20);

async fn opened() -> (Sshd, Ssh, Login) {
    let sshd = Sshd::start().await;
    let ssh = Ssh::new(sshd.keychain.clone());
    let login = ssh.open_terminal(&sshd.target(), SIZE).await.unwrap();
    (sshd, ssh, login)
}

/// Reads until the screen has shown a text, and answers everything since.
async fn until(login: &mut Login, text: &str) -> String {
    let mut seen = String::new();
    let read = async {
        while !seen.contains(text) {
            match login.screen.next().await.unwrap() {
                Shown::Bytes(bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                Shown::Ended(status) => panic!("it ended with {status:?}"),
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, read).await.is_ok();
    assert!(in_time, "no {text:?} in {seen:?}");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_runs_on_a_screen_of_the_size_that_it_was_told() {
    let (_sshd, ssh, mut login) = opened().await;
    login
        .keyboard
        .write(b"echo \"size $(stty size) $TERM\"\n")
        .await;
    until(&mut login, "size 17 91 xterm-256color").await;
    for columns in [100, 120, 133] {
        login.keyboard.resize(ScreenSize { columns, rows: 40 });
    }
    login.keyboard.write(b"echo \"now $(stty size)\"\n").await;
    until(&mut login, "now 40 133").await;
    login.keyboard.write(b"exit 7\n").await;
    let ending = loop {
        match login.screen.next().await.unwrap() {
            Shown::Bytes(_) => {}
            Shown::Ended(status) => break status,
        }
    };
    assert_eq!(ending, Some(7));
    assert_eq!(ssh.traffic().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_waits_for_its_reader_and_stops_at_a_key() {
    let (sshd, ssh, mut login) = opened().await;
    login.keyboard.write(b"yes plimsoll\n").await;
    until(&mut login, "plimsoll\r\nplimsoll").await;
    // Nobody reads now: the server has to stop sending, and others are not held up.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = ssh.traffic().received_bytes;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = Instant::now();
    let output = ssh
        .run(&sshd.target(), &["echo", "beside"], None, false)
        .await
        .unwrap();
    assert_eq!(output.text(), "beside");
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert!(ssh.traffic().received_bytes - before < 1_000);
    // Somebody reads again, and then has had enough.
    until(&mut login, "plimsoll").await;
    let pressed = Instant::now();
    login.keyboard.write(b"\x03").await;
    login.keyboard.write(b"echo \"done $((40 + 2))\"\n").await;
    let rest = until(&mut login, "done 42").await;
    let took = pressed.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert!(
        rest.len() < 400 * 1024,
        "{} bytes came after the key",
        rest.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_ends_what_ran() {
    let (_sshd, _ssh, mut login) = opened().await;
    login
        .keyboard
        .write(b"echo \"shell $$\"; exec sleep 4242\n")
        .await;
    let seen = until(&mut login, "shell ").await;
    let mut tail = seen.rsplit("shell ").next().unwrap().to_owned();
    while !tail.contains('\n') {
        tail.push_str(&until(&mut login, "\n").await);
    }
    // The line that was typed shows “$$”; the one that was answered shows the number.
    let pid: i32 = match tail
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
    {
        Some(pid) => pid,
        None => {
            let seen = until(&mut login, "shell ").await;
            let mut tail = seen.rsplit("shell ").next().unwrap().to_owned();
            while !tail.contains('\n') {
                tail.push_str(&until(&mut login, "\n").await);
            }
            tail.split_whitespace().next().unwrap().parse().unwrap()
        }
    };
    assert!(is_alive(pid));
    drop(login);
    let start = Instant::now();
    while is_alive(pid) {
        assert!(start.elapsed() < PATIENCE, "{pid} runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_alive(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

struct Lines(Mutex<Vec<(LogStream, String)>>);

impl Progress for Lines {
    fn line(&self, stream: LogStream, line: &str) {
        self.0.lock().unwrap().push((stream, line.to_owned()));
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_command_come_while_it_runs() {
    let sshd = Sshd::start().await;
    let ssh = Ssh::new(sshd.keychain.clone());
    let lines = Arc::new(Lines(Mutex::default()));
    let script = "printf 'one\\n\\ntwo'; echo bad >&2; sleep 60";
    let target = sshd.target();
    let argv = ["sh", "-c", script];
    let following = ssh.follow(&target, &argv, false, lines.clone());
    let following = tokio::time::timeout(Duration::from_secs(2), following).await;
    assert!(following.is_err(), "it still runs");
    let seen = lines.0.lock().unwrap().clone();
    let out = |stream| -> Vec<String> {
        let of_stream = seen.iter().filter(|(of, _)| *of == stream);
        of_stream.map(|(_, line)| line.clone()).collect()
    };
    assert_eq!(out(LogStream::Stdout), ["one", ""]);
    assert_eq!(out(LogStream::Stderr), ["bad"]);
    let long = "head -c 40000 /dev/zero | tr '\\0' x; exit 4";
    lines.0.lock().unwrap().clear();
    let status = ssh
        .follow(&target, &["sh", "-c", long], false, lines.clone())
        .await
        .unwrap();
    assert_eq!(status, Some(4));
    let seen = lines.0.lock().unwrap().clone();
    assert!(seen.iter().all(|(_, line)| line.len() <= 16 * 1024));
    let total: usize = seen.iter().map(|(_, line)| line.len()).sum();
    assert_eq!(total, 40_000);
}
