//! The steps from nothing to a machine with an address.

use super::unique_tag;
use crate::{
    jobs::StepContext,
    keys::bare_key,
    ports::{NewDroplet, PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, Secret, ServerId, SshKeyId,
    recipe::{FirstIdentity, cloud_init},
    server::{DEPLOYED_TAG, Provider, Server, ServerState, SshKey, SshTarget},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long the provider may deny a machine that it has just created, ms.
const UNSEEN_LIMIT_MS: u64 = 30_000;

/// The one-time host key, as the keychain keeps it until it is replaced.
#[derive(Serialize, Deserialize)]
struct OneTimeKey {
    private: String,
    public: String,
}

/// The keychain's entry of a host key that has not been replaced yet.
pub(crate) fn one_time_entry(server: ServerId) -> String {
    format!("host-key/{server}")
}

pub(super) async fn record(world: &World, server: &Server) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    if write.get::<Server>(&server.id).await?.is_none() {
        write.put(server).await?;
    }
    write.commit().await?;
    Ok(json!({"server_id": server.id}))
}

/// A server that never came to be leaves its name free.
pub(super) async fn unrecord(world: &World, id: ServerId) -> PortResult<()> {
    world.ports.keychain.delete(&one_time_entry(id)).await?;
    super::destroy::retire(world, id).await.map(drop)
}

pub(super) async fn register_key(
    world: &World,
    account_id: ProviderAccountId,
    key_id: SshKeyId,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let key = world.store.need::<SshKey>(&key_id).await?;
    // The name tells two devices of one owner apart.
    let name = format!("plimsoll {}", world.settings.owner);
    let key_ref = world
        .ports
        .compute
        .ensure_ssh_key(&account, &name, &key.public)
        .await?;
    Ok(json!({"key_ref": key_ref}))
}

pub(super) fn key_ref(context: &StepContext, step: u32) -> PortResult<u64> {
    context
        .outputs
        .get(step)
        .and_then(|output| output["key_ref"].as_u64())
        .ok_or_else(|| PortError::new("internal", "The registered key is not known."))
}

pub(super) async fn create(
    world: &World,
    server_id: ServerId,
    key_id: SshKeyId,
    key_ref: u64,
    image: &str,
    tags: &[String],
) -> PortResult<Value> {
    let mut server = world.store.need::<Server>(&server_id).await?;
    let account_id = server
        .account_id
        .ok_or_else(|| PortError::new("internal", "The server has no account to pay for it."))?;
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let login = world.store.need::<SshKey>(&key_id).await?;
    // Kept before the request: a machine that is found again by its tag has this key.
    let host_key = one_time_key(world, server_id).await?;
    let private = Secret::new(host_key.private.clone());
    let all_tags: Vec<String> = std::iter::once(DEPLOYED_TAG.to_owned())
        .chain(tags.iter().cloned())
        .collect();
    let droplet = world
        .ports
        .compute
        .create_droplet(
            &account,
            &NewDroplet {
                name: server.name.to_string(),
                region: server.region.clone().unwrap_or_default(),
                size: server.size.clone().unwrap_or_default(),
                image: image.to_owned(),
                ssh_key_ids: vec![key_ref],
                tags: all_tags,
                unique_tag: unique_tag(server_id),
                user_data: cloud_init(&FirstIdentity {
                    host_key: &private,
                    host_public: &host_key.public,
                    login: &login.public,
                }),
            },
        )
        .await?;
    server.provider_ref = Some(droplet.id.to_string());
    server.price_cents_month = Some(droplet.price_cents_month);
    let mut write = world.store.write().await?;
    write.put(&server).await?;
    write.commit().await?;
    Ok(json!({"droplet_id": droplet.id, "name": droplet.name}))
}

async fn one_time_key(world: &World, server: ServerId) -> PortResult<OneTimeKey> {
    let entry = one_time_entry(server);
    let kept = world.ports.keychain.get(&entry).await?;
    if let Some(key) = kept.and_then(|kept| serde_json::from_str(kept.expose()).ok()) {
        return Ok(key);
    }
    let (private, public) = world.ports.keys.ssh_key_pair("one-time")?;
    let key = OneTimeKey {
        private: private.expose().to_owned(),
        public: bare_key(&public),
    };
    let text = serde_json::to_string(&key)
        .map(Secret::new)
        .map_err(|error| PortError::new("internal", error.to_string()))?;
    world.ports.keychain.set(&entry, &text).await?;
    Ok(key)
}

/// The one-time key has served: nobody may log in to a machine by it any more.
pub(super) async fn forget_one_time_key(world: &World, server: ServerId) -> PortResult<()> {
    world.ports.keychain.delete(&one_time_entry(server)).await
}

/// Destroys what this plan created, found by its own tag also when its id was never heard.
pub(super) async fn uncreate(world: &World, server_id: ServerId) -> PortResult<()> {
    let Some(server) = world.store.get::<Server>(&server_id).await? else {
        return Ok(());
    };
    let Some(account_id) = server.account_id else {
        return Ok(());
    };
    let account = world.account(account_id, Provider::Digitalocean).await?;
    for droplet in world
        .ports
        .compute
        .droplets(&account, Some(&unique_tag(server_id)))
        .await?
    {
        world
            .ports
            .compute
            .destroy_droplet(&account, droplet.id)
            .await?;
    }
    if let Some(target) = &server.ssh {
        world.ports.servers.forget(target).await;
    }
    Ok(())
}

pub(super) async fn await_address(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    key_id: SshKeyId,
) -> PortResult<Value> {
    let mut server = world.store.need::<Server>(&server_id).await?;
    let (account, id) = super::rented(world, &server)
        .await?
        .ok_or_else(|| PortError::new("internal", "The server was never created."))?;
    let began = world.now();
    let mut pause_ms = 500;
    loop {
        let droplet = world.ports.compute.droplet(&account, id).await?;
        let waited = world.waited(began);
        match &droplet {
            Some(droplet) if droplet.status == "active" => {
                if let Some(address) = &droplet.public_ipv4 {
                    let host_key = one_time_key(world, server_id).await?.public;
                    server.ssh = Some(SshTarget {
                        host: address.clone(),
                        port: 22,
                        user: "root".to_owned(),
                        host_key,
                        key_id,
                        proxy: account.endpoint.proxy.clone(),
                    });
                    let mut write = world.store.write().await?;
                    write.put(&server).await?;
                    write.commit().await?;
                    return Ok(json!({"address": address}));
                }
            }
            None if waited > UNSEEN_LIMIT_MS => {
                return Err(PortError::new(
                    "droplet_vanished",
                    format!("The machine for “{}” was created and is gone.", server.name),
                )
                .evidence(format!(
                    "droplet {id} was not found for {} s",
                    waited / 1000
                ))
                .next_step("Look at the provider's console, then provision again."));
            }
            _ => {}
        }
        let limit = world.settings.patience.address_ms;
        if waited > limit {
            let status = droplet.map_or("not found".to_owned(), |droplet| droplet.status);
            return Err(PortError::new(
                "droplet_never_active",
                format!(
                    "The machine for “{}” did not get ready within {} s.",
                    server.name,
                    limit / 1_000
                ),
            )
            .evidence(format!("droplet {id}: {status}"))
            .next_step(
                "It was removed again. Try another region or size, or look at the provider's \
                 status page.",
            ));
        }
        super::contact::pause(world, context, pause_ms).await?;
        pause_ms = (pause_ms * 3 / 2).min(5_000);
    }
}

/// A server as it is before anything exists.
pub(super) fn unborn(
    id: ServerId,
    name: plimsoll_domain::name::Name,
    account_id: Option<ProviderAccountId>,
    now: plimsoll_domain::Timestamp,
) -> Server {
    Server {
        id,
        name,
        account_id,
        provider_ref: None,
        region: None,
        size: None,
        price_cents_month: None,
        ssh: None,
        reserved_ip: None,
        state: ServerState::Provisioning,
        recipe_hash: None,
        created_at: now,
    }
}
