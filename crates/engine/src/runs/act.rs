//! Building, and starting what was built.

use super::{RunDraft, database, mark, prove};
use crate::{
    deploy::{Files, Spot, source_token, unchanged},
    jobs::StepContext,
    ports::{PortError, PortResult, RunContainer, RunOrder},
    world::{OpenVariables, World},
};
use plimsoll_domain::{
    ProjectId, Secret, ServiceId,
    run::{
        DATABASE_URL, RunPart, container_name, database_url, environment, network_name, volume_name,
    },
    service::BuildSpec,
};
use plimsoll_protocol::LogStream;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) async fn build(
    world: &World,
    context: &StepContext,
    place: &Spot,
    files: &Files,
    spec: &BuildSpec,
    dockerfile: Option<&str>,
    tag: &str,
) -> PortResult<Value> {
    unchanged(world, place, files).await?;
    let engine = world.ports.local_runs.engine().await?;
    let building = world.ports.local_docker.build(
        Path::new(&files.folder),
        spec,
        dockerfile,
        tag,
        &engine.architecture,
        context.progress.clone(),
    );
    let image = tokio::select! {
        image = building => image?,
        () = context.cancel.cancelled() => return Err(cancelled()),
    };
    Ok(json!({"image": image.id, "manifest": files.manifest}))
}

pub(super) async fn pull(
    world: &World,
    context: &StepContext,
    service: ServiceId,
    reference: &str,
) -> PortResult<Value> {
    let login = source_token(world, service).await?;
    let progress = context.progress.clone();
    let pulling = world
        .ports
        .local_runs
        .pull(reference, login.as_ref(), progress);
    tokio::select! {
        image = pulling => Ok(json!({"image": image?})),
        () = context.cancel.cancelled() => Err(cancelled()),
    }
}

/// The image that an earlier step has made.
fn image(context: &StepContext, step: u32) -> PortResult<String> {
    context
        .outputs
        .get(step)
        .and_then(|output| output["image"].as_str())
        .map(str::to_owned)
        .ok_or_else(|| PortError::new("internal", "No step before this one made an image."))
}

/// The container of a service, without its port on this machine.
async fn order(
    world: &World,
    context: &StepContext,
    draft: &RunDraft,
    image: String,
    part: RunPart,
) -> PortResult<RunOrder> {
    let project = (draft.project_id, &draft.project);
    let runs = &world.ports.local_runs;
    let network = network_name(&draft.project, draft.project_id);
    let network_mark = mark(world, context, project, RunPart::Network);
    runs.ensure_network(&network, &network_mark).await?;
    let mut volumes = Vec::new();
    for volume in &draft.spec.volumes {
        let name = volume_name(draft.project_id, draft.service_id, &volume.name);
        let part = RunPart::Volume {
            service_id: draft.service_id,
            name: draft.service.clone(),
        };
        runs.ensure_volume(&name, &mark(world, context, project, part))
            .await?;
        volumes.push((name, volume.path.clone()));
    }
    let mut open = variables(world, draft).await?;
    if draft.settings.postgres.is_some() {
        let password = database::password(world, draft.project_id).await?;
        let url = Secret::new(database_url(&draft.project, password.expose()));
        add_secret(&mut open, DATABASE_URL, &url)?;
    }
    Ok(RunOrder {
        name: container_name(&draft.project, draft.project_id, &part),
        mark: mark(world, context, project, part),
        image,
        network,
        aliases: vec![draft.service.to_string()],
        env: environment(draft.spec.port, &open.plain, &open.secret_names),
        secrets: open.secrets,
        command: draft.spec.command.clone(),
        volumes,
        limits: draft.settings.limits_of(&draft.spec),
        port: draft.spec.port,
        wish: None,
        stop_grace_ms: draft.spec.stop_grace_ms,
    })
}

async fn variables(world: &World, draft: &RunDraft) -> PortResult<OpenVariables> {
    let Some(environment) = draft.environment_id else {
        return Ok(OpenVariables::default());
    };
    let of = draft.service_id;
    let values = world.store.variable_values(environment, of).await?;
    world.open_variables(environment, of, &values).await
}

fn add_secret(open: &mut OpenVariables, name: &str, value: &Secret) -> PortResult<()> {
    let mut all: Map<String, Value> = match &open.secrets {
        Some(secrets) => serde_json::from_str(secrets.expose())
            .map_err(|error| PortError::new("internal", error.to_string()))?,
        None => Map::new(),
    };
    all.insert(name.to_owned(), value.expose().into());
    if !open.secret_names.iter().any(|known| known == name) {
        open.secret_names.push(name.to_owned());
    }
    open.secrets = Some(Secret::new(Value::Object(all).to_string()));
    Ok(())
}

pub(super) async fn release(
    world: &World,
    context: &StepContext,
    draft: &RunDraft,
    image_step: u32,
) -> PortResult<Value> {
    let part = RunPart::Release {
        service_id: draft.service_id,
        name: draft.service.clone(),
    };
    clear(world, |one| *one == part).await?;
    let order = RunOrder {
        command: draft.spec.release_command.clone(),
        port: None,
        ..order(world, context, draft, image(context, image_step)?, part).await?
    };
    let container = world.ports.local_runs.start(&order).await?;
    let ended = prove::ends_well(world, context, &container).await;
    let home = world.store.device();
    let removed = world.ports.local_runs.remove_container(home, &container.id);
    removed.await?;
    ended?;
    Ok(json!({}))
}

pub(super) async fn start(
    world: &World,
    context: &StepContext,
    draft: &RunDraft,
    image_step: u32,
) -> PortResult<Value> {
    let order = order(
        world,
        context,
        draft,
        image(context, image_step)?,
        draft.part(),
    )
    .await?;
    let before = clear(
        world,
        |one| matches!(one, RunPart::Service { service_id, .. } if *service_id == draft.service_id),
    )
    .await?;
    let setting = format!("run.port.{}", draft.service_id);
    let known = world.store.setting(&setting).await?;
    let wish = known.and_then(|text| text.parse().ok());
    world.here.note_started();
    let container = world
        .ports
        .local_runs
        .start(&RunOrder { wish, ..order })
        .await?;
    prove::is_well(world, context, draft, &container).await?;
    if let Some(port) = container.host_port {
        context.progress.line(
            LogStream::Agent,
            &format!("“{}” answers at http://127.0.0.1:{port}", draft.service),
        );
        // Whoever has it open in a browser finds it there again.
        let mut write = world.store.write().await?;
        write.set_setting(&setting, &port.to_string()).await?;
        write.commit().await?;
    }
    for old in before
        .iter()
        .filter(|old| old.image_id != container.image_id)
    {
        world.ports.local_runs.drop_image(&old.image_id).await?;
    }
    Ok(json!({"container": container.id, "port": container.host_port}))
}

/// Stops and removes the containers of this installation that are such parts; answers them.
async fn clear(world: &World, wanted: impl Fn(&RunPart) -> bool) -> PortResult<Vec<RunContainer>> {
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let mut found = runs.all(home).await?.containers;
    found.retain(|container| wanted(&container.mark.part));
    for container in &found {
        runs.remove_container(home, &container.id).await?;
        world.here.note_removed(&container.id);
    }
    Ok(found)
}

/// Removes what this job has made, and with the last container of the project its network.
pub(super) async fn unmake(
    world: &World,
    context: &StepContext,
    project: ProjectId,
    wanted: impl Fn(&RunPart) -> bool,
) -> PortResult<()> {
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let found = runs.all(home).await?;
    let mut stay = 0;
    for container in found.containers {
        let is_ours = container.mark.job_id == Some(context.job_id);
        if is_ours && wanted(&container.mark.part) {
            runs.remove_container(home, &container.id).await?;
            world.here.note_removed(&container.id);
        } else if container.mark.project_id == project {
            stay += 1;
        }
    }
    let networks = found.networks.into_iter();
    for network in networks.filter(|one| stay == 0 && one.mark.project_id == project) {
        runs.remove_network(home, &network.name).await?;
    }
    Ok(())
}

pub(super) fn cancelled() -> PortError {
    PortError::new("cancelled", "It was asked to stop before it was done.")
}
