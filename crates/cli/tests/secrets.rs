//! A secret planted in every place that takes one is found afterwards in no log, event, process
//! list, image, error or database page.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use support::Desk;

const MARK: &str = "canary7f3a9c51e2";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8], mark: &str) -> bool {
    bytes
        .windows(mark.len())
        .any(|window| window == mark.as_bytes())
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let desk = Desk::new("canary");
    let server = desk.server("ship");
    let app = desk.folder().join("app");
    fs::create_dir_all(&app).unwrap();
    // The application prints its secret, as careless ones do: our logs must not keep it.
    let careless = "import os\nprint('connecting with', os.environ['PASSWORD'], flush=True)\n";
    fs::write(
        app.join("app.py"),
        format!("{careless}{}", include_str!("support/probe.py")),
    )
    .unwrap();
    let web = desk.service("canary", &app, &[&server], &["--health-start", "6"]);

    // Everything that runs while we work is looked at for arguments and environments of ours.
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut seen = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    if holds(&line, MARK) {
                        seen.push(String::from_utf8_lossy(&line).replace('\0', " "));
                    }
                }
                std::thread::sleep(Duration::from_millis(15));
            }
            seen
        }
    });

    let mut said = String::new();
    let mut note = |ran: support::Ran| {
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
        ran.status
    };
    let secret = format!("{MARK}-password");
    assert_eq!(
        note(desk.call_with(&["variable", "secret", &web, "PASSWORD"], &secret)),
        0
    );
    note(desk.call_with(
        &["account", "replace", "digitalocean"],
        &format!("{MARK}-token\n"),
    ));
    let env = desk.folder().join("pasted.env");
    fs::write(&env, format!("API_KEY={MARK}-pasted\nPLAIN=fine\n")).unwrap();
    let env = env.to_str().unwrap().to_owned();
    assert_eq!(
        note(desk.call(&["variable", "import", &web, &env, "--secret", "API_KEY"])),
        0
    );
    assert_eq!(note(desk.call(&["deploy", &web, "--yes"])), 0);
    // A release that fails shows the container's last lines: without the secret.
    fs::write(
        app.join("app.py"),
        format!("{careless}raise SystemExit(9)\n"),
    )
    .unwrap();
    assert_ne!(note(desk.call(&["deploy", &web, "--yes", "--json"])), 0);
    note(desk.call(&["job", "list", "--json"]));
    note(desk.call(&["audit", "list", "--json"]));
    note(desk.call(&["variable", "list", &web, "--json"]));
    note(desk.call(&["rollback", &web, "--yes"]));
    assert!(
        !said.contains(MARK),
        "shown: {}",
        said.lines().find(|line| line.contains(MARK)).unwrap()
    );

    stop.store(true, Ordering::Relaxed);
    let arguments = watcher.join().unwrap();
    assert!(arguments.is_empty(), "on a command line: {arguments:?}");

    // Database, write-ahead log, caches, vault: everything that we keep.
    for file in files(&desk.home()) {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(!holds(&bytes, MARK), "kept in clear in {}", file.display());
    }

    // On the server: no image, no container's record, no journal of the agent.
    let engine = fs::read_to_string(desk.practice().join("running.json")).unwrap();
    let engine: serde_json::Value = serde_json::from_str(&engine).unwrap();
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker")
            .env("DOCKER_HOST", engine["engine_endpoint"].as_str().unwrap())
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let ids = docker(&[
        "ps",
        "--quiet",
        "--filter",
        &format!("name={}", desk.droplet(&server)),
    ]);
    let droplet = String::from_utf8_lossy(&ids).trim().to_owned();
    assert!(
        !droplet.is_empty() && !droplet.contains('\n'),
        "which container is the server?"
    );
    // The bracket keeps the search from finding itself in the list of processes.
    let script = "docker ps -aq | xargs docker inspect; docker images -q | sort -u | xargs docker \
                  history --no-trunc; ps axww; grep -rIl canary7f3a9c51[e]2 /var/lib/plimsoll \
                  /etc/nginx /var/log/journal /run/log 2>/dev/null; true";
    let told = docker(&["exec", &droplet, "sh", "-c", script]);
    assert!(
        holds(&told, "canary-production-web"),
        "the server was not looked at"
    );
    let told = String::from_utf8_lossy(&told).into_owned();
    let line = told.lines().find(|line| line.contains(MARK));
    assert!(line.is_none(), "on the server: {line:?}");
    desk.destroy(&server);
}
