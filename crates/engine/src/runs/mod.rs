//! Running services on this machine's Docker, built and given what a server would give them.
//!
//! What runs is known from the engine's labels alone: nothing here has to be kept in step with it.
//! Each container names the process that started it, by its registration, and belongs to it: only
//! that process runs its job, and at its end it stops or keeps what is its own and nothing else.
//! What another process has started is stopped only because somebody asks for that. A container
//! whose process is gone, and that nobody asked to keep, was left by a crash.

mod act;
mod database;
mod end;
mod here;
mod look;
mod plan;
mod prove;
mod watch;

pub use look::{RunHold, RunSeen, Runs};
pub use plan::RunRequest;
pub use watch::WatchNews;

pub(crate) use here::InThisProcess;
pub(crate) use plan::observe;

use crate::{
    deploy::{Files, Spot},
    jobs::StepContext,
    ports::{PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, ProjectId, ServiceId,
    name::Name,
    run::{RunMark, RunPart, RunSettings},
    service::{BuildSpec, ServiceSpec},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What a step does to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "a plan has a handful of steps, each read once"
)]
pub enum RunAction {
    /// Builds the image of a service.
    Build {
        /// Whose image.
        place: Spot,
        /// Which files.
        files: Files,
        /// How.
        spec: BuildSpec,
        /// The Dockerfile that was made up, where there was none.
        dockerfile: Option<String>,
        /// The tag that leads to it.
        tag: String,
    },
    /// Makes sure that an image is there.
    Pull {
        /// Whose image.
        service_id: ServiceId,
        /// As Docker understands it.
        reference: String,
    },
    /// Starts the database of a project, unless it runs.
    Database {
        /// The project.
        project_id: ProjectId,
        /// Its name.
        project: Name,
        /// The image.
        image: String,
        /// Limits and whatever else the project says.
        settings: RunSettings,
    },
    /// Runs the release command once.
    Release {
        /// What runs.
        draft: Arc<RunDraft>,
        /// The step that made the image.
        image_step: u32,
    },
    /// Starts a service in place of its container before, and proves it.
    Start {
        /// What runs.
        draft: Arc<RunDraft>,
        /// The step that made the image.
        image_step: u32,
    },
}

/// A service as it shall run here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDraft {
    /// The project.
    pub project_id: ProjectId,
    /// Its name.
    pub project: Name,
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub service: Name,
    /// The environment whose variables it gets; `None` for none.
    pub environment_id: Option<EnvironmentId>,
    /// How it runs.
    pub spec: ServiceSpec,
    /// How the project runs here.
    pub settings: RunSettings,
}

impl RunDraft {
    fn part(&self) -> RunPart {
        RunPart::Service {
            service_id: self.service_id,
            name: self.service.clone(),
        }
    }
}

impl RunAction {
    pub(crate) async fn act(&self, world: &World, context: &StepContext) -> PortResult<Value> {
        match self {
            RunAction::Build {
                place,
                files,
                spec,
                dockerfile,
                tag,
            } => {
                act::build(
                    world,
                    context,
                    place,
                    files,
                    spec,
                    dockerfile.as_deref(),
                    tag,
                )
                .await
            }
            RunAction::Pull {
                service_id,
                reference,
            } => act::pull(world, context, *service_id, reference).await,
            RunAction::Database {
                project_id,
                project,
                image,
                settings,
            } => database::start(world, context, *project_id, project, image, settings).await,
            RunAction::Release { draft, image_step } => {
                act::release(world, context, draft, *image_step).await
            }
            RunAction::Start { draft, image_step } => {
                act::start(world, context, draft, *image_step).await
            }
        }
    }

    /// Removes the containers that the job has made, and the network with the last. An image stays in
    /// the engine's cache, and data is never taken back.
    pub(crate) async fn undo(&self, world: &World, context: &StepContext) -> PortResult<()> {
        match self {
            RunAction::Build { .. } | RunAction::Pull { .. } => Ok(()),
            RunAction::Database { project_id, .. } => {
                let is_it = |part: &RunPart| matches!(part, RunPart::Database);
                act::unmake(world, context, *project_id, is_it).await
            }
            RunAction::Release { draft, .. } => {
                let of = draft.service_id;
                act::unmake(
                    world,
                    context,
                    draft.project_id,
                    |part| matches!(part, RunPart::Release { service_id, .. } if *service_id == of),
                )
                .await
            }
            RunAction::Start { draft, .. } => {
                let of = draft.service_id;
                act::unmake(
                    world,
                    context,
                    draft.project_id,
                    |part| matches!(part, RunPart::Service { service_id, .. } if *service_id == of),
                )
                .await
            }
        }
    }
}

/// The name of a project's runs among what must not be worked on twice at once.
pub(crate) fn target(project: ProjectId) -> String {
    format!("run:{project}")
}

fn mark(
    world: &World,
    context: &StepContext,
    (project_id, project): (ProjectId, &Name),
    part: RunPart,
) -> RunMark {
    RunMark {
        home: world.store.device().to_owned(),
        project_id,
        project: project.clone(),
        part,
        by: context.by,
        job_id: Some(context.job_id),
    }
}

/// Says what to install where there is no Docker: without it nothing can run here.
fn without_docker(mut error: PortError) -> PortError {
    let next = match error.code() {
        "docker_missing" if cfg!(target_os = "linux") => {
            "Install Docker (Debian and Ubuntu: `sudo apt install docker.io`) and start it. \
             Everything else works without it, deployments included."
        }
        "docker_missing" => {
            "Install Docker Desktop from docker.com and start it. Everything else works without \
             it, deployments included."
        }
        "docker_permission" => "Add your user to the group “docker”, and log in again.",
        _ => return error,
    };
    error.0.message = plimsoll_domain::form::sentence(&error.0.message);
    error.0.next_step = next.to_owned();
    error
}
