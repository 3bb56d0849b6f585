//! What the agent knows about each service: one file a service, written whole. It is the truth
//! about who serves; routes and sites follow from it.

use crate::{
    disk,
    error::{AgentError, Result},
};
use plimsoll_domain::{DeploymentId, Timestamp, image::ImageRef, service::ServiceSpec};
use plimsoll_protocol::ServiceKey;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The first virtual address. 198.18.0.1 is this server's own, as the sender.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([198, 18, 0, 2]);
/// The last one of 198.18.0.0/15, which RFC 2544 sets aside for benchmarks: nothing on the
/// internet has such an address.
const LAST_ADDRESS: u32 = u32::from_be_bytes([198, 19, 255, 254]);

/// A key as text that no other key shares: names have no dots.
pub fn file_stem(key: &ServiceKey) -> String {
    format!("{}.{}.{}", key.project, key.environment, key.service)
}

/// A service on this server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// Which one.
    pub key: ServiceKey,
    /// Its virtual address; nginx and its neighbours reach it there, whoever serves.
    pub address: Ipv4Addr,
    /// Who serves.
    #[serde(default)]
    pub serving: Option<Running>,
    /// Who served before and has not ended yet, latest first.
    #[serde(default)]
    pub retiring: Vec<Retiring>,
    /// Its names, when it has a site.
    #[serde(default)]
    pub site: Option<Site>,
    /// Deployments whose images are kept, newest first.
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// Restarts since the deployment that serves.
    #[serde(default)]
    pub restarts: u32,
}

/// A container of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The deployment it serves.
    pub deployment_id: DeploymentId,
    /// The deployment it was started for: names its secrets. Another one when it was taken again
    /// while it was warm.
    pub started_for: DeploymentId,
    /// The container.
    pub container_id: String,
    /// Its image.
    pub image: ImageRef,
    /// How it runs.
    pub spec: ServiceSpec,
    /// Equal for deployments that would start the same container.
    pub fingerprint: String,
    /// Since when it serves.
    pub since: Timestamp,
    /// Names of its secrets.
    #[serde(default)]
    pub secret_names: Vec<String>,
}

/// A container that served before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retiring {
    /// The container.
    #[serde(flatten)]
    pub running: Running,
    /// It may take over again until then; afterwards it ends.
    pub warm_until: Timestamp,
    /// Its connections may finish until then.
    pub drain_until: Timestamp,
    /// It was stopped already, because it serves no connections, and can be started again.
    #[serde(default)]
    pub stopped: bool,
    /// Its deployment was taken back: nobody returns to it.
    #[serde(default)]
    pub undone: bool,
}

/// Names and certificate of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Names.
    pub hosts: Vec<String>,
    /// Whether it has a certificate; its files are named after the service.
    pub tls: bool,
    /// BLAKE3 of chain and key, so that a change is noticed.
    #[serde(default)]
    pub tls_hash: String,
}

/// A deployment that can be rolled back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Which one.
    pub deployment_id: DeploymentId,
    /// Its image.
    pub image: ImageRef,
}

/// All records, in memory and on disk.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
    services: Mutex<BTreeMap<String, ServiceRecord>>,
}

impl Records {
    /// Reads the records; a damaged one is an error, because to forget a service silently would
    /// cut it off.
    pub fn load(folder: PathBuf) -> Result<Self> {
        disk::folder(&folder, 0o700)?;
        let mut services = BTreeMap::new();
        let entries = fs::read_dir(&folder).map_err(AgentError::file("read", &folder))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read(&path).map_err(AgentError::file("read", &path))?;
            let record: ServiceRecord = serde_json::from_slice(&text)
                .map_err(|why| AgentError::file("understand", &path)(std::io::Error::other(why)))?;
            services.insert(file_stem(&record.key), record);
        }
        Ok(Self {
            folder,
            services: Mutex::new(services),
        })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, ServiceRecord>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All records.
    pub fn all(&self) -> Vec<ServiceRecord> {
        self.locked().values().cloned().collect()
    }

    /// One record.
    pub fn get(&self, key: &ServiceKey) -> Option<ServiceRecord> {
        self.locked().get(&file_stem(key)).cloned()
    }

    /// The record of a service, made with a free virtual address when there is none.
    ///
    /// Fails when another service's containers would have the same names, and when all addresses
    /// are taken.
    pub fn ensure(&self, key: &ServiceKey) -> Result<ServiceRecord> {
        let mut services = self.locked();
        if let Some(record) = services.get(&file_stem(key)) {
            return Ok(record.clone());
        }
        if let Some(other) = services
            .values()
            .find(|other| other.key.base() == key.base())
        {
            return Err(AgentError::refused(
                "name_collision",
                format!(
                    "“{}” of {}/{} would share its container and volume names with “{}” of {}/{}",
                    key.service,
                    key.project,
                    key.environment,
                    other.key.service,
                    other.key.project,
                    other.key.environment
                ),
                "Rename one of the two services, or put one of them on another server.",
            ));
        }
        let taken: Vec<u32> = services
            .values()
            .map(|record| u32::from(record.address))
            .collect();
        let free = (FIRST_ADDRESS..=LAST_ADDRESS).find(|address| !taken.contains(address));
        let Some(free) = free else {
            return Err(AgentError::refused(
                "addresses_exhausted",
                "every address of 198.18.0.0/15 is taken by a service",
                "Remove services from this server.",
            ));
        };
        let record = ServiceRecord {
            key: key.clone(),
            address: Ipv4Addr::from(free),
            serving: None,
            retiring: Vec::new(),
            site: None,
            kept: Vec::new(),
            restarts: 0,
        };
        self.write(&record)?;
        services.insert(file_stem(key), record.clone());
        Ok(record)
    }

    /// Changes a record, on disk first. Nothing happens when there is none.
    pub fn update(
        &self,
        key: &ServiceKey,
        change: impl FnOnce(&mut ServiceRecord),
    ) -> Result<Option<ServiceRecord>> {
        let mut services = self.locked();
        let Some(record) = services.get(&file_stem(key)) else {
            return Ok(None);
        };
        let mut changed = record.clone();
        change(&mut changed);
        if changed != *record {
            self.write(&changed)?;
            services.insert(file_stem(key), changed.clone());
        }
        Ok(Some(changed))
    }

    /// Forgets a service.
    pub fn remove(&self, key: &ServiceKey) -> Result<()> {
        let mut services = self.locked();
        let path = self.path(key);
        disk::remove_file(&path)?;
        disk::sync_parent(&path)?;
        services.remove(&file_stem(key));
        Ok(())
    }

    fn path(&self, key: &ServiceKey) -> PathBuf {
        self.folder.join(file_stem(key) + ".json")
    }

    fn write(&self, record: &ServiceRecord) -> Result<()> {
        let text = serde_json::to_vec_pretty(record).unwrap_or_default();
        disk::write_whole(&self.path(&record.key), 0o600, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::name::Name;

    fn key(project: &str, environment: &str, service: &str) -> ServiceKey {
        let name = |text| Name::parse(text).unwrap();
        ServiceKey {
            project: name(project),
            environment: name(environment),
            service: name(service),
        }
    }

    #[test]
    fn an_address_is_kept_and_never_shared() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::load(folder.path().to_owned()).unwrap();
        let web = records.ensure(&key("shop", "production", "web")).unwrap();
        let api = records.ensure(&key("shop", "production", "api")).unwrap();
        assert_ne!(web.address, api.address);
        let again = Records::load(folder.path().to_owned()).unwrap();
        assert_eq!(again.ensure(&web.key).unwrap(), web);
        again.remove(&web.key).unwrap();
        assert_eq!(
            again
                .ensure(&key("shop", "staging", "web"))
                .unwrap()
                .address,
            web.address
        );
    }

    #[test]
    fn two_services_whose_containers_would_share_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::load(folder.path().to_owned()).unwrap();
        records.ensure(&key("a-b", "c", "web")).unwrap();
        let failure = records
            .ensure(&key("a", "b-c", "web"))
            .unwrap_err()
            .failure();
        assert_eq!(failure.code, "name_collision");
    }
}
