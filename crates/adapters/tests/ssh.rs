//! Servers over SSH, against a real sshd.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

use nix::sys::signal::Signal;
use plimsoll_adapters::ssh::Ssh;
use plimsoll_engine::ports::Servers;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};
use support::{MemoryKeychain, Sshd, key_pair};

async fn connected() -> (Sshd, Ssh) {
    let sshd = Sshd::start().await;
    let ssh = Ssh::new(sshd.keychain.clone());
    (sshd, ssh)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_answers_its_status_and_both_streams() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let script = "cat; echo complaint >&2; exit 3";
    let output = ssh
        .run(&target, &["sh", "-c", script], Some(b"in\0put"), false)
        .await
        .unwrap();
    assert_eq!(output.status, Some(3));
    assert_eq!(output.stdout, b"in\0put");
    assert_eq!(output.complaint(), ["complaint"]);
    let killed = ssh
        .run(&target, &["sh", "-c", "kill -9 $$"], None, false)
        .await
        .unwrap();
    assert_eq!(killed.status, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_argument_arrives_as_it_was() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let mut vectors: Vec<Vec<String>> = vec![
        vec![
            "$(touch /tmp/x)".into(),
            "`id`".into(),
            "'; rm -rf \"$HOME\"".into(),
        ],
        vec![
            "-rf".into(),
            "--".into(),
            "*".into(),
            "~".into(),
            "!!".into(),
            "\\".into(),
        ],
        vec![
            "line\nbreak\r\n".into(),
            "\t".into(),
            "ü 漢字 🚢".into(),
            String::new(),
        ],
    ];
    let mut runner = TestRunner::deterministic();
    let random = prop::collection::vec("[^\0]{0,30}", 1..6);
    for _ in 0..24 {
        vectors.push(random.new_tree(&mut runner).unwrap().current());
    }
    for vector in vectors {
        let mut argv = vec!["printf", "%s\\0"];
        argv.extend(vector.iter().map(String::as_str));
        let output = ssh.run(&target, &argv, None, false).await.unwrap();
        let mut expected = vector.join("\0").into_bytes();
        expected.push(0);
        assert_eq!(output.stdout, expected, "{vector:?}");
    }
    let refused = ssh
        .run(&target, &["echo", "a\0b"], None, false)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "ssh_argument");
    assert_eq!(ssh.traffic().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_key_is_refused_before_the_login() {
    let (sshd, ssh) = connected().await;
    let folder = tempfile::tempdir().unwrap();
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let path = folder.path().join(kind);
        key_pair(kind, &path);
        let line = fs::read_to_string(path.with_extension("pub")).unwrap();
        let mut target = sshd.target();
        target.host_key = line.rsplit_once(' ').unwrap().0.to_owned();
        let error = ssh.run(&target, &["true"], None, false).await.unwrap_err();
        assert_eq!(error.code(), "ssh_host_key_changed", "{kind}: {error:?}");
        let evidence = error.0.evidence.join("\n");
        assert!(evidence.contains(&fingerprint(&path)), "{evidence}");
        let host = if kind == "rsa" {
            "host_rsa"
        } else {
            "host_ed25519"
        };
        assert!(
            evidence.contains(&fingerprint(&sshd.folder.path().join(host))),
            "{evidence}"
        );
        assert!(!error.0.next_step.is_empty());
        assert!(!error.0.retryable);
    }
    let log = fs::read_to_string(sshd.folder.path().join("log")).unwrap();
    assert!(!log.contains("Accepted"), "somebody logged in: {log}");
}

fn fingerprint(private: &std::path::Path) -> String {
    let output = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(private)
        .output()
        .unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_key_can_be_looked_at_and_then_pinned() {
    let (sshd, ssh) = connected().await;
    let mut target = sshd.target();
    target.host_key = ssh.host_key("127.0.0.1", sshd.port, None).await.unwrap();
    assert_eq!(target.host_key, sshd.public_key("host_ed25519"));
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    target.host_key = sshd.public_key("host_rsa");
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_server_does_not_know_fails_at_authentication() {
    let sshd = Sshd::start().await;
    fs::write(sshd.folder.path().join("authorized_keys"), "").unwrap();
    let error = Ssh::new(sshd.keychain.clone())
        .run(&sshd.target(), &["true"], None, false)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ssh_authentication", "{error:?}");
    let empty = std::sync::Arc::new(MemoryKeychain::default());
    let error = Ssh::new(empty)
        .run(&sshd.target(), &["true"], None, false)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ssh_authentication", "{error:?}");
    assert!(error.0.evidence[0].contains("keychain"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_kind_fails_at_the_banner() {
    let sshd = Sshd::start().await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let mut target = sshd.target();
    target.port = listener.local_addr().unwrap().port();
    let talker = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 no\r\n\r\n").await;
        }
    });
    let ssh = Ssh::new(sshd.keychain.clone());
    let error = ssh.run(&target, &["true"], None, false).await.unwrap_err();
    assert_eq!(error.code(), "ssh_banner", "{error:?}");
    talker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_commands_at_once_share_one_connection() {
    for sessions in ["", "MaxSessions 3"] {
        let sshd = Sshd::start_with(sessions).await;
        let ssh = Ssh::new(sshd.keychain.clone());
        let target = sshd.target();
        let numbers = futures::future::join_all((0..40).map(|number| {
            let (ssh, target) = (ssh.clone(), target.clone());
            async move {
                let text = number.to_string();
                let argv = ["sh", "-c", "sleep 0.05; echo \"$1\"", "x", &text];
                let output = ssh.run(&target, &argv, None, false).await.unwrap();
                assert_eq!(output.text(), text);
            }
        }));
        numbers.await;
        assert_eq!(ssh.traffic().connections, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_says_so_and_the_next_command_has_a_new_one() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let running = {
        let (ssh, target) = (ssh.clone(), target.clone());
        tokio::spawn(async move { ssh.run(&target, &["sleep", "60"], None, false).await })
    };
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(sshd.signal_connections(Signal::SIGKILL) > 0);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "ssh_cut", "{error:?}");
    assert!(error.0.retryable);
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    assert_eq!(ssh.traffic().connections, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_while_idle_is_replaced_without_a_word() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    for idle in [0, 2_500] {
        assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
        tokio::time::sleep(Duration::from_millis(idle)).await;
        assert!(sshd.signal_connections(Signal::SIGKILL) > 0);
        assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up() {
    let sshd = Sshd::start().await;
    let ssh = Ssh::with_keepalive(sshd.keychain.clone(), Duration::from_secs(2));
    let target = sshd.target();
    let running = {
        let (ssh, target) = (ssh.clone(), target.clone());
        tokio::spawn(async move { ssh.run(&target, &["sleep", "60"], None, false).await })
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!running.is_finished(), "signs of life were not heard");
    sshd.signal_connections(Signal::SIGSTOP);
    let start = Instant::now();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "ssh_cut", "{error:?}");
    assert!(
        start.elapsed() < Duration::from_secs(12),
        "{:?}",
        start.elapsed()
    );
    sshd.signal_connections(Signal::SIGCONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_lives_on() {
    let sshd = Sshd::start_with("ClientAliveInterval 1\nClientAliveCountMax 2").await;
    let ssh = Ssh::with_keepalive(sshd.keychain.clone(), Duration::from_secs(2));
    assert!(
        ssh.run(&sshd.target(), &["true"], None, false)
            .await
            .unwrap()
            .ok()
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(
        ssh.run(&sshd.target(), &["true"], None, false)
            .await
            .unwrap()
            .ok()
    );
    assert_eq!(ssh.traffic().connections, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_command_is_closed_on_the_server() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let marker = format!("marker-{}", std::process::id());
    let script = "while :; do echo still here; done";
    let argv = ["sh", "-c", script, &marker];
    let dropped = tokio::time::timeout(
        Duration::from_millis(800),
        ssh.run(&target, &argv, None, false),
    );
    assert!(dropped.await.is_err());
    let start = Instant::now();
    while runs(&marker) {
        assert!(start.elapsed() < Duration::from_secs(5), "it still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    assert_eq!(ssh.traffic().connections, 1);
}

/// Whether a shell with this argument runs.
fn runs(marker: &str) -> bool {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .any(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            line.starts_with(b"sh\0") && line.ends_with(format!("\0{marker}\0").as_bytes())
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_is_cut_off_and_slow_readers_lose_nothing() {
    let (sshd, ssh) = connected().await;
    let argv = ["head", "-c", "8000000", "/dev/zero"];
    let output = ssh.run(&sshd.target(), &argv, None, false).await.unwrap();
    assert!(output.ok());
    assert_eq!(output.stdout.len(), 1024 * 1024);
    assert!(ssh.traffic().received_bytes >= 8_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_whole_under_any_name() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..9 * 1024 * 1024u32).map(|n| (n % 251) as u8).collect();
    for (name, content) in [
        ("plain", &b"text\n"[..]),
        ("-rf", b""),
        ("it's \"quoted\" $(id) `id`\n.conf", b"a\0b"),
        ("new folder/ünïcödé 🚢", &large),
    ] {
        let path = folder.path().join(name);
        for _ in 0..2 {
            ssh.write_file(&target, path.to_str().unwrap(), 0o640, content)
                .await
                .unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), content, "{name:?}");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o640
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    assert_eq!(
        ssh.traffic().connections,
        2,
        "what is large has a connection of its own"
    );
    let error = ssh
        .write_file(&target, "/proc/nowhere", 0o600, b"x")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ssh_write_file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_off_does_not_replace_the_old_one() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings");
    fs::write(&path, "old").unwrap();
    let large = vec![b'x'; 200 * 1024 * 1024];
    let writing = {
        let (ssh, target, path) = (
            ssh.clone(),
            target.clone(),
            path.to_str().unwrap().to_owned(),
        );
        tokio::spawn(async move { ssh.write_file(&target, &path, 0o600, &large).await })
    };
    while ssh.traffic().sent_bytes < 1024 * 1024 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sshd.signal_connections(Signal::SIGKILL);
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "ssh_cut", "{error:?}");
    let start = Instant::now();
    while fs::read_dir(folder.path()).unwrap().count() > 1 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the unfinished file stays"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_connection_is_closed() {
    let (sshd, ssh) = connected().await;
    let target = sshd.target();
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    ssh.forget(&target).await;
    let start = Instant::now();
    while sshd.signal_connections(Signal::SIGCONT) > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the connection is still open"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ssh.run(&target, &["true"], None, false).await.unwrap().ok());
    assert_eq!(ssh.traffic().connections, 2);
}
