//! Deployments: a release comes to be, is proved, takes over, and can be gone back to.

mod again;
mod build;
mod context;
mod image;
mod logs;
mod material;
mod plan;
mod record;
mod remove;
mod request;
mod since;
mod switch;
mod variables;

pub use logs::LogsRequest;
pub use remove::{RemoveEnvironmentRequest, RemoveServiceRequest};
pub use request::{DeployRequest, ReconfigureRequest, RestartRequest, RollbackRequest};
pub use since::Since;

pub(crate) use again::{observe_reconfigure, observe_restart, observe_rollback};
pub(crate) use build::source_token;
pub(crate) use context::unchanged;
pub(crate) use image::Exports;
pub(crate) use material::{Material, resolve};
pub(crate) use plan::observe as observe_deploy;
pub(crate) use record::begin;
pub(crate) use remove::{
    observe as observe_remove, observe_environment as observe_remove_environment,
};
pub(crate) use request::{Here, here, variables_seen};
pub(crate) use switch::Held;

use crate::{
    jobs::StepContext,
    ports::{Body, PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, ProjectId, ReleaseId, ServerId, ServiceId,
    content::ContentHash,
    image::ImageRef,
    release::SealedVariable,
    server::SshTarget,
    service::{BuildSpec, ServiceSpec},
    source::{Provenance, Source},
};
use plimsoll_protocol::{Request, ServiceKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::Arc;

/// What a step does to a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeployAction {
    /// Saves the files of a project as a version, before they go out.
    Save {
        /// The project.
        project_id: ProjectId,
        /// What goes out, for those who read the history.
        path: String,
    },
    /// Brings the build context on a server up to date.
    Sync {
        /// The server that builds.
        server_id: ServerId,
        /// Whose context.
        place: Spot,
        /// Which files.
        files: Files,
    },
    /// Builds the image on a server.
    Build {
        /// The server that builds.
        server_id: ServerId,
        /// Whose image.
        place: Spot,
        /// The context's manifest.
        manifest: String,
        /// How.
        spec: BuildSpec,
        /// The Dockerfile that was made up, where there was none.
        dockerfile: Option<String>,
    },
    /// Builds the image on this machine's Docker.
    BuildHere {
        /// A server that it is for: tells the architecture.
        server_id: ServerId,
        /// Whose image.
        place: Spot,
        /// Which files.
        files: Files,
        /// How.
        spec: BuildSpec,
        /// The Dockerfile that was made up, where there was none.
        dockerfile: Option<String>,
    },
    /// Has a server pull an image.
    Pull {
        /// The server.
        server_id: ServerId,
        /// Whose image.
        place: Spot,
        /// Reference as Docker understands it.
        reference: String,
    },
    /// Sends an image to a server, without the layers that it has.
    Send {
        /// The server that gets it.
        server_id: ServerId,
        /// Whose image.
        place: Spot,
        /// Where it is now.
        from: Origin,
        /// The step that made it.
        image_step: u32,
    },
    /// Starts the new container beside the old one and proves it; then switches, or holds.
    Start {
        /// The server.
        server_id: ServerId,
        /// What runs.
        draft: Arc<Draft>,
        /// Which image.
        image: ImageFrom,
        /// Wait for the others before switching.
        hold: bool,
        /// Run the release command here.
        release_command: bool,
    },
    /// Switches a held deployment.
    Switch {
        /// The server.
        server_id: ServerId,
    },
    /// Writes the release down.
    Record {
        /// What runs.
        draft: Arc<Draft>,
        /// Which image.
        image: ImageFrom,
        /// The release that runs again; `None` makes a new one.
        release_id: Option<ReleaseId>,
        /// The step that saved the project's files, where one did.
        #[serde(default)]
        saved_by: Option<u32>,
    },
    /// Removes a service from a server.
    Remove {
        /// The server.
        server_id: ServerId,
        /// The service.
        place: Spot,
        /// Its volumes too.
        volumes: bool,
    },
    /// Notes that a service runs nowhere in an environment any more.
    Forget {
        /// The service.
        place: Spot,
    },
    /// Deletes an environment.
    ForgetEnvironment {
        /// Which one.
        environment_id: EnvironmentId,
    },
}

/// A service in an environment, by its ids and by the names that servers know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// Their names.
    pub key: ServiceKey,
}

/// The files of a build context, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The folder.
    pub folder: String,
    /// What they have to be when they are sent: hash of the manifest.
    pub manifest: String,
    /// Whether files that a generated Dockerfile never copies are left out.
    pub trimmed: bool,
    /// The tree of the version that lies there; it is unpacked again where it no longer does.
    #[serde(default)]
    pub version: Option<ContentHash>,
}

/// Where an image is before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Origin {
    /// On this machine's Docker.
    Here,
    /// On another server.
    Server(ServerId),
}

/// Which image a step is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImageFrom {
    /// The one that an earlier step made.
    Step {
        /// Its number.
        number: u32,
    },
    /// One that exists.
    Pinned {
        /// Tag and digest.
        image: ImageRef,
        /// Bytes.
        bytes: u64,
    },
}

/// A release before it is one: everything but its image and its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// The service in its environment.
    pub place: Spot,
    /// How it runs.
    pub spec: ServiceSpec,
    /// Its variables, secrets sealed.
    pub variables: Vec<SealedVariable>,
    /// Where its code comes from.
    pub source: Source,
    /// Exactly which bytes.
    pub provenance: Provenance,
}

impl DeployAction {
    pub(crate) async fn observe(
        &self,
        world: &World,
        context: &StepContext,
    ) -> PortResult<Option<Value>> {
        match self {
            DeployAction::Start {
                server_id, hold, ..
            } if context.attempt > 0 => switch::journalled(world, context, *server_id, *hold).await,
            DeployAction::Switch { server_id } if context.attempt > 0 => {
                switch::journalled(world, context, *server_id, false).await
            }
            DeployAction::Record { .. } if context.attempt > 0 => {
                record::recorded(world, context).await
            }
            // A context that is there already sends nothing, a cached build builds nothing.
            _ => Ok(None),
        }
    }

    pub(crate) async fn act(&self, world: &World, context: &StepContext) -> PortResult<Value> {
        match self {
            DeployAction::Save { project_id, path } => {
                record::save(world, context, *project_id, path).await
            }
            DeployAction::Sync {
                server_id,
                place,
                files,
            } => context::sync(world, context, *server_id, place, files).await,
            DeployAction::Build {
                server_id,
                place,
                manifest,
                spec,
                dockerfile,
            } => {
                let build = build::OnServer {
                    place,
                    manifest,
                    spec,
                    dockerfile: dockerfile.as_deref(),
                };
                build::on_server(world, context, *server_id, build).await
            }
            DeployAction::BuildHere {
                server_id,
                place,
                files,
                spec,
                dockerfile,
            } => {
                let build = build::Here {
                    place,
                    files,
                    spec,
                    dockerfile: dockerfile.as_deref(),
                };
                build::here(world, context, *server_id, build).await
            }
            DeployAction::Pull {
                server_id,
                place,
                reference,
            } => build::pull(world, context, *server_id, place, reference).await,
            DeployAction::Send {
                server_id,
                place,
                from,
                image_step,
            } => image::send(world, context, *server_id, place, *from, *image_step).await,
            DeployAction::Start {
                server_id,
                draft,
                image,
                hold,
                release_command,
            } => {
                let start = switch::Start {
                    draft,
                    image: image.resolve(context)?.0,
                    hold: *hold,
                    release_command: *release_command,
                };
                switch::start(world, context, *server_id, start).await
            }
            DeployAction::Switch { server_id } => switch::commit(world, context, *server_id).await,
            DeployAction::Record {
                draft,
                image,
                release_id,
                saved_by,
            } => {
                let image = image.resolve(context)?;
                let saved = saved_by.and_then(|step| record::saved(context, step));
                record::record(world, context, draft, image, *release_id, saved).await
            }
            DeployAction::Remove {
                server_id,
                place,
                volumes,
            } => remove::remove(world, context, *server_id, place, *volumes).await,
            DeployAction::Forget { place } => remove::forget(world, place).await,
            DeployAction::ForgetEnvironment { environment_id } => {
                remove::forget_environment(world, *environment_id).await
            }
        }
    }

    pub(crate) async fn undo(&self, world: &World, context: &StepContext) -> PortResult<()> {
        match self {
            DeployAction::Start { server_id, .. } | DeployAction::Switch { server_id } => {
                switch::revert(world, context, *server_id).await
            }
            DeployAction::BuildHere { place, .. } => build::unbuild(world, context, place).await,
            DeployAction::Build {
                server_id, place, ..
            }
            | DeployAction::Pull {
                server_id, place, ..
            }
            | DeployAction::Send {
                server_id, place, ..
            } => build::untag(world, context, *server_id, place).await,
            // A context that nothing is built from is a cache; the agent cleans it up. A version that
            // was saved harms nobody.
            DeployAction::Save { .. }
            | DeployAction::Sync { .. }
            | DeployAction::Record { .. }
            | DeployAction::Remove { .. }
            | DeployAction::Forget { .. }
            | DeployAction::ForgetEnvironment { .. } => Ok(()),
        }
    }
}

impl ImageFrom {
    fn resolve(&self, context: &StepContext) -> PortResult<(ImageRef, u64)> {
        match self {
            ImageFrom::Pinned { image, bytes } => Ok((image.clone(), *bytes)),
            ImageFrom::Step { number } => {
                let ready = image::made_by(context, *number)?;
                Ok((ready.image, ready.size_bytes))
            }
        }
    }
}

/// Asks an agent on behalf of a step: its log is the step's, and a wish to stop is heeded at once.
async fn ask<T: DeserializeOwned>(
    world: &World,
    context: &StepContext,
    target: &SshTarget,
    request: Request,
    body: Body,
) -> PortResult<T> {
    tokio::select! {
        answer = world.ask(target, &request, body, context.progress.clone()) => answer,
        () = context.cancel.cancelled() => Err(cancelled()),
    }
}

fn cancelled() -> PortError {
    PortError::new("cancelled", "It was asked to stop before it was done.")
}

/// The deployment that a job does.
async fn deployment(
    world: &World,
    context: &StepContext,
) -> PortResult<plimsoll_domain::deployment::Deployment> {
    world
        .store
        .deployment_of_job(context.job_id)
        .await?
        .ok_or_else(|| PortError::new("internal", "The job belongs to no deployment."))
}
