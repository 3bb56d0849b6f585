//! What the agent asks of its Docker engine, over the engine's socket.

use crate::error::{AgentError, Result};
use bollard::{
    Docker,
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
    models::{ContainerCreateBody, ContainerInspectResponse, NetworkCreateRequest, RestartPolicy},
    query_parameters as query,
};
use futures::StreamExt;
use plimsoll_domain::service::RestartPolicy as Policy;
use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

/// Label of everything that the agent makes.
pub const LABEL_MANAGED: &str = "plimsoll.managed";
/// Label with the service's key: `project.environment.service`.
pub const LABEL_SERVICE: &str = "plimsoll.service";
/// Label with the deployment that a container was started for.
pub const LABEL_DEPLOYMENT: &str = "plimsoll.deployment";
/// Longest wait for one answer of the engine, s.
const TIMEOUT_S: u64 = 600;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    client: OnceLock<Docker>,
}

/// How a container is, now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// It runs.
    pub running: bool,
    /// Docker is about to start it again.
    pub restarting: bool,
    /// It was killed for its memory.
    pub oom_killed: bool,
    /// How it ended.
    pub exit_code: i64,
    /// Process id on the server; 0 when it does not run.
    pub pid: i64,
    /// Its address on its network.
    pub address: Option<Ipv4Addr>,
    /// Docker's own restarts of it.
    pub restarts: u32,
    /// Its log on disk.
    pub log_path: Option<PathBuf>,
    /// Its hosts file on disk.
    pub hosts_path: Option<PathBuf>,
    /// When it started last, RFC 3339.
    pub started_at: String,
}

/// What a running container uses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Use {
    /// Memory without what the kernel can drop, bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time since it started, µs.
    pub processor_us: Option<u64>,
}

/// What matters of an image.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its size, bytes.
    pub size_bytes: u64,
    /// Layers by diff id, base first.
    pub layers: Vec<String>,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub command: Vec<String>,
    /// Its user.
    pub user: String,
}

impl Engine {
    /// The engine behind a socket; connected when first used.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            client: OnceLock::new(),
        }
    }

    /// The client.
    pub fn client(&self) -> Result<&Docker> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let path = self.socket.to_string_lossy();
        let client = Docker::connect_with_unix(&path, TIMEOUT_S, bollard::API_DEFAULT_VERSION)
            .map_err(AgentError::docker("be reached"))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The engine's version; empty when it does not answer.
    pub async fn version(&self) -> String {
        match self.client() {
            Ok(client) => client
                .version()
                .await
                .ok()
                .and_then(|facts| facts.version)
                .unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Whether the engine answers.
    pub async fn answers(&self) -> bool {
        match self.client() {
            Ok(client) => client.ping().await.is_ok(),
            Err(_) => false,
        }
    }

    /// An image by id or name; `None` when it is not here.
    pub async fn image(&self, name: &str) -> Result<Option<Image>> {
        let inspected = self.client()?.inspect_image(name).await;
        let facts = match inspected.map_err(AgentError::docker(format!("look at image {name}"))) {
            Ok(facts) => facts,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let config = facts.config.unwrap_or_default();
        Ok(Some(Image {
            id: facts.id.unwrap_or_default(),
            size_bytes: u64::try_from(facts.size.unwrap_or(0)).unwrap_or(0),
            layers: facts.root_fs.and_then(|fs| fs.layers).unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
        }))
    }

    /// Gives an image a name.
    pub async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<()> {
        let options = query::TagImageOptionsBuilder::default()
            .repo(repository)
            .tag(tag)
            .build();
        self.client()?
            .tag_image(image, Some(options))
            .await
            .map_err(AgentError::docker(format!("tag {repository}:{tag}")))
    }

    /// Removes a name of an image, and the image when it was its last.
    pub async fn untag(&self, name: &str) -> Result<()> {
        let options = query::RemoveImageOptionsBuilder::default().build();
        let removed = self.client()?.remove_image(name, Some(options), None).await;
        match removed.map_err(AgentError::docker(format!("remove the image {name}"))) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the network unless it is there.
    pub async fn ensure_network(&self, name: &str) -> Result<()> {
        let client = self.client()?;
        if client.inspect_network(name, None).await.is_ok() {
            return Ok(());
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(HashMap::from([(LABEL_MANAGED.to_owned(), "1".to_owned())])),
            ..Default::default()
        };
        match client.create_network(request).await {
            // Somebody else made it in between.
            Err(_) if client.inspect_network(name, None).await.is_ok() => Ok(()),
            made => made
                .map(drop)
                .map_err(AgentError::docker(format!("make the network {name}"))),
        }
    }

    /// Removes a network that nobody uses any more; one in use stays.
    pub async fn remove_network(&self, name: &str) -> Result<()> {
        let _ = self.client()?.remove_network(name).await;
        Ok(())
    }

    /// Makes a container; answers its id.
    pub async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<String> {
        let options = query::CreateContainerOptionsBuilder::default()
            .name(name)
            .build();
        self.client()?
            .create_container(Some(options), body)
            .await
            .map(|made| made.id)
            .map_err(AgentError::docker(format!("make the container {name}")))
    }

    /// Starts a container.
    pub async fn start(&self, id: &str) -> Result<()> {
        self.client()?
            .start_container(id, None)
            .await
            .map_err(AgentError::docker("start the container"))
    }

    /// Stops a container: SIGTERM, and SIGKILL after the grace. One that is gone is no error.
    pub async fn stop(&self, id: &str, grace_ms: u64) -> Result<()> {
        let seconds = i32::try_from(grace_ms.div_ceil(1000)).unwrap_or(i32::MAX);
        let options = query::StopContainerOptionsBuilder::default()
            .t(seconds)
            .build();
        let stopped = self.client()?.stop_container(id, Some(options)).await;
        gone_is_fine(stopped.map_err(AgentError::docker("stop the container")))
    }

    /// Restarts a container.
    pub async fn restart(&self, id: &str, grace_ms: u64) -> Result<()> {
        let seconds = i32::try_from(grace_ms.div_ceil(1000)).unwrap_or(i32::MAX);
        let options = query::RestartContainerOptionsBuilder::default()
            .t(seconds)
            .build();
        self.client()?
            .restart_container(id, Some(options))
            .await
            .map_err(AgentError::docker("restart the container"))
    }

    /// Removes a container with its anonymous volumes, running or not. One that is gone is no
    /// error.
    pub async fn remove(&self, id: &str) -> Result<()> {
        let options = query::RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let removed = self.client()?.remove_container(id, Some(options)).await;
        gone_is_fine(removed.map_err(AgentError::docker("remove the container")))
    }

    /// Removes a named volume. One that is gone is no error.
    pub async fn remove_volume(&self, name: &str) -> Result<()> {
        let options = query::RemoveVolumeOptionsBuilder::default().build();
        let removed = self.client()?.remove_volume(name, Some(options)).await;
        gone_is_fine(removed.map_err(AgentError::docker(format!("remove the volume {name}"))))
    }

    /// Sets what Docker does when a container's process ends.
    pub async fn set_restart(&self, id: &str, policy: Policy) -> Result<()> {
        let body = bollard::models::ContainerUpdateBody {
            restart_policy: Some(RestartPolicy {
                name: Some(restart_name(policy)),
                maximum_retry_count: None,
            }),
            ..Default::default()
        };
        self.client()?
            .update_container(id, body)
            .await
            .map_err(AgentError::docker("set the container's restart policy"))
    }

    /// How a container is; `None` when it is gone.
    pub async fn see(&self, id: &str) -> Result<Option<Seen>> {
        let found = self.client()?.inspect_container(id, None).await;
        match found.map_err(AgentError::docker("look at the container")) {
            Ok(facts) => Ok(Some(seen(facts))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ids and labels of all containers that carry a label.
    pub async fn labelled(&self, label: &str) -> Result<Vec<(String, HashMap<String, String>)>> {
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&HashMap::from([("label", vec![label])]))
            .build();
        let list = self.client()?.list_containers(Some(options)).await;
        let list = list.map_err(AgentError::docker("list its containers"))?;
        Ok(list
            .into_iter()
            .map(|one| (one.id.unwrap_or_default(), one.labels.unwrap_or_default()))
            .collect())
    }

    /// What of this server's files the containers with a label mount.
    pub async fn mount_sources(&self, label: &str) -> Result<HashSet<String>> {
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&HashMap::from([("label", vec![label])]))
            .build();
        let list = self.client()?.list_containers(Some(options)).await;
        let list = list.map_err(AgentError::docker("list its containers"))?;
        let mounts = list
            .into_iter()
            .flat_map(|one| one.mounts.unwrap_or_default());
        Ok(mounts.filter_map(|mount| mount.source).collect())
    }

    /// The last lines that a container wrote.
    pub async fn last_lines(&self, id: &str, lines: u32) -> Vec<String> {
        let options = query::LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&lines.to_string())
            .build();
        let Ok(client) = self.client() else {
            return Vec::new();
        };
        let mut stream = std::pin::pin!(client.logs(id, Some(options)));
        let mut text = Vec::new();
        while let Some(Ok(output)) = stream.next().await {
            text.extend(message(&output));
            if text.len() > 256 << 10 {
                break;
            }
        }
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines as usize)..]
            .iter()
            .map(|line| crate::wire::shorten(line).to_owned())
            .collect()
    }

    /// Runs a command inside a container; answers its exit status and the end of what it said.
    /// One that takes longer than `patience` is killed (`None`): Docker would let it run on, and the
    /// next ones beside it.
    pub async fn exec(
        &self,
        id: &str,
        argv: Vec<String>,
        patience: Duration,
    ) -> Result<Option<(i64, String)>> {
        let doing = || AgentError::docker("run the health command in the container");
        let client = self.client()?;
        let options = CreateExecOptions {
            cmd: Some(argv),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let made = client.create_exec(id, options).await.map_err(doing())?;
        let started = client.start_exec(&made.id, None::<StartExecOptions>).await;
        let mut said = Vec::new();
        if let StartExecResults::Attached { mut output, .. } = started.map_err(doing())? {
            let listening = async {
                while let Some(Ok(part)) = output.next().await {
                    said.extend(message(&part));
                    let excess = said.len().saturating_sub(4096);
                    said.drain(..excess);
                }
            };
            if tokio::time::timeout(patience, listening).await.is_err() {
                let facts = client.inspect_exec(&made.id).await.map_err(doing())?;
                let pid = facts.pid.and_then(|pid| i32::try_from(pid).ok());
                if let (Some(true), Some(pid @ 1..)) = (facts.running, pid) {
                    let pid = nix::unistd::Pid::from_raw(pid);
                    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
                }
                return Ok(None);
            }
        }
        let facts = client.inspect_exec(&made.id).await.map_err(doing())?;
        let said = String::from_utf8_lossy(&said).into_owned();
        Ok(Some((facts.exit_code.unwrap_or(-1), said)))
    }

    /// Reads a small file of a container, started or not; `None` when it is not there.
    pub async fn read_file(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>> {
        use std::io::Read;
        let options = query::DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let mut archive = Vec::new();
        let mut stream = std::pin::pin!(self.client()?.download_from_container(id, Some(options)));
        while let Some(part) = stream.next().await {
            match part.map_err(AgentError::docker(format!("read {path} of the container"))) {
                Ok(bytes) if archive.len() + bytes.len() <= 1 << 20 => archive.extend(bytes),
                Ok(_) => return Ok(None),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let mut content = Vec::new();
        let mut entries = tar::Archive::new(&archive[..]);
        let read = entries
            .entries()
            .and_then(|mut entries| entries.next().transpose())
            .and_then(|entry| match entry {
                Some(mut entry) => entry.read_to_end(&mut content).map(Some),
                None => Ok(None),
            });
        Ok(read.ok().flatten().map(|_| content))
    }

    /// What a running container uses; `None` when Docker does not tell.
    pub async fn usage(&self, id: &str) -> Option<Use> {
        let options = query::StatsOptionsBuilder::default()
            .stream(false)
            .one_shot(true)
            .build();
        let client = self.client().ok()?;
        let mut stream = std::pin::pin!(client.stats(id, Some(options)));
        let answer = stream.next().await?.ok()?;
        let memory = answer.memory_stats.and_then(|memory| {
            let usage = memory.usage?;
            let stats = memory.stats.unwrap_or_default();
            // The name of the same thing under cgroups v2 and v1.
            let cache = stats
                .get("inactive_file")
                .or_else(|| stats.get("total_inactive_file"));
            Some(usage.saturating_sub(cache.copied().unwrap_or(0)))
        });
        let processor_ns = answer
            .cpu_stats
            .and_then(|processor| processor.cpu_usage?.total_usage);
        Some(Use {
            memory_bytes: memory,
            processor_us: processor_ns.map(|ns| ns / 1_000),
        })
    }
}

/// Docker's name of a restart policy. What the agent stopped on purpose stays stopped.
pub fn restart_name(policy: Policy) -> bollard::models::RestartPolicyNameEnum {
    use bollard::models::RestartPolicyNameEnum as Name;
    match policy {
        Policy::Always => Name::UNLESS_STOPPED,
        Policy::OnFailure => Name::ON_FAILURE,
        Policy::Never => Name::NO,
    }
}

/// The bytes of a piece of output.
pub fn message(output: &LogOutput) -> &[u8] {
    match output {
        LogOutput::StdErr { message }
        | LogOutput::StdOut { message }
        | LogOutput::StdIn { message }
        | LogOutput::Console { message } => message,
    }
}

fn gone_is_fine(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if error.is_not_found() => Ok(()),
        // 304: it is stopped already; 409: its removal is under way.
        Err(AgentError::Docker {
            source:
                bollard::errors::Error::DockerResponseServerError {
                    status_code: 304 | 409,
                    ..
                },
            ..
        }) => Ok(()),
        done => done,
    }
}

fn seen(facts: ContainerInspectResponse) -> Seen {
    let state = facts.state.unwrap_or_default();
    let address = facts
        .network_settings
        .and_then(|settings| settings.networks)
        .into_iter()
        .flatten()
        .find_map(|(_, endpoint)| endpoint.ip_address?.parse().ok());
    Seen {
        name: facts
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        running: state.running.unwrap_or(false) && !state.restarting.unwrap_or(false),
        restarting: state.restarting.unwrap_or(false),
        oom_killed: state.oom_killed.unwrap_or(false),
        exit_code: state.exit_code.unwrap_or(0),
        pid: state.pid.unwrap_or(0),
        address,
        restarts: u32::try_from(facts.restart_count.unwrap_or(0)).unwrap_or(0),
        log_path: facts
            .log_path
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        hosts_path: facts
            .hosts_path
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        started_at: state.started_at.unwrap_or_default(),
    }
}
