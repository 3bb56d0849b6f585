//! The one place where the engine gets its outside world.

use crate::{
    agent::AgentClient,
    canvas::CanvasFolders,
    clock::SystemClock,
    cloudflare::Cloudflare,
    digitalocean::DigitalOcean,
    docker::LocalEngine,
    http::Pool,
    keychain::{LockedVault, SystemKeychain, Vault, check_passphrase, passphrase_from},
    keys::KeyMaker,
    outside::Visitor,
    sources::Folders,
    ssh::Ssh,
    tokens::CloudTokens,
    watch::Watcher,
};
use async_trait::async_trait;
use plimsoll_domain::Secret;
use plimsoll_engine::{
    Engine, Patience, Ports,
    ports::{Clock, Keychain, PortError, PortResult},
};
use plimsoll_store::{Opening, Store, StoreError};
use std::{env, ffi::OsString, path::PathBuf, sync::Arc};
use tokio::sync::OnceCell;

/// Releases whose images a server keeps for rolling back.
const KEPT_RELEASES: u32 = 5;
/// The sealed file that stands in for the system's keychain.
const VAULT: &str = "vault";

/// Asks a person for the vault's passphrase. May block.
pub type AskPassphrase = Box<dyn Fn() -> PortResult<Secret> + Send + Sync>;

/// What differs between two installations of the desktop.
#[derive(Default)]
pub struct Settings {
    /// Where everything is kept; `None` for the user's own data folder.
    pub home: Option<PathBuf>,
    /// The passphrase of the vault in the folder: somebody has chosen the vault and given it.
    pub passphrase: Option<Secret>,
    /// Asks for the passphrase of a vault that is there already, when nobody gave it. Called at
    /// most once.
    pub ask_passphrase: Option<AskPassphrase>,
    /// Goes on with what took the place of a damaged database and leaves a notice of it, instead
    /// of stopping once with the error.
    pub mend: bool,
    /// How long servers are waited for.
    pub patience: Patience,
}

/// Opens everything that Plimsoll keeps on this machine: the engine with the real world behind it.
///
/// # Errors
/// `home_unknown` when there is no place to keep things; otherwise as [`passphrase_from`] and
/// [`Store::open`].
pub async fn desktop(settings: Settings) -> plimsoll_engine::Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let home = folder_of(settings.home)?;
    let owner = format!("{}@{}", user(), machine());
    let keychain = keychain(&home, settings.passphrase, settings.ask_passphrase, &clock)?;
    let pool = Pool::new(Arc::clone(&clock));
    let ssh = Ssh::new(Arc::clone(&keychain));
    let agents = AgentClient::new(ssh.clone(), owner.clone());
    let agent_hash = match agents.binary_hash().await {
        Ok(hash) => hash,
        // Most of what people do needs no new agent; what does will say what is missing.
        Err(error) if error.code() == "agent_binary_missing" => String::new(),
        Err(error) => return Err(error.into()),
    };
    let opening = Opening {
        folder: home.clone(),
        new_device: device(clock.as_ref()),
        author: owner.clone(),
        now: {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.now())
        },
    };
    let (store, damage) = match Store::open(opening.clone()).await {
        Err(damage @ StoreError::Corrupt { .. }) if settings.mend => {
            let damage = PortError::from(damage).0;
            (Store::open(opening).await?, Some(damage))
        }
        opened => (opened?, None),
    };
    let docker = LocalEngine::default();
    let ports = Ports {
        tokens: Arc::new(CloudTokens::new(Arc::clone(&pool))),
        compute: Arc::new(DigitalOcean::new(Arc::clone(&pool), Arc::clone(&keychain))),
        zones: Arc::new(Cloudflare::new(pool, Arc::clone(&keychain))),
        keys: Arc::new(KeyMaker::new(Arc::clone(&clock))),
        servers: Arc::new(ssh),
        agents: Arc::new(agents),
        sources: Arc::new(Folders),
        local_docker: Arc::new(docker.clone()),
        local_runs: Arc::new(docker),
        outside: Arc::new(Visitor),
        folders: Arc::new(Watcher),
        canvases: Arc::new(CanvasFolders),
        keychain,
        clock,
    };
    let settings = plimsoll_engine::Settings {
        folder: home.join("cache"),
        owner,
        agent_hash,
        keep_releases: KEPT_RELEASES,
        patience: settings.patience,
    };
    let engine = Engine::open(ports, store, settings).await?;
    if let Some(damage) = damage {
        engine.note_mended(&damage).await?;
    }
    engine.recall_and_tell().await;
    Ok(engine)
}

/// Makes a vault in the folder: from now on it is used instead of the system's keychain, and every
/// opening needs its passphrase.
///
/// # Errors
/// `passphrase_short`, `vault_exists`, `vault_unreadable`.
pub async fn create_vault(home: Option<PathBuf>, passphrase: &Secret) -> PortResult<()> {
    check_passphrase(passphrase)?;
    let file = folder_of(home)?.join(VAULT);
    Vault::new(file, passphrase.clone(), Arc::new(SystemClock))
        .create()
        .await
}

/// Opens the vault in the folder once, to see whether the passphrase is right.
///
/// # Errors
/// `vault_wrong_passphrase`, `vault_damaged`, `vault_newer`, `vault_unreadable`.
pub async fn check_vault(home: Option<PathBuf>, passphrase: &Secret) -> PortResult<()> {
    let file = folder_of(home)?.join(VAULT);
    Vault::new(file, passphrase.clone(), Arc::new(SystemClock))
        .check()
        .await
}

fn folder_of(home: Option<PathBuf>) -> PortResult<PathBuf> {
    home.map_or_else(|| own_folder(|name| env::var_os(name)), Ok)
}

/// The vault when its passphrase was given, or when there is one; the system's keychain otherwise.
fn keychain(
    home: &std::path::Path,
    given: Option<Secret>,
    ask: Option<AskPassphrase>,
    clock: &Arc<dyn Clock>,
) -> PortResult<Arc<dyn Keychain>> {
    let file = home.join(VAULT);
    let given = match given {
        Some(given) => Some(given),
        None => passphrase_from(|name| env::var_os(name))?,
    };
    if let Some(passphrase) = given {
        return Ok(Arc::new(Vault::new(file, passphrase, Arc::clone(clock))));
    }
    if !file.exists() {
        return Ok(Arc::new(SystemKeychain::new()));
    }
    Ok(match ask {
        Some(ask) => Arc::new(AskedVault {
            file,
            ask: Arc::new(ask),
            clock: Arc::clone(clock),
            opened: OnceCell::new(),
        }),
        None => Arc::new(LockedVault),
    })
}

/// A vault whose passphrase is asked for when something in it is first needed.
struct AskedVault {
    file: PathBuf,
    ask: Arc<AskPassphrase>,
    clock: Arc<dyn Clock>,
    opened: OnceCell<Vault>,
}

impl AskedVault {
    async fn vault(&self) -> PortResult<&Vault> {
        self.opened
            .get_or_try_init(async || {
                let ask = Arc::clone(&self.ask);
                let asked = tokio::task::spawn_blocking(move || ask()).await;
                let passphrase = asked.map_err(|_| {
                    PortError::new("passphrase_unreadable", "Asking for the passphrase failed.")
                        .next_step("Name a file with it as PLIMSOLL_PASSPHRASE_FILE.")
                })??;
                let vault = Vault::new(&self.file, passphrase, Arc::clone(&self.clock));
                vault.check().await?;
                Ok(vault)
            })
            .await
    }
}

#[async_trait]
impl Keychain for AskedVault {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        self.vault().await?.get(entry).await
    }
    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        self.vault().await?.set(entry, value).await
    }
    async fn delete(&self, entry: &str) -> PortResult<()> {
        self.vault().await?.delete(entry).await
    }
}

/// The user's data folder, as each system names it (XDG Base Directory Specification on Linux).
fn own_folder(environment: impl Fn(&str) -> Option<OsString>) -> PortResult<PathBuf> {
    let named = |name: &str| {
        let value = environment(name).map(PathBuf::from);
        // XDG: a relative path counts as not set.
        value.filter(|path| path.is_absolute())
    };
    let folder = if cfg!(target_os = "windows") {
        named("LOCALAPPDATA").map(|folder| folder.join("Plimsoll"))
    } else if cfg!(target_os = "macos") {
        named("HOME").map(|home| home.join("Library/Application Support/Plimsoll"))
    } else {
        named("XDG_DATA_HOME")
            .or_else(|| named("HOME").map(|home| home.join(".local/share")))
            .map(|folder| folder.join("plimsoll"))
    };
    folder.ok_or_else(|| {
        PortError::new(
            "home_unknown",
            "There is no folder to keep Plimsoll's data in.",
        )
        .next_step("Name one as PLIMSOLL_HOME, or set HOME.")
    })
}

fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}

fn machine() -> String {
    #[cfg(unix)]
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    #[cfg(not(unix))]
    let name = env::var("COMPUTERNAME").ok();
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "machine".to_owned())
}

/// A name for this device in stamps, which no other device has.
fn device(clock: &dyn Clock) -> String {
    let mut bytes = [0; 8];
    clock.entropy(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_data_folder_is_where_the_system_keeps_such_things() {
        let folder = |variables: &[(&str, &str)]| {
            own_folder(|asked| {
                let found = variables.iter().find(|(name, _)| *name == asked);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let home = ("HOME", "/home/ada");
        let expected = PathBuf::from("/home/ada/.local/share/plimsoll");
        assert_eq!(folder(&[home]).unwrap(), expected);
        assert_eq!(
            folder(&[home, ("XDG_DATA_HOME", "relative")]).unwrap(),
            expected
        );
        let xdg = folder(&[home, ("XDG_DATA_HOME", "/data")]).unwrap();
        assert_eq!(xdg, PathBuf::from("/data/plimsoll"));
        assert_eq!(folder(&[]).unwrap_err().code(), "home_unknown");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_vault_that_is_there_asks_for_its_passphrase_once_and_only_when_needed() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let file = folder.path().join(VAULT);
        let vault = Vault::new(&file, Secret::new("open sesame"), Arc::clone(&clock));
        vault.set("token", &Secret::new("hunter2")).await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let keychain = AskedVault {
            file,
            ask: Arc::new(Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(Secret::new("open sesame"))
            })),
            clock,
            opened: OnceCell::new(),
        };
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        for _ in 0..2 {
            assert_eq!(
                keychain.get("token").await.unwrap(),
                Some(Secret::new("hunter2"))
            );
        }
        keychain.delete("token").await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
