//! Droplets that change their power from inside: `reboot` ends a container, and so does
//! `poweroff`.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{EventsOptionsBuilder, InspectContainerOptions};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::error::{Doing, LabError};
use crate::instance::ID_LABEL;

/// Exit status of a container whose first process rebooted: in a process namespace the kernel
/// turns the system call into SIGHUP (pid_namespaces(7), "reboot(2)").
const REBOOTED: i64 = 128 + 1;
/// The same for halt and power off, which become SIGINT.
const POWERED_OFF: i64 = 128 + 2;
/// How long to wait before listening again after the engine hung up.
const AGAIN: Duration = Duration::from_secs(1);

/// Follows the engine's events until `stop`.
pub(super) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = follow(&inner, &stop) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(inner: &Arc<Inner>, stop: &CancellationToken) {
    let mut filter = inner.instance.filter_kind("droplet");
    filter.insert("event".to_owned(), vec!["die".to_owned()]);
    let options = EventsOptionsBuilder::new().filters(&filter).build();
    let mut events = inner.docker.events(Some(options));
    while let Some(Ok(event)) = events.next().await {
        let labels = event
            .actor
            .and_then(|actor| actor.attributes)
            .unwrap_or_default();
        let Some(id) = labels.get(ID_LABEL).and_then(|id| id.parse().ok()) else {
            continue;
        };
        let (inner, stop) = (inner.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = died(&inner, id, &stop).await {
                tracing::warn!(droplet = id, %error, "could not follow the droplet's power");
            }
        });
    }
}

async fn died(inner: &Inner, id: u64, stop: &CancellationToken) -> Result<(), LabError> {
    // Whoever cuts the power by the API holds the turn, and has decided what comes next.
    let _turn = inner.turn(id).await;
    if stop.is_cancelled()
        || !inner
            .book
            .droplet(id)
            .is_some_and(|droplet| droplet.wanted_on)
    {
        return Ok(());
    }
    let state = inner
        .docker
        .inspect_container(&inner.name(id), None::<InspectContainerOptions>)
        .await
        .doing(format!("look at the droplet {id}"))?
        .state
        .unwrap_or_default();
    match (state.running, state.exit_code) {
        (Some(true), _) => Ok(()),
        (_, Some(REBOOTED)) => inner.start(id).await,
        (_, Some(POWERED_OFF)) => inner.book.write(|pages| {
            if let Some(droplet) = pages.droplets.get_mut(&id) {
                droplet.wanted_on = false;
            }
        }),
        (_, code) => {
            tracing::warn!(droplet = id, ?code, "the droplet ended by itself");
            Ok(())
        }
    }
}
