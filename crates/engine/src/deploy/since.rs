//! What became on the servers of a deployment whose job was interrupted here.

use crate::{
    Engine, Result,
    ports::{Body, Unwatched},
    world::World,
};
use futures::future::join_all;
use plimsoll_domain::{DeploymentId, JobId, ServerId, Timestamp, server::Server};
use plimsoll_protocol::{Journal, OfDeployment, Phase, Request};
use serde::Serialize;
use std::sync::Arc;

/// What a server says about an interrupted deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Since {
    /// The server.
    pub server_id: ServerId,
    /// What happened there, in a sentence.
    pub text: String,
    /// When the last of it happened.
    pub at: Option<Timestamp>,
    /// Whether the new release serves there.
    pub serves: bool,
}

impl Engine {
    /// Asks every server of an interrupted deployment what has happened there since; empty for jobs
    /// that deploy nothing. A server that does not answer says so.
    pub async fn since(&self, job: JobId) -> Result<Vec<Since>> {
        let Some(deployment) = self.deployment_of_job(job).await? else {
            return Ok(Vec::new());
        };
        let asked = deployment
            .server_ids
            .iter()
            .map(|server| ask(&self.world, *server, deployment.id));
        Ok(join_all(asked).await)
    }
}

async fn ask(world: &World, server_id: ServerId, deployment_id: DeploymentId) -> Since {
    let request = Request::Journal(OfDeployment { deployment_id });
    let answer = match world.target(server_id).await {
        Ok((server, target)) => world
            .ask::<Journal>(&target, &request, Body::Empty, Arc::new(Unwatched))
            .await
            .map(|journal| (server, journal)),
        Err(error) => Err(error),
    };
    match answer {
        Ok((server, journal)) => told(&server, deployment_id, &journal),
        Err(error) => Since {
            server_id,
            text: error.0.message,
            at: None,
            serves: false,
        },
    }
}

fn told(server: &Server, deployment_id: DeploymentId, journal: &Journal) -> Since {
    let name = &server.name;
    let last = journal.phases.last();
    let text = match last.map(|(phase, _)| *phase) {
        None => format!("{name} has not heard of this deployment: nothing was changed there."),
        Some(Phase::Reverted) => format!("{name} went back to what ran before."),
        Some(Phase::Finished | Phase::Draining | Phase::Switched) => {
            format!("{name} finished alone: the new release serves there.")
        }
        Some(phase) if journal.running => {
            format!("{name} is still working on it: {}.", words(phase))
        }
        Some(phase) => format!("{name} stopped after this: {}.", words(phase)),
    };
    Since {
        server_id: server.id,
        text,
        at: last.map(|(_, at)| *at),
        serves: journal.serving == Some(deployment_id),
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Locked => "it has begun",
        Phase::ReleaseCommand => "the release command runs",
        Phase::Started => "the new container was started beside the old one",
        Phase::Healthy => "the new container is healthy and waits; the old one serves",
        Phase::Switched => "new connections go to the new container",
        Phase::Draining => "the old container finishes its requests",
        Phase::Finished => "everything is done",
        Phase::Reverted => "what ran before runs again",
    }
}
