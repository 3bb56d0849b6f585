//! Images of the practice cloud, made from Debian's packages without any image registry.

pub(crate) mod bases;
pub(crate) mod builder;
pub(crate) mod droplet;
mod overlay;
mod recipe;
pub(crate) mod store;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use bollard::Docker;
use bollard::query_parameters::{
    CreateImageOptions, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bytes::Bytes;
use futures::StreamExt;

use builder::Builder;

use crate::error::{Doing, LabError};
use crate::host::Host;
use crate::instance::Instance;

/// Bytes of one piece on the way from the cache to the engine.
const PIECE: usize = 1 << 20;

/// Makes sure that the engine has today's droplet image, and returns its name.
pub(crate) async fn droplet_image(
    docker: &Docker,
    instance: &Instance,
    builder: &Builder,
    host: &Host,
    cache: &Path,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<String, LabError> {
    let recipe = droplet::recipe();
    let repository = format!("{}/droplet", instance.image_prefix());
    let tag = recipe.hash(host);
    let name = format!("{repository}:{tag}");
    if docker.inspect_image(&name).await.is_ok() {
        return Ok(name);
    }
    let archive = recipe.cached(builder, host, cache, say).await?;
    say("Loading the droplet image into the engine");
    import(docker, &archive, &repository, &tag).await?;
    remove_outdated(docker, &repository, &name).await?;
    Ok(name)
}

/// Removes images of earlier recipes from the engine; one that a droplet still runs on stays.
async fn remove_outdated(docker: &Docker, repository: &str, kept: &str) -> Result<(), LabError> {
    let filter = HashMap::from([("reference".to_owned(), vec![repository.to_owned()])]);
    let list = ListImagesOptionsBuilder::new().filters(&filter).build();
    let images = docker
        .list_images(Some(list))
        .await
        .doing("list the droplet images")?;
    for name in images
        .iter()
        .flat_map(|image| &image.repo_tags)
        .filter(|name| *name != kept)
    {
        let options = RemoveImageOptionsBuilder::new().build();
        if let Err(error) = docker.remove_image(name, Some(options), None).await {
            tracing::debug!(%error, name, "an outdated droplet image stays");
        }
    }
    Ok(())
}

/// Imports a compressed root file system as an image.
async fn import(
    docker: &Docker,
    archive: &Path,
    repository: &str,
    tag: &str,
) -> Result<(), LabError> {
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(4);
    let path = archive.to_owned();
    let reader = tokio::task::spawn_blocking(move || unpack(&path, &sender));
    let pieces = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let mut changes = vec![format!("CMD [\"{}\"]", droplet::INIT)];
    let environment = recipe::environment(recipe::USUAL_PATH);
    changes.extend(environment.iter().map(|variable| format!("ENV {variable}")));
    let options = CreateImageOptions {
        from_src: Some("-".into()),
        repo: Some(repository.into()),
        tag: Some(tag.into()),
        changes,
        ..Default::default()
    };
    let mut progress = docker
        .create_image(Some(options), Some(bollard::body_try_stream(pieces)), None)
        .boxed();
    while let Some(step) = progress.next().await {
        step.doing("load the droplet image into the engine")?;
    }
    drop(progress);
    match reader.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) => Err(LabError::File {
            doing: "read",
            path: archive.to_owned(),
            source,
        }),
        Err(error) => Err(LabError::State {
            path: archive.to_owned(),
            cause: error.to_string(),
        }),
    }
}

/// Sends a compressed file's content in pieces; an error goes to both sides, so that the engine
/// does not take a torn archive for a whole one.
fn unpack(
    path: &Path,
    pieces: &tokio::sync::mpsc::Sender<std::io::Result<Bytes>>,
) -> std::io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::new(std::fs::File::open(path)?)?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match decoder.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                if pieces.blocking_send(Ok(piece.into())).is_err() {
                    // The engine's error says why it stopped reading.
                    return Ok(());
                }
            }
            Err(error) => {
                let twin = std::io::Error::new(error.kind(), error.to_string());
                let _ = pieces.blocking_send(Err(twin));
                return Err(error);
            }
        }
    }
}
