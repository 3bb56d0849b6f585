//! Destroying: only what is ours, or what is named exactly.

use super::{ServerAction, droplet_id, firewall_name};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    ports::{PortError, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, ServerId,
    safety::{Protected, may_destroy},
    server::{Provider, ProviderAccount, Server, ServerState},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A machine to be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyRequest {
    /// Which one.
    pub target: DestroyTarget,
    /// The machine's exact name, to destroy one that does not carry our tag.
    pub force: Option<String>,
}

/// Which machine is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DestroyTarget {
    /// A server that we know.
    Server {
        /// Its id.
        server_id: ServerId,
    },
    /// A machine at a provider, by its name there.
    Machine {
        /// The account.
        account_id: ProviderAccountId,
        /// Its name.
        name: String,
    },
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    pub(super) server: Option<Server>,
    pub(super) machine: Option<Machine>,
    pub(super) used_by: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Machine {
    account_id: ProviderAccountId,
    id: u64,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) price_cents_month: u64,
}

impl Engine {
    /// Plans to destroy a machine: refused for one that does not carry our tag, unless its exact
    /// name is given, and for one on which environments still stand.
    pub async fn plan_destroy(&self, request: DestroyRequest) -> Result<Plan> {
        let observed = observe(&self.world, &request).await?;
        let prepared = plan(&observed, &request)?;
        self.save_plan(&Intent::Destroy(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe(world: &World, request: &DestroyRequest) -> Result<Observed> {
    match &request.target {
        DestroyTarget::Server { server_id } => {
            let server = world.store.need::<Server>(server_id).await?;
            let machine = match super::rented(world, &server).await? {
                Some((account, id)) => {
                    world
                        .ports
                        .compute
                        .droplet(&account, id)
                        .await?
                        .map(|droplet| Machine {
                            account_id: account.id,
                            id,
                            name: droplet.name,
                            tags: sorted(droplet.tags),
                            price_cents_month: droplet.price_cents_month,
                        })
                }
                None => None,
            };
            Ok(Observed {
                used_by: users(world, server.id).await?,
                server: Some(server),
                machine,
            })
        }
        DestroyTarget::Machine { account_id, name } => {
            let account = world.account(*account_id, Provider::Digitalocean).await?;
            let mut found: Vec<_> = world
                .ports
                .compute
                .droplets(&account, None)
                .await?
                .into_iter()
                .filter(|droplet| droplet.name == *name)
                .collect();
            if found.len() > 1 {
                return Err(EngineError::refused(
                    "name_ambiguous",
                    format!("The account has {} machines called “{name}”.", found.len()),
                )
                .evidence(found.iter().map(|droplet| {
                    format!(
                        "{} {}",
                        droplet.id,
                        droplet.public_ipv4.as_deref().unwrap_or("-")
                    )
                }))
                .next_step("Rename the one that is meant at the provider."));
            }
            let Some(droplet) = found.pop() else {
                return Err(EngineError::not_found(
                    "machine_unknown",
                    format!(
                        "The account has no machine called “{}”.",
                        name.escape_debug()
                    ),
                )
                .next_step("List the account's machines."));
            };
            let reference = droplet.id.to_string();
            let server = world
                .store
                .all::<Server>()
                .await?
                .into_iter()
                .find(|server| {
                    server.account_id == Some(*account_id)
                        && server.provider_ref.as_deref() == Some(&reference)
                });
            let used_by = match &server {
                Some(server) => users(world, server.id).await?,
                None => Vec::new(),
            };
            Ok(Observed {
                server,
                machine: Some(Machine {
                    account_id: *account_id,
                    id: droplet.id,
                    name: droplet.name,
                    tags: sorted(droplet.tags),
                    price_cents_month: droplet.price_cents_month,
                }),
                used_by,
            })
        }
    }
}

/// Providers answer tags in any order.
fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags
}

/// The environments that stand on a server, as people write them.
async fn users(world: &World, server: ServerId) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for environment in world.store.environments_on(server).await? {
        let project = world
            .store
            .need::<plimsoll_domain::project::Project>(&environment.project_id)
            .await?;
        names.push(format!("{}/{}", project.name, environment.name));
    }
    Ok(names)
}

fn refuse(protected: &Protected) -> EngineError {
    EngineError::refused("protected", format!("{protected}."))
        .next_step("To destroy it all the same, force it by its exact name.")
}

fn plan(observed: &Observed, request: &DestroyRequest) -> Result<Prepared> {
    let mut steps = Steps::default();
    let name = match (&observed.machine, &observed.server) {
        (Some(machine), _) => machine.name.clone(),
        (None, Some(server)) => server.name.to_string(),
        (None, None) => String::new(),
    };
    let force = request.force.as_deref();
    if let Some(machine) = &observed.machine {
        may_destroy(&machine.name, &machine.tags, force).map_err(|error| refuse(&error))?;
    }
    if !observed.used_by.is_empty() && force != Some(name.as_str()) {
        return Err(EngineError::conflict(
            "server_in_use",
            format!("Environments still stand on “{name}”."),
        )
        .evidence(observed.used_by.iter().cloned())
        .next_step(
            "Remove them or give them other servers first, or force it by its exact name.",
        ));
    }
    if let Some(machine) = &observed.machine {
        let step = steps
            .then(
                format!("Destroy the machine “{}” and its disk", machine.name),
                ServerAction::Destroy {
                    account_id: machine.account_id,
                    provider_ref: machine.id.to_string(),
                    force: request.force.clone(),
                },
            )
            .price(-i64::try_from(machine.price_cents_month).unwrap_or(i64::MAX))
            .change("machine", Some(format!("droplet {}", machine.id)), None);
        if let Some(server) = &observed.server {
            step.on(server.id);
        }
    }
    if let Some(server) = &observed.server {
        if let (Some(account_id), Some(ip)) = (server.account_id, &server.reserved_ip) {
            super::reserved::given_back(&mut steps, account_id, server.id, ip);
        }
        if let Some(account_id) = server.account_id {
            steps
                .then(
                    "Delete its firewall",
                    ServerAction::Unprotect {
                        account_id,
                        firewall: firewall_name(server),
                    },
                )
                .on(server.id);
        }
        steps
            .then(
                "Note that it is no more",
                ServerAction::Retire {
                    server_id: server.id,
                },
            )
            .on(server.id);
    }
    let mut notices = vec!["This cannot be undone: everything on its disk is lost.".to_owned()];
    if observed.machine.is_none() {
        notices = vec![
            "There is no machine at a provider that we know of: only our own record is removed."
                .to_owned(),
        ];
    }
    Ok(Prepared {
        title: format!("Destroy the server “{name}”"),
        steps: steps.finish(),
        notices,
    })
}

/// Looks again at the machine itself: a tag may have been taken off since the plan was made.
pub(super) async fn destroy(
    world: &World,
    account_id: ProviderAccountId,
    provider_ref: &str,
    force: Option<&str>,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let id = droplet_id(provider_ref)?;
    let Some(droplet) = world.ports.compute.droplet(&account, id).await? else {
        return Ok(json!({"destroyed": false, "why": "it was gone already"}));
    };
    may_destroy(&droplet.name, &droplet.tags, force)
        .map_err(|error| PortError::from(refuse(&error)))?;
    world.ports.compute.destroy_droplet(&account, id).await?;
    // The tag that found it is of no more use; its leftovers would pile up.
    for tag in droplet.tags.iter().filter(|tag| is_unique_tag(tag)) {
        let _ = world.ports.compute.untag(&account, id, tag, true).await;
    }
    Ok(json!({"destroyed": true, "name": droplet.name}))
}

fn is_unique_tag(tag: &str) -> bool {
    tag.strip_prefix("plimsoll-")
        .is_some_and(|id| id.parse::<ServerId>().is_ok())
}

pub(super) async fn unprotect(
    world: &World,
    account_id: ProviderAccountId,
    firewall: &str,
) -> PortResult<Value> {
    let account: ProviderAccount = world.account(account_id, Provider::Digitalocean).await?;
    let all = world.ports.compute.firewalls(&account).await?;
    let mut deleted = 0;
    for found in all.iter().filter(|found| found.name == firewall) {
        if let Some(id) = &found.id {
            world.ports.compute.delete_firewall(&account, id).await?;
            deleted += 1;
        }
    }
    Ok(json!({"deleted": deleted}))
}

pub(super) async fn retire(world: &World, server_id: ServerId) -> PortResult<Value> {
    let Some(mut server) = world.store.get::<Server>(&server_id).await? else {
        return Ok(json!({"retired": true}));
    };
    if let Some(target) = &server.ssh {
        world.ports.servers.forget(target).await;
    }
    server.state = ServerState::Destroyed;
    let mut write = world.store.write().await?;
    write.put(&server).await?;
    // A tombstone frees the name; history still finds the row by its id.
    write.delete::<Server>(&server_id).await?;
    world
        .auditor
        .record(
            &mut write,
            "server.retire",
            &format!("server:{server_id}"),
            json!({"name": server.name, "provider_ref": server.provider_ref}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"retired": true}))
}
