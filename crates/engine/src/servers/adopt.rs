//! Adding a server that somebody else set up: its host key is shown and confirmed.

use super::{ServerAction, create, provision, run};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    keys::{bare_key, fingerprint, login_key},
    ports::{PortError, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    ServerId,
    name::Name,
    recipe::Recipe,
    server::{Provider, ProviderAccount, Server, SshTarget, is_address, is_login},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A server to be added, with the host key that somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptRequest {
    /// Its name, unique among servers.
    pub name: Name,
    /// IP address or DNS name.
    pub host: String,
    /// TCP port of SSH.
    pub port: u16,
    /// Login; root, or one that may become root by sudo without a password.
    pub user: String,
    /// The host key, as [`Engine::host_key`] answered it and a person confirmed it.
    pub host_key: String,
    /// `socks5h://…` proxy, where the server is not routable from here.
    pub proxy: Option<String>,
}

/// A host key as a server showed it, not yet trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKeySeen {
    /// `ssh-ed25519 AAAA…`.
    pub key: String,
    /// `SHA256:…`, to be compared with what the server's owner sees.
    pub fingerprint: String,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    name_taken: bool,
    address_taken: Option<Name>,
    fingerprint: String,
    recipe_hash: String,
}

impl Engine {
    /// Asks a server for its host key without logging in, for a person to confirm.
    pub async fn host_key(
        &self,
        host: &str,
        port: u16,
        proxy: Option<&str>,
    ) -> Result<HostKeySeen> {
        check_host(host)?;
        let key = bare_key(&self.world.ports.servers.host_key(host, port, proxy).await?);
        Ok(HostKeySeen {
            fingerprint: fingerprint(&key)?,
            key,
        })
    }

    /// Plans to add a server. Our public key ([`Engine::login_key`]) has to be among its
    /// authorized keys by the time the plan runs.
    pub async fn plan_adopt(&self, request: AdoptRequest) -> Result<Plan> {
        let observed = observe(&self.world, &request).await?;
        if observed.name_taken {
            return Err(EngineError::conflict(
                "name_taken",
                format!("There is a server “{}” already.", request.name),
            )
            .next_step("Choose another name."));
        }
        if let Some(other) = &observed.address_taken {
            return Err(EngineError::conflict(
                "address_taken",
                format!("{} is the server “{other}” already.", request.host),
            )
            .next_step("Use that server."));
        }
        let key = login_key(&self.world).await?;
        let now = self.world.now();
        let id = ServerId::mint(now, self.world.entropy());
        let mut server = create::unborn(id, request.name.clone(), None, now);
        server.ssh = Some(SshTarget {
            host: request.host.clone(),
            port: request.port,
            user: request.user.clone(),
            host_key: bare_key(&request.host_key),
            key_id: key.id,
            proxy: request.proxy.clone(),
        });
        let recipe = Recipe::today(&self.world.settings.agent_hash);
        let prepared = plan(&observed, &request, server, &key.public, recipe);
        self.save_plan(&Intent::Adopt(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe(world: &World, request: &AdoptRequest) -> Result<Observed> {
    check_host(&request.host)?;
    if !is_login(&request.user) {
        return Err(EngineError::bad_input(
            "invalid_login",
            format!("“{}” cannot be a login.", request.user.escape_debug()),
        )
        .next_step("Name the login as it is called on the server, such as root."));
    }
    let servers = world.store.all::<Server>().await?;
    let same = |server: &&Server| {
        server
            .ssh
            .as_ref()
            .is_some_and(|ssh| ssh.host == request.host && ssh.port == request.port)
    };
    Ok(Observed {
        name_taken: world.store.server_by_name(&request.name).await?.is_some(),
        address_taken: servers.iter().find(same).map(|server| server.name.clone()),
        fingerprint: fingerprint(&request.host_key)?,
        recipe_hash: Recipe::today(&world.settings.agent_hash).hash(),
    })
}

fn check_host(host: &str) -> Result<()> {
    if !is_address(host) {
        return Err(EngineError::bad_input(
            "invalid_address",
            format!("“{}” is no address of a server.", host.escape_debug()),
        )
        .next_step("Give an IP address or a DNS name."));
    }
    Ok(())
}

fn plan(
    observed: &Observed,
    request: &AdoptRequest,
    server: Server,
    public: &str,
    recipe: Recipe,
) -> Prepared {
    let id = server.id;
    let mut steps = Steps::default();
    steps
        .then(
            format!("Write the server “{}” down", request.name),
            ServerAction::Record {
                server: Box::new(server),
            },
        )
        .on(id)
        .change("host key", None, Some(observed.fingerprint.clone()))
        .undo("strike it out");
    steps
        .then(
            "Log in and look around",
            ServerAction::Inspect { server_id: id },
        )
        .on(id);
    provision::prepared(&mut steps, id, &recipe);
    steps
        .then(
            "Note that it can be deployed to",
            ServerAction::MarkReady {
                server_id: id,
                recipe_hash: observed.recipe_hash.clone(),
            },
        )
        .on(id)
        .undo("note that it cannot");
    Prepared {
        title: format!("Add the server “{}”", request.name),
        steps: steps.finish(),
        notices: vec![
            format!(
                "This key has to be among the authorized keys of {}: {public}",
                request.user
            ),
            "Packages that are installed and settings of nginx that are written stay when the \
             plan is undone."
                .to_owned(),
        ],
    }
}

/// Logs in and learns whether this is a system that we can prepare, and whose machine it is.
pub(super) async fn inspect(world: &World, server_id: ServerId) -> PortResult<Value> {
    let (mut server, target) = world.target(server_id).await?;
    let system = run(
        world,
        &target,
        &["cat", "/etc/os-release"],
        "log in and look around",
    )
    .await?
    .text();
    let is_debian = system.lines().any(|line| {
        let (name, value) = line.split_once('=').unwrap_or_default();
        matches!(name, "ID" | "ID_LIKE")
            && value
                .trim_matches('"')
                .split(' ')
                .any(|id| matches!(id, "debian" | "ubuntu"))
    });
    if !is_debian {
        return Err(PortError::new(
            "system_unknown",
            format!("{} runs neither Debian nor Ubuntu.", target.host),
        )
        .evidence(system.lines().take(3).collect::<Vec<_>>().join("; "))
        .next_step("Install Debian 12 or a current Ubuntu LTS on it."));
    }
    if let Some((account, droplet)) = owner(world, &target.host).await {
        server.account_id = Some(account.id);
        server.provider_ref = Some(droplet.id.to_string());
        server.region = Some(droplet.region);
        server.size = Some(droplet.size);
        server.price_cents_month = Some(droplet.price_cents_month);
        let mut write = world.store.write().await?;
        write.put(&server).await?;
        write.commit().await?;
    }
    Ok(json!({"provider_ref": server.provider_ref}))
}

/// The account and machine with that address, where one of our accounts has it. An account that
/// does not answer now is passed over: the server works without.
async fn owner(world: &World, address: &str) -> Option<(ProviderAccount, crate::ports::Droplet)> {
    for account in world.store.all::<ProviderAccount>().await.ok()? {
        if account.provider != Provider::Digitalocean {
            continue;
        }
        let Ok(droplets) = world.ports.compute.droplets(&account, None).await else {
            continue;
        };
        let found = droplets
            .into_iter()
            .find(|droplet| droplet.public_ipv4.as_deref() == Some(address));
        if let Some(droplet) = found {
            return Some((account, droplet));
        }
    }
    None
}
