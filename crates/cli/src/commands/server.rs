//! Servers and base snapshots.

use super::{account, parsed};
use crate::{
    args::{IpVerb, Power, ProvisionArguments, ServerVerb, SnapshotVerb},
    desk::Desk,
    failure::{Answer, Failed},
    input,
    output::{bytes, dollars, table},
};
use plimsoll_domain::{ServerId, name::Name};
use plimsoll_engine::{
    AdoptRequest, BaseSnapshotRequest, DeleteSnapshotRequest, DestroyRequest, DestroyTarget,
    ImageChoice, PowerRequest, ProvisionRequest, SnapshotRequest,
};
use serde_json::json;

/// `plimsoll server …`
pub async fn run(verb: ServerVerb, desk: &Desk) -> Answer {
    match verb {
        ServerVerb::Provision(arguments) => provision(arguments, desk).await,
        ServerVerb::Add {
            name,
            address,
            fingerprint,
            proxy,
            approval,
        } => {
            let (user, host, port) = login(&address)?;
            let seen = desk.engine.host_key(&host, port, proxy.as_deref()).await?;
            match fingerprint {
                Some(expected) if expected != seen.fingerprint => {
                    return Err(Failed::input(
                        "ssh_host_key_unexpected",
                        format!(
                            "{host} has the host key {}, not {expected}.",
                            seen.fingerprint
                        ),
                        "Find out which is right before you go on: somebody may be in between.",
                    ));
                }
                Some(_) => {}
                None => {
                    desk.output
                        .note(&format!("The host key of {host} is {}.", seen.fingerprint));
                    if !input::confirm("Is this the server's own?")? {
                        return Err(Failed::input("not_approved", "Nothing was done.", ""));
                    }
                }
            }
            let request = AdoptRequest {
                name: Name::parse(&name)?,
                host,
                port,
                user,
                host_key: seen.key,
                proxy,
            };
            let plan = desk.engine.plan_adopt(request).await?;
            desk.carry_out(plan, &approval).await
        }
        ServerVerb::List { account: None } => list(desk).await,
        ServerVerb::List {
            account: Some(account),
        } => machines(desk, &account).await,
        ServerVerb::Show { name } => {
            let server = desk.engine.server_named(&Name::parse(&name)?).await?;
            let status = desk.engine.server_status(server.id).await?;
            desk.output
                .answer(&json!({"server": server, "status": status}), |_| {
                    let machine = &status.machine;
                    let mut lines = vec![
                        format!(
                            "{name}  {} cores, load {:.2}",
                            machine.cpus,
                            f64::from(machine.load_centi) / 100.0
                        ),
                        format!(
                            "memory  {} free of {}",
                            bytes(machine.memory_available_bytes),
                            bytes(machine.memory_bytes)
                        ),
                        format!(
                            "disk    {} free of {}",
                            bytes(machine.disk_free_bytes),
                            bytes(machine.disk_bytes)
                        ),
                    ];
                    if let Some(ip) = &server.reserved_ip {
                        lines.push(format!("address {ip}, reserved"));
                    }
                    lines.extend(status.services.iter().map(|service| {
                        format!(
                            "service {}  {:?}, {} restarts",
                            service.key.base(),
                            service.health,
                            service.restarts
                        )
                    }));
                    lines.join("\n")
                });
            Ok(())
        }
        ServerVerb::Prepare { name, approval } => {
            let plan = desk.engine.plan_prepare(id(desk, &name).await?).await?;
            desk.carry_out(plan, &approval).await
        }
        ServerVerb::Reboot { name } => {
            let plan = desk.engine.plan_reboot(id(desk, &name).await?).await?;
            desk.work(desk.engine.approve(plan.id).await?.id).await
        }
        ServerVerb::Power { name, to } => {
            let on = matches!(to, Power::On);
            let request = PowerRequest {
                server_id: id(desk, &name).await?,
                on,
            };
            let plan = desk.engine.plan_power(request).await?;
            desk.work(desk.engine.approve(plan.id).await?.id).await
        }
        ServerVerb::Snapshot {
            name,
            label,
            approval,
        } => {
            let label = label.as_deref().map(Name::parse).transpose()?;
            let request = SnapshotRequest {
                server_id: id(desk, &name).await?,
                label,
            };
            let plan = desk.engine.plan_snapshot(request).await?;
            desk.carry_out(plan, &approval).await
        }
        ServerVerb::Ip { verb } => {
            let (plan, approval) = match verb {
                IpVerb::Reserve { name, approval } => {
                    let id = id(desk, &name).await?;
                    (desk.engine.plan_reserve_ip(id).await?, approval)
                }
                IpVerb::Release { name, approval } => {
                    let id = id(desk, &name).await?;
                    (desk.engine.plan_release_ip(id).await?, approval)
                }
            };
            desk.carry_out(plan, &approval).await
        }
        ServerVerb::Destroy {
            name,
            account,
            force,
            approval,
        } => {
            let target = match account {
                None => DestroyTarget::Server {
                    server_id: id(desk, &name).await?,
                },
                Some(account) => DestroyTarget::Machine {
                    account_id: account::named(desk, &account).await?,
                    name,
                },
            };
            let plan = desk
                .engine
                .plan_destroy(DestroyRequest { target, force })
                .await?;
            desk.carry_out(plan, &approval).await
        }
        ServerVerb::Prune { name, remove } => {
            let pruned = desk.engine.prune(id(desk, &name).await?, remove).await?;
            desk.output.answer(&pruned, |pruned| {
                let verb = if remove {
                    "Freed"
                } else {
                    "A clean-up would free"
                };
                format!(
                    "{verb} {} in {} images.",
                    bytes(pruned.freed_bytes),
                    pruned.tags.len()
                )
            });
            Ok(())
        }
    }
}

/// `plimsoll snapshot …`
pub async fn snapshots(verb: SnapshotVerb, desk: &Desk) -> Answer {
    match verb {
        SnapshotVerb::Build {
            account,
            region,
            size,
            approval,
        } => {
            let account_id = account::named(desk, &account).await?;
            let request = BaseSnapshotRequest {
                account_id,
                region,
                size,
            };
            let plan = desk.engine.plan_base_snapshot(request).await?;
            desk.carry_out(plan, &approval).await
        }
        SnapshotVerb::List => {
            let snapshots = desk.engine.base_snapshots().await?;
            desk.output.answer(&snapshots, |snapshots| {
                let rows: Vec<_> = snapshots
                    .iter()
                    .map(|state| {
                        vec![
                            state.snapshot.id.to_string(),
                            state.snapshot.regions.join(" "),
                            bytes(state.snapshot.size_bytes),
                            state.snapshot.created_at.to_string(),
                            if state.outdated {
                                "outdated"
                            } else {
                                "current"
                            }
                            .to_owned(),
                        ]
                    })
                    .collect();
                table(&["ID", "REGIONS", "SIZE", "MADE", "RECIPE"], &rows)
            });
            Ok(())
        }
        SnapshotVerb::ListAll { account } => {
            let account_id = account::named(desk, &account).await?;
            let all = desk.engine.snapshots(account_id).await?;
            desk.output.answer(&all, |all| {
                let rows: Vec<_> = all
                    .iter()
                    .map(|state| {
                        let kind = match (state.base_id, state.outdated) {
                            (None, _) => "",
                            (Some(_), true) => "outdated base",
                            (Some(_), false) => "current base",
                        };
                        vec![
                            state.disk.id.clone(),
                            state.disk.name.clone(),
                            bytes(state.disk.size_bytes),
                            state.disk.created_at.clone(),
                            kind.to_owned(),
                        ]
                    })
                    .collect();
                table(&["ID", "NAME", "SIZE", "MADE", "KIND"], &rows)
            });
            Ok(())
        }
        SnapshotVerb::DeleteImage {
            id,
            account,
            name,
            approval,
        } => {
            let request = DeleteSnapshotRequest {
                account_id: account::named(desk, &account).await?,
                snapshot_ref: id,
                name,
            };
            let plan = desk.engine.plan_delete_snapshot(request).await?;
            desk.carry_out(plan, &approval).await
        }
        SnapshotVerb::Delete { id, approval } => {
            let plan = desk
                .engine
                .plan_delete_base_snapshot(parsed("snapshot id", &id)?)
                .await?;
            desk.carry_out(plan, &approval).await
        }
    }
}

async fn provision(arguments: ProvisionArguments, desk: &Desk) -> Answer {
    let image = match arguments.image {
        None => ImageChoice::Base,
        // The provider names its own images by words and snapshots by numbers.
        Some(image) if image.bytes().all(|byte| byte.is_ascii_digit()) => {
            ImageChoice::Snapshot(image)
        }
        Some(image) => ImageChoice::Stock(image),
    };
    let request = ProvisionRequest {
        name: Name::parse(&arguments.name)?,
        account_id: account::named(desk, &arguments.account).await?,
        region: arguments.region,
        size: arguments.size,
        image,
        tags: arguments.tags,
        open_ports: arguments.open_ports,
    };
    let plan = desk.engine.plan_provision(request).await?;
    desk.carry_out(plan, &arguments.approval).await
}

async fn list(desk: &Desk) -> Answer {
    let servers = desk.engine.servers().await?;
    desk.output.answer(&servers, |servers| {
        let rows: Vec<_> = servers
            .iter()
            .map(|server| {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
                vec![
                    server.name.to_string(),
                    server
                        .ssh
                        .as_ref()
                        .map_or("–".into(), |ssh| ssh.host.clone()),
                    or_none(&server.reserved_ip),
                    format!("{:?}", server.state).to_lowercase(),
                    or_none(&server.region),
                    or_none(&server.size),
                    server
                        .price_cents_month
                        .map_or("–".into(), |cents| dollars(cents.cast_signed())),
                ]
            })
            .collect();
        table(
            &[
                "NAME", "ADDRESS", "RESERVED", "STATE", "REGION", "SIZE", "A MONTH",
            ],
            &rows,
        )
    });
    Ok(())
}

async fn machines(desk: &Desk, account: &str) -> Answer {
    let account_id = account::named(desk, account).await?;
    let listed = desk.engine.listing(account_id).await?;
    desk.output.answer(&listed, |listed| {
        let rows: Vec<_> = listed
            .iter()
            .map(|machine| {
                vec![
                    machine.name.clone(),
                    machine.address.clone().unwrap_or_else(|| "–".into()),
                    machine.status.clone(),
                    machine.region.clone(),
                    dollars(machine.price_cents_month.cast_signed()),
                    if machine.deployable { "" } else { "locked" }.to_owned(),
                ]
            })
            .collect();
        table(
            &["NAME", "ADDRESS", "STATUS", "REGION", "A MONTH", ""],
            &rows,
        )
    });
    Ok(())
}

async fn id(desk: &Desk, name: &str) -> Answer<ServerId> {
    Ok(desk.engine.server_named(&Name::parse(name)?).await?.id)
}

/// Reads `user@host` or `user@host:port`.
fn login(address: &str) -> Answer<(String, String, u16)> {
    let wrong = || {
        Failed::input(
            "invalid_address",
            format!("“{address}” should read user@host or user@host:port."),
            "",
        )
    };
    let (user, rest) = address.split_once('@').ok_or_else(wrong)?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().map_err(|_| wrong())?),
        _ => (rest, 22),
    };
    let clean = |text: &str| {
        !text.is_empty() && !text.starts_with('-') && !text.contains(char::is_whitespace)
    };
    if clean(user) && clean(host) {
        Ok((user.to_owned(), host.to_owned(), port))
    } else {
        Err(wrong())
    }
}
