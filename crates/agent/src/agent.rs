//! What all rooms share.

use crate::{
    context::ContextStore,
    disk,
    docker::Engine,
    error::{AgentError, Result},
    health::Watched,
    lock::Locks,
    nat::Nat,
    record::Records,
    secrets::Secrets,
    settings::Settings,
    transaction::Runs,
};
use plimsoll_protocol::ServiceKey;
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The agent of this server.
#[derive(Debug)]
pub struct Agent {
    /// Paths and patience.
    pub settings: Settings,
    /// Docker.
    pub engine: Engine,
    /// What is known about the services.
    pub records: Records,
    /// Their secrets.
    pub secrets: Secrets,
    /// Build contexts.
    pub contexts: ContextStore,
    /// One deployment of a service at a time.
    pub locks: Locks,
    /// Who answers at the virtual addresses.
    pub nat: Nat,
    /// Deployments at work.
    pub runs: Runs,
    /// How the services are.
    pub watched: Watched,
    /// One change of nginx at a time.
    pub edge: tokio::sync::Mutex<crate::edge::Edge>,
    /// Whether what was cut off before the start is finished or taken back.
    pub recovered: tokio::sync::watch::Sender<bool>,
    /// BLAKE3 of this binary.
    pub binary_hash: String,
    /// The copy of this binary that containers with secrets begin with.
    pub shim: PathBuf,
    building: Mutex<HashMap<ServiceKey, Arc<tokio::sync::Mutex<()>>>>,
}

impl Agent {
    /// Reads what is on disk and makes what is missing.
    pub fn new(settings: Settings) -> Result<Self> {
        // What a crash left there would fill the disk: images are as large as they are.
        disk::remove_folder(&settings.scratch())?;
        for folder in [
            &settings.state,
            &settings.deployments(),
            &settings.scratch(),
        ] {
            disk::folder(folder, 0o700)?;
        }
        disk::folder(&settings.run, 0o755)?;
        let secrets = Secrets::new(&settings);
        secrets.prepare()?;
        let (binary_hash, shim) = shim_copy(&settings)?;
        Ok(Self {
            engine: Engine::new(&settings.docker),
            records: Records::load(settings.services())?,
            contexts: ContextStore::new(&settings),
            locks: Locks::default(),
            nat: Nat::default(),
            runs: Runs::default(),
            watched: Watched::default(),
            edge: tokio::sync::Mutex::default(),
            recovered: tokio::sync::watch::Sender::new(false),
            building: Mutex::default(),
            binary_hash,
            shim,
            secrets,
            settings,
        })
    }

    /// The lock of a service's build context.
    pub fn building(&self, key: &ServiceKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(key.clone()).or_default())
    }
}

/// Hash of the running binary.
pub fn binary_hash() -> Result<String> {
    let path = PathBuf::from("/proc/self/exe");
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(&path).map_err(AgentError::file("read", &path))?;
    std::io::copy(&mut file, &mut hasher).map_err(AgentError::file("read", &path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Keeps a copy of this binary under its hash: containers mount it, and an upgrade must not change
/// what a container that restarts begins with.
fn shim_copy(settings: &Settings) -> Result<(String, PathBuf)> {
    let hash = binary_hash()?;
    let folder = settings.state.join("shim");
    disk::folder(&folder, 0o755)?;
    let path = folder.join(&hash[..16]);
    if !path.exists() {
        disk::copy_whole(Path::new("/proc/self/exe"), &path, 0o755)?;
    }
    Ok((hash, path))
}
