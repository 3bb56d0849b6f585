//! A Docker engine of the lab's own, for a bare Linux machine as root: containerd and dockerd with
//! their own data, sockets, control group and network namespace.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::Docker;
use serde_json::json;

use super::disk::Disk;
use super::given;
use super::namespace::Namespace;
use crate::command::{Program, Signal, process_runs, signal};
use crate::error::{AtPath, LabError};
use crate::folder::StateFolder;
use crate::host::Host;
use crate::instance::Instance;
use crate::network::Block;

/// How long the engine may take until it answers.
const UP: Duration = Duration::from_secs(60);
/// How long it may take to end; it stops its containers first.
const DOWN: Duration = Duration::from_secs(60);
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// Whether this machine can carry an own engine at all.
#[cfg(target_os = "linux")]
pub(super) fn possible() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether this machine can carry an own engine at all.
#[cfg(not(target_os = "linux"))]
pub(super) fn possible() -> bool {
    false
}

/// Lets one lab of this machine at a time choose its addresses, until what it returns is dropped:
/// two that start at once would choose the same. An engine that was given refuses the second.
pub(super) async fn turn() -> Result<Option<std::fs::File>, LabError> {
    if !possible() {
        return Ok(None);
    }
    // A lock on the folder itself leaves no file behind.
    let folder = Path::new("/run");
    let file = std::fs::File::open(folder).at("open", folder)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    match locked {
        Ok(Ok(file)) => Ok(Some(file)),
        Ok(Err(source)) => Err(LabError::File {
            doing: "lock",
            path: folder.into(),
            source,
        }),
        Err(error) => Err(LabError::State {
            path: folder.into(),
            cause: error.to_string(),
        }),
    }
}

/// The files and processes of an own engine.
#[derive(Debug, Clone)]
pub(super) struct OwnEngine {
    /// Logs and the disk, kept from one start to the next.
    folder: PathBuf,
    /// Images, containers and volumes.
    disk: Disk,
    /// Sockets and process ids. Not in the state folder: a socket's path may have 107 bytes.
    runtime: PathBuf,
    control_group: String,
    namespace: Namespace,
    block: Block,
}

impl OwnEngine {
    pub(super) fn new(folder: &StateFolder, instance: &Instance, block: Block) -> Self {
        let runtime = Path::new("/run/plimsoll-practice").join(instance.id());
        let namespace = Namespace::new(&runtime, instance, block);
        let control_group = format!("plimsoll-{}", instance.id());
        Self {
            disk: Disk::new(&folder.engine()),
            folder: folder.engine(),
            runtime,
            control_group,
            namespace,
            block,
        }
    }

    /// The engine's address, as `DOCKER_HOST` is written.
    pub(super) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.runtime.join("docker.sock")
    }

    /// Starts the engine, or takes over the one that a lost process of this lab left running.
    pub(super) async fn up(&self, host: &Host) -> Result<Docker, LabError> {
        if !possible() {
            return Err(LabError::NoEngine {
                tried: "an engine of the practice cloud's own needs Linux and root".into(),
            });
        }
        for folder in [&self.folder, &self.runtime] {
            std::fs::create_dir_all(folder).at("make", folder)?;
        }
        self.namespace.up().await?;
        if let Ok(docker) = given::answer(&self.endpoint()).await {
            return Ok(docker);
        }
        // Neither runs, or one of the two is useless without the other.
        self.end_processes().await?;
        self.disk.up().await?;
        self.start_containerd().await?;
        self.start_dockerd(host)?;
        let deadline = Instant::now() + UP;
        loop {
            match given::answer(&self.endpoint()).await {
                Ok(docker) => return Ok(docker),
                Err(_) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => {
                    return Err(LabError::Network {
                        doing: "start the practice cloud's Docker engine".into(),
                        cause: format!("{error}; {}", self.last_words()),
                    });
                }
            }
        }
    }

    /// containerd is started beside dockerd and not by it, because dockerd would share one that
    /// runs on the host already.
    async fn start_containerd(&self) -> Result<(), LabError> {
        let config = self.runtime.join("containerd.toml");
        let socket = self.runtime.join("containerd.sock");
        std::fs::write(
            &config,
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
        )
        .at("write", &config)?;
        let pid = self
            .namespace
            .program("containerd")
            .arg("--config")
            .arg(&config)
            .arg("--root")
            .arg(self.disk.path().join("containerd"))
            .arg("--state")
            .arg(self.runtime.join("containerd"))
            .arg("--address")
            .arg(&socket)
            .args(["--log-level", "warn"])
            .detach("start containerd", self.log("containerd")?)?;
        let file = self.runtime.join("containerd.pid");
        std::fs::write(&file, pid.to_string()).at("write", &file)?;
        let deadline = Instant::now() + UP;
        while !socket.exists() {
            if Instant::now() > deadline || !process_runs(pid) {
                return Err(LabError::Network {
                    doing: "start containerd for the practice cloud's Docker engine".into(),
                    cause: self.last_words(),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn start_dockerd(&self, host: &Host) -> Result<(), LabError> {
        let config = self.runtime.join("dockerd.json");
        // A file of our own, so that the host's /etc/docker/daemon.json has no say.
        let settings = json!({
            "hosts": [self.endpoint()],
            "containerd": self.runtime.join("containerd.sock"),
            "data-root": self.disk.path().join("docker"),
            "exec-root": self.runtime.join("docker"),
            "pidfile": self.runtime.join("dockerd.pid"),
            "bip": self.block.default_bridge(),
            "default-address-pools": [self.pool()],
            "dns": host.resolvers,
            // Without systemd around it there is only the plain driver, with control groups of
            // both versions.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": self.control_group,
            "log-level": "warn",
        });
        std::fs::write(&config, settings.to_string()).at("write", &config)?;
        self.namespace
            .program("dockerd")
            .arg("--config-file")
            .arg(&config)
            .detach("start dockerd", self.log("dockerd")?)?;
        Ok(())
    }

    fn pool(&self) -> serde_json::Value {
        let (base, size) = self.block.pool();
        json!({"base": base, "size": size})
    }

    /// Whether the engine's data lie on a disk of their own, which may be filled.
    pub(super) fn has_disk(&self) -> bool {
        self.disk.is_mounted()
    }

    /// See [`Namespace::guard`].
    pub(super) async fn guard(&self, host: &Host) -> Result<(), LabError> {
        self.namespace.guard(host).await
    }

    /// Ends the engine and takes down its network; safe to call twice.
    pub(super) async fn down(&self) -> Result<(), LabError> {
        self.end_processes().await?;
        self.namespace.down().await?;
        for mount in mounts_below(self.disk.path()) {
            Program::new("umount", "mount")
                .arg("-l")
                .arg(&mount)
                .succeeds()
                .await;
        }
        self.disk.down().await?;
        remove_control_groups(Path::new(CONTROL_GROUPS), &self.control_group);
        let _ = std::fs::remove_dir_all(&self.runtime);
        // The parent is shared with other labs and goes with the last one.
        if let Some(parent) = self.runtime.parent() {
            let _ = std::fs::remove_dir(parent);
        }
        Ok(())
    }

    /// The same after a failed start, whose error matters more than this one's.
    pub(super) async fn take_down_after(&self, failure: &LabError) {
        if let Err(error) = self.down().await {
            tracing::warn!(%error, %failure, "could not take down the engine that did not start");
        }
    }

    /// Ends the engine and removes its data.
    pub(super) async fn wipe(&self) -> Result<(), LabError> {
        self.down().await?;
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).at("remove", &self.folder)?;
        }
        Ok(())
    }

    async fn end_processes(&self) -> Result<(), LabError> {
        for name in ["dockerd", "containerd"] {
            let file = self.runtime.join(format!("{name}.pid"));
            let pid = std::fs::read_to_string(&file)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            if let Some(pid) = pid {
                self.end(name, pid).await?;
            }
            let _ = std::fs::remove_file(&file);
        }
        Ok(())
    }

    /// Ends one process if it is really ours: process ids are used again.
    async fn end(&self, name: &str, pid: u32) -> Result<(), LabError> {
        if !self.is_ours(pid) {
            return Ok(());
        }
        signal(pid, Signal::End);
        let deadline = Instant::now() + DOWN;
        while self.is_ours(pid) {
            if Instant::now() > deadline {
                tracing::warn!(name, pid, "did not end in time");
                signal(pid, Signal::Kill);
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn is_ours(&self, pid: u32) -> bool {
        let Ok(arguments) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
            return false;
        };
        let ours = self.runtime.as_os_str().as_encoded_bytes();
        arguments.windows(ours.len()).any(|window| window == ours)
    }

    fn log(&self, name: &str) -> Result<std::fs::File, LabError> {
        let path = self.folder.join(format!("{name}.log"));
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .at("write", path)
    }

    /// The ends of both logs, for an error.
    fn last_words(&self) -> String {
        let last = |name: &str| {
            let path = self.folder.join(format!("{name}.log"));
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let line = text
                .lines()
                .rev()
                .find(|line| !line.is_empty())
                .unwrap_or("nothing");
            format!("{name} last said: {line}")
        };
        format!("{}; {}", last("containerd"), last("dockerd"))
    }
}

/// Mount points below a folder, the deepest first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut mounts: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|path| PathBuf::from(path.replace("\\040", " ")))
        .filter(|path| path.starts_with(folder) && path != folder)
        .collect();
    mounts.sort();
    mounts.reverse();
    mounts
}

/// Removes the control groups that containers left, under each controller of version 1 or the one
/// tree of version 2. A control group's folder is removed when it is empty of others.
fn remove_control_groups(root: &Path, name: &str) {
    let mut trees = vec![root.join(name)];
    if let Ok(entries) = std::fs::read_dir(root) {
        trees.extend(entries.flatten().map(|entry| entry.path().join(name)));
    }
    for tree in trees {
        remove_folders(&tree);
    }
}

fn remove_folders(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        remove_folders(&entry.path());
    }
    let _ = std::fs::remove_dir(folder);
}
