//! Servers.

use super::health::tell;
use crate::{
    desk::Desk,
    streams::Streams,
    views::{
        CommandError, FiguresView, FirewallView, HostKeyView, JournalView, LiveLogNews, LossesView,
        MachineView, PlanView, ProviderAccountId, PrunedView, RunningView, ServerId, ValuesView,
    },
};
use futures::StreamExt;
use plimsoll_domain::{form::server, name::Name};
use plimsoll_engine::{
    AdoptRequest, DestroyRequest, DestroyTarget, LiveLog, PowerRequest, ProvisionRequest,
    SnapshotRequest,
};
use std::{pin::pin, sync::Arc};
use tauri::{State, ipc::Channel};

/// How often servers that are looked at are asked, ms.
const EVERY_MS: u64 = 2_000;
/// How many of a log's last lines it begins with.
const TAIL: u32 = 1_000;

/// All machines of an account; those that are not ours are locked.
#[tauri::command]
#[specta::specta]
pub async fn server_listing(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
) -> Result<Vec<MachineView>, CommandError> {
    let listed = desk.engine().await?.listing(account_id.into()).await?;
    Ok(listed.into_iter().map(Into::into).collect())
}

/// Tells how servers are, again and again, until it is stopped by the number that it answers.
#[tauri::command]
#[specta::specta]
pub async fn server_watch(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    server_ids: Vec<ServerId>,
    channel: Channel<FiguresView>,
) -> Result<u32, CommandError> {
    let servers = server_ids.into_iter().map(Into::into).collect();
    let figures = desk.engine().await?.watch_servers(servers, EVERY_MS);
    Ok(streams.start(async move {
        let mut figures = pin!(figures);
        while let Some(one) = figures.next().await {
            if channel.send(one.into()).is_err() {
                return;
            }
        }
    }))
}

/// Tells what runs on a server, again and again, until it is stopped by the number that it answers.
#[tauri::command]
#[specta::specta]
pub async fn server_watch_running(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    server_id: ServerId,
    channel: Channel<RunningView>,
) -> Result<u32, CommandError> {
    let running = desk
        .engine()
        .await?
        .watch_running(server_id.into(), EVERY_MS);
    Ok(streams.start(async move {
        let mut running = pin!(running);
        while let Some(one) = running.next().await {
            let view = one.map_or_else(
                |error| RunningView {
                    containers: Vec::new(),
                    failure: Some(error.into()),
                },
                RunningView::from,
            );
            if channel.send(view).is_err() {
                return;
            }
        }
    }))
}

/// Follows one of a server's own logs, until it is stopped by the number that it answers.
#[tauri::command]
#[specta::specta]
pub async fn server_follow_log(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    server_id: ServerId,
    journal: JournalView,
    channel: Channel<LiveLogNews>,
) -> Result<u32, CommandError> {
    let (engine, log) = (desk.engine().await?, LiveLog::default());
    let filled = Arc::new(log.clone());
    let follow = async move {
        engine
            .follow_journal(server_id.into(), journal.into(), TAIL, true, filled)
            .await
    };
    Ok(streams.start_log(log.clone(), tell(log, follow, channel)))
}

/// The firewall before a server at its provider; none where we put none.
#[tauri::command]
#[specta::specta]
pub async fn server_firewall(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<Option<FirewallView>, CommandError> {
    let found = desk.engine().await?.firewall(server_id.into()).await?;
    Ok(found.map(Into::into))
}

/// What a clean-up of images would free; with `remove` it does.
#[tauri::command]
#[specta::specta]
pub async fn server_prune(
    desk: State<'_, Desk>,
    server_id: ServerId,
    remove: bool,
) -> Result<PrunedView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.prune(server_id.into(), remove).await?.into())
}

/// What would be lost with a server.
#[tauri::command]
#[specta::specta]
pub async fn server_losses(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<LossesView, CommandError> {
    Ok(desk.engine().await?.losses(server_id.into()).await?.into())
}

/// Plans a new server from what was typed.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_provision(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
    values: ValuesView,
) -> Result<PlanView, CommandError> {
    let wish = server::read(&values.into())?;
    let request = ProvisionRequest::of(wish, account_id.into());
    let planned = desk.engine().await?.plan_provision(request).await;
    Ok(planned.map_err(CommandError::of_server)?.into())
}

/// Asks a server for its host key, for somebody to confirm.
#[tauri::command]
#[specta::specta]
pub async fn server_host_key(
    desk: State<'_, Desk>,
    values: ValuesView,
) -> Result<HostKeyView, CommandError> {
    let to = server::read_add(&values.into())?;
    let engine = desk.engine().await?;
    let seen = engine
        .host_key(&to.host, to.port, to.proxy.as_deref())
        .await;
    let seen = seen.map_err(CommandError::of_server)?;
    Ok(HostKeyView::new(seen, engine.login_key().await?.public))
}

/// Plans to add a server whose host key somebody has confirmed.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_adopt(
    desk: State<'_, Desk>,
    values: ValuesView,
    host_key: String,
) -> Result<PlanView, CommandError> {
    let to = server::read_add(&values.into())?;
    let request = AdoptRequest {
        name: to.name,
        host: to.host,
        port: to.port,
        user: to.user,
        host_key,
        proxy: to.proxy,
    };
    let planned = desk.engine().await?.plan_adopt(request).await;
    Ok(planned.map_err(CommandError::of_server)?.into())
}

/// Plans to prepare a server again.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_prepare(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<PlanView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.plan_prepare(server_id.into()).await?.into())
}

/// Plans a reboot.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_reboot(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<PlanView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.plan_reboot(server_id.into()).await?.into())
}

/// Plans to switch a server on or off.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_power(
    desk: State<'_, Desk>,
    server_id: ServerId,
    on: bool,
) -> Result<PlanView, CommandError> {
    let request = PowerRequest {
        server_id: server_id.into(),
        on,
    };
    Ok(desk.engine().await?.plan_power(request).await?.into())
}

/// Plans a snapshot of a server's disk.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_snapshot(
    desk: State<'_, Desk>,
    server_id: ServerId,
    label: String,
) -> Result<PlanView, CommandError> {
    let label = match label.trim() {
        "" => None,
        text => Some(Name::parse(text).map_err(|e| CommandError::from(e).about("label"))?),
    };
    let request = SnapshotRequest {
        server_id: server_id.into(),
        label,
    };
    Ok(desk.engine().await?.plan_snapshot(request).await?.into())
}

/// Plans to reserve an address for a server.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_reserve_ip(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<PlanView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.plan_reserve_ip(server_id.into()).await?.into())
}

/// Plans to give a server's reserved address back.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_release_ip(
    desk: State<'_, Desk>,
    server_id: ServerId,
) -> Result<PlanView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.plan_release_ip(server_id.into()).await?.into())
}

/// Plans to destroy a server. `force` is the name that somebody typed, where one is needed.
#[tauri::command]
#[specta::specta]
pub async fn server_plan_destroy(
    desk: State<'_, Desk>,
    server_id: ServerId,
    force: Option<String>,
) -> Result<PlanView, CommandError> {
    let request = DestroyRequest {
        target: DestroyTarget::Server {
            server_id: server_id.into(),
        },
        force,
    };
    Ok(desk.engine().await?.plan_destroy(request).await?.into())
}
