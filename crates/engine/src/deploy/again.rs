//! Running a release again: with today's settings, or an earlier one as it was.

use super::{
    DeployAction, Draft, Here, ImageFrom, here,
    plan::{cautions, switch_steps},
    request::{ReconfigureRequest, RestartRequest, RollbackRequest, ServerSeen, variables_seen},
    variables,
};
use crate::{
    Engine, Plan, Result,
    domains::sites_for_new_servers,
    error::EngineError,
    intent::Intent,
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, ReleaseId, ServiceId,
    deployment::Deployment,
    release::{NoRollback, Release, rollback_target},
    service::ServiceSpec,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// How many releases are looked at.
const MOST_RELEASES: u32 = 1_000;

/// What was seen before planning a rollback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ObservedRollback {
    path: String,
    servers: Vec<ServerSeen>,
    serving: Option<u32>,
    target: Option<u32>,
}

/// What was seen before planning to run with other settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ObservedReconfigure {
    path: String,
    servers: Vec<ServerSeen>,
    serving: Option<u32>,
    spec: ServiceSpec,
    variables: BTreeMap<String, String>,
}

/// What was seen before planning a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ObservedRestart {
    path: String,
    servers: Vec<ServerSeen>,
    serving: Option<u32>,
}

impl Engine {
    /// Plans to start the release that serves anew, just as it is. A new container proves well
    /// before it takes over, so nobody waits; nothing is built and nothing travels.
    pub async fn plan_restart(&self, request: RestartRequest) -> Result<Plan> {
        let world = &self.world;
        let here = here(world, request.environment_id, request.service_id).await?;
        here.check_servers()?;
        let observed = look_at(world, &here).await?;
        let (release, serving) = serving(world, request.environment_id, request.service_id).await?;
        let mut prepared = rerun(
            format!("Restart {}", here.path()),
            &here,
            &release,
            Some(release.id),
            Some(&serving),
        );
        sites_for_new_servers(world, &here, Some(&serving), &mut prepared).await?;
        self.save_plan(&Intent::Restart(request), &observed, prepared)
            .await
    }

    /// Plans to run an earlier release again: the same image by digest, with the configuration and
    /// variables of then, on all of the environment's servers.
    pub async fn plan_rollback(&self, request: RollbackRequest) -> Result<Plan> {
        let world = &self.world;
        let here = here(world, request.environment_id, request.service_id).await?;
        here.check_servers()?;
        let (observed, release) = look_back(world, &here, &request).await?;
        let serving = world
            .store
            .serving(request.environment_id, request.service_id)
            .await?;
        let mut prepared = rerun(
            format!("Roll {} back to release {}", here.path(), release.number),
            &here,
            &release,
            Some(release.id),
            serving.as_ref(),
        );
        let made_on = made_on(world, &release).await?;
        for server in &here.servers {
            if !made_on.contains(&server.id) {
                prepared.notices.push(format!(
                    "“{}” may not have the image: then it is copied from another server.",
                    server.name
                ));
            }
        }
        variables::say_changes(world, serving.as_ref(), &mut prepared).await?;
        sites_for_new_servers(world, &here, serving.as_ref(), &mut prepared).await?;
        self.save_plan(&Intent::Rollback(request), &observed, prepared)
            .await
    }

    /// Plans to run the release that serves with the variables and settings of today. Settings of
    /// the build take effect with the next deployment.
    pub async fn plan_reconfigure(&self, request: ReconfigureRequest) -> Result<Plan> {
        let world = &self.world;
        let here = here(world, request.environment_id, request.service_id).await?;
        here.check_servers()?;
        let observed = look_again(world, &here).await?;
        observed.spec.check()?;
        let (release, serving) = serving(world, request.environment_id, request.service_id).await?;
        let wanted = Release {
            spec: ServiceSpec {
                build: release.spec.build.clone(),
                ..observed.spec.clone()
            },
            variables: world
                .store
                .variable_values(request.environment_id, request.service_id)
                .await?,
            ..release
        };
        let mut prepared = rerun(
            format!("Run {} with today's settings", here.path()),
            &here,
            &wanted,
            None,
            Some(&serving),
        );
        variables::say_changes(world, Some(&serving), &mut prepared).await?;
        sites_for_new_servers(world, &here, Some(&serving), &mut prepared).await?;
        self.save_plan(&Intent::Reconfigure(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe_rollback(
    world: &World,
    request: &RollbackRequest,
) -> Result<ObservedRollback> {
    let here = here(world, request.environment_id, request.service_id).await?;
    Ok(look_back(world, &here, request).await?.0)
}

pub(crate) async fn observe_restart(
    world: &World,
    request: &RestartRequest,
) -> Result<ObservedRestart> {
    let here = here(world, request.environment_id, request.service_id).await?;
    look_at(world, &here).await
}

pub(crate) async fn observe_reconfigure(
    world: &World,
    request: &ReconfigureRequest,
) -> Result<ObservedReconfigure> {
    let here = here(world, request.environment_id, request.service_id).await?;
    look_again(world, &here).await
}

async fn look_back(
    world: &World,
    here: &Here,
    request: &RollbackRequest,
) -> Result<(ObservedRollback, Release)> {
    let (environment, service) = (here.environment.id, here.service.id);
    let releases = world
        .store
        .releases_of(environment, service, None, MOST_RELEASES)
        .await?;
    let serving = number_serving(world, environment, service).await?;
    let numbers: Vec<u32> = releases.iter().map(|release| release.number).collect();
    let target = rollback_target(&numbers, serving, request.to, world.settings.keep_releases)
        .map_err(nowhere)?;
    let release = releases
        .into_iter()
        .find(|release| release.number == target)
        .ok_or_else(|| EngineError::internal("internal", "The release was not found."))?;
    let observed = ObservedRollback {
        path: here.path(),
        servers: here.servers_seen(),
        serving,
        target: Some(target),
    };
    Ok((observed, release))
}

fn nowhere(error: NoRollback) -> EngineError {
    let text = format!("{error}.");
    match error {
        NoRollback::NeverDeployed => {
            EngineError::not_found("never_deployed", text).next_step("Deploy the service first.")
        }
        NoRollback::First { .. } => EngineError::not_found("nowhere_to_roll_back_to", text)
            .next_step("Deploy a corrected version instead."),
        NoRollback::Unknown { .. } | NoRollback::Discarded { .. } => {
            EngineError::not_found("release_unknown", text)
                .next_step("Name one of the kept releases.")
        }
        NoRollback::Serving { .. } => {
            EngineError::conflict("release_serves", text).next_step("There is nothing to do.")
        }
    }
}

async fn look_at(world: &World, here: &Here) -> Result<ObservedRestart> {
    Ok(ObservedRestart {
        path: here.path(),
        servers: here.servers_seen(),
        serving: number_serving(world, here.environment.id, here.service.id).await?,
    })
}

async fn look_again(world: &World, here: &Here) -> Result<ObservedReconfigure> {
    Ok(ObservedReconfigure {
        path: here.path(),
        servers: here.servers_seen(),
        serving: number_serving(world, here.environment.id, here.service.id).await?,
        spec: here.service.spec.clone(),
        variables: variables_seen(world, here).await?,
    })
}

async fn number_serving(
    world: &World,
    environment: EnvironmentId,
    service: ServiceId,
) -> Result<Option<u32>> {
    let serving = world.store.serving(environment, service).await?;
    let Some(id) = serving.and_then(|serving| serving.release_id) else {
        return Ok(None);
    };
    Ok(world
        .store
        .get::<Release>(&id)
        .await?
        .map(|release| release.number))
}

async fn serving(
    world: &World,
    environment: EnvironmentId,
    service: ServiceId,
) -> Result<(Release, Deployment)> {
    let never = || nowhere(NoRollback::NeverDeployed);
    let serving = world
        .store
        .serving(environment, service)
        .await?
        .ok_or_else(never)?;
    let release_id: ReleaseId = serving.release_id.ok_or_else(never)?;
    let release = world.store.need::<Release>(&release_id).await?;
    Ok((release, serving))
}

/// The servers that a release was put on when it was made.
async fn made_on(world: &World, release: &Release) -> Result<Vec<plimsoll_domain::ServerId>> {
    Ok(world
        .store
        .get::<Deployment>(&release.deployment_id)
        .await?
        .map(|deployment| deployment.server_ids)
        .unwrap_or_default())
}

fn rerun(
    title: String,
    here: &Here,
    release: &Release,
    again: Option<ReleaseId>,
    serving: Option<&Deployment>,
) -> Prepared {
    let mut steps = Steps::default();
    let draft = Arc::new(Draft {
        place: here.spot(),
        spec: release.spec.clone(),
        variables: release.variables.clone(),
        source: release.source.clone(),
        provenance: release.provenance.clone(),
    });
    let image = ImageFrom::Pinned {
        image: release.image.clone(),
        bytes: release.image_bytes,
    };
    // A release command ran when the release was made; what it did to data is not taken back.
    switch_steps(&mut steps, here, &draft, &image, serving, false);
    steps.then(
        if again.is_some() {
            "Note which release serves"
        } else {
            "Write the release down"
        },
        DeployAction::Record {
            draft,
            image,
            release_id: again,
            saved_by: None,
        },
    );
    let mut notices = cautions(&release.spec);
    if again.is_some() && !release.spec.release_command.is_empty() {
        notices.push("What release commands did to data since then is not taken back.".to_owned());
    }
    Prepared {
        title,
        steps: steps.finish(),
        notices,
    }
}
