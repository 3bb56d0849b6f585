//! DigitalOcean, API v2: <https://docs.digitalocean.com/reference/api/>.

mod actions;
mod amount;
mod droplets;
mod errors;
mod firewalls;
mod list;
mod reserved;
mod verify;
mod wire;

pub(crate) use verify::verify;

use crate::http::{Call, Class, Limit, Pool, Service, Session};
use async_trait::async_trait;
use plimsoll_domain::server::ProviderAccount;
use plimsoll_engine::ports::{
    Compute, DiskSnapshot, Droplet, DropletAct, Firewall, Keychain, NewDroplet, PortResult, Region,
    ReservedIp, Size,
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

pub(crate) static SERVICE: Service = Service {
    prefix: "do",
    name: "DigitalOcean",
    url: "https://api.digitalocean.com",
    path: "/v2",
    tokens_at: "https://cloud.digitalocean.com/account/api/tokens",
    limits: &[
        Limit {
            class: Class::Any,
            span_ms: 3_600_000,
            most: 5_000,
        },
        Limit {
            class: Class::Any,
            span_ms: 60_000,
            most: 250,
        },
        Limit {
            class: Class::KeyList,
            span_ms: 60_000,
            most: 10,
        },
    ],
    refusal_ms: 60_000,
    request_id: "x-request-id",
    words: errors::words,
    refusal: errors::refusal,
};

/// The DigitalOcean adapter: [`Compute`] over the public API.
pub struct DigitalOcean {
    pool: Arc<Pool>,
    keychain: Arc<dyn Keychain>,
    /// Droplets that we created, and when, in milliseconds: the API may not know them yet.
    fresh: Mutex<HashMap<u64, i64>>,
}

impl DigitalOcean {
    /// An adapter that shares the pool's connections and budgets, with tokens from the keychain.
    pub fn new(pool: Arc<Pool>, keychain: Arc<dyn Keychain>) -> Self {
        Self {
            pool,
            keychain,
            fresh: Mutex::default(),
        }
    }

    async fn session(&self, account: &ProviderAccount) -> PortResult<Session> {
        crate::http::session_of(&self.pool, &SERVICE, self.keychain.as_ref(), account).await
    }
}

#[async_trait]
impl Compute for DigitalOcean {
    async fn sizes(&self, account: &ProviderAccount) -> PortResult<Vec<Size>> {
        let call = Call::get("list DigitalOcean's sizes", &["sizes"])
            .needs(&["sizes:read", "regions:read"]);
        let sizes: Vec<wire::Size> =
            list::all(&self.session(account).await?, call, "sizes").await?;
        Ok(sizes.into_iter().map(Into::into).collect())
    }

    async fn regions(&self, account: &ProviderAccount) -> PortResult<Vec<Region>> {
        let call = Call::get("list DigitalOcean's regions", &["regions"]).needs(&["regions:read"]);
        let regions: Vec<wire::Region> =
            list::all(&self.session(account).await?, call, "regions").await?;
        Ok(regions.into_iter().map(Into::into).collect())
    }

    async fn ensure_ssh_key(
        &self,
        account: &ProviderAccount,
        name: &str,
        public: &str,
    ) -> PortResult<u64> {
        let session = self.session(account).await?;
        if let Some(id) = key_with(&session, public).await? {
            return Ok(id);
        }
        let call = Call::post(
            format!("register the SSH key “{name}” at DigitalOcean"),
            &["account", "keys"],
            json!({"name": name, "public_key": public}),
        )
        .needs(&["ssh_key:create"]);
        let read = |answer: &_| {
            session
                .read::<wire::SshKey>(&call, answer, "ssh_key")
                .map(|k| k.id)
        };
        match session
            .create(&call, read, || key_with(&session, public))
            .await?
        {
            Ok(id) => Ok(id),
            // Somebody registered it in the meantime.
            Err(answer) if errors::is_key_in_use(&answer) => key_with(&session, public)
                .await?
                .ok_or_else(|| errors::refusal(&session, &call, &answer)),
            Err(answer) => Err(errors::refusal(&session, &call, &answer)),
        }
    }

    async fn create_droplet(
        &self,
        account: &ProviderAccount,
        droplet: &NewDroplet,
    ) -> PortResult<Droplet> {
        self.create(&self.session(account).await?, droplet).await
    }

    async fn droplet(&self, account: &ProviderAccount, id: u64) -> PortResult<Option<Droplet>> {
        self.look_up(&self.session(account).await?, id).await
    }

    async fn droplets(
        &self,
        account: &ProviderAccount,
        tag: Option<&str>,
    ) -> PortResult<Vec<Droplet>> {
        droplets::tagged(&self.session(account).await?, tag).await
    }

    async fn destroy_droplet(&self, account: &ProviderAccount, id: u64) -> PortResult<()> {
        self.destroy(&self.session(account).await?, id).await
    }

    async fn act(&self, account: &ProviderAccount, id: u64, act: &DropletAct) -> PortResult<()> {
        actions::act(&self.session(account).await?, id, act).await
    }

    async fn tag(&self, account: &ProviderAccount, id: u64, tag: &str) -> PortResult<()> {
        let session = self.session(account).await?;
        create_tag(&session, tag).await?;
        let body =
            json!({"resources": [{"resource_id": id.to_string(), "resource_type": "droplet"}]});
        let call = Call::post(
            format!("tag droplet {id} with {tag}"),
            &["tags", tag, "resources"],
            body,
        )
        .repeatable()
        .needs(&["tag:create"]);
        session.must(&call).await.map(drop)
    }

    async fn untag(
        &self,
        account: &ProviderAccount,
        id: u64,
        tag: &str,
        delete: bool,
    ) -> PortResult<()> {
        let session = self.session(account).await?;
        let body =
            json!({"resources": [{"resource_id": id.to_string(), "resource_type": "droplet"}]});
        let call = Call::delete(
            format!("remove the tag {tag} from droplet {id}"),
            &["tags", tag, "resources"],
        )
        .body(body)
        .needs(&["tag:delete"]);
        session.gone(&call).await?;
        if delete {
            let call = Call::delete(format!("delete the tag {tag}"), &["tags", tag])
                .needs(&["tag:delete"]);
            session.gone(&call).await?;
        }
        Ok(())
    }

    async fn snapshots(&self, account: &ProviderAccount) -> PortResult<Vec<DiskSnapshot>> {
        list::snapshots(&self.session(account).await?).await
    }

    async fn delete_snapshot(&self, account: &ProviderAccount, id: &str) -> PortResult<()> {
        let call = Call::delete(format!("delete snapshot {id}"), &["snapshots", id])
            .needs(&["image:delete", "snapshot:delete"]);
        self.session(account).await?.gone(&call).await
    }

    async fn firewalls(&self, account: &ProviderAccount) -> PortResult<Vec<Firewall>> {
        firewalls::all(&self.session(account).await?).await
    }

    async fn put_firewall(
        &self,
        account: &ProviderAccount,
        firewall: &Firewall,
    ) -> PortResult<Firewall> {
        firewalls::put(&self.session(account).await?, firewall).await
    }

    async fn delete_firewall(&self, account: &ProviderAccount, id: &str) -> PortResult<()> {
        let call = Call::delete(format!("delete firewall {id}"), &["firewalls", id])
            .needs(&["firewall:delete"]);
        self.session(account).await?.gone(&call).await
    }

    async fn reserved_ips(&self, account: &ProviderAccount) -> PortResult<Vec<ReservedIp>> {
        reserved::all(&self.session(account).await?).await
    }

    async fn reserve_ip(
        &self,
        account: &ProviderAccount,
        droplet_id: u64,
    ) -> PortResult<ReservedIp> {
        reserved::reserve(&self.session(account).await?, droplet_id).await
    }

    async fn assign_ip(
        &self,
        account: &ProviderAccount,
        ip: &str,
        droplet_id: Option<u64>,
    ) -> PortResult<()> {
        reserved::assign(&self.session(account).await?, ip, droplet_id).await
    }

    async fn release_ip(&self, account: &ProviderAccount, ip: &str) -> PortResult<()> {
        let call = Call::delete(
            format!("give back the reserved address {ip}"),
            &["reserved_ips", ip],
        )
        .needs(&["reserved_ip:delete"]);
        self.session(account).await?.gone(&call).await
    }
}

/// The id of a registered key with the same material; comments and names do not count.
async fn key_with(session: &Session, public: &str) -> PortResult<Option<u64>> {
    let call = Call::get("list the SSH keys at DigitalOcean", &["account", "keys"])
        .needs(&["ssh_key:read"])
        .class(Class::KeyList);
    let keys: Vec<wire::SshKey> = list::all(session, call, "ssh_keys").await?;
    let wanted = material(public);
    Ok(keys
        .into_iter()
        .find(|key| material(&key.public_key) == wanted)
        .map(|key| key.id))
}

/// Kind and blob of a public key line.
fn material(public: &str) -> Vec<&str> {
    public.split_whitespace().take(2).collect()
}

/// Makes sure that a tag exists.
async fn create_tag(session: &Session, tag: &str) -> PortResult<()> {
    let call = Call::post(
        format!("create the tag {tag}"),
        &["tags"],
        json!({"name": tag}),
    )
    .repeatable()
    .needs(&["tag:create"]);
    match session.ask(&call).await {
        Ok(_) => Ok(()),
        Err(refused) => {
            let exists = match &refused {
                crate::http::Refused::Answer(answer) => {
                    answer.status == 422 && errors::words(answer).contains("exist")
                }
                crate::http::Refused::Trouble(_) => false,
            };
            if exists {
                Ok(())
            } else {
                Err(session.failure(&call, &refused))
            }
        }
    }
}
