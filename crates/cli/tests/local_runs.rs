//! Services that run on this machine: on a real Docker engine, in a network namespace of its own.

#![allow(clippy::unwrap_used)]

#[path = "support/dockerd.rs"]
mod dockerd;
mod support;

use dockerd::{DOCKERFILE, Docker, application, is_possible};

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use support::{Desk, Ran};

const SECRET: &str = "hunter2-is-never-shown";

impl Docker {
    /// `plimsoll …` beside the engine.
    fn plimsoll(&self, desk: &Desk, arguments: &[&str]) -> Command {
        let mut command = self.inside(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(arguments).env("DOCKER_HOST", self.host());
        desk.equip(command)
    }

    fn ok(&self, desk: &Desk, arguments: &[&str]) -> Value {
        let ran = self.call(desk, arguments);
        assert_eq!(
            ran.status, 0,
            "{arguments:?}: {}\n{}",
            ran.stdout, ran.stderr
        );
        ran.json()
    }

    fn call(&self, desk: &Desk, arguments: &[&str]) -> Ran {
        let mut command = self.plimsoll(desk, &[arguments, &["--json"]].concat());
        Ran::of(command.output().unwrap())
    }
}

/// A desk with a project whose one service is the practice application.
fn shop(docker: &Docker, name: &str) -> (Desk, PathBuf) {
    let desk = Desk::offline(name);
    let app = desk.folder().join("app");
    application(&app);
    let folder = app.display().to_string();
    docker.ok(&desk, &["project", "create", "shop"]);
    docker.ok(
        &desk,
        &[
            "service", "create", "shop/web", "--folder", &folder, "--port", "8000",
        ],
    );
    (desk, app)
}

const RUN: [&str; 5] = ["run", "--project", "shop", "--service", "web"];

/// Everything that the engine tells about what runs.
fn everything(docker: &Docker) -> String {
    let mut all = String::new();
    for id in docker.ids(&["ps", "-aq"]) {
        all += &docker.ask(&["inspect", &id]).unwrap();
    }
    for image in docker.ids(&["images", "-aq"]) {
        all += &docker.ask(&["inspect", &image]).unwrap();
    }
    all
}

/// Whether some file of the engine holds a text.
fn is_on_disk(docker: &Docker, text: &str) -> bool {
    let data = docker.folder.path().join("data");
    let found = Command::new("grep")
        .args(["-rIl", "--exclude=*-json.log", text])
        .arg(data)
        .output()
        .unwrap();
    !found.stdout.is_empty()
}

#[test]
fn a_service_runs_here_as_on_a_server_and_leaves_nothing_behind() {
    if !is_possible() {
        return;
    }
    let docker = Docker::start();
    docker.database_image();
    let (desk, app) = shop(&docker, "runs");
    let foreign = [
        "run",
        "--detach",
        "--name",
        "foreign",
        "--label",
        "plimsoll.run=another",
    ];
    let foreign_command = ["--entrypoint", "/bin/sleep", "postgres:test", "1000"];
    docker
        .ask(&[&foreign[..], &foreign_command].concat())
        .unwrap();

    variables_limits_and_a_database(&docker, &desk);
    it_is_stopped_with_its_command(&docker, &desk);
    a_failure_says_why_and_leaves_nothing(&docker, &desk, &app);
    changes_start_it_again(&docker, &desk, &app);
    what_a_crash_left_is_found_and_removed(&docker, &desk);

    // Nobody else's container was touched, whatever label it has.
    assert_eq!(docker.ids(&["ps", "--format", "{{.Names}}"]), ["foreign"]);
}

fn variables_limits_and_a_database(docker: &Docker, desk: &Desk) {
    docker.ok(desk, &["environment", "create", "shop/local"]);
    docker.ok(
        desk,
        &["variable", "set", "shop/local/web", "GREETING", "hello"],
    );
    let told = desk.call_with(&["variable", "secret", "shop/local/web", "TOKEN"], SECRET);
    assert_eq!(told.status, 0, "{}", told.stderr);
    docker.ok(
        desk,
        &[
            "project",
            "settings",
            "shop",
            "--run-postgres",
            "postgres:test",
            "--run-memory",
            "96",
        ],
    );

    let told = docker.ok(desk, &[&RUN[..], &["--detach"]].concat());
    let running = &told["running"];
    let url = running["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let page = docker.get(url).unwrap();
    let parts: Vec<&str> = page.split('|').collect();
    assert_eq!(parts[..3], ["hello", SECRET, SECRET]);
    assert!(parts[3].starts_with("postgres://postgres:"), "{page}");
    assert!(parts[3].ends_with("@postgres.internal:5432/shop"), "{page}");
    let password = parts[3].split([':', '@']).nth(2).unwrap();
    assert!(password.len() >= 32);

    // No record and no disk of the engine has a secret; what was printed is masked.
    let all = everything(docker);
    assert!(all.contains("GREETING=hello") && all.contains("PGDATA="));
    for secret in [SECRET, password] {
        assert!(!all.contains(secret), "the engine tells a secret");
    }
    assert!(
        !is_on_disk(docker, SECRET),
        "the engine keeps a secret on disk"
    );
    let logs = docker.call(
        desk,
        &["run", "logs", "--project", "shop", "--service", "web"],
    );
    assert!(logs.stdout.contains("starts with hello"), "{}", logs.stdout);
    assert!(!logs.stdout.contains(SECRET), "{}", logs.stdout);

    let name = running["name"].as_str().unwrap();
    let fact = |format: &str| docker.ask(&["inspect", "--format", format, name]).unwrap();
    assert_eq!(fact("{{.HostConfig.Memory}}"), (96u64 << 20).to_string());
    assert_eq!(fact("{{.HostConfig.NanoCpus}}"), "2000000000");
    let bindings = fact("{{json .HostConfig.PortBindings}}");
    assert!(
        bindings.contains("127.0.0.1") && !bindings.contains("0.0.0.0"),
        "{bindings}"
    );
    let networks = fact("{{range $name, $of := .NetworkSettings.Networks}}{{$name}} {{end}}");
    assert!(
        networks.trim().starts_with("plimsoll-run.shop."),
        "{networks}"
    );

    // It was asked to stay: that is no crash.
    let status = docker.ok(desk, &["run", "status"]);
    let holds: Vec<&str> = status["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["hold"].as_str().unwrap())
        .collect();
    assert_eq!(holds, ["kept", "kept"]);
    assert_eq!(
        docker.ok(desk, &["run", "clean"])["removed"],
        serde_json::json!([])
    );

    // Stopping takes all but the data, and the port is the same the next time.
    docker.ok(desk, &["run", "stop", "--project", "shop"]);
    is_clean(docker);
    let volumes = || {
        docker.ids(&[
            "volume",
            "ls",
            "--filter",
            "label=plimsoll.run.project",
            "-q",
        ])
    };
    assert_eq!(volumes().len(), 1);
    let again = docker.ok(desk, &[&RUN[..], &["--detach"]].concat());
    assert_eq!(again["running"]["url"].as_str(), Some(url));
    assert!(
        docker.get(url).unwrap().contains(password),
        "the data has another password"
    );
    let refused = docker.call(desk, &["run", "delete-data", "--project", "shop", "--yes"]);
    assert_eq!(refused.json()["error"]["code"], "run_in_use");
    docker.ok(desk, &["run", "stop", "--project", "shop"]);
    docker.ok(desk, &["run", "delete-data", "--project", "shop", "--yes"]);
    assert!(volumes().is_empty());
    docker.ok(
        desk,
        &["project", "settings", "shop", "--run-postgres", "none"],
    );
}

/// Begins a run that stays in the foreground; answers it, its lines, and its address.
fn in_front(docker: &Docker, desk: &Desk, more: &[&str]) -> (Child, impl BufRead + use<>, String) {
    let mut child = docker
        .plimsoll(desk, &[&RUN[..], more].concat())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let url = first.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{first:?}");
    (child, lines, url)
}

/// Nothing of a run is there but data.
fn is_clean(docker: &Docker) {
    assert_eq!(docker.containers(), [""; 0]);
    let ours = "label=plimsoll.run.project";
    let networks = docker.ids(&["network", "ls", "--filter", ours, "-q"]);
    assert!(networks.is_empty(), "{networks:?}");
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(done.unwrap().success());
}

fn it_is_stopped_with_its_command(docker: &Docker, desk: &Desk) {
    let (mut child, mut lines, url) = in_front(docker, desk, &[]);
    assert!(docker.get(&url).unwrap().starts_with("hello|"));
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with("starts with hello"), "{line}");
    signal(&child, "TERM");
    assert!(child.wait().unwrap().success());
    assert_eq!(docker.containers(), [""; 0]);
}

fn a_failure_says_why_and_leaves_nothing(docker: &Docker, desk: &Desk, app: &Path) {
    let good = fs::read_to_string(app.join("app.sh")).unwrap();
    fs::write(app.join("app.sh"), "echo no database; exit 3\n").unwrap();
    let failed = docker.call(desk, &RUN);
    let error = &failed.json()["error"];
    assert_eq!(error["code"], "run_ended");
    assert!(
        error["message"].as_str().unwrap().contains("status 3"),
        "{error}"
    );
    assert!(
        error["details"]["evidence"]
            .to_string()
            .contains("no database"),
        "{error}"
    );
    is_clean(docker);

    fs::write(app.join("Dockerfile"), "FROM scratch\nCOPY absent /\n").unwrap();
    let failed = docker.call(desk, &RUN);
    assert_eq!(failed.json()["error"]["code"], "build_failed");
    fs::write(app.join("Dockerfile"), DOCKERFILE).unwrap();
    fs::write(app.join("app.sh"), good).unwrap();

    // Without an engine it is said plainly, and everything else goes on.
    let output = docker
        .plimsoll(desk, &[&RUN[..], &["--json"]].concat())
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .unwrap();
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "docker_missing");
    assert!(
        error["error"]["details"]["next_step"]
            .as_str()
            .unwrap()
            .contains("Install Docker"),
        "{error}"
    );
}

fn changes_start_it_again(docker: &Docker, desk: &Desk, app: &Path) {
    let (mut child, lines, url) = in_front(docker, desk, &["--watch"]);
    let version = format!("{url}/version");
    assert_eq!(docker.get(&version).as_deref(), Some("one"));
    // It tells nothing when it watches; a change that is missed is made again.
    let begun = Instant::now();
    let mut made = 0;
    while docker
        .get(&version)
        .is_none_or(|text| !text.starts_with("two"))
    {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it was not started again"
        );
        if begun.elapsed() >= Duration::from_secs(made * 10) {
            made += 1;
            fs::write(app.join("version"), format!("two {made}")).unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    signal(&child, "INT");
    drop(lines);
    assert!(child.wait().unwrap().success());
    assert_eq!(docker.containers(), [""; 0]);
}

fn what_a_crash_left_is_found_and_removed(docker: &Docker, desk: &Desk) {
    let (mut child, mut lines, url) = in_front(docker, desk, &[]);
    signal(&child, "KILL");
    child.wait().unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(docker.get(&url).is_some(), "the container runs on");
    let status = docker.ok(desk, &["run", "status"]);
    assert_eq!(status["containers"][0]["hold"], "left_over");

    // Another installation sees nothing of it.
    let other = Desk::offline("other");
    let theirs = docker.ok(&other, &["run", "status"]);
    assert_eq!(theirs["containers"], serde_json::json!([]));
    assert_eq!(
        docker.ok(&other, &["run", "clean"])["removed"],
        serde_json::json!([])
    );
    assert_eq!(docker.containers().len(), 1);

    let removed = docker.ok(desk, &["run", "clean"]);
    assert_eq!(removed["removed"].as_array().unwrap().len(), 2, "{removed}");
    assert_eq!(docker.containers(), [""; 0]);

    // A process that is killed while it starts something leaves a job in the middle, which is taken
    // back with the rest.
    let script = "echo waits; sleep 1000\n";
    let app = desk.folder().join("app/app.sh");
    let good = fs::read_to_string(&app).unwrap();
    fs::write(&app, script).unwrap();
    let mut child = docker.plimsoll(desk, &RUN).spawn().unwrap();
    let begun = Instant::now();
    while docker.containers().is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never started"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, "KILL");
    child.wait().unwrap();
    docker.ok(desk, &["run", "clean"]);
    assert_eq!(docker.containers(), [""; 0]);
    let jobs = docker.ok(desk, &["job", "list"]);
    assert!(!jobs.to_string().contains("interrupted"), "{jobs}");
    fs::write(&app, good).unwrap();
    docker.ok(desk, &[&RUN[..], &["--detach"]].concat());
    docker.ok(desk, &["run", "stop", "--project", "shop"]);
}
