//! Droplets that change their power from inside: `reboot` ends a container, and so does
//! `poweroff`.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{EventsOptionsBuilder, InspectContainerOptions};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::error::{Doing, LabError};
use crate::instance::{ID_LABEL, KIND_LABEL};

/// Exit status of a container whose first process rebooted: in a process namespace the kernel
/// turns the system call into SIGHUP (pid_namespaces(7), "reboot(2)").
const REBOOTED: i64 = 128 + 1;
/// The same for halt and power off, which become SIGINT.
const POWERED_OFF: i64 = 128 + 2;
/// How long to wait before listening again after the engine hung up.
const AGAIN: Duration = Duration::from_secs(1);

/// Follows the engine's events until `stop`.
pub(super) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = follow(&inner, &stop) => {}
        }
        // The engine hung up: it was restarted, and with it went what ran.
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
            match inner.recover().await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "the engine is away"),
            }
        }
    }
}

async fn follow(inner: &Arc<Inner>, stop: &CancellationToken) {
    let mut filter = inner.instance.filter();
    filter.insert(
        "event".to_owned(),
        vec!["die".to_owned(), "start".to_owned()],
    );
    let options = EventsOptionsBuilder::new().filters(&filter).build();
    let mut events = inner.docker.events(Some(options));
    while let Some(Ok(event)) = events.next().await {
        let labels = event
            .actor
            .and_then(|actor| actor.attributes)
            .unwrap_or_default();
        let kind = labels.get(KIND_LABEL).map(String::as_str);
        let id = labels.get(ID_LABEL).and_then(|id| id.parse().ok());
        let (inner, stop) = (inner.clone(), stop.clone());
        match (kind, event.action.as_deref(), id) {
            (Some("droplet"), Some("die"), Some(id)) => {
                tokio::spawn(async move {
                    if let Err(error) = died(&inner, id, &stop).await {
                        tracing::warn!(droplet = id, %error, "could not follow its power");
                    }
                });
            }
            // A gateway that was started again by the engine knows nothing yet.
            (Some("gateway"), Some("start"), _) => {
                tokio::spawn(async move {
                    if let Err(error) = inner.inform_gateway().await {
                        tracing::warn!(%error, "the gateway is away");
                    }
                });
            }
            _ => {}
        }
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
