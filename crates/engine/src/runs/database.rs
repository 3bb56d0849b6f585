//! The Postgres that a project's services share.

use super::{act::cancelled, mark, prove};
use crate::{
    jobs::StepContext,
    ports::{PortError, PortResult, RunOrder},
    seal::Place,
    world::World,
};
use plimsoll_domain::{
    ProjectId, Secret,
    name::Name,
    run::{
        DATABASE_FOLDERS, DATABASE_HOST, DATABASE_USER, RunPart, RunSettings, container_name,
        database_name, database_volume, network_name,
    },
};
use serde_json::{Value, json};

/// How long a database may take until it answers; the first time it makes its files.
const PATIENCE_MS: u64 = 120_000;
/// How long it may write what it has before it is killed.
const STOP_GRACE_MS: u64 = 30_000;

/// The setting with the sealed password of a project's database.
pub(super) fn password_setting(project: ProjectId) -> String {
    format!("run.postgres.{project}")
}

/// The password of a project's database, made when it is first asked for. It stands sealed in the
/// settings of this device.
pub(super) async fn password(world: &World, project: ProjectId) -> PortResult<Secret> {
    let (name, place) = (password_setting(project), Place::run_database(project));
    if let Some(sealed) = world.store.setting(&name).await? {
        return world.open_sealed(&place, &sealed).await;
    }
    let mut bytes = [0u8; 24];
    world.ports.clock.entropy(&mut bytes);
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = Secret::new(text);
    let sealed = world.seal(&place, &secret).await?;
    let mut write = world.store.write().await?;
    // Somebody else may have made one meanwhile.
    if let Some(theirs) = write.setting(&name).await? {
        drop(write);
        return world.open_sealed(&place, &theirs).await;
    }
    write.set_setting(&name, &sealed).await?;
    write.commit().await?;
    Ok(secret)
}

pub(super) async fn start(
    world: &World,
    context: &StepContext,
    project_id: ProjectId,
    project: &Name,
    image: &str,
    settings: &RunSettings,
) -> PortResult<Value> {
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let of = (project_id, project);
    let pulling = runs.pull(image, None, context.progress.clone());
    let image_id = tokio::select! {
        image = pulling => image?,
        () = context.cancel.cancelled() => return Err(cancelled()),
    };
    for there in runs.all(home).await?.containers {
        if there.mark.project_id != project_id || there.mark.part != RunPart::Database {
            continue;
        }
        if there.running && there.image_id == image_id {
            return Ok(json!({"container": there.id, "was_there": true}));
        }
        runs.remove_container(home, &there.id).await?;
    }
    let network = network_name(project, project_id);
    let volume = database_volume(project_id);
    runs.ensure_network(&network, &mark(world, context, of, RunPart::Network))
        .await?;
    runs.ensure_volume(&volume, &mark(world, context, of, RunPart::DatabaseVolume))
        .await?;
    let password = password(world, project_id).await?;
    let order = RunOrder {
        name: container_name(project, project_id, &RunPart::Database),
        mark: mark(world, context, of, RunPart::Database),
        image: image_id,
        network,
        aliases: vec![DATABASE_HOST.to_owned()],
        env: vec![
            format!("POSTGRES_USER={DATABASE_USER}"),
            format!("POSTGRES_DB={}", database_name(project)),
            format!("PGDATA={}", DATABASE_FOLDERS.1),
            // So that `psql` in its terminal asks the right one.
            format!("PGUSER={DATABASE_USER}"),
            format!("PGDATABASE={}", database_name(project)),
        ],
        secrets: Some(Secret::new(
            json!({"POSTGRES_PASSWORD": password.expose()}).to_string(),
        )),
        command: Vec::new(),
        volumes: vec![(volume, DATABASE_FOLDERS.0.to_owned())],
        limits: settings.limits.clone(),
        port: None,
        wish: None,
        stop_grace_ms: STOP_GRACE_MS,
    };
    let container = runs.start(&order).await?;
    // While it makes its files it listens on no address, so that it is not taken for ready.
    let question = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", DATABASE_USER];
    let question: Vec<String> = question.map(str::to_owned).to_vec();
    prove::answers(world, context, &container, &question, PATIENCE_MS)
        .await
        .map_err(|error| match error.code() {
            "cancelled" => error,
            _ => PortError(Box::new(plimsoll_domain::job::Failure {
                code: "run_database".to_owned(),
                message: format!("Postgres did not start: {}", error.0.message),
                ..*error.0
            })),
        })?;
    Ok(json!({"container": container.id, "was_there": false}))
}
