//! First contact: the one-time host key is replaced and the new one pinned, cloud-init waited for.

use super::{create, run};
use crate::{
    jobs::StepContext,
    keys::bare_key,
    ports::{PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    ServerId,
    server::{Server, SshTarget},
};
use serde_json::{Value, json};

/// The new host key waits here until it is put into place.
const NEW_KEY: &str = "/etc/ssh/plimsoll_new_host_key";
const NEW_KEY_PUBLIC: &str = "/etc/ssh/plimsoll_new_host_key.pub";
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
const HOST_KEY_PUBLIC: &str = "/etc/ssh/ssh_host_ed25519_key.pub";

/// Waits, unless somebody asks to stop.
pub(crate) async fn pause(world: &World, context: &StepContext, ms: u64) -> PortResult<()> {
    tokio::select! {
        () = world.ports.clock.sleep_ms(ms) => Ok(()),
        () = context.cancel.cancelled() => Err(cancelled()),
    }
}

fn cancelled() -> PortError {
    PortError::new("cancelled", "It was asked to stop before it was done.")
}

/// Waits until SSH answers and lets us in.
pub(crate) async fn reach(
    world: &World,
    context: &StepContext,
    target: &SshTarget,
) -> PortResult<()> {
    let began = world.now();
    let patience = &world.settings.patience;
    loop {
        let error = match world
            .ports
            .servers
            .run(target, &["true"], None, false)
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let waited = world.waited(began);
        match error.code() {
            // A machine that boots refuses connections, then greets, then gets its keys.
            "ssh_tcp" | "ssh_banner" | "ssh_cut" | "ssh_timeout" if waited > patience.ssh_ms => {
                return Err(never_answered(target, waited, &error));
            }
            "ssh_authentication" | "ssh_host_key_changed" if waited > patience.settling_ms => {
                return Err(error);
            }
            "ssh_tcp"
            | "ssh_banner"
            | "ssh_cut"
            | "ssh_timeout"
            | "ssh_authentication"
            | "ssh_host_key_changed" => {}
            _ => return Err(error),
        }
        pause(world, context, 500).await?;
    }
}

/// It was waited for long enough: trying the same once more would only double the wait.
fn never_answered(target: &SshTarget, waited_ms: u64, last: &PortError) -> PortError {
    let error = PortError::new(
        "ssh_never_answered",
        format!(
            "SSH on {} did not answer for {} s.",
            target.host,
            waited_ms / 1_000
        ),
    )
    .evidence(format!("{}: {}", last.code(), last.0.message))
    .next_step(
        "Look at the machine's console at the provider, and whether a firewall or your network \
         lets port 22 through.",
    );
    last.0
        .evidence
        .iter()
        .fold(error, |error, line| error.evidence(line))
}

pub(super) async fn make_host_key(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    reach(world, context, &target).await?;
    let there = world
        .ports
        .servers
        .run(&target, &["cat", NEW_KEY_PUBLIC], None, true)
        .await?;
    let public = if there.ok() {
        there.text()
    } else {
        let make = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "",
            "-f",
            NEW_KEY,
        ];
        run(world, &target, &make, "make a host key").await?;
        run(
            world,
            &target,
            &["cat", NEW_KEY_PUBLIC],
            "read the host key",
        )
        .await?
        .text()
    };
    Ok(json!({"public": bare_key(&public)}))
}

fn new_target(target: &SshTarget, context: &StepContext, key_step: u32) -> PortResult<SshTarget> {
    let public = context
        .outputs
        .get(key_step)
        .and_then(|output| output["public"].as_str())
        .ok_or_else(|| PortError::new("internal", "The new host key is not known."))?;
    Ok(SshTarget {
        host_key: public.to_owned(),
        ..target.clone()
    })
}

/// After a cut: the new key may be in place already, and then nobody answers to the old one.
pub(super) async fn host_key_pinned(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    key_step: u32,
) -> PortResult<Option<Value>> {
    let (server, target) = world.target(server_id).await?;
    let pinned = new_target(&target, context, key_step)?;
    match world
        .ports
        .servers
        .run(&pinned, &["true"], None, false)
        .await
    {
        Ok(_) => pin(world, server, pinned).await.map(Some),
        Err(_) => Ok(None),
    }
}

pub(super) async fn pin_host_key(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    key_step: u32,
) -> PortResult<Value> {
    let (server, target) = world.target(server_id).await?;
    let pinned = new_target(&target, context, key_step)?;
    let what = "put the new host key in place";
    // Copied, not moved: after a cut the same commands have to work again.
    run(
        world,
        &target,
        &["cp", NEW_KEY_PUBLIC, HOST_KEY_PUBLIC],
        what,
    )
    .await?;
    run(world, &target, &["cp", NEW_KEY, HOST_KEY], what).await?;
    run(
        world,
        &target,
        &["systemctl", "reload-or-restart", "ssh"],
        "have SSH take the new host key",
    )
    .await?;
    world.ports.servers.forget(&target).await;
    reach(world, context, &pinned).await?;
    let copies = ["rm", "-f", NEW_KEY, NEW_KEY_PUBLIC];
    run(world, &pinned, &copies, "remove the copy of the host key").await?;
    pin(world, server, pinned).await
}

async fn pin(world: &World, mut server: Server, pinned: SshTarget) -> PortResult<Value> {
    let fingerprint = crate::keys::fingerprint(&pinned.host_key)?;
    server.ssh = Some(pinned);
    let mut write = world.store.write().await?;
    write.put(&server).await?;
    world
        .auditor
        .record(
            &mut write,
            "server.pin_host_key",
            &format!("server:{}", server.id),
            json!({"fingerprint": fingerprint}),
        )
        .await?;
    write.commit().await?;
    create::forget_one_time_key(world, server.id).await?;
    Ok(json!({"fingerprint": fingerprint}))
}

pub(super) async fn await_cloud_init(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
) -> PortResult<Value> {
    let (server, target) = world.target(server_id).await?;
    let limit_s = world
        .settings
        .patience
        .cloud_init_ms
        .div_ceil(1_000)
        .to_string();
    let wait = ["timeout", &limit_s, "cloud-init", "status", "--wait"];
    let output = tokio::select! {
        output = world.ports.servers.run(&target, &wait, None, true) => output?,
        () = context.cancel.cancelled() => return Err(cancelled()),
    };
    let (code, message) = match output.status {
        // 2 is “done, with recoverable errors” (cloud-init 23.4 and later).
        Some(0 | 2) => return Ok(json!({"cloud_init": "done"})),
        // An image without cloud-init has nothing to wait for.
        Some(127) => return Ok(json!({"cloud_init": "absent"})),
        Some(124) => (
            "cloud_init_hangs",
            format!("has not finished within {limit_s} s"),
        ),
        _ => ("cloud_init_failed", "failed".to_owned()),
    };
    let mut failure = PortError::new(
        code,
        format!("cloud-init on the server “{}” {message}.", server.name),
    )
    .next_step(
        "The machine was removed again; the last lines of its log are above. Choose another image \
         or size, or try again.",
    );
    for argv in [
        &["cloud-init", "status", "--long"][..],
        &["tail", "-n", "20", "/var/log/cloud-init-output.log"][..],
    ] {
        if let Ok(output) = world.ports.servers.run(&target, argv, None, true).await {
            for line in output.text().lines().filter(|line| !line.trim().is_empty()) {
                failure = failure.evidence(line);
            }
        }
    }
    Err(failure)
}
