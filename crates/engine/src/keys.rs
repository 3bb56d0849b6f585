//! SSH key pairs: made when the first server asks for one.

use crate::{Engine, Result, ports::PortResult, world::World};
use plimsoll_domain::{SshKeyId, name::Name, server::SshKey};

/// The name of the key pair that we log in with.
const LOGIN_KEY: &str = "plimsoll";

impl Engine {
    /// All key pairs, by their public halves.
    pub async fn ssh_keys(&self) -> Result<Vec<SshKey>> {
        Ok(self.world.store.all::<SshKey>().await?)
    }

    /// The key pair that we log in with, made if there is none: its public half has to be among
    /// the authorized keys of a server that is to be added.
    pub async fn login_key(&self) -> Result<SshKey> {
        login_key(&self.world).await
    }
}

/// Where the private half of a key pair is kept.
pub(crate) fn key_entry(id: SshKeyId) -> String {
    format!("ssh-key/{id}")
}

/// The type and the key of `ssh-ed25519 AAAA… comment`, without the comment.
pub(crate) fn bare_key(public: &str) -> String {
    public
        .split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) async fn login_key(world: &World) -> Result<SshKey> {
    let name = Name::suggest(LOGIN_KEY);
    if let Some(key) = world.store.ssh_key_by_name(&name).await? {
        return Ok(key);
    }
    let made = make(world, name.clone()).await;
    match made {
        // Another process made it in the same moment: theirs counts.
        Err(error) => match world.store.ssh_key_by_name(&name).await? {
            Some(key) => Ok(key),
            None => Err(error),
        },
        made => made,
    }
}

async fn make(world: &World, name: Name) -> Result<SshKey> {
    let id = SshKeyId::mint(world.now(), world.entropy());
    let (private, public) = world.ports.keys.ssh_key_pair(&world.settings.owner)?;
    // The private half first: a row without its key would be worse than a key without its row.
    world.ports.keychain.set(&key_entry(id), &private).await?;
    let key = SshKey {
        id,
        name,
        public: bare_key(&public),
        created_at: world.now(),
    };
    let written = write(world, &key).await;
    if written.is_err() {
        world.ports.keychain.delete(&key_entry(id)).await?;
    }
    written.map(|()| key)
}

async fn write(world: &World, key: &SshKey) -> Result<()> {
    let mut write = world.store.write().await?;
    write.put(key).await?;
    world
        .auditor
        .record(
            &mut write,
            "ssh_key.create",
            &format!("ssh_key:{}", key.id),
            serde_json::json!({"name": key.name, "public": key.public}),
        )
        .await?;
    write.commit().await?;
    Ok(())
}

/// `SHA256:…` of a public key, as OpenSSH shows it.
pub(crate) fn fingerprint(public: &str) -> PortResult<String> {
    plimsoll_domain::server::fingerprint(public).ok_or_else(|| {
        crate::ports::PortError::new("host_key_unreadable", "The host key could not be read.")
            .evidence(public.chars().take(80).collect::<String>())
    })
}
