//! Images on the move: from this machine or another server, without the layers that are there.

use super::{Origin, Spot, ask, build, deployment};
use crate::{
    jobs::StepContext,
    ports::{Body, PortError, PortResult},
    world::{Scratch, World},
};
use plimsoll_domain::{DeploymentId, ServerId, image::ImageRef, server::SshTarget};
use plimsoll_protocol::{ImageReady, Layers, LayersPresent, Load, LogStream, Request};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::OnceCell;

/// Archives that are being written or sent: many servers share one. The last one to need an
/// archive removes it.
#[derive(Default)]
pub(crate) struct Exports(Mutex<HashMap<Key, Weak<OnceCell<Scratch>>>>);

type Key = (Option<ServerId>, String, usize);

impl Exports {
    fn cell(&self, key: Key) -> Arc<OnceCell<Scratch>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|_, cell| cell.strong_count() > 0);
        if let Some(cell) = cells.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        let cell = Arc::new(OnceCell::new());
        cells.insert(key, Arc::downgrade(&cell));
        cell
    }
}

/// The image that an earlier step made.
pub(super) fn made_by(context: &StepContext, step: u32) -> PortResult<ImageReady> {
    context
        .outputs
        .get(step)
        .and_then(|output| serde_json::from_value(output.clone()).ok())
        .ok_or_else(|| PortError::new("internal", "The image of an earlier step is not known."))
}

pub(super) async fn send(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    from: Origin,
    image_step: u32,
) -> PortResult<Value> {
    let made = made_by(context, image_step)?;
    let deployment_id = deployment(world, context).await?.id;
    let parcel = Parcel {
        place,
        deployment_id,
        image: &made.image,
        layers: &made.layers,
        from,
    };
    let ready = deliver(world, context, server_id, &parcel).await?;
    build::answer(&ready)
}

/// An image and where it comes from.
pub(super) struct Parcel<'a> {
    pub place: &'a Spot,
    pub deployment_id: DeploymentId,
    pub image: &'a ImageRef,
    /// By diff id, base first; empty when they are not known.
    pub layers: &'a [String],
    pub from: Origin,
}

pub(super) async fn deliver(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    parcel: &Parcel<'_>,
) -> PortResult<ImageReady> {
    let (_, target) = world.target(server_id).await?;
    let request = Request::Layers(Layers {
        diff_ids: parcel.layers.to_vec(),
        image_id: parcel.image.digest().to_owned(),
    });
    let present: LayersPresent = ask(world, context, &target, request, Body::Empty).await?;
    // An image that is there is sent all the same: an archive without layers is small, and has
    // the server tag and pin it for this deployment.
    let skip = if present.image {
        parcel.layers.len()
    } else {
        present.leading.min(parcel.layers.len())
    };
    context.progress.line(
        LogStream::Agent,
        &format!("{skip} of {} layers are there", parcel.layers.len()),
    );
    match load(world, context, &target, parcel, skip).await {
        // Two kinds of image stores disagree about what “there” means: then the whole is sent.
        Err(error) if skip > 0 && !error.code().starts_with("ssh_") => {
            context.progress.line(
                LogStream::Agent,
                &format!("sending the whole image, as the part was refused: {error}"),
            );
            load(world, context, &target, parcel, 0).await
        }
        loaded => loaded,
    }
}

async fn load(
    world: &World,
    context: &StepContext,
    target: &SshTarget,
    parcel: &Parcel<'_>,
    skip: usize,
) -> PortResult<ImageReady> {
    let image_id = parcel.image.digest();
    let source = match parcel.from {
        Origin::Here => None,
        Origin::Server(id) => Some(id),
    };
    let cell = world.exports.cell((source, image_id.to_owned(), skip));
    let archive = cell
        .get_or_try_init(|| async {
            let scratch = world.scratch("image").await?;
            match source {
                None => {
                    world
                        .ports
                        .local_docker
                        .export(image_id, skip, &scratch.0)
                        .await?;
                }
                Some(id) => {
                    let (_, source) = world.target(id).await?;
                    world
                        .ports
                        .agents
                        .export(&source, image_id, skip, &scratch.0)
                        .await?;
                }
            }
            Ok::<_, PortError>(scratch)
        })
        .await?;
    let request = Request::Load(Load {
        key: parcel.place.key.clone(),
        deployment_id: parcel.deployment_id,
        image_id: image_id.to_owned(),
    });
    let body = Body::File(archive.0.clone());
    ask(world, context, target, request, body).await
}

/// Looks for a pinned image on the other servers and brings it from the first that has it.
pub(super) async fn bring(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    image: &ImageRef,
) -> PortResult<()> {
    let deployment = deployment(world, context).await?;
    let environment = world
        .store
        .need::<plimsoll_domain::project::Environment>(&place.environment_id)
        .await?;
    let mut looked = Vec::new();
    for other in environment.server_ids {
        if other == server_id {
            continue;
        }
        let Ok((server, target)) = world.target(other).await else {
            continue;
        };
        looked.push(server.name.to_string());
        let request = Request::Layers(Layers {
            diff_ids: Vec::new(),
            image_id: image.digest().to_owned(),
        });
        let present: PortResult<LayersPresent> =
            ask(world, context, &target, request, Body::Empty).await;
        if !present.is_ok_and(|present| present.image) {
            continue;
        }
        let parcel = Parcel {
            place,
            deployment_id: deployment.id,
            image,
            layers: &[],
            from: Origin::Server(other),
        };
        return deliver(world, context, server_id, &parcel).await.map(drop);
    }
    Err(PortError::new(
        "image_gone",
        format!("The image {image} is on none of the environment's servers any more."),
    )
    .evidence(if looked.is_empty() {
        "there is no other server to look on".to_owned()
    } else {
        format!("looked on: {}", looked.join(", "))
    })
    .next_step("Deploy again from the source."))
}
