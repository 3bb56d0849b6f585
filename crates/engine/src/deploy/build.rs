//! Making images: on a server, on this machine, or by pulling.

use super::{Files, Spot, ask, cancelled, context, deployment};
use crate::{
    jobs::StepContext,
    ports::{Body, PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    Secret, ServerId, ServiceId,
    image::{ImageRef, deploy_tag},
    service::BuildSpec,
};
use plimsoll_protocol::{Build, ImageReady, LogStream, Prune, Pruned, Pull, Request};
use serde_json::Value;
use std::path::Path;

/// What is built on a server.
pub(super) struct OnServer<'a> {
    pub place: &'a Spot,
    pub manifest: &'a str,
    pub spec: &'a BuildSpec,
    pub dockerfile: Option<&'a str>,
}

/// What is built here.
pub(super) struct Here<'a> {
    pub place: &'a Spot,
    pub files: &'a Files,
    pub spec: &'a BuildSpec,
    pub dockerfile: Option<&'a str>,
}

pub(super) async fn on_server(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    build: OnServer<'_>,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let request = Request::Build(Build {
        key: build.place.key.clone(),
        deployment_id: deployment(world, context).await?.id,
        manifest: build.manifest.to_owned(),
        spec: build.spec.clone(),
        generated_dockerfile: build.dockerfile.map(str::to_owned),
    });
    let ready: ImageReady = ask(world, context, &target, request, Body::Empty).await?;
    answer(&ready)
}

pub(super) async fn here(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    build: Here<'_>,
) -> PortResult<Value> {
    context::unchanged(world, build.place, build.files).await?;
    let (_, target) = world.target(server_id).await?;
    let hello = world.ports.agents.hello(&target).await?.ok_or_else(|| {
        PortError::new(
            "agent_missing",
            format!("There is no agent on {}.", target.host),
        )
        .next_step("Prepare the server again.")
    })?;
    let tag = tag(world, context, build.place).await?;
    let docker = &world.ports.local_docker;
    let building = docker.build(
        Path::new(&build.files.folder),
        build.spec,
        build.dockerfile,
        &tag,
        &hello.machine.architecture,
        context.progress.clone(),
    );
    let image = tokio::select! {
        image = building => image?,
        () = context.cancel.cancelled() => return Err(cancelled()),
    };
    let pinned = ImageRef::parse(&format!("{tag}@{}", image.id))
        .map_err(|error| PortError::new("image_unpinned", error.to_string()))?;
    answer(&ImageReady {
        image: pinned,
        size_bytes: image.size_bytes,
        layers: image.layers,
    })
}

pub(super) async fn unbuild(world: &World, context: &StepContext, place: &Spot) -> PortResult<()> {
    let tag = tag(world, context, place).await?;
    world.ports.local_docker.remove_tag(&tag).await
}

/// Takes the tag of a deployment that was taken back off a server. What was built stays in the
/// engine's cache, so that the next build is as fast.
pub(super) async fn untag(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
) -> PortResult<()> {
    let (_, target) = world.target(server_id).await?;
    let request = Request::Prune(Prune {
        keep: Vec::new(),
        remove: true,
        only: Some(tag(world, context, place).await?),
    });
    let asked: PortResult<Pruned> = world
        .ask(&target, &request, Body::Empty, context.progress.clone())
        .await;
    // A name that stays harms nobody: a server that is away must not keep a job from its end.
    if let Err(error) = asked {
        context.progress.line(
            LogStream::Agent,
            &format!(
                "the image's tag stays until the next clean-up: {}",
                error.0.message
            ),
        );
    }
    Ok(())
}

async fn tag(world: &World, context: &StepContext, place: &Spot) -> PortResult<String> {
    let deployment = deployment(world, context).await?;
    Ok(deploy_tag(&place.key.base(), deployment.id))
}

pub(super) async fn pull(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    reference: &str,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let request = Request::Pull(Pull {
        key: place.key.clone(),
        deployment_id: deployment(world, context).await?.id,
        reference: reference.to_owned(),
    });
    let body = match registry_login(world, place.service_id).await? {
        Some(login) => Body::Secret(login),
        None => Body::Empty,
    };
    let ready: ImageReady = ask(world, context, &target, request, body).await?;
    answer(&ready)
}

/// `user:password` of the keychain as the JSON that goes with a pull.
async fn registry_login(world: &World, service: ServiceId) -> PortResult<Option<Secret>> {
    let Some(kept) = source_token(world, service).await? else {
        return Ok(None);
    };
    let Some((user, password)) = kept.expose().split_once(':') else {
        return Err(PortError::new(
            "registry_login",
            "The registry's login is not of the form USER:PASSWORD.",
        )
        .next_step("Set the service's token again."));
    };
    world.redactor.learn(&Secret::new(password));
    let login = serde_json::json!({"username": user, "password": password});
    Ok(Some(Secret::new(login.to_string())))
}

/// The token for a service's source, where one was set.
pub(crate) async fn source_token(world: &World, service: ServiceId) -> PortResult<Option<Secret>> {
    let token = world
        .ports
        .keychain
        .get(&crate::projects::source_token_entry(service))
        .await?;
    if let Some(token) = &token {
        world.redactor.learn(token);
    }
    Ok(token)
}

pub(super) fn answer(ready: &ImageReady) -> PortResult<Value> {
    serde_json::to_value(ready).map_err(|error| PortError::new("internal", error.to_string()))
}
