//! Everything that Plimsoll keeps on this machine: where it is, how to take all of it along.

use crate::{
    Engine, Result, error::EngineError, keys::key_entry, ports::token_entry,
    projects::source_token_entry, seal::DATA_KEY_ENTRY, servers::one_time_entry,
};
use plimsoll_domain::{
    Secret,
    job::{Job, JobStatus},
    project::Service,
    server::{ProviderAccount, Server, SshKey},
};
use plimsoll_store::{Backup, JobFilter, Page};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The keychain's entry that is written and deleted to see whether that is possible.
const TRIAL_ENTRY: &str = "trial";

/// The store and what the keychain holds for it. Whoever has both has everything.
#[derive(Debug)]
pub struct Everything {
    /// A copy of the database, proved to be sound. It belongs to the backups.
    pub database: PathBuf,
    /// The keychain's entries by name.
    pub entries: BTreeMap<String, Secret>,
}

/// Where everything is kept, and how much room it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// The folder.
    pub folder: PathBuf,
    /// The folder in it that holds the files of saved versions, which no export has.
    pub versions: PathBuf,
    /// Bytes of everything in it.
    pub bytes: u64,
    /// Backups of the database, newest first.
    pub backups: Vec<Backup>,
}

impl Engine {
    /// Whether the keychain can be used now.
    ///
    /// # Errors
    /// What the keychain says: it is locked or missing, or its passphrase is not known.
    pub async fn check_keychain(&self) -> Result<()> {
        let world = &self.world;
        let accounts = world.store.all::<ProviderAccount>().await?;
        let keys = world.store.all::<SshKey>().await?;
        let kept = [
            Some(DATA_KEY_ENTRY.to_owned()),
            accounts.first().map(|account| token_entry(account.id)),
            keys.first().map(|key| key_entry(key.id)),
        ];
        // A locked keychain still answers for what it never had, so what it has is asked for.
        for name in kept.into_iter().flatten() {
            if world.ports.keychain.get(&name).await?.is_some() {
                return Ok(());
            }
        }
        // It has nothing of ours, so only a write tells.
        let trial = Secret::new("Plimsoll looked whether it may write here.");
        world.ports.keychain.set(TRIAL_ENTRY, &trial).await?;
        world.ports.keychain.delete(TRIAL_ENTRY).await?;
        Ok(())
    }

    /// Lets the next secret begin with a new data key, when the keychain in use has none. What was
    /// sealed before opens again only with the keychain that it was sealed with.
    pub async fn begin_new_data_key(&self) -> Result<()> {
        let world = &self.world;
        if world.ports.keychain.get(DATA_KEY_ENTRY).await?.is_some() {
            return Ok(());
        }
        let mut write = world.store.write().await?;
        write
            .forget_setting(crate::seal::FINGERPRINT_SETTING)
            .await?;
        let details = json!({"reason": "another keychain is in use"});
        world
            .auditor
            .record(&mut write, "data_key.renew", "data-key", details)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Where everything is kept.
    pub async fn whereabouts(&self) -> Result<Whereabouts> {
        let folder = self.world.store.folder().to_owned();
        let counted = folder.clone();
        let bytes = tokio::task::spawn_blocking(move || weigh(&counted)).await;
        Ok(Whereabouts {
            versions: folder.join(crate::versions::FOLDER),
            folder,
            bytes: bytes.unwrap_or(0),
            backups: self.world.store.backups()?,
        })
    }

    /// Everything, to be taken along: a sound copy of the database and the keychain's entries.
    pub async fn everything(&self) -> Result<Everything> {
        let world = &self.world;
        let mut names = vec![DATA_KEY_ENTRY.to_owned()];
        let accounts = world.store.all::<ProviderAccount>().await?;
        names.extend(accounts.iter().map(|account| token_entry(account.id)));
        let keys = world.store.all::<SshKey>().await?;
        names.extend(keys.iter().map(|key| key_entry(key.id)));
        let services = world.store.all::<Service>().await?;
        names.extend(
            services
                .iter()
                .map(|service| source_token_entry(service.id)),
        );
        let servers = world.store.all::<Server>().await?;
        names.extend(servers.iter().map(|server| one_time_entry(server.id)));
        let mut entries = BTreeMap::new();
        for name in names {
            if let Some(secret) = world.ports.keychain.get(&name).await? {
                world.redactor.learn(&secret);
                entries.insert(name, secret);
            }
        }
        world
            .auditor
            .record_before(
                &world.store,
                "data.export",
                "everything",
                json!({"keychain_entries": entries.len()}),
            )
            .await?;
        let database = world.store.back_up().await?;
        Ok(Everything { database, entries })
    }

    /// Puts entries into the keychain, the data key last: until then the present store opens
    /// everything that it has sealed.
    pub async fn put_entries(&self, entries: &BTreeMap<String, Secret>) -> Result<()> {
        let keychain = &self.world.ports.keychain;
        let is_data_key = |name: &str| name == DATA_KEY_ENTRY;
        for (name, secret) in entries.iter().filter(|(name, _)| !is_data_key(name)) {
            keychain.set(name, secret).await?;
        }
        if let Some(key) = entries.get(DATA_KEY_ENTRY) {
            keychain.set(DATA_KEY_ENTRY, key).await?;
        }
        Ok(())
    }

    /// Refuses while a job runs: what it does to a server would be forgotten.
    pub async fn refuse_while_running(&self) -> Result<()> {
        let running = self.running().await?;
        if running.is_empty() {
            return Ok(());
        }
        Err(EngineError::conflict(
            "jobs_running",
            "A job is running, and what it does would be forgotten.",
        )
        .evidence(running.into_iter().map(|job| job.title))
        .next_step("Wait until it has ended, or cancel it."))
    }

    /// Jobs that run now, newest first.
    pub async fn running(&self) -> Result<Vec<Job>> {
        let filter = JobFilter {
            status: Some(JobStatus::Running),
            ..JobFilter::default()
        };
        Ok(self.jobs(&filter, &Page::first(100)).await?.items)
    }

    /// Whether [`Engine::shut`] was called: then every call fails.
    pub fn is_shut(&self) -> bool {
        self.world.store.is_closed()
    }

    /// Ends in order and lets go of the store: what is asked afterwards fails.
    pub async fn shut(&self) -> Result<()> {
        if self.is_shut() {
            return Ok(());
        }
        let closed = self.close().await;
        self.world.store.close().await;
        closed
    }
}

/// Bytes of all files in a folder. What goes away meanwhile counts as nothing; links are not
/// followed.
fn weigh(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .filter_map(|entry| entry.ok())
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => weigh(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
