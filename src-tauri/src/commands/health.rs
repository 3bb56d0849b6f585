//! What is followed live: how services are, and what they write down.

use crate::{
    desk::Desk,
    streams::Streams,
    views::{
        CommandError, EnvironmentId, LiveLineView, LiveLogNews, ServerHealthView, ServerId,
        ServiceId,
    },
};
use futures::StreamExt;
use plimsoll_engine::{EngineError, LiveLog, LogsRequest};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tauri::{State, ipc::Channel};

/// How many of a log's last lines it begins with.
const TAIL: u32 = 2_000;
/// How often news of a log are told at most.
const GATHER: Duration = Duration::from_millis(50);

/// Tells how services on these servers are, again and again, until it is stopped by the number that
/// it answers.
#[tauri::command]
#[specta::specta]
pub async fn health_watch(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    server_ids: Vec<ServerId>,
    channel: Channel<ServerHealthView>,
) -> Result<u32, CommandError> {
    let servers = server_ids.into_iter().map(Into::into).collect();
    let mut news = desk.engine().await?.watch_health(servers);
    Ok(streams.start(async move {
        while let Some(health) = news.next().await {
            if channel.send(health.into()).is_err() {
                return;
            }
        }
    }))
}

/// Follows the log of a service on one of its servers, until it is stopped by the number that it
/// answers. The channel tells how many lines there are; the lines are asked for.
#[tauri::command]
#[specta::specta]
pub async fn service_follow_log(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    server_id: Option<ServerId>,
    channel: Channel<LiveLogNews>,
) -> Result<u32, CommandError> {
    let request = LogsRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        server_id: server_id.map(Into::into),
        tail: TAIL,
        follow: true,
    };
    let (engine, log) = (desk.engine().await?, LiveLog::default());
    let filled = log.clone();
    let follow = async move { engine.follow_logs(request, Arc::new(filled)).await };
    Ok(streams.start_log(log.clone(), tell(log, follow, channel)))
}

/// Lines of a log that is followed, from a place on.
#[tauri::command]
#[specta::specta]
pub fn live_lines(
    streams: State<'_, Streams>,
    number: u32,
    from: u64,
    count: u32,
) -> Vec<LiveLineView> {
    let log = streams.log(number);
    let lines = log.map(|log| log.lines(from, count)).unwrap_or_default();
    lines.into_iter().map(Into::into).collect()
}

/// The nearest line of a log that is followed with a text in it.
#[tauri::command]
#[specta::specta]
pub async fn live_search(
    streams: State<'_, Streams>,
    number: u32,
    text: String,
    from: u64,
    forward: bool,
) -> Result<Option<u64>, CommandError> {
    let Some(log) = streams.log(number) else {
        return Ok(None);
    };
    // A million lines take a while: the window's own thread has better things to do.
    let found = tokio::task::spawn_blocking(move || log.search(&text, from, forward)).await;
    Ok(found.unwrap_or_default())
}

/// Stops what goes on under a number.
#[tauri::command]
#[specta::specta]
pub fn stream_stop(streams: State<'_, Streams>, number: u32) {
    streams.stop(number);
}

/// Tells how a log grows while something fills it, and how that ended.
pub async fn tell(
    log: LiveLog,
    follow: impl Future<Output = Result<(), EngineError>>,
    channel: Channel<LiveLogNews>,
) {
    let mut total = log.total();
    let mut follow = pin!(follow);
    let ended = loop {
        tokio::select! {
            ended = &mut follow => break ended,
            grown = total.changed() => {
                let news = LiveLogNews {
                    total: *total.borrow_and_update(),
                    ended: false,
                    failure: None,
                };
                if grown.is_err() || channel.send(news).is_err() {
                    return;
                }
                // Lines go on coming in while the news are held back.
                tokio::select! {
                    ended = &mut follow => break ended,
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
        }
    };
    let news = LiveLogNews {
        total: *total.borrow(),
        ended: true,
        failure: ended.err().map(CommandError::from),
    };
    // The page may be gone by now.
    let _ = channel.send(news);
}
