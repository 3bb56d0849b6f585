//! Reserved addresses: one that points at a server and stays when the machine behind it goes.

use super::{ServerAction, contact, power, rented};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    jobs::StepContext,
    ports::{PortError, PortResult, ReservedIp},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, ServerId,
    server::{Provider, ProviderAccount, Server},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long the provider may take to point a new address at its machine, ms.
const POINTING_LIMIT_MS: u64 = 60_000;

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    server: power::Observed,
    /// The address that we keep for it.
    kept: Option<String>,
    /// The address that points at its machine, ours or not.
    pointing: Option<String>,
}

impl Engine {
    /// Plans to reserve an address for a rented server, which has one of its own besides.
    ///
    /// # Errors
    /// `server_not_rented`, and `address_there` when one points at it already.
    pub async fn plan_reserve_ip(&self, server_id: ServerId) -> Result<Plan> {
        let observed = observe(&self.world, server_id).await?;
        let account_id = power::must_be_rented(&observed.server)?;
        let name = &observed.server.name;
        if let Some(ip) = observed.kept.as_ref().or(observed.pointing.as_ref()) {
            return Err(EngineError::conflict(
                "address_there",
                format!("The reserved address {ip} points at “{name}” already."),
            )
            .next_step("Use that one, or release it first."));
        }
        let mut steps = Steps::default();
        let noted_step = steps.next();
        steps.then(
            "Note which reserved addresses the account has",
            ServerAction::NoteAddresses { account_id },
        );
        steps
            .then(
                format!("Reserve an address and point it at “{name}”"),
                ServerAction::ReserveIp {
                    server_id,
                    noted_step,
                },
            )
            .on(server_id)
            .undo("give the address back");
        let prepared = Prepared {
            title: format!("Reserve an address for the server “{name}”"),
            steps: steps.finish(),
            notices: vec![
                "DigitalOcean asks nothing for it while it points at a machine, and bills it \
                 otherwise: release it when it is not needed any more."
                    .to_owned(),
            ],
        };
        self.save_plan(&Intent::ReserveIp { server_id }, &observed, prepared)
            .await
    }

    /// Plans to give a server's reserved address back.
    ///
    /// # Errors
    /// `no_address` when we keep none for it.
    pub async fn plan_release_ip(&self, server_id: ServerId) -> Result<Plan> {
        let observed = observe(&self.world, server_id).await?;
        let account_id = power::must_be_rented(&observed.server)?;
        let name = &observed.server.name;
        let Some(ip) = observed.kept.clone() else {
            return Err(EngineError::not_found(
                "no_address",
                format!("“{name}” has no reserved address of ours."),
            )
            .next_step("Release one that was reserved elsewhere at the provider."));
        };
        let mut steps = Steps::default();
        given_back(&mut steps, account_id, server_id, &ip);
        let prepared = Prepared {
            title: format!("Release the reserved address of the server “{name}”"),
            steps: steps.finish(),
            notices: vec![format!(
                "Names that lead to {ip} stop working, and somebody else may get it."
            )],
        };
        self.save_plan(&Intent::ReleaseIp { server_id }, &observed, prepared)
            .await
    }
}

/// Adds the step that gives an address back.
pub(super) fn given_back(
    steps: &mut Steps,
    account_id: ProviderAccountId,
    server_id: ServerId,
    ip: &str,
) {
    steps
        .then(
            format!("Give the reserved address {ip} back"),
            ServerAction::ReleaseIp {
                account_id,
                server_id,
                ip: ip.to_owned(),
            },
        )
        .on(server_id)
        .change("reserved address", Some(ip.to_owned()), None);
}

pub(crate) async fn observe(world: &World, server_id: ServerId) -> Result<Observed> {
    let row = world.store.need::<Server>(&server_id).await?;
    let pointing = match rented(world, &row).await? {
        Some((account, id)) => world
            .ports
            .compute
            .reserved_ips(&account)
            .await?
            .into_iter()
            .find(|ip| ip.droplet_id == Some(id))
            .map(|ip| ip.ip),
        None => None,
    };
    Ok(Observed {
        server: power::observe(world, server_id).await?,
        kept: row.reserved_ip,
        pointing,
    })
}

pub(super) async fn note_all(world: &World, account_id: ProviderAccountId) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let all = world.ports.compute.reserved_ips(&account).await?;
    let addresses: Vec<String> = all.into_iter().map(|ip| ip.ip).collect();
    Ok(json!({"addresses": addresses}))
}

/// The addresses that were there before the request.
fn noted(context: &StepContext, step: u32) -> PortResult<Vec<String>> {
    context
        .outputs
        .get(step)
        .and_then(|output| serde_json::from_value(output["addresses"].clone()).ok())
        .ok_or_else(|| PortError::new("internal", "The account's addresses were not noted."))
}

pub(super) async fn reserve(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    noted_step: u32,
) -> PortResult<Value> {
    let before = noted(context, noted_step)?;
    let (server, account, id) = power::rented_here(world, server_id).await?;
    // An answer may have been lost, with the process or on its way.
    let found = if context.attempt > 1 {
        find(world, context, &server, (&account, id), &before).await?
    } else {
        None
    };
    let compute = &world.ports.compute;
    let ip = match found {
        Some(ip) => ip,
        None => compute.reserve_ip(&account, id).await?.ip,
    };
    compute.assign_ip(&account, &ip, Some(id)).await?;
    keep(world, server_id, Some(&ip)).await?;
    Ok(json!({"ip": ip}))
}

/// The address that an earlier attempt has reserved: the new one that points at this machine, or
/// will. One that stays without a machine is ours when it is the only new one.
async fn find(
    world: &World,
    context: &StepContext,
    server: &Server,
    (account, id): (&ProviderAccount, u64),
    before: &[String],
) -> PortResult<Option<String>> {
    let began = world.now();
    loop {
        let all = world.ports.compute.reserved_ips(account).await?;
        let new: Vec<ReservedIp> = all
            .into_iter()
            .filter(|ip| !before.contains(&ip.ip))
            .collect();
        if let Some(ours) = new.iter().find(|ip| ip.droplet_id == Some(id)) {
            return Ok(Some(ours.ip.clone()));
        }
        let idle: Vec<String> = new
            .into_iter()
            .filter(|ip| ip.droplet_id.is_none() && Some(&ip.region) == server.region.as_ref())
            .map(|ip| ip.ip)
            .collect();
        if idle.is_empty() {
            return Ok(None);
        }
        if world.waited(began) > POINTING_LIMIT_MS {
            return match idle.as_slice() {
                [one] => Ok(Some(one.clone())),
                several => Err(several.iter().cloned().fold(
                    PortError::new(
                        "address_unclear",
                        format!(
                            "Several new addresses point nowhere, and one may be “{}”’s.",
                            server.name
                        ),
                    )
                    .next_step("Give back at the provider what nobody uses, then resume."),
                    PortError::evidence,
                )),
            };
        }
        contact::pause(world, context, 2_000).await?;
    }
}

pub(super) async fn unreserve(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    noted_step: u32,
    output: Option<&Value>,
) -> PortResult<()> {
    let (server, account, id) = power::rented_here(world, server_id).await?;
    let known = output.and_then(|output| output["ip"].as_str());
    let ip = match known {
        Some(ip) => Some(ip.to_owned()),
        None => {
            let before = noted(context, noted_step)?;
            find(world, context, &server, (&account, id), &before).await?
        }
    };
    match ip {
        Some(ip) => release(world, account.id, server_id, &ip).await.map(drop),
        None => Ok(()),
    }
}

pub(super) async fn release(
    world: &World,
    account_id: ProviderAccountId,
    server_id: ServerId,
    ip: &str,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let compute = &world.ports.compute;
    let all = compute.reserved_ips(&account).await?;
    if let Some(there) = all.into_iter().find(|there| there.ip == ip) {
        // Only what has come to rest is given back.
        if there.droplet_id.is_some() {
            compute.assign_ip(&account, ip, None).await?;
        }
        compute.release_ip(&account, ip).await?;
    }
    keep(world, server_id, None).await?;
    Ok(json!({"released": ip}))
}

/// Notes which address we keep for a server.
async fn keep(world: &World, server_id: ServerId, ip: Option<&str>) -> PortResult<()> {
    let mut write = world.store.write().await?;
    let Some(mut server) = write.get::<Server>(&server_id).await? else {
        return Ok(());
    };
    let before = std::mem::replace(&mut server.reserved_ip, ip.map(str::to_owned));
    if before == server.reserved_ip {
        return Ok(());
    }
    write.put(&server).await?;
    let act = if ip.is_some() {
        "server.reserve_ip"
    } else {
        "server.release_ip"
    };
    world
        .auditor
        .record(
            &mut write,
            act,
            &format!("server:{server_id}"),
            json!({"name": server.name, "before": before, "after": server.reserved_ip}),
        )
        .await?;
    write.commit().await?;
    Ok(())
}
