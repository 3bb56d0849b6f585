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

/// How long SSH may take to answer after a machine has started, ms.
const SSH_LIMIT_MS: i64 = 300_000;

/// How long SSH may refuse our key or show another host key than cloud-init is about to set, ms.
const SETTLING_LIMIT_MS: i64 = 60_000;

/// How long cloud-init may take, s.
const CLOUD_INIT_LIMIT_S: &str = "900";

/// The new host key waits here until it is put into place.
const NEW_KEY: &str = "/etc/ssh/plimsoll_new_host_key";
const NEW_KEY_PUBLIC: &str = "/etc/ssh/plimsoll_new_host_key.pub";
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
const HOST_KEY_PUBLIC: &str = "/etc/ssh/ssh_host_ed25519_key.pub";

/// Waits, unless somebody asks to stop.
pub(crate) async fn pause(world: &World, context: &StepContext, ms: u64) -> PortResult<()> {
    tokio::select! {
        () = world.ports.clock.sleep_ms(ms) => Ok(()),
        () = context.cancel.cancelled() => Err(PortError::new("cancelled", "Somebody asked to stop.")),
    }
}

/// Waits until SSH answers and lets us in.
pub(crate) async fn reach(
    world: &World,
    context: &StepContext,
    target: &SshTarget,
) -> PortResult<()> {
    let began = world.now();
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
        let limit = match error.code() {
            // A machine that boots refuses connections, then greets, then gets its keys.
            "ssh_tcp" | "ssh_banner" | "ssh_cut" => SSH_LIMIT_MS,
            "ssh_authentication" | "ssh_host_key_changed" => SETTLING_LIMIT_MS,
            _ => return Err(error),
        };
        if world.now().since_ms(began) > limit {
            return Err(error);
        }
        pause(world, context, 500).await?;
    }
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
    let wait = [
        "timeout",
        CLOUD_INIT_LIMIT_S,
        "cloud-init",
        "status",
        "--wait",
    ];
    let output = tokio::select! {
        output = world.ports.servers.run(&target, &wait, None, true) => output?,
        () = context.cancel.cancelled() => {
            return Err(PortError::new("cancelled", "Somebody asked to stop."));
        }
    };
    let (code, message) = match output.status {
        // 2 is “done, with recoverable errors” (cloud-init 23.4 and later).
        Some(0 | 2) => return Ok(json!({"cloud_init": "done"})),
        // An image without cloud-init has nothing to wait for.
        Some(127) => return Ok(json!({"cloud_init": "absent"})),
        Some(124) => ("cloud_init_hangs", "has not finished within 15 minutes"),
        _ => ("cloud_init_failed", "failed"),
    };
    let mut failure = PortError::new(
        code,
        format!("cloud-init on the server “{}” {message}.", server.name),
    )
    .next_step("Choose another image, or look at /var/log/cloud-init-output.log on the server.");
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
