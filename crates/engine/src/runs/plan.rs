//! Planning a run.

use super::{RunAction, RunDraft, target, without_docker};
use crate::{
    Engine, Plan, Receipt, Result,
    deploy::{Here, Material, resolve, variables_seen},
    engine::intent_of,
    error::EngineError,
    intent::Intent,
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, JobId, ProjectId, ServiceId,
    job::JobStatus,
    name::Name,
    project::{Environment, Project, Service},
    run::{DATABASE_HOST, DATABASE_URL, RunSettings, image_tag},
    service::ServiceSpec,
    source::Source,
};
use plimsoll_store::{JobFilter, Page};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A service that shall run on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The service.
    pub service_id: ServiceId,
    /// The environment whose variables it gets; `None` for that of the project's only one.
    pub environment_id: Option<EnvironmentId>,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    path: String,
    environment: Option<EnvironmentId>,
    source: Source,
    spec: ServiceSpec,
    settings: RunSettings,
    variables: BTreeMap<String, String>,
}

/// A service with what stands around it.
pub(super) struct Around {
    pub here: Here,
    /// The environment whose variables count, where there is one.
    pub environment: Option<EnvironmentId>,
}

impl Engine {
    /// Plans a run of a service on this machine.
    ///
    /// # Errors
    /// `docker_missing` and others of the kind; `environment_ambiguous` when the project has
    /// several environments and none is named; whatever the service's source refuses.
    pub async fn plan_run(&self, request: RunRequest) -> Result<Plan> {
        let world = &self.world;
        let engine = world.ports.local_runs.engine().await;
        engine.map_err(without_docker)?;
        let around = around(world, &request).await?;
        let observed = look(world, &around).await?;
        observed.spec.check()?;
        let here = &around.here;
        let material = resolve(world, here, &observed.source, &observed.spec).await?;
        let prepared = plan(&observed, &around, material);
        self.save_plan(&Intent::Run(request), &observed, prepared)
            .await
    }

    /// Runs a service on this machine: nothing of it costs or leaves this machine, so its plan is
    /// approved at once. What an earlier process left in the middle is taken back first. No other
    /// process does it, so that what runs belongs to who asked for it.
    ///
    /// # Errors
    /// As [`Engine::plan_run`].
    pub async fn start_run(&self, request: RunRequest) -> Result<Receipt<JobId>> {
        let service = self
            .world
            .store
            .need::<Service>(&request.service_id)
            .await?;
        let plan = self.plan_run(request).await?;
        for job in self.take_back_interrupted(Some(service.project_id)).await? {
            self.run(job).await?;
        }
        self.approve_here(plan.id).await
    }

    /// Puts the undoing of runs in line that a process left in the middle; answers their jobs, for
    /// somebody to see to their end.
    pub(super) async fn take_back_interrupted(
        &self,
        project: Option<ProjectId>,
    ) -> Result<Vec<JobId>> {
        self.find_the_dead().await?;
        let filter = JobFilter {
            status: Some(JobStatus::Interrupted),
            target: project.map(target),
            ..JobFilter::default()
        };
        let found = self.world.store.jobs(&filter, &Page::first(100)).await?;
        let mut undone = Vec::new();
        for job in found.items {
            let plan = self.plan(job.plan_id).await?;
            if matches!(intent_of(&plan)?, Intent::Run(_)) {
                undone.push(self.undo(job.id).await?.id);
            }
        }
        Ok(undone)
    }
}

pub(crate) async fn observe(world: &World, request: &RunRequest) -> Result<Observed> {
    look(world, &around(world, request).await?).await
}

pub(super) async fn around(world: &World, request: &RunRequest) -> Result<Around> {
    let service = world.store.need::<Service>(&request.service_id).await?;
    let project = world.store.need::<Project>(&service.project_id).await?;
    let environments = world.store.environments_of(project.id).await?;
    let chosen = match (request.environment_id, environments.as_slice()) {
        (Some(id), all) => Some(all.iter().find(|one| one.id == id).ok_or_else(|| {
            EngineError::bad_input(
                "service_elsewhere",
                format!(
                    "The service “{}” is not part of that environment's project.",
                    service.name
                ),
            )
            .next_step("Name an environment of the same project.")
        })?),
        (None, []) => None,
        (None, [only]) => Some(only),
        (None, several) => {
            return Err(EngineError::bad_input(
                "environment_ambiguous",
                format!("The project “{}” has several environments.", project.name),
            )
            .evidence(several.iter().map(|one| one.name.to_string()))
            .next_step("Say whose variables it shall get: --environment NAME."));
        }
    };
    let environment = match chosen {
        Some(environment) => environment.clone(),
        None => nowhere(&project)?,
    };
    Ok(Around {
        environment: chosen.map(|environment| environment.id),
        here: Here {
            // Its servers have no part in it.
            servers: Vec::new(),
            project,
            environment,
            service,
        },
    })
}

/// Stands for an environment in a project that has none: it has no variables.
fn nowhere(project: &Project) -> Result<Environment> {
    let internal =
        |error: &dyn std::fmt::Display| EngineError::internal("internal", error.to_string());
    Ok(Environment {
        id: project
            .id
            .to_string()
            .parse()
            .map_err(|error| internal(&error))?,
        project_id: project.id,
        name: Name::parse("local").map_err(|error| internal(&error))?,
        server_ids: Vec::new(),
        created_at: project.created_at,
    })
}

async fn look(world: &World, around: &Around) -> Result<Observed> {
    let here = &around.here;
    Ok(Observed {
        path: format!("{}/{}", here.project.name, here.service.name),
        environment: around.environment,
        source: here.service.source.clone(),
        spec: here.service.spec.clone(),
        settings: here.project.settings.run.clone(),
        variables: variables_seen(world, here).await?,
    })
}

fn plan(observed: &Observed, around: &Around, material: Material) -> Prepared {
    let here = &around.here;
    let (project, service) = (&here.project, &here.service);
    let mut steps = Steps::default();
    let mut notices = Vec::new();
    let image_step = steps.next();
    match material {
        Material::Image { reference } => {
            let action = RunAction::Pull {
                service_id: service.id,
                reference: reference.clone(),
            };
            steps.then(format!("Get the image {reference}"), action);
        }
        Material::Context(built) => {
            notices.extend(built.notices);
            let dockerfile = built.generated.map(|generated| generated.dockerfile);
            let shown = dockerfile.clone();
            let action = RunAction::Build {
                place: here.spot(),
                files: built.files,
                spec: observed.spec.build.clone(),
                dockerfile,
                tag: image_tag(&project.name, project.id, &service.name),
            };
            let step = steps.then("Build the image on this machine", action);
            if let Some(text) = shown {
                step.change("Dockerfile (generated)", None, Some(text));
            }
        }
    }
    if let Some(image) = &observed.settings.postgres {
        let action = RunAction::Database {
            project_id: project.id,
            project: project.name.clone(),
            image: image.clone(),
            settings: observed.settings.clone(),
        };
        steps
            .then("Start Postgres, unless it runs", action)
            .undo("remove its container; its data stays");
        notices.push(format!(
            "{DATABASE_URL} leads to the project's own Postgres at {DATABASE_HOST}, whatever its \
             variables say."
        ));
    }
    let draft = Arc::new(RunDraft {
        project_id: project.id,
        project: project.name.clone(),
        service_id: service.id,
        service: service.name.clone(),
        environment_id: around.environment,
        spec: observed.spec.clone(),
        settings: observed.settings.clone(),
    });
    if !observed.spec.release_command.is_empty() {
        let action = RunAction::Release {
            draft: draft.clone(),
            image_step,
        };
        steps
            .then("Run the release command", action)
            .undo("remove its container");
    }
    let action = RunAction::Start { draft, image_step };
    steps
        .then(format!("Start “{}” and prove it", service.name), action)
        .undo("remove its container");
    notices.extend(match around.environment {
        Some(_) => Some(format!(
            "It gets the variables of “{}”: what they lead to is used for real.",
            here.environment.name
        ))
        .filter(|_| !observed.variables.is_empty()),
        None => Some("The project has no environment, so there are no variables.".to_owned()),
    });
    Prepared {
        title: format!("Run {} here", observed.path),
        steps: steps.finish(),
        notices,
    }
}
