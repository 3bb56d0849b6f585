//! The rows of a deployment: written when it is asked for, completed when it serves.

use super::{Draft, deployment};
use crate::{
    intent::Intent,
    jobs::StepContext,
    ports::{PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, ProjectId, ReleaseId, ServiceId,
    deployment::{Deployment, DeploymentKind},
    image::ImageRef,
    job::JobStatus,
    project::Environment,
    release::Release,
    source::{Provenance, SavedAs},
    version::VersionCause,
};
use plimsoll_protocol::LogStream;
use plimsoll_store::Write;
use serde_json::{Value, json};
use std::sync::{Arc, atomic::Ordering};

/// The deployment that an intent asks for, where it asks for one.
fn asked(intent: &Intent) -> Option<(EnvironmentId, ServiceId, DeploymentKind)> {
    match intent {
        Intent::Deploy(request) => Some((
            request.environment_id,
            request.service_id,
            DeploymentKind::Deploy,
        )),
        Intent::Reconfigure(request) => Some((
            request.environment_id,
            request.service_id,
            DeploymentKind::Reconfigure,
        )),
        Intent::Rollback(request) => Some((
            request.environment_id,
            request.service_id,
            DeploymentKind::Rollback,
        )),
        Intent::Restart(request) => Some((
            request.environment_id,
            request.service_id,
            DeploymentKind::Restart,
        )),
        Intent::Provision(_)
        | Intent::Adopt(_)
        | Intent::Prepare { .. }
        | Intent::Reboot { .. }
        | Intent::Power(_)
        | Intent::Snapshot(_)
        | Intent::ReserveIp { .. }
        | Intent::ReleaseIp { .. }
        | Intent::Destroy(_)
        | Intent::BaseSnapshot(_)
        | Intent::DeleteBaseSnapshot { .. }
        | Intent::DeleteSnapshot(_)
        | Intent::RemoveService(_)
        | Intent::RemoveEnvironment(_)
        | Intent::DomainAdd(_)
        | Intent::DomainRemove(_)
        | Intent::Run(_) => None,
    }
}

/// Writes the deployment of a job in the transaction that puts the job in line.
pub(crate) async fn begin(
    world: &World,
    write: &mut Write,
    intent: &Intent,
    job_id: JobId,
) -> PortResult<Option<DeploymentId>> {
    let Some((environment_id, service_id, kind)) = asked(intent) else {
        return Ok(None);
    };
    let environment = write.need::<Environment>(&environment_id).await?;
    let latest = write.latest_deployment_id().await?;
    let now = world.now();
    let id = DeploymentId::mint_after(latest, now, world.entropy());
    write
        .put(&Deployment {
            id,
            environment_id,
            service_id,
            release_id: None,
            kind,
            status: JobStatus::Queued,
            job_id,
            server_ids: environment.server_ids,
            failure: None,
            created_at: now,
            finished_at: None,
        })
        .await?;
    Ok(Some(id))
}

/// Saves the files of a project before they go out. Where nothing was changed since its last
/// version, that one is meant.
pub(super) async fn save(
    world: &World,
    context: &StepContext,
    project: ProjectId,
    path: &str,
) -> PortResult<Value> {
    let message = format!("Before {path} was deployed");
    let progress = Arc::default();
    let cause = VersionCause::BeforeDeploy;
    let saving = crate::versions::save_before(world, project, cause, &message, &progress);
    tokio::pin!(saving);
    let version = tokio::select! {
        version = &mut saving => version?,
        () = context.cancel.cancelled() => {
            progress.cancelled.store(true, Ordering::Relaxed);
            saving.await?
        }
    };
    let told = format!(
        "version {}: {} files, {} bytes more",
        version.number, version.files, version.added_bytes
    );
    context.progress.line(LogStream::Agent, &told);
    let saved = SavedAs {
        id: version.id,
        number: version.number,
        root: version.root,
    };
    serde_json::to_value(saved).map_err(|error| PortError::new("internal", error.to_string()))
}

/// The version that an earlier step saved.
pub(super) fn saved(context: &StepContext, step: u32) -> Option<SavedAs> {
    serde_json::from_value(context.outputs.get(step)?.clone()).ok()
}

/// Whether the release was written before a crash.
pub(super) async fn recorded(world: &World, context: &StepContext) -> PortResult<Option<Value>> {
    let deployment = deployment(world, context).await?;
    Ok(deployment
        .release_id
        .map(|release_id| json!({"release_id": release_id})))
}

pub(super) async fn record(
    world: &World,
    context: &StepContext,
    draft: &Draft,
    (image, image_bytes): (ImageRef, u64),
    again: Option<ReleaseId>,
    saved: Option<SavedAs>,
) -> PortResult<Value> {
    let place = &draft.place;
    let id = deployment(world, context).await?.id;
    let mut write = world.store.write().await?;
    let mut deployment = write.need::<Deployment>(&id).await?;
    let release_id = match again {
        Some(release_id) => release_id,
        None => {
            let release = Release {
                id: ReleaseId::mint(world.now(), world.entropy()),
                environment_id: place.environment_id,
                service_id: place.service_id,
                deployment_id: id,
                number: write
                    .next_release_number(place.environment_id, place.service_id)
                    .await?,
                image,
                image_bytes,
                source: draft.source.clone(),
                provenance: Provenance {
                    version: saved.or(draft.provenance.version),
                    ..draft.provenance.clone()
                },
                spec: draft.spec.clone(),
                variables: draft.variables.clone(),
                created_at: world.now(),
            };
            write.put(&release).await?;
            release.id
        }
    };
    deployment.release_id = Some(release_id);
    write.put(&deployment).await?;
    let number = write.need::<Release>(&release_id).await?.number;
    world
        .auditor
        .record(
            &mut write,
            "deployment.serve",
            &format!("deployment:{id}"),
            json!({
                "service": place.key.base(),
                "kind": deployment.kind,
                "release": number,
            }),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"release_id": release_id, "number": number}))
}
