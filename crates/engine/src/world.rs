//! What every use case and every step works with.

use crate::{
    audit::Auditor,
    error::{EngineError, Result},
    ports::*,
    redact::Redactor,
    seal::{Place, Sealer},
};
use plimsoll_domain::{
    EnvironmentId, Secret, ServiceId, Timestamp,
    id::Entropy,
    release::{SealedVariable, VariableValue},
    server::{Provider, ProviderAccount, Server, ServerState, SshTarget},
};
use plimsoll_protocol::Request;
use plimsoll_store::Store;
use serde::de::DeserializeOwned;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::OnceCell;

/// The outside world, one port an outside system.
#[derive(Clone)]
pub struct Ports {
    /// Time, randomness, patience.
    pub clock: Arc<dyn Clock>,
    /// The OS keychain.
    pub keychain: Arc<dyn Keychain>,
    /// Key pairs and signing requests.
    pub keys: Arc<dyn Keys>,
    /// Verifies tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Who rents us machines.
    pub compute: Arc<dyn Compute>,
    /// Who answers for names.
    pub zones: Arc<dyn Zones>,
    /// Servers over SSH.
    pub servers: Arc<dyn Servers>,
    /// The agents on them.
    pub agents: Arc<dyn Agents>,
    /// Folders and repositories.
    pub sources: Arc<dyn Sources>,
    /// This machine's Docker.
    pub local_docker: Arc<dyn LocalDocker>,
    /// What runs on it.
    pub local_runs: Arc<dyn LocalRuns>,
    /// The view from outside.
    pub outside: Arc<dyn Outside>,
    /// Folders that are watched.
    pub folders: Arc<dyn FolderWatcher>,
    /// Pages that are previewed.
    pub canvases: Arc<dyn CanvasFiles>,
}

/// What differs between two installations.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where caches and checkouts are kept.
    pub folder: PathBuf,
    /// Who we are, for locks and journals: `user@machine`.
    pub owner: String,
    /// BLAKE3 of the agent's binary that we bring, hex.
    pub agent_hash: String,
    /// How many releases' images a server keeps for rolling back.
    pub keep_releases: u32,
    /// How long servers are waited for.
    pub patience: Patience,
}

/// How long servers are waited for before a job says that they do not come, ms; and how often
/// what failed in passing is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From a machine's creation to its address.
    pub address_ms: u64,
    /// From its start until SSH answers.
    pub ssh_ms: u64,
    /// How long SSH may refuse our key or show another host key than cloud-init is about to set.
    pub settling_ms: u64,
    /// How long cloud-init may take.
    pub cloud_init_ms: u64,
    /// How long a server may stay away in the middle of a deployment.
    pub away_ms: u64,
    /// The first pause before what failed in passing is tried again; each further one doubles.
    pub backoff_ms: u64,
    /// How often it is tried again.
    pub retries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            address_ms: 300_000,
            ssh_ms: 300_000,
            settling_ms: 60_000,
            cloud_init_ms: 900_000,
            away_ms: 120_000,
            backoff_ms: plimsoll_domain::job::FIRST_BACKOFF_MS,
            retries: plimsoll_domain::job::MAX_RETRIES,
        }
    }
}

/// After this long a file that was needed for a moment is not needed any more, ms.
const SCRATCH_LIMIT_MS: i64 = 24 * 3_600_000;

/// Ports, store and keys together: what use cases and steps share.
pub(crate) struct World {
    pub ports: Ports,
    pub store: Store,
    pub settings: Settings,
    pub redactor: Arc<Redactor>,
    pub auditor: Auditor,
    pub held: crate::deploy::Held,
    pub exports: crate::deploy::Exports,
    pub canvas: crate::canvas::Preview,
    pub here: crate::runs::InThisProcess,
    pub files: OnceCell<plimsoll_store::files::Files>,
    pub unnoted: std::sync::Mutex<crate::afterwards::Unnoted>,
    /// Set once every version has a record.
    pub recorded: OnceCell<()>,
    sealer: OnceCell<Sealer>,
}

impl World {
    pub fn new(ports: Ports, store: Store, settings: Settings) -> Self {
        let redactor = Arc::new(Redactor::new());
        Self {
            auditor: Auditor::new(ports.clock.clone(), redactor.clone()),
            ports,
            store,
            settings,
            redactor,
            held: crate::deploy::Held::default(),
            exports: crate::deploy::Exports::default(),
            canvas: crate::canvas::Preview::default(),
            here: crate::runs::InThisProcess::default(),
            files: OnceCell::new(),
            recorded: OnceCell::new(),
            unnoted: std::sync::Mutex::default(),
            sealer: OnceCell::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The store of projects' files, opened when the first of them is looked at.
    pub async fn file_store(&self) -> PortResult<&plimsoll_store::files::Files> {
        let folder = self.store.folder().join(crate::versions::FOLDER);
        Ok(self
            .files
            .get_or_try_init(|| async { plimsoll_store::files::Files::open(&folder).await })
            .await?)
    }

    /// The records of versions that lie beside their files.
    pub fn records(&self) -> plimsoll_store::files::Records {
        let folder = self.store.folder().join(crate::versions::FOLDER);
        plimsoll_store::files::Records::of(&folder)
    }

    /// Milliseconds since a moment.
    pub fn waited(&self, since: Timestamp) -> u64 {
        u64::try_from(self.now().since_ms(since)).unwrap_or(0)
    }

    pub fn entropy(&self) -> Entropy {
        let mut bytes = Entropy::default();
        self.ports.clock.entropy(&mut bytes);
        bytes
    }

    /// The sealer, opened when the first secret asks for it: what needs no secret works with a
    /// locked keychain.
    pub async fn sealer(&self) -> PortResult<&Sealer> {
        self.sealer
            .get_or_try_init(|| async {
                Sealer::open(
                    &self.store,
                    self.ports.keychain.as_ref(),
                    self.ports.clock.clone(),
                )
                .await
            })
            .await
    }

    pub async fn seal(&self, place: &Place, secret: &Secret) -> PortResult<String> {
        self.redactor.learn(secret);
        self.sealer().await?.seal(place, secret)
    }

    pub async fn open_sealed(&self, place: &Place, sealed: &str) -> PortResult<Secret> {
        let secret = self.sealer().await?.open_sealed(place, sealed)?;
        self.redactor.learn(&secret);
        Ok(secret)
    }

    /// Teaches the redactor every token, so that none leaves with a line of somebody's log.
    pub async fn learn_tokens(&self) {
        let Ok(accounts) = self.store.all::<ProviderAccount>().await else {
            return;
        };
        for account in accounts {
            let entry = token_entry(account.id);
            if let Ok(Some(token)) = self.ports.keychain.get(&entry).await {
                self.redactor.learn(&token);
            }
        }
    }

    /// The plain variables, and the secret ones as a JSON object that must not be logged.
    pub async fn open_variables(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        variables: &[SealedVariable],
    ) -> PortResult<OpenVariables> {
        let mut open = OpenVariables::default();
        let mut secrets = serde_json::Map::new();
        for variable in variables {
            let name = variable.name.as_str().to_owned();
            match &variable.value {
                VariableValue::Plain(value) => open.plain.push((name, value.clone())),
                VariableValue::Sealed(sealed) => {
                    let place = Place::variable(environment, service, &variable.name);
                    let secret = self.open_sealed(&place, sealed).await?;
                    open.secret_names.push(name.clone());
                    secrets.insert(name, secret.expose().into());
                }
            }
        }
        open.secrets = (!secrets.is_empty())
            .then(|| Secret::new(serde_json::Value::Object(secrets).to_string()));
        Ok(open)
    }

    /// The account, which has to be at this provider.
    pub async fn account(
        &self,
        id: plimsoll_domain::ProviderAccountId,
        provider: Provider,
    ) -> Result<ProviderAccount> {
        let account = self.store.need::<ProviderAccount>(&id).await?;
        if account.provider != provider {
            let (wanted, has) = (words(provider), words(account.provider));
            return Err(EngineError::bad_input(
                "wrong_provider",
                format!(
                    "The account “{}” is at {has}, but this needs one at {wanted}.",
                    account.name
                ),
            )
            .next_step(format!("Name an account at {wanted}, or connect one.")));
        }
        Ok(account)
    }

    /// How SSH reaches a server that has to be there.
    pub async fn target(&self, id: plimsoll_domain::ServerId) -> PortResult<(Server, SshTarget)> {
        let server = self.store.need::<Server>(&id).await?;
        let Some(target) = server.ssh.clone() else {
            return Err(PortError::new(
                "server_without_address",
                format!("The server “{}” has no address yet.", server.name),
            )
            .next_step("Wait until it is provisioned, or destroy it."));
        };
        Ok((server, target))
    }

    /// Asks an agent and reads its answer.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        target: &SshTarget,
        request: &Request,
        body: Body,
        progress: Arc<dyn Progress>,
    ) -> PortResult<T> {
        let agents = &self.ports.agents;
        let asked = agents.ask(target, request, body.clone(), progress.clone());
        let answer = match asked.await {
            // The agent refuses words that it does not know before it does anything.
            Err(error) if error.code() == "agent_too_old" => {
                agents.ensure(target).await?;
                agents.ask(target, request, body, progress).await?
            }
            answer => answer?,
        };
        serde_json::from_value(answer).map_err(|error| {
            PortError::new(
                "agent_answer",
                format!(
                    "The agent on {} gave an answer that could not be read.",
                    target.host
                ),
            )
            .evidence(error.to_string())
            .next_step("Upgrade the agent: prepare the server again.")
        })
    }

    /// Removes what processes left that were killed: no job lasts as long as that.
    pub async fn sweep(&self) {
        let folder = self.settings.folder.join("scratch");
        let Ok(mut entries) = tokio::fs::read_dir(&folder).await else {
            return;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let Ok(modified) = entry.metadata().await.and_then(|found| found.modified()) else {
                continue;
            };
            let since = modified
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_millis() as i64);
            if self.now().as_millis().saturating_sub(since) > SCRATCH_LIMIT_MS {
                let _ = tokio::fs::remove_file(entry.path()).await;
            }
        }
    }

    /// A file in the folder of caches that nobody else uses.
    pub async fn scratch(&self, suffix: &str) -> PortResult<Scratch> {
        let folder = self.settings.folder.join("scratch");
        make_folder(&folder).await?;
        let name: String = self.entropy().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Scratch(folder.join(format!("{name}.{suffix}"))))
    }
}

/// Makes a folder and those above it.
pub(crate) async fn make_folder(folder: &std::path::Path) -> PortResult<()> {
    tokio::fs::create_dir_all(folder).await.map_err(|error| {
        PortError::new(
            "folder_unusable",
            format!("The folder {} could not be made.", folder.display()),
        )
        .evidence(error.to_string())
        .next_step("Make the folder writable, or free some space.")
    })
}

/// Variables as a container gets them.
#[derive(Default)]
pub(crate) struct OpenVariables {
    pub plain: Vec<(String, String)>,
    pub secret_names: Vec<String>,
    pub secrets: Option<Secret>,
}

/// A file that is removed when it is no longer needed.
pub(crate) struct Scratch(pub PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A server that can be worked on has to be ready.
pub(crate) fn ready(server: &Server) -> Result<()> {
    match server.state {
        ServerState::Ready => Ok(()),
        ServerState::Provisioning => Err(EngineError::conflict(
            "server_not_ready",
            format!("The server “{}” is still being provisioned.", server.name),
        )
        .next_step("Wait for its job, or resume it.")),
        ServerState::Off => Err(EngineError::conflict(
            "server_off",
            format!("The server “{}” is switched off.", server.name),
        )
        .next_step("Switch it on first.")),
        ServerState::Destroyed => Err(EngineError::not_found(
            "server_destroyed",
            format!("The server “{}” was destroyed.", server.name),
        )
        .next_step("Give the environment another server.")),
    }
}

pub(crate) fn words(provider: Provider) -> &'static str {
    match provider {
        Provider::Digitalocean => "DigitalOcean",
        Provider::Cloudflare => "Cloudflare",
    }
}
