//! A person at a desk, for tests: a home of their own, the practice cloud, and the command.

#![allow(dead_code, clippy::unwrap_used)]

pub mod witness;

use plimsoll_domain::Secret;
use plimsoll_engine::{Engine, Patience};
use plimsoll_lab::{
    api::Credentials,
    practice::{self, Running},
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The practice cloud's zone.
pub const ZONE: &str = "plimsoll.test";

/// A desk with accounts at both clouds.
pub struct Desk {
    folder: tempfile::TempDir,
    practice: PathBuf,
    name: String,
}

/// A service that answers at a domain.
pub struct Live {
    pub server: String,
    /// `project/environment/service`.
    pub web: String,
    pub host: String,
}

/// A finished call.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its answer as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {:?}; it said {}", self.stdout, self.stderr))
    }
}

impl Desk {
    /// A desk without accounts.
    pub fn bare(name: &str) -> Self {
        let practice = std::env::var_os("PLIMSOLL_PRACTICE")
            .map(PathBuf::from)
            .expect("this test needs the practice cloud: run `cargo xtask test`, which starts it");
        Self::beside(name, practice)
    }

    /// A desk without any cloud, for what works on a train.
    pub fn offline(name: &str) -> Self {
        Self::beside(name, PathBuf::from("no practice cloud"))
    }

    fn beside(name: &str, practice: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("passphrase"), "correct horse\n").unwrap();
        // Tests share one cloud: names of servers must not meet.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{count}", std::process::id());
        Self {
            folder,
            practice,
            name,
        }
    }

    /// A desk with accounts at both clouds.
    pub fn new(name: &str) -> Self {
        let desk = Self::bare(name);
        desk.ok(&["account", "connect", "digitalocean", "--practice"]);
        desk.ok(&["account", "connect", "cloudflare", "--practice"]);
        desk
    }

    /// A name that no other test uses.
    pub fn unique(&self, word: &str) -> String {
        format!("{word}-{}", self.name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn practice(&self) -> &Path {
        &self.practice
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(arguments);
        self.equip(command)
    }

    /// The command as this person calls it, however it is started.
    pub fn equip(&self, mut command: Command) -> Command {
        command
            .env("PLIMSOLL_HOME", self.home())
            .env(
                "PLIMSOLL_PASSPHRASE_FILE",
                self.folder.path().join("passphrase"),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Calls it and waits.
    pub fn call(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Calls it with something on standard input.
    pub fn call_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Calls it without waiting.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Calls it for JSON; it must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Value {
        let ran = self.call(&[arguments, &["--json"]].concat());
        assert_eq!(
            ran.status,
            0,
            "`plimsoll {}` failed:\n{}\n{}",
            arguments.join(" "),
            ran.stdout,
            ran.stderr
        );
        ran.json()
    }

    /// Calls it for JSON; it must fail. Answers its exit status and error.
    pub fn fails(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.call(&[arguments, &["--json"]].concat());
        assert_ne!(
            ran.status,
            0,
            "`plimsoll {}` should fail: {}",
            arguments.join(" "),
            ran.stdout
        );
        let answer = ran.json();
        assert!(answer["error"]["code"].is_string(), "no code in {answer}");
        (ran.status, answer["error"].clone())
    }

    /// Provisions a server.
    pub fn server(&self, word: &str) -> String {
        let name = self.unique(word);
        self.ok(&[
            "server",
            "provision",
            &name,
            "--account",
            "digitalocean",
            "--region",
            "ams3",
            "--size",
            "s-1vcpu-1gb",
            "--yes",
        ]);
        name
    }

    /// The address of a server.
    pub fn address(&self, server: &str) -> String {
        let servers = self.ok(&["server", "list"]);
        let found = servers
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == server);
        found.unwrap()["ssh"]["host"].as_str().unwrap().to_owned()
    }

    /// The id of a server at the practice cloud.
    pub fn droplet(&self, server: &str) -> String {
        let servers = self.ok(&["server", "list"]);
        let found = servers
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == server);
        found.unwrap()["provider_ref"].as_str().unwrap().to_owned()
    }

    /// Destroys a server with all that stands on it; its droplet must not outlive the test.
    pub fn destroy(&self, server: &str) {
        self.ok(&["server", "destroy", server, "--force", server, "--yes"]);
    }

    /// A folder with the sample application, changed by `edit`.
    pub fn app(&self, word: &str, edit: impl Fn(String) -> String) -> PathBuf {
        let folder = self.folder.path().join(word);
        fs::create_dir_all(&folder).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/app.py");
        fs::write(
            folder.join("app.py"),
            edit(fs::read_to_string(sample).unwrap()),
        )
        .unwrap();
        folder
    }

    /// A project with one service from a folder, in an environment on servers.
    pub fn service(&self, project: &str, folder: &Path, servers: &[&str], more: &[&str]) -> String {
        self.ok(&["project", "create", project]);
        let environment = format!("{project}/production");
        let mut arguments = vec!["environment", "create", &environment];
        for server in servers {
            arguments.extend(["--server", server]);
        }
        self.ok(&arguments);
        let service = format!("{project}/web");
        let folder = folder.to_str().unwrap();
        let create = [
            "service", "create", &service, "--folder", folder, "--port", "8000",
        ];
        self.ok(&[&create[..], &["--health-path", "/healthz"], more].concat());
        format!("{project}/production/web")
    }

    /// A service on a server of its own, deployed and reachable by HTTPS.
    pub fn live(&self, project: &str, folder: &Path, more: &[&str]) -> Live {
        let server = self.server("ship");
        let host = format!("{}.{ZONE}", self.unique(project));
        let web = self.service(project, folder, &[&server], more);
        self.ok(&["deploy", &web, "--yes"]);
        self.ok(&[
            "domain",
            "add",
            &host,
            "--to",
            &web,
            "--account",
            "cloudflare",
            "--yes",
        ]);
        Live { server, web, host }
    }

    /// Begins a call and kills it as soon as it says a line that `here` is waiting for. Answers
    /// whether it got so far.
    pub fn kill_at(&self, arguments: &[&str], here: impl Fn(&str) -> bool) -> bool {
        let mut child = self.begin(arguments);
        let reached = heard(&mut child, here);
        child.kill().unwrap();
        child.wait().unwrap();
        reached
    }

    /// The facts of the practice cloud.
    pub fn running(&self) -> Running {
        let status = runtime().block_on(practice::status(&self.practice));
        status.unwrap().expect("the practice cloud runs")
    }

    /// Asks the practice cloud's own interface; `path` goes below `/lab/v1`.
    pub fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let running = self.running();
        runtime()
            .block_on(running.control(method, path, body.as_ref()))
            .unwrap()
    }

    /// Makes something go wrong with a droplet, or mends it.
    pub fn fault(&self, droplet: &str, fault: Value) {
        self.control("POST", &format!("/droplets/{droplet}/fault"), Some(fault));
    }

    /// Asks DigitalOcean's API as somebody else would; `path` goes below `/v2`. Answers `null` to
    /// an empty answer.
    pub fn ocean(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let running = self.running();
        let token = Credentials::read(&running.api).unwrap().digitalocean_token;
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--cacert"])
            .arg(&running.ca)
            .args(["--request", method])
            .args(["--header", &format!("authorization: Bearer {token}")])
            .arg(format!("{}/v2{path}", running.digitalocean_url));
        if let Some(body) = body {
            curl.args(["--header", "content-type: application/json"])
                .args(["--data", &body.to_string()]);
        }
        let ran = Ran::of(curl.output().unwrap());
        assert_eq!(
            ran.status, 0,
            "{method} {path}: {}{}",
            ran.stdout, ran.stderr
        );
        match ran.stdout.as_str() {
            "" => Value::Null,
            _ => ran.json(),
        }
    }

    /// Calls the Docker of the practice cloud.
    fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker")
            .args(["-H", &self.running().engine_endpoint])
            .args(arguments)
            .output()
            .unwrap();
        let ran = Ran::of(output);
        assert_eq!(ran.status, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    fn container(&self, droplet: &str) -> String {
        let names = self.docker(&["ps", "--format", "{{.Names}}"]);
        let suffix = format!("-droplet-{droplet}");
        let name = names.lines().find(|name| name.ends_with(&suffix));
        name.unwrap_or_else(|| panic!("droplet {droplet} does not run"))
            .to_owned()
    }

    /// Runs a command inside a droplet, past every network.
    pub fn inside(&self, droplet: &str, command: &[&str]) -> String {
        let name = self.container(droplet);
        self.docker(&[&["exec", &name], command].concat())
    }

    /// Puts a file of this machine into a droplet.
    pub fn put(&self, droplet: &str, from: &Path, to: &str) {
        let to = format!("{}:{to}", self.container(droplet));
        self.docker(&["cp", from.to_str().unwrap(), &to]);
    }

    /// The same desk's engine in this process, with less patience than people have.
    pub async fn engine(&self, patience: Patience) -> Engine {
        let settings = plimsoll_adapters::Settings {
            home: Some(self.home()),
            ask_passphrase: Some(Box::new(|| Ok(Secret::new("correct horse")))),
            patience,
            ..Default::default()
        };
        plimsoll_adapters::desktop(settings).await.unwrap()
    }

    /// The newest job.
    pub fn newest_job(&self) -> Value {
        self.ok(&["job", "list"])["items"][0].clone()
    }

    /// What answers at a domain, over HTTPS from outside.
    pub fn page(&self, host: &str) -> String {
        let check = self.ok(&["domain", "check", host]);
        check["https"]["body"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Changes the version that the sample application shows.
pub fn version(text: String, version: &str) -> String {
    assert!(text.contains("VERSION = \"1\""));
    text.replace("VERSION = \"1\"", &format!("VERSION = \"{version}\""))
}

/// Waits until something holds, for at most `limit`.
pub fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "after {limit:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Reads what a call says until `here` has come; what it says afterwards is thrown away.
pub fn heard(child: &mut Child, here: impl Fn(&str) -> bool) -> bool {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let reached = loop {
        line.clear();
        if said.read_line(&mut line).unwrap() == 0 {
            break false;
        }
        if here(&line) {
            break true;
        }
    };
    // Nobody may be kept from going on by a pipe that is full, or be ended by one that is closed.
    std::thread::spawn(move || {
        let _ = said.read_to_end(&mut Vec::new());
    });
    let stdout = child.stdout.take();
    std::thread::spawn(move || {
        let _ = stdout.map(|mut stdout| stdout.read_to_end(&mut Vec::new()));
    });
    reached
}

/// Whether a line announces a step whose title has this in it.
pub fn begins(title: &str) -> impl Fn(&str) -> bool {
    move |line| line.contains('▸') && line.contains(title)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
