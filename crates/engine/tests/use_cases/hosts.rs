//! Machines behind SSH and the agents on them, in memory.

use crate::fakes::{Faults, digest};
use async_trait::async_trait;
use plimsoll_domain::{
    DeploymentId,
    image::{ImageRef, deploy_tag},
    server::SshTarget,
};
use plimsoll_engine::ports::*;
use plimsoll_protocol::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex},
};

/// A machine.
#[derive(Default)]
pub struct Host {
    pub host_key: String,
    pub new_key: Option<String>,
    pub installed_key: Option<String>,
    pub files: BTreeMap<String, String>,
    pub commands: Vec<String>,
    pub boots: u32,
    pub agent: bool,
    pub contexts: HashMap<String, BTreeMap<String, ContextFile>>,
    pub contents: BTreeMap<String, String>,
    /// Image id to whether it is broken.
    pub images: HashMap<String, bool>,
    pub deployments: HashMap<DeploymentId, Ran>,
    /// What serves, by service: the last is the one.
    pub serving: HashMap<String, Vec<DeploymentId>>,
    pub sites: HashMap<String, (Vec<String>, Option<String>)>,
    pub release_commands: u32,
}

/// A deployment as the agent remembers it.
#[derive(Clone)]
pub struct Ran {
    pub deploy: Deploy,
    pub secrets: String,
    pub answer: Option<Deployed>,
    pub failure: Option<plimsoll_domain::job::Failure>,
    pub reverted: bool,
}

impl Host {
    pub fn with_key(key: &str) -> Self {
        Self {
            host_key: key.to_owned(),
            ..Self::default()
        }
    }
    pub fn serves(&self, base: &str) -> Option<&Ran> {
        self.deployments.get(self.serving.get(base)?.last()?)
    }
}

pub struct Hosts {
    hosts: Mutex<HashMap<String, Host>>,
    pub faults: Arc<Faults>,
    /// How cloud-init ends on every machine.
    pub cloud_init: Mutex<i32>,
}

impl Hosts {
    pub fn new(faults: Arc<Faults>) -> Self {
        Self {
            hosts: Mutex::default(),
            faults,
            cloud_init: Mutex::default(),
        }
    }
    pub fn boot(&self, address: &str, host: Host) {
        self.hosts.lock().unwrap().insert(address.to_owned(), host);
    }
    pub fn with<T>(&self, address: &str, act: impl FnOnce(&mut Host) -> T) -> T {
        act(self.hosts.lock().unwrap().get_mut(address).unwrap())
    }
    fn enter<T>(
        &self,
        target: &SshTarget,
        act: impl FnOnce(&mut Host) -> PortResult<T>,
    ) -> PortResult<T> {
        let mut hosts = self.hosts.lock().unwrap();
        let Some(host) = hosts.get_mut(&target.host) else {
            return Err(PortError::new("ssh_tcp", "Nobody answers."));
        };
        if host.host_key != target.host_key {
            return Err(PortError::new("ssh_host_key_changed", "Another key.")
                .evidence(format!("{} is not {}", host.host_key, target.host_key)));
        }
        act(host)
    }
}

fn output(status: i32, stdout: &str) -> Output {
    Output {
        status: Some(status),
        stdout: stdout.as_bytes().to_vec(),
        stderr: Vec::new(),
    }
}

#[async_trait]
impl Servers for Hosts {
    async fn host_key(&self, host: &str, _: u16, _: Option<&str>) -> PortResult<String> {
        Ok(self.with(host, |host| host.host_key.clone()))
    }
    async fn run(
        &self,
        target: &SshTarget,
        argv: &[&str],
        _: Option<&[u8]>,
        _: bool,
    ) -> PortResult<Output> {
        let call = self.faults.enter(&format!("run {}", argv[0])).await?;
        let cloud_init = *self.cloud_init.lock().unwrap();
        let answer = self.enter(target, |host| {
            host.commands.push(argv.join(" "));
            Ok(match argv {
                ["cat", path] if path.ends_with("plimsoll_new_host_key.pub") => {
                    match &host.new_key {
                        Some(key) => output(0, key),
                        None => output(1, ""),
                    }
                }
                ["ssh-keygen", ..] => {
                    let last = target.host.rsplit('.').next().unwrap();
                    host.new_key = Some(format!("ssh-ed25519 NEWK{last:0>4}"));
                    output(0, "")
                }
                ["cp", .., "/etc/ssh/ssh_host_ed25519_key"] => {
                    host.installed_key = host.new_key.clone();
                    output(0, "")
                }
                ["systemctl", "reload-or-restart", "ssh"] => {
                    if let Some(key) = host.installed_key.clone() {
                        host.host_key = key;
                    }
                    output(0, "")
                }
                ["timeout", ..] => output(cloud_init, ""),
                ["cloud-init", "status", "--long"] => output(1, "status: error\ndetail: boom"),
                ["cat", "/proc/meminfo"] => output(0, "MemTotal: 1000000 kB\nSwapTotal: 0 kB"),
                ["cat", "/etc/os-release"] => output(0, "ID=debian\nVERSION_ID=\"12\""),
                ["cat", "/proc/sys/kernel/random/boot_id"] => output(0, &host.boots.to_string()),
                ["dpkg-query", ..] => output(1, "ii nginx\nun docker.io"),
                _ => output(0, ""),
            })
        })?;
        call.answer(answer)
    }
    async fn write_file(
        &self,
        target: &SshTarget,
        path: &str,
        _: u32,
        content: &[u8],
    ) -> PortResult<()> {
        let call = self.faults.enter("write_file").await?;
        self.enter(target, |host| {
            let text = String::from_utf8_lossy(content).into_owned();
            host.files.insert(path.to_owned(), text);
            Ok(())
        })?;
        call.answer(())
    }
    async fn follow(
        &self,
        target: &SshTarget,
        argv: &[&str],
        _: bool,
        progress: Arc<dyn Progress>,
    ) -> PortResult<Option<i32>> {
        self.enter(target, |host| {
            host.commands.push(argv.join(" "));
            Ok(())
        })?;
        progress.line(LogStream::Stdout, "a line of token-of-do-canary");
        Ok(Some(0))
    }
    async fn open_terminal(&self, target: &SshTarget, _: ScreenSize) -> PortResult<Login> {
        self.enter(target, |_| Ok(()))?;
        let (typed, echoed) = tokio::sync::mpsc::unbounded_channel();
        Ok(Login {
            screen: Box::new(Echo(echoed)),
            keyboard: Box::new(Typed(typed)),
        })
    }
    async fn forget(&self, _: &SshTarget) {}
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

#[async_trait]
impl Agents for Hosts {
    async fn hello(&self, target: &SshTarget) -> PortResult<Option<Hello>> {
        let call = self.faults.enter("hello").await?;
        let there = self.enter(target, |host| Ok(host.agent))?;
        call.answer(there.then(hello))
    }
    async fn ensure(&self, target: &SshTarget) -> PortResult<Hello> {
        let call = self.faults.enter("ensure").await?;
        self.enter(target, |host| {
            host.agent = true;
            Ok(())
        })?;
        call.answer(hello())
    }
    async fn ask(
        &self,
        target: &SshTarget,
        request: &Request,
        body: Body,
        progress: Arc<dyn Progress>,
    ) -> PortResult<Value> {
        let name = serde_json::to_value(request).unwrap()["kind"].to_string();
        let name = format!("ask {}", name.trim_matches('"'));
        // A sign of life comes whenever it comes: counted, it would move the other calls.
        if matches!(request, Request::Heartbeat(_)) {
            return Ok(Value::Null);
        }
        let call = self.faults.enter(&name).await?;
        let answer = self.enter(target, |host| {
            progress.line(LogStream::Agent, &name);
            if let Request::Logs(logs) = request
                && let Some(ran) = host.serves(&logs.key.base())
            {
                // An application that prints its environment.
                progress.line(LogStream::Stdout, &ran.secrets);
            }
            answer(host, request, &body)
        })?;
        call.answer(answer)
    }
    async fn export(
        &self,
        target: &SshTarget,
        image_id: &str,
        _: usize,
        to: &Path,
    ) -> PortResult<u64> {
        let call = self.faults.enter("export").await?;
        let broken = self.enter(target, |host| Ok(host.images[image_id]))?;
        // Long enough for the other servers to ask for the same archive.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let word = if broken { "broken" } else { "good" };
        std::fs::write(to, format!("{image_id} {word}")).unwrap();
        call.answer(1)
    }
}

fn hello() -> Hello {
    Hello {
        version: "1".to_owned(),
        binary_hash: "agent".to_owned(),
        protocol: PROTOCOL_VERSION,
        machine: machine(),
    }
}

fn machine() -> Machine {
    Machine {
        architecture: "amd64".to_owned(),
        docker_version: "28".to_owned(),
        cpus: 1,
        load_centi: 0,
        memory_bytes: 1,
        memory_available_bytes: 1,
        disk_bytes: 1,
        disk_free_bytes: 1,
        uptime_ms: 1,
        agent_memory_bytes: 1,
        processor: None,
    }
}

fn text(body: &Body) -> String {
    match body {
        Body::Empty => String::new(),
        Body::Secret(secret) => secret.expose().to_owned(),
        Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Body::File(path) => std::fs::read_to_string(path).unwrap(),
    }
}

fn answer(host: &mut Host, request: &Request, body: &Body) -> PortResult<Value> {
    let answer = match request {
        Request::SyncContext(sync) => json!(sync_context(host, sync, body)),
        Request::Build(build) => {
            let files = &host.contexts[&build.manifest];
            let broken = files.values().any(|file| match &file.kind {
                ContextFileKind::File { hash, .. } => host.contents[hash].contains("BROKEN"),
                _ => false,
            });
            let id = format!("sha256:{}", digest(&build.manifest));
            host.images.insert(id.clone(), broken);
            json!(ready(&build.key, build.deployment_id, &id))
        }
        Request::Pull(pull) => {
            let id = format!("sha256:{}", digest(&pull.reference));
            host.images.insert(id.clone(), false);
            json!(ready(&pull.key, pull.deployment_id, &id))
        }
        Request::Layers(layers) => json!(LayersPresent {
            image: host.images.contains_key(&layers.image_id),
            leading: 0,
            architecture: "amd64".to_owned(),
        }),
        Request::Load(load) => {
            let archive = text(body);
            let (id, word) = archive.split_once(' ').unwrap();
            host.images.insert(id.to_owned(), word == "broken");
            json!(ready(&load.key, load.deployment_id, &load.image_id))
        }
        Request::Deploy(deploy) => json!(run(host, deploy, body)?),
        Request::Commit(of) => {
            let ran = host.deployments.get_mut(&of.deployment_id).unwrap();
            let base = ran.deploy.key.base();
            let deployed = Deployed {
                phase: Phase::Finished,
                ..ran.answer.clone().unwrap()
            };
            ran.answer = Some(deployed.clone());
            let serving = host.serving.entry(base).or_default();
            if serving.last() != Some(&of.deployment_id) {
                serving.push(of.deployment_id);
            }
            json!(deployed)
        }
        Request::Revert(of) => {
            if let Some(ran) = host.deployments.get_mut(&of.deployment_id) {
                ran.reverted = true;
                ran.answer = None;
                let base = ran.deploy.key.base();
                let serving = host.serving.entry(base).or_default();
                serving.retain(|id| *id != of.deployment_id);
            }
            json!(Reverted { serving: None })
        }
        Request::Journal(of) => {
            let ran = host.deployments.get(&of.deployment_id).cloned();
            let ran = ran.filter(|ran| !ran.reverted);
            let answer = ran.as_ref().and_then(|ran| ran.answer.clone());
            let at = plimsoll_domain::Timestamp::from_millis(1_790_000_000_000);
            let switched = answer
                .as_ref()
                .is_some_and(|answer| answer.phase >= Phase::Switched);
            json!(Journal {
                phases: answer.iter().map(|answer| (answer.phase, at)).collect(),
                running: false,
                failure: ran.and_then(|ran| ran.failure),
                answer,
                serving: switched.then_some(of.deployment_id),
            })
        }
        Request::RemoveService(remove) => {
            host.serving.remove(&remove.key.base());
            Value::Null
        }
        Request::SetSite(site) => {
            let base = site.key.base();
            if site.hosts.is_empty() {
                host.sites.remove(&base);
            } else {
                let key = (!text(body).is_empty()).then(|| text(body));
                host.sites.insert(base, (site.hosts.clone(), key));
            }
            json!(SiteSet { changed: true })
        }
        Request::Status => json!(Status {
            machine: machine(),
            services: running(host),
        }),
        Request::Prune(prune) => json!(Pruned {
            tags: prune.keep.iter().map(DeploymentId::short).collect(),
            freed_bytes: 0,
        }),
        Request::Hello => json!(hello()),
        Request::Export(_) | Request::Heartbeat(_) | Request::Logs(_) => Value::Null,
    };
    Ok(answer)
}

fn running(host: &Host) -> Vec<ServiceStatus> {
    host.serving
        .values()
        .filter_map(|serving| serving.last())
        .map(|id| &host.deployments[id])
        .map(|ran| ServiceStatus {
            key: ran.deploy.key.clone(),
            deployment_id: Some(ran.deploy.deployment_id),
            image: Some(ran.deploy.image.clone()),
            health: Health::Healthy,
            restarts: 0,
            hosts: vec![],
            address: None,
            memory_bytes: None,
            processor_us: None,
            container: None,
            kept: vec![],
        })
        .collect()
}

fn ready(key: &ServiceKey, deployment: DeploymentId, id: &str) -> ImageReady {
    let tag = deploy_tag(&key.base(), deployment);
    ImageReady {
        image: ImageRef::parse(&format!("{tag}@{id}")).unwrap(),
        size_bytes: 1_000,
        layers: vec!["sha256:base".to_owned()],
    }
}

fn sync_context(host: &mut Host, sync: &SyncContext, body: &Body) -> ContextSynced {
    let mut files = match &sync.base {
        Some(base) => match host.contexts.get(base) {
            Some(files) => files.clone(),
            None => {
                return ContextSynced {
                    need_full: true,
                    missing: vec![],
                };
            }
        },
        None => BTreeMap::new(),
    };
    for path in &sync.removals {
        files.remove(path);
    }
    for file in &sync.upserts {
        files.insert(file.path.clone(), file.clone());
    }
    let body = text(body);
    if !body.is_empty() {
        let contents: BTreeMap<String, String> = serde_json::from_str(&body).unwrap();
        host.contents.extend(contents);
    }
    let missing = files
        .values()
        .filter_map(|file| match &file.kind {
            ContextFileKind::File { hash, .. } => Some(hash.clone()),
            _ => None,
        })
        .filter(|hash| !host.contents.contains_key(hash))
        .collect();
    let all: Vec<ContextFile> = files.values().cloned().collect();
    assert_eq!(
        manifest_hash(&all),
        sync.manifest,
        "the difference is wrong"
    );
    host.contexts.insert(sync.manifest.clone(), files);
    ContextSynced {
        need_full: false,
        missing,
    }
}

fn run(host: &mut Host, deploy: &Deploy, body: &Body) -> PortResult<Deployed> {
    let id = deploy.deployment_id;
    if let Some(ran) = host.deployments.get(&id).filter(|ran| !ran.reverted) {
        return match (&ran.answer, &ran.failure) {
            (Some(answer), _) => Ok(answer.clone()),
            (None, Some(failure)) => Err(failure.clone().into()),
            (None, None) => Err(PortError::new("interrupted", "It was interrupted.")),
        };
    }
    let mut ran = Ran {
        deploy: deploy.clone(),
        secrets: text(body),
        answer: None,
        failure: None,
        reverted: false,
    };
    let refusal = match host.images.get(deploy.image.digest()) {
        None => Some(PortError::new("image_missing", "The image is not here.")),
        Some(true) => Some(
            PortError::new("unhealthy", "It never became healthy.")
                .evidence("GET / answered 500")
                .next_step("Look at the log."),
        ),
        Some(false) => None,
    };
    if let Some(error) = refusal {
        ran.failure = Some((*error.0).clone());
        host.deployments.insert(id, ran);
        return Err(error);
    }
    if deploy.run_release_command {
        host.release_commands += 1;
    }
    let deployed = Deployed {
        phase: if deploy.hold {
            Phase::Healthy
        } else {
            Phase::Finished
        },
        container_id: "c".to_owned(),
        switch_us: 20,
        reused_warm: false,
        previous: None,
    };
    ran.answer = Some(deployed.clone());
    host.deployments.insert(id, ran);
    if !deploy.hold {
        host.serving.entry(deploy.key.base()).or_default().push(id);
    }
    Ok(deployed)
}

/// A terminal that shows what is typed, until its end is typed.
struct Echo(tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>);
struct Typed(tokio::sync::mpsc::UnboundedSender<Vec<u8>>);

#[async_trait]
impl Screen for Echo {
    async fn next(&mut self) -> PortResult<Shown> {
        match self.0.recv().await {
            Some(bytes) if bytes == b"exit" => Ok(Shown::Ended(Some(3))),
            Some(bytes) => Ok(Shown::Bytes(bytes)),
            None => Err(PortError::new("ssh_cut", "It was cut.")),
        }
    }
}

#[async_trait]
impl Keyboard for Typed {
    async fn write(&self, bytes: &[u8]) {
        let _ = self.0.send(bytes.to_vec());
    }
    fn resize(&self, _: ScreenSize) {}
}
