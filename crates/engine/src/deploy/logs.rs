//! Looking at what runs: log lines and health, straight from the agents.

use super::here;
use crate::{
    Engine, Result,
    error::EngineError,
    ports::{Body, Progress},
    redact::Redactor,
    seal::Place,
    world::World,
};
use futures::future::join_all;
use plimsoll_domain::{
    EnvironmentId, ServerId, ServiceId,
    project::Environment,
    release::{Release, VariableValue},
    server::Server,
};
use plimsoll_protocol::{LogStream, Logs, Request, Status};
use std::sync::Arc;

/// Which log lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// One of the environment's servers; `None` means the first.
    pub server_id: Option<ServerId>,
    /// How many of the last lines to begin with.
    pub tail: u32,
    /// Whether to go on with new lines, until the future is dropped.
    pub follow: bool,
}

/// Lines on their way to somebody who looks, without secrets.
struct Masked {
    to: Arc<dyn Progress>,
    redactor: Arc<Redactor>,
}

impl Progress for Masked {
    fn line(&self, stream: LogStream, line: &str) {
        self.to.line(stream, &self.redactor.text(line));
    }
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.to.bytes(done, total);
    }
}

/// Teaches the redactor what the service's containers know: its secrets of today, and those of the
/// release that serves.
async fn learn_secrets(
    world: &World,
    environment: EnvironmentId,
    service: ServiceId,
) -> Result<()> {
    let mut variables = world.store.variable_values(environment, service).await?;
    let serving = world.store.serving(environment, service).await?;
    if let Some(id) = serving.and_then(|serving| serving.release_id)
        && let Some(release) = world.store.get::<Release>(&id).await?
    {
        variables.extend(release.variables);
    }
    for variable in variables {
        if let VariableValue::Sealed(sealed) = &variable.value {
            let place = Place::variable(environment, service, &variable.name);
            world.open_sealed(&place, sealed).await?;
        }
    }
    Ok(())
}

impl Engine {
    /// The same progress, without the secrets that the redactor knows.
    pub(crate) fn masked(&self, to: Arc<dyn Progress>) -> Arc<dyn Progress> {
        Arc::new(Masked {
            to,
            redactor: self.world.redactor.clone(),
        })
    }

    /// Hands log lines of a service to `progress`, without its secrets.
    pub async fn follow_logs(
        &self,
        request: LogsRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<()> {
        let here = here(&self.world, request.environment_id, request.service_id).await?;
        let server = match request.server_id {
            Some(id) => here.servers.iter().find(|server| server.id == id),
            None => here.servers.first(),
        };
        let Some(server) = server else {
            return Err(EngineError::bad_input(
                "server_elsewhere",
                format!("{} does not run on that server.", here.path()),
            )
            .next_step("Name one of the environment's servers."));
        };
        let (_, target) = self.world.target(server.id).await?;
        let progress = self.masked(progress);
        learn_secrets(&self.world, request.environment_id, request.service_id).await?;
        let request = Request::Logs(Logs {
            key: here.spot().key,
            deployment_id: None,
            tail: request.tail,
            follow: request.follow,
        });
        let _: serde_json::Value = self
            .world
            .ask(&target, &request, Body::Empty, progress)
            .await?;
        Ok(())
    }

    /// How every server of an environment is, all asked at once: one that does not answer delays
    /// nobody.
    pub async fn statuses(
        &self,
        environment_id: EnvironmentId,
    ) -> Result<Vec<(Server, Result<Status>)>> {
        let environment = self
            .world
            .store
            .need::<Environment>(&environment_id)
            .await?;
        let asked = environment.server_ids.iter().map(|id| async move {
            let server = self.world.store.get_any::<Server>(id).await?;
            let status = self.server_status(*id).await;
            Ok::<_, EngineError>(server.map(|server| (server, status)))
        });
        let mut all = Vec::new();
        for answer in join_all(asked).await {
            all.extend(answer?);
        }
        Ok(all)
    }
}
