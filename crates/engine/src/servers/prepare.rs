//! Carrying out a recipe: every part looks first and may be done twice.

use super::{firewall_name, rented, run};
use crate::{
    jobs::StepContext,
    ports::{Firewall, PortResult},
    world::World,
};
use plimsoll_domain::{
    ServerId,
    recipe::{NGINX_DEFAULTS_PATH, Recipe},
    server::{Server, ServerState, SshTarget},
};
use plimsoll_protocol::LogStream;
use serde_json::{Value, json};

const SWAP_FILE: &str = "/var/plimsoll.swap";

pub(super) async fn prepare(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    recipe: &Recipe,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let say = |line: &str| context.progress.line(LogStream::Agent, line);
    let installed = packages(world, &target, recipe, &say).await?;
    for file in &recipe.files {
        world
            .ports
            .servers
            .write_file(&target, &file.path, file.mode, file.content.as_bytes())
            .await?;
    }
    let mut removal = vec!["rm", "-f", "--"];
    removal.extend(recipe.removals.iter().map(String::as_str));
    run(world, &target, &removal, "remove what stands in the way").await?;
    let mut units = vec!["systemctl", "enable", "--now"];
    units.extend(recipe.units.iter().map(String::as_str));
    run(world, &target, &units, "start Docker and nginx").await?;
    run(
        world,
        &target,
        &["nginx", "-t"],
        "check nginx's configuration",
    )
    .await?;
    run(
        world,
        &target,
        &["systemctl", "reload", "nginx"],
        &format!("have nginx read {NGINX_DEFAULTS_PATH}"),
    )
    .await?;
    let swap = swap(world, &target, recipe).await?;
    say(&format!("swap: {swap}"));
    Ok(json!({"installed": installed, "swap": swap}))
}

/// Installs the packages that are missing; answers them.
async fn packages(
    world: &World,
    target: &SshTarget,
    recipe: &Recipe,
    say: &(dyn Fn(&str) + Sync),
) -> PortResult<Vec<String>> {
    let mut query = vec![
        "dpkg-query",
        "--show",
        "--showformat=${db:Status-Abbrev}${Package}\\n",
    ];
    query.extend(recipe.packages.iter().map(String::as_str));
    // It ends with 1 when one of them is not known; what it knows it prints all the same.
    let known = world.ports.servers.run(target, &query, None, true).await?;
    let known = known.text();
    let is_installed = |package: &String| {
        known
            .lines()
            .any(|line| line.starts_with("ii") && line[2..].trim() == package)
    };
    let missing: Vec<String> = recipe
        .packages
        .iter()
        .filter(|package| !is_installed(package))
        .cloned()
        .collect();
    if missing.is_empty() {
        say("every package is there");
        return Ok(missing);
    }
    say(&format!("installing {}", missing.join(", ")));
    // A fresh machine upgrades itself at its first boot and holds the lock meanwhile.
    let apt = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-q",
        "-y",
        "-o",
        "DPkg::Lock::Timeout=600",
    ];
    let mut update = apt.to_vec();
    update.push("update");
    run(world, target, &update, "read the lists of packages").await?;
    let mut install = apt.to_vec();
    install.extend([
        "-o",
        "Dpkg::Options::=--force-confold",
        "install",
        "--no-install-recommends",
        "--",
    ]);
    install.extend(missing.iter().map(String::as_str));
    run(world, target, &install, "install the packages").await?;
    Ok(missing)
}

/// Makes swap on a small machine that has none; answers what it found or made.
async fn swap(world: &World, target: &SshTarget, recipe: &Recipe) -> PortResult<String> {
    let read = run(
        world,
        target,
        &["cat", "/proc/meminfo"],
        "read the size of the memory",
    )
    .await?
    .text();
    let mib = |field: &str| {
        read.lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kib| kib / 1024)
    };
    if mib("SwapTotal:") > 0 {
        return Ok("there already".to_owned());
    }
    if mib("MemTotal:") >= recipe.swap_below_mib {
        return Ok("not needed".to_owned());
    }
    let size = format!("--length={}MiB", recipe.swap_mib);
    let make: [&[&str]; 4] = [
        &["fallocate", &size, SWAP_FILE],
        &["chmod", "600", SWAP_FILE],
        &["mkswap", SWAP_FILE],
        &["swapon", SWAP_FILE],
    ];
    for argv in make {
        let output = world.ports.servers.run(target, argv, None, true).await?;
        if !output.ok() {
            // Some virtual machines may not swap; they work without.
            let why = output.complaint().join(" ");
            run(
                world,
                target,
                &["rm", "-f", SWAP_FILE],
                "remove the swap file",
            )
            .await?;
            return Ok(format!("not to be had here: {why}"));
        }
    }
    let table = run(world, target, &["cat", "/etc/fstab"], "read /etc/fstab")
        .await?
        .text();
    if !table.contains(SWAP_FILE) {
        let table = format!("{table}\n{SWAP_FILE} none swap sw 0 0\n");
        world
            .ports
            .servers
            .write_file(target, "/etc/fstab", 0o644, table.trim_start().as_bytes())
            .await?;
    }
    Ok(format!("{} MiB", recipe.swap_mib))
}

pub(super) async fn install_agent(world: &World, server_id: ServerId) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let hello = world.ports.agents.ensure(&target).await?;
    Ok(json!({
        "version": hello.version,
        "binary_hash": hello.binary_hash,
        "architecture": hello.machine.architecture,
        "docker": hello.machine.docker_version,
    }))
}

pub(super) async fn protect(
    world: &World,
    server_id: ServerId,
    ports: &[u16],
) -> PortResult<Value> {
    let server = world.store.need::<Server>(&server_id).await?;
    let Some((account, id)) = rented(world, &server).await? else {
        return Ok(json!({"firewall": null}));
    };
    let firewall = world
        .ports
        .compute
        .put_firewall(
            &account,
            &Firewall {
                id: None,
                name: firewall_name(&server),
                open_tcp_ports: ports.to_vec(),
                tags: Vec::new(),
                droplet_ids: vec![id],
            },
        )
        .await?;
    Ok(json!({"firewall": firewall.id, "name": firewall.name}))
}

pub(super) async fn unprotect(world: &World, server_id: ServerId) -> PortResult<()> {
    let server = world.store.need::<Server>(&server_id).await?;
    let Some((account, _)) = rented(world, &server).await? else {
        return Ok(());
    };
    super::destroy::unprotect(world, account.id, &firewall_name(&server))
        .await
        .map(drop)
}

pub(super) async fn mark_ready(
    world: &World,
    server_id: ServerId,
    recipe_hash: &str,
) -> PortResult<Value> {
    let mut server = world.store.need::<Server>(&server_id).await?;
    let before = json!({"state": server.state, "recipe_hash": server.recipe_hash});
    server.state = ServerState::Ready;
    server.recipe_hash = Some(recipe_hash.to_owned());
    let mut write = world.store.write().await?;
    write.put(&server).await?;
    world
        .auditor
        .record(
            &mut write,
            "server.ready",
            &format!("server:{server_id}"),
            json!({"name": server.name, "host": server.ssh.as_ref().map(|ssh| &ssh.host)}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"before": before}))
}

pub(super) async fn unmark(
    world: &World,
    server_id: ServerId,
    output: Option<&Value>,
) -> PortResult<()> {
    let Some(mut server) = world.store.get::<Server>(&server_id).await? else {
        return Ok(());
    };
    let before = output.map(|output| &output["before"]);
    server.state = before
        .and_then(|before| serde_json::from_value(before["state"].clone()).ok())
        .unwrap_or(ServerState::Provisioning);
    server.recipe_hash =
        before.and_then(|before| before["recipe_hash"].as_str().map(str::to_owned));
    let mut write = world.store.write().await?;
    write.put(&server).await?;
    write.commit().await?;
    Ok(())
}
