//! Reboot, power, snapshots of a server's disk.

use super::{ServerAction, contact, provision::prepared, rented};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    jobs::StepContext,
    ports::{DiskSnapshot, DropletAct, PortError, PortResult},
    steps::{Prepared, Steps},
    world::{World, ready},
};
use plimsoll_domain::{
    ProviderAccountId, ServerId,
    name::Name,
    recipe::Recipe,
    server::{Provider, ProviderAccount, Server, ServerState},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long SSH may answer from before a reboot, ms: until then the machine has not gone down.
const GOING_DOWN_LIMIT_MS: i64 = 60_000;

/// A server to be switched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRequest {
    /// Which one.
    pub server_id: ServerId,
    /// On or off.
    pub on: bool,
}

/// A server whose disk is to be kept as an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// Which one.
    pub server_id: ServerId,
    /// A word for people, part of the image's name.
    pub label: Option<Name>,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    server_id: ServerId,
    pub(super) name: Name,
    state: ServerState,
    account_id: Option<ProviderAccountId>,
    provider_ref: Option<String>,
}

impl Engine {
    /// Plans to bring a server up to today's recipe, and its agent to ours. What runs goes on.
    pub async fn plan_prepare(&self, server_id: ServerId) -> Result<Plan> {
        let observed = observe(&self.world, server_id).await?;
        let server = self.world.store.need::<Server>(&server_id).await?;
        ready(&server)?;
        let recipe = Recipe::today(&self.world.settings.agent_hash);
        let recipe_hash = recipe.hash();
        let mut notices = Vec::new();
        if server.recipe_hash.as_ref() == Some(&recipe_hash) {
            notices.push("It was prepared by today's recipe: this changes nothing.".to_owned());
        }
        let mut steps = Steps::default();
        prepared(&mut steps, server_id, &recipe);
        steps
            .then(
                "Note by which recipe it was prepared",
                ServerAction::MarkReady {
                    server_id,
                    recipe_hash,
                },
            )
            .on(server_id);
        let prepared = Prepared {
            title: format!("Prepare the server “{}” again", observed.name),
            steps: steps.finish(),
            notices,
        };
        self.save_plan(&Intent::Prepare { server_id }, &observed, prepared)
            .await
    }

    /// Plans a reboot.
    pub async fn plan_reboot(&self, server_id: ServerId) -> Result<Plan> {
        let observed = observe(&self.world, server_id).await?;
        ready(&self.world.store.need::<Server>(&server_id).await?)?;
        let mut steps = Steps::default();
        steps
            .then(
                format!("Reboot “{}” and wait until it answers", observed.name),
                ServerAction::Reboot { server_id },
            )
            .on(server_id)
            .downtime(30_000);
        let prepared = Prepared {
            title: format!("Reboot the server “{}”", observed.name),
            steps: steps.finish(),
            notices: vec!["Its services do not answer until it runs again.".to_owned()],
        };
        self.save_plan(&Intent::Reboot { server_id }, &observed, prepared)
            .await
    }

    /// Plans to switch a rented server on or off. One that is off is paid for all the same.
    pub async fn plan_power(&self, request: PowerRequest) -> Result<Plan> {
        let PowerRequest { server_id, on } = request;
        let observed = observe(&self.world, server_id).await?;
        must_be_rented(&observed)?;
        let word = if on { "on" } else { "off" };
        let mut steps = Steps::default();
        steps
            .then(
                format!("Switch “{}” {word}", observed.name),
                ServerAction::Power { server_id, on },
            )
            .on(server_id)
            .undo(if on { "switch it off" } else { "switch it on" });
        let notices = if on {
            vec![]
        } else {
            vec!["Its services stop, and it is paid for all the same.".to_owned()]
        };
        let prepared = Prepared {
            title: format!("Switch the server “{}” {word}", observed.name),
            steps: steps.finish(),
            notices,
        };
        self.save_plan(&Intent::Power(request), &observed, prepared)
            .await
    }

    /// Plans to keep a rented server's disk as an image, from which others can be provisioned.
    pub async fn plan_snapshot(&self, request: SnapshotRequest) -> Result<Plan> {
        let server_id = request.server_id;
        let observed = observe(&self.world, server_id).await?;
        let account_id = must_be_rented(&observed)?;
        // The moment makes the name unique, so that it is found again after a crash.
        let stamp = self.world.now().to_string();
        let stamp = stamp[..19].replace([':', '-'], "").replace('T', "-");
        let name = match &request.label {
            Some(label) => format!("{}-{label}-{stamp}", observed.name),
            None => format!("{}-{stamp}", observed.name),
        };
        let mut steps = Steps::default();
        steps
            .then(
                format!("Take the snapshot “{name}”"),
                ServerAction::Snapshot {
                    account_id,
                    server_id,
                    name: name.clone(),
                },
            )
            .on(server_id)
            .undo("delete the snapshot");
        let prepared = Prepared {
            title: format!("Take a snapshot of the server “{}”", observed.name),
            steps: steps.finish(),
            notices: vec![
                "Snapshots cost by their size. What is written during it may be missing."
                    .to_owned(),
            ],
        };
        self.save_plan(&Intent::Snapshot(request), &observed, prepared)
            .await
    }

    /// All disk snapshots of an account.
    pub async fn disk_snapshots(&self, account: ProviderAccountId) -> Result<Vec<DiskSnapshot>> {
        let account = self.world.account(account, Provider::Digitalocean).await?;
        Ok(self.world.ports.compute.snapshots(&account).await?)
    }
}

pub(crate) async fn observe(world: &World, server_id: ServerId) -> Result<Observed> {
    let server = world.store.need::<Server>(&server_id).await?;
    Ok(Observed {
        server_id,
        name: server.name,
        state: server.state,
        account_id: server.account_id,
        provider_ref: server.provider_ref,
    })
}

pub(super) fn must_be_rented(observed: &Observed) -> Result<ProviderAccountId> {
    match (observed.account_id, &observed.provider_ref) {
        (Some(account_id), Some(_)) => Ok(account_id),
        _ => Err(EngineError::bad_input(
            "server_not_rented",
            format!("“{}” is at no provider that we know.", observed.name),
        )
        .next_step("Do it where you rent it.")),
    }
}

pub(super) async fn rented_here(
    world: &World,
    server_id: ServerId,
) -> PortResult<(Server, ProviderAccount, u64)> {
    let server = world.store.need::<Server>(&server_id).await?;
    let (account, id) = rented(world, &server).await?.ok_or_else(|| {
        PortError::new(
            "server_not_rented",
            format!("“{}” is at no provider that we know.", server.name),
        )
    })?;
    Ok((server, account, id))
}

pub(super) async fn reboot(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
) -> PortResult<Value> {
    let (server, target) = world.target(server_id).await?;
    let boot_id = ["cat", "/proc/sys/kernel/random/boot_id"];
    let uptime = ["cat", "/proc/1/stat"];
    let identity = |outputs: (String, String)| format!("{} {}", outputs.0, outputs.1);
    let look = async || -> PortResult<String> {
        let boot = world
            .ports
            .servers
            .run(&target, &boot_id, None, false)
            .await?;
        let first = world
            .ports
            .servers
            .run(&target, &uptime, None, false)
            .await?;
        // The 22nd field is when the first process started: it tells two boots of a container
        // apart, which share the kernel's boot id.
        let started = first.text();
        let started = started.rsplit(')').next().unwrap_or_default();
        let started = started.split_whitespace().nth(19).unwrap_or_default();
        Ok(identity((boot.text(), started.to_owned())))
    };
    let before = look().await?;
    match rented(world, &server).await? {
        Some((account, id)) => {
            world
                .ports
                .compute
                .act(&account, id, &DropletAct::Reboot)
                .await?;
        }
        None => {
            // The connection may be cut before the answer comes.
            let _ = world
                .ports
                .servers
                .run(&target, &["systemctl", "reboot"], None, true)
                .await;
        }
    }
    let began = world.now();
    loop {
        contact::pause(world, context, 1_000).await?;
        world.ports.servers.forget(&target).await;
        contact::reach(world, context, &target).await?;
        match look().await {
            Ok(now) if now != before => return Ok(json!({"rebooted": true})),
            _ if world.now().since_ms(began) > GOING_DOWN_LIMIT_MS => {
                return Err(PortError::new(
                    "reboot_without_effect",
                    format!("“{}” was told to reboot and did not go down.", server.name),
                )
                .evidence(format!("boot {before} before and after"))
                .next_step("Try again, or switch it off and on."));
            }
            _ => {}
        }
    }
}

pub(super) async fn switch(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    on: bool,
) -> PortResult<Value> {
    let (mut server, account, id) = rented_here(world, server_id).await?;
    let now = world.ports.compute.droplet(&account, id).await?;
    let is_on = now.is_some_and(|droplet| droplet.status == "active");
    if is_on != on {
        if on {
            world
                .ports
                .compute
                .act(&account, id, &DropletAct::PowerOn)
                .await?;
        } else {
            let asked = world
                .ports
                .compute
                .act(&account, id, &DropletAct::Shutdown)
                .await;
            // A system that does not listen is cut off.
            if asked.is_err() {
                world
                    .ports
                    .compute
                    .act(&account, id, &DropletAct::PowerOff)
                    .await?;
            }
        }
    }
    if let Some(target) = &server.ssh {
        world.ports.servers.forget(target).await;
        if on {
            contact::reach(world, context, target).await?;
        }
    }
    server.state = if on {
        ServerState::Ready
    } else {
        ServerState::Off
    };
    note(world, &server).await?;
    Ok(json!({"on": on, "changed": is_on != on}))
}

pub(super) async fn unswitch(world: &World, server_id: ServerId, on: bool) -> PortResult<()> {
    let (mut server, account, id) = rented_here(world, server_id).await?;
    let act = if on {
        DropletAct::PowerOn
    } else {
        DropletAct::PowerOff
    };
    let now = world.ports.compute.droplet(&account, id).await?;
    if now.is_some_and(|droplet| (droplet.status == "active") != on) {
        world.ports.compute.act(&account, id, &act).await?;
    }
    server.state = if on {
        ServerState::Ready
    } else {
        ServerState::Off
    };
    note(world, &server).await
}

async fn note(world: &World, server: &Server) -> PortResult<()> {
    let mut write = world.store.write().await?;
    write.put(server).await?;
    world
        .auditor
        .record(
            &mut write,
            "server.power",
            &format!("server:{}", server.id),
            json!({"name": server.name, "state": server.state}),
        )
        .await?;
    write.commit().await?;
    Ok(())
}

async fn find_snapshot(
    world: &World,
    account: &ProviderAccount,
    name: &str,
) -> PortResult<Option<DiskSnapshot>> {
    let all = world.ports.compute.snapshots(account).await?;
    Ok(all.into_iter().find(|snapshot| snapshot.name == name))
}

pub(super) async fn snapshot_taken(
    world: &World,
    account_id: ProviderAccountId,
    name: &str,
) -> PortResult<Option<Value>> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let found = find_snapshot(world, &account, name).await?;
    Ok(found.map(|snapshot| json!({"snapshot": snapshot})))
}

pub(super) async fn snapshot(world: &World, server_id: ServerId, name: &str) -> PortResult<Value> {
    let (_, account, id) = rented_here(world, server_id).await?;
    let act = DropletAct::Snapshot {
        name: name.to_owned(),
    };
    world.ports.compute.act(&account, id, &act).await?;
    let snapshot = find_snapshot(world, &account, name).await?.ok_or_else(|| {
        PortError::new(
            "snapshot_missing",
            format!("The provider says that the snapshot “{name}” is done, but does not list it."),
        )
        .next_step("Look at the provider's console, then take it again.")
        .retryable()
    })?;
    Ok(json!({"snapshot": snapshot}))
}

pub(super) async fn delete_snapshot(
    world: &World,
    account_id: ProviderAccountId,
    name: &str,
) -> PortResult<()> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    match find_snapshot(world, &account, name).await? {
        Some(snapshot) => {
            world
                .ports
                .compute
                .delete_snapshot(&account, &snapshot.id)
                .await
        }
        None => Ok(()),
    }
}
