//! A server to test on: a Docker engine, nginx and the agent in a network namespace of their own,
//! so that nothing of this machine's is touched. All of it goes when the stage is dropped.

use plimsoll_domain::job::Failure;
use plimsoll_domain::{
    DeploymentId, Timestamp,
    image::ImageRef,
    name::Name,
    service::{HealthCheck, Probe, ServiceSpec},
};
use plimsoll_protocol::{
    Build, ContextFile, ContextFileKind, ContextSynced, Deploy, Deployed, Envelope, ImageReady,
    Reply, Request, ServiceKey, SyncContext, manifest_hash,
};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// The server's address as this machine sees it.
pub const ADDRESS: &str = "10.233.128.2";
const HOST_ADDRESS: &str = "10.233.128.1";
const NAMESPACE: &str = "plimsoll-test";
const LINK: &str = "plimsoll-t0";

pub struct Stage {
    pub folder: PathBuf,
    binaries: PathBuf,
    engine: Child,
    agent: Option<Child>,
    moment: AtomicU64,
}

pub struct Answer {
    pub value: Result<serde_json::Value, Failure>,
    pub lines: Vec<String>,
    pub rest: Vec<u8>,
}

impl Answer {
    pub fn failure(self) -> Failure {
        self.value.expect_err("it should have failed")
    }
    pub fn as_<T: serde::de::DeserializeOwned>(self) -> T {
        let value = self.value.unwrap_or_else(|failure| panic!("{failure:#?}"));
        serde_json::from_value(value).unwrap()
    }
}

/// Runs a command to its end; its output when it ended well.
pub fn run(argv: &[&str]) -> Option<String> {
    let output = Command::new(argv[0]).args(&argv[1..]).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

pub fn inside(argv: &[&str]) -> Option<String> {
    run(&[&["nsenter", &network_of_the_server()], argv].concat())
}

/// Where `nsenter` has to go.
pub fn network_of_the_server() -> String {
    format!("--net=/run/netns/{NAMESPACE}")
}

pub fn key(service: &str) -> ServiceKey {
    let name = |text| Name::parse(text).unwrap();
    ServiceKey {
        project: name("shop"),
        environment: name("production"),
        service: name(service),
    }
}

impl Stage {
    pub fn raise(folder: &Path) -> Self {
        let binaries = env::var_os("PLIMSOLL_AGENT_BINARIES").map_or_else(
            || {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
                root.join("target/x86_64-unknown-linux-musl/debug")
            },
            PathBuf::from,
        );
        assert!(
            binaries.join("plimsoll-agent").exists(),
            "build the agent first: {}",
            binaries.display()
        );
        fs::create_dir_all(folder).unwrap();
        clear();
        network();
        let engine = engine(folder);
        let stage = Self {
            folder: folder.to_owned(),
            binaries,
            engine,
            agent: None,
            moment: AtomicU64::new(0),
        };
        stage.wait("the engine", || stage.docker(&["info"]).is_some());
        stage.nginx_files();
        stage
    }

    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }
    /// The agent that is tested.
    pub fn binary(&self) -> PathBuf {
        self.binaries.join("plimsoll-agent")
    }
    pub fn state(&self) -> PathBuf {
        self.root().join("var/lib/plimsoll")
    }

    pub fn docker(&self, argv: &[&str]) -> Option<String> {
        let socket = format!("unix://{}/docker.sock", self.folder.display());
        run(&[&["docker", "--host", &socket], argv].concat())
    }

    pub fn wait(&self, what: &str, good: impl Fn() -> bool) {
        let begun = Instant::now();
        while !good() {
            assert!(
                begun.elapsed() < Duration::from_secs(40),
                "{what} did not happen"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn nginx_files(&self) {
        let nginx = self.root().join("etc/nginx");
        fs::create_dir_all(nginx.join("conf.d")).unwrap();
        fs::create_dir_all(self.root().join("run")).unwrap();
        let root = self.root().display().to_string();
        let text = format!(
            "user www-data;\nworker_processes 2;\npid {root}/run/nginx.pid;\n\
             error_log {root}/nginx.log;\nevents {{}}\nhttp {{ access_log off; \
             include {root}/etc/nginx/conf.d/*.conf; }}\n"
        );
        fs::write(nginx.join("nginx.conf"), text).unwrap();
    }

    /// Starts the agent; `crash_at` ends it at a point of the transaction.
    pub fn start_agent(&mut self, crash_at: Option<&str>) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("agent.log"))
            .unwrap();
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{NAMESPACE}"))
            .arg(self.binary())
            .arg("serve")
            .env("PLIMSOLL_ROOT", self.root())
            .env("PLIMSOLL_DOCKER_SOCKET", self.folder.join("docker.sock"))
            .env("PLIMSOLL_HOLD_MS", "6000")
            .stderr(log);
        if let Some(point) = crash_at {
            command.env("PLIMSOLL_CRASH_AT", point);
        }
        self.agent = Some(command.spawn().unwrap());
        self.wait("the agent's first answer", || {
            self.try_ask(Request::Hello, &[]).is_some()
        });
    }

    /// Ends the agent at once, as a power cut would.
    pub fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }

    pub fn wait_for_crash(&mut self) {
        let mut agent = self.agent.take().unwrap();
        let begun = Instant::now();
        while agent.try_wait().unwrap().is_none() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the agent did not crash"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.root().join("run/plimsoll/agent.sock")).ok()
    }

    pub fn send(&self, request: Request, body: &[u8]) -> Option<UnixStream> {
        let mut stream = self.connect()?;
        let envelope = Envelope {
            protocol: plimsoll_protocol::PROTOCOL_VERSION,
            owner: "ada@desk".to_owned(),
            body_bytes: body.len() as u64,
            request,
        };
        let mut line = serde_json::to_vec(&envelope).unwrap();
        line.push(b'\n');
        stream.write_all(&line).ok()?;
        stream.write_all(body).ok()?;
        Some(stream)
    }

    /// Asks; `None` when the agent does not answer to the end.
    pub fn try_ask(&self, request: Request, body: &[u8]) -> Option<Answer> {
        let mut reader = BufReader::new(self.send(request, body)?);
        let mut lines = Vec::new();
        loop {
            let mut text = String::new();
            reader.read_line(&mut text).ok().filter(|n| *n > 0)?;
            let value = match serde_json::from_str(&text).unwrap() {
                Reply::Done { answer } => Ok(answer),
                Reply::Failed { failure } => Err(failure),
                Reply::Log { line, .. } => {
                    lines.push(line);
                    continue;
                }
                Reply::Phase { phase } => {
                    lines.push(format!("{phase:?}"));
                    continue;
                }
            };
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).ok()?;
            return Some(Answer { value, lines, rest });
        }
    }

    pub fn ask(&self, request: Request, body: &[u8]) -> Answer {
        self.try_ask(request, body).expect("the agent answers")
    }

    /// An id that comes after all earlier ones.
    pub fn new_id(&self) -> DeploymentId {
        let n = self.moment.fetch_add(1, Ordering::SeqCst);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
        let moment = Timestamp::from_millis(now + (n as i64) * 70_000);
        DeploymentId::mint(moment, [n as u8; 10])
    }

    /// Sends files as a context and builds them.
    pub fn build(&self, service: &str, files: &[(&str, &[u8], bool)]) -> Answer {
        let mut frames = Vec::new();
        let entries: Vec<ContextFile> = files
            .iter()
            .map(|(path, bytes, executable)| {
                let hash = blake3::hash(bytes);
                frames.extend(hash.as_bytes());
                frames.extend((bytes.len() as u64).to_le_bytes());
                frames.extend(*bytes);
                ContextFile {
                    path: (*path).to_owned(),
                    kind: ContextFileKind::File {
                        hash: hash.to_hex().to_string(),
                        size: bytes.len() as u64,
                    },
                    executable: *executable,
                }
            })
            .collect();
        let manifest = manifest_hash(&entries);
        let sync = SyncContext {
            key: key(service),
            base: None,
            upserts: entries,
            removals: vec![],
            manifest: manifest.clone(),
        };
        let body = zstd::encode_all(&frames[..], 1).unwrap();
        let synced: ContextSynced = self.ask(Request::SyncContext(sync), &body).as_();
        assert!(!synced.need_full && synced.missing.is_empty());
        self.ask(
            Request::Build(Build {
                key: key(service),
                deployment_id: self.new_id(),
                manifest,
                spec: Default::default(),
                generated_dockerfile: None,
            }),
            &[],
        )
    }

    /// Builds the practice application.
    pub fn application(&self, service: &str) -> ImageRef {
        let dockerfile = b"FROM scratch\nCOPY passwd /etc/passwd\nCOPY app /app\nUSER app\n\
            ENTRYPOINT [\"/app\"]\n";
        self.application_with(service, dockerfile)
    }

    /// Builds the practice application in another way.
    pub fn application_with(&self, service: &str, dockerfile: &[u8]) -> ImageRef {
        let binary = fs::read(self.binaries.join("examples/practice_app")).unwrap();
        let passwd: &[u8] = b"root:x:0:0::/:/x\napp:x:1234:1234::/:/x\n";
        let files = [
            ("Dockerfile", dockerfile, false),
            ("app", &binary[..], true),
            ("passwd", passwd, false),
        ];
        self.build(service, &files).as_::<ImageReady>().image
    }

    pub fn deploy(&self, service: &str, image: &ImageRef) -> Deploy {
        Deploy {
            key: key(service),
            deployment_id: self.new_id(),
            image: image.clone(),
            spec: ServiceSpec {
                health: HealthCheck {
                    probe: Probe::Http {
                        path: "/".to_owned(),
                        statuses: vec![],
                    },
                    interval_ms: 200,
                    start_ms: 3_000,
                    ..HealthCheck::default()
                },
                drain_ms: 2_000,
                stop_grace_ms: 1_000,
                keep_warm_ms: 30_000,
                ..ServiceSpec::default()
            },
            variables: vec![],
            secret_names: vec![],
            hold: false,
            run_release_command: false,
            keep_releases: 3,
        }
    }

    pub fn run_deploy(&self, deploy: &Deploy) -> Answer {
        self.ask(Request::Deploy(Box::new(deploy.clone())), &[])
    }

    pub fn deploy_version(&self, service: &str, image: &ImageRef, version: &str) -> Deployed {
        let mut deploy = self.deploy(service, image);
        deploy.variables = vec![("VERSION".to_owned(), version.to_owned())];
        self.run_deploy(&deploy).as_()
    }

    /// Names of the containers that exist.
    pub fn containers(&self) -> Vec<String> {
        let list = self
            .docker(&["ps", "-a", "--format", "{{.Names}}"])
            .unwrap();
        list.lines().map(str::to_owned).collect()
    }

    /// Asks a service at its virtual address, from within the server.
    pub fn get(&self, address: &str, path: &str) -> Option<String> {
        inside(&[
            "curl",
            "-s",
            "-f",
            "-m",
            "5",
            &format!("http://{address}{path}"),
        ])
    }

    pub fn address(&self, service: &str) -> String {
        let status: plimsoll_protocol::Status = self.ask(Request::Status, &[]).as_();
        let found = status
            .services
            .into_iter()
            .find(|one| one.key == key(service));
        found.and_then(|one| one.address).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_agent();
        if let Some(ids) = self.docker(&["ps", "-aq"]) {
            for id in ids.lines() {
                let _ = self.docker(&["rm", "-f", "-v", id]);
            }
        }
        for pid_file in glob(&self.root()) {
            if let Ok(pid) = fs::read_to_string(pid_file) {
                let _ = run(&["kill", "-QUIT", pid.trim()]);
            }
        }
        let _ = run(&["kill", &self.engine.id().to_string()]);
        let _ = self.engine.wait();
        let secrets = self.root().join("run/plimsoll/secrets");
        let _ = run(&["umount", &secrets.display().to_string()]);
        clear();
        if fs::remove_dir_all(&self.folder).is_err() {
            eprintln!("{} is left over", self.folder.display());
        }
    }
}

/// Files with the process ids of all nginx that run here.
fn glob(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.join("run/nginx.pid")];
    if let Ok(entries) = fs::read_dir(root.join("run/plimsoll/edge")) {
        found.extend(
            entries
                .flatten()
                .map(|entry| entry.path().join("nginx.pid")),
        );
    }
    found
}

fn clear() {
    let _ = run(&["ip", "link", "del", LINK]);
    let _ = run(&["ip", "netns", "del", NAMESPACE]);
}

fn network() {
    let address = |address: &str| format!("{address}/30");
    for argv in [
        &["ip", "netns", "add", NAMESPACE][..],
        &[
            "ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE,
        ],
        &["ip", "addr", "add", &address(HOST_ADDRESS), "dev", LINK],
        &["ip", "link", "set", LINK, "up"],
        &[
            "ip",
            "-n",
            NAMESPACE,
            "addr",
            "add",
            &address(ADDRESS),
            "dev",
            "eth0",
        ],
        &["ip", "-n", NAMESPACE, "link", "set", "eth0", "up"],
        &["ip", "-n", NAMESPACE, "link", "set", "lo", "up"],
        &[
            "ip",
            "-n",
            NAMESPACE,
            "route",
            "add",
            "default",
            "via",
            HOST_ADDRESS,
        ],
    ] {
        run(argv).unwrap_or_else(|| panic!("{argv:?} failed: these tests need root"));
    }
    inside(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]).unwrap();
}

fn engine(folder: &Path) -> Child {
    for part in ["data", "exec"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let at = |part: &str| folder.join(part).display().to_string();
    let log = fs::File::create(folder.join("engine.log")).unwrap();
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/run/netns/{NAMESPACE}"))
        .args([
            "dockerd",
            "--data-root",
            &at("data"),
            "--exec-root",
            &at("exec"),
        ])
        .args(["--pidfile", &at("docker.pid")])
        .args(["-H", &format!("unix://{}", at("docker.sock"))])
        .args(["--bip", "10.233.144.1/20"])
        .args(["--default-address-pool", "base=10.233.192.0/18,size=24"])
        .stdout(Stdio::null())
        .stderr(log);
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
    }
    command.spawn().expect("docker.io is installed")
}
