//! This machine's Docker engine.

mod archive;
mod build;
mod context;
mod engine;
mod runs;

use async_trait::async_trait;
use bollard::{Docker, errors::Error, query_parameters::RemoveImageOptionsBuilder};
use engine::{Host, failure};
use futures::StreamExt;
use plimsoll_domain::service::BuildSpec;
use plimsoll_engine::ports::{LocalDocker, LocalImage, PortError, PortResult, Progress};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{io::AsyncWriteExt, sync::OnceCell};

/// The engine that the Docker command on this machine uses; looked for when first needed.
#[derive(Debug, Clone, Default)]
pub struct LocalEngine {
    socket: Option<PathBuf>,
    found: Arc<OnceCell<(Host, Docker)>>,
}

impl LocalEngine {
    /// The engine behind a certain unix socket instead.
    pub fn at_socket(path: impl Into<PathBuf>) -> Self {
        Self {
            socket: Some(path.into()),
            found: Arc::default(),
        }
    }

    async fn found(&self) -> PortResult<&(Host, Docker)> {
        self.found
            .get_or_try_init(async || {
                let host = match &self.socket {
                    Some(path) => Host::Socket(path.display().to_string()),
                    None => engine::find().await?,
                };
                let client = engine::client(&host)?;
                Ok((host, client))
            })
            .await
    }

    async fn facts(&self) -> PortResult<bollard::models::SystemVersion> {
        let (_, client) = self.found().await?;
        client
            .version()
            .await
            .map_err(|error| failure("tell its version", error))
    }
}

#[async_trait]
impl LocalDocker for LocalEngine {
    async fn version(&self) -> PortResult<String> {
        Ok(self.facts().await?.version.unwrap_or_default())
    }

    async fn build(
        &self,
        folder: &Path,
        spec: &BuildSpec,
        generated_dockerfile: Option<&str>,
        tag: &str,
        architecture: &str,
        progress: Arc<dyn Progress>,
    ) -> PortResult<LocalImage> {
        check_reference(tag)?;
        let own = self.facts().await?.arch.unwrap_or_default();
        let (host, _) = self.found().await?;
        let (source, dockerfile) = (folder.to_owned(), spec.dockerfile.clone());
        let generated = generated_dockerfile.map(str::to_owned);
        let archive =
            blocking(move || context::archive(&source, &dockerfile, generated.as_deref())).await?;
        let platform = (own != architecture).then(|| format!("linux/{architecture}"));
        let order = build::Order {
            host,
            spec,
            tag,
            platform,
        };
        let id = build::build(&order, archive, &progress).await?;
        let image = self.inspect(&id).await?.ok_or_else(|| {
            PortError::new(
                "docker_failed",
                "the image was built, but the engine does not have it",
            )
            .evidence(id)
            .next_step("Look at the engine: `docker info`.")
        })?;
        if image.architecture != architecture {
            return Err(PortError::new(
                "build_wrong_architecture",
                format!(
                    "the image was built for {}, but the server has {architecture} processors",
                    image.architecture
                ),
            )
            .next_step("Build on the server, or correct the FROM line's --platform."));
        }
        Ok(image)
    }

    async fn inspect(&self, reference: &str) -> PortResult<Option<LocalImage>> {
        check_reference(reference)?;
        let (_, client) = self.found().await?;
        let image = match client.inspect_image(reference).await {
            Ok(image) => image,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(failure("describe an image", error)),
        };
        Ok(Some(LocalImage {
            id: image.id.unwrap_or_default(),
            layers: image
                .root_fs
                .and_then(|root| root.layers)
                .unwrap_or_default(),
            size_bytes: image
                .size
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or(0),
            architecture: image.architecture.unwrap_or_default(),
        }))
    }

    async fn export(&self, image_id: &str, skip_layers: usize, to: &Path) -> PortResult<u64> {
        check_reference(image_id)?;
        let (_, client) = self.found().await?;
        let failed = |error: std::io::Error| {
            PortError::new("file_local", format!("saving an image failed: {error}"))
                .next_step("Check this machine's free disk.")
        };
        // Which layers lead is known only at the end of what Docker saves, so it is kept whole
        // until then, beside its result.
        let folder = to.parent().unwrap_or(Path::new("."));
        let saved = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut file = tokio::fs::File::from_std(saved.reopen().map_err(failed)?);
        let mut pieces = Box::pin(client.export_image(image_id));
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failure("save an image", error))?;
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        let to = to.to_owned();
        blocking(move || archive::rewrite(saved.path(), skip_layers, &to)).await
    }

    async fn remove_tag(&self, tag: &str) -> PortResult<()> {
        check_reference(tag)?;
        let (_, client) = self.found().await?;
        let options = RemoveImageOptionsBuilder::new().noprune(true).build();
        match client.remove_image(tag, Some(options), None).await {
            Ok(_) => Ok(()),
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => Err(failure("remove a tag", error)),
        }
    }
}

fn is_absence(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// References stand in the engine's paths: nothing else than a reference may get there.
fn check_reference(reference: &str) -> PortResult<()> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
    let starts_well = reference.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && reference.bytes().all(is_allowed) && !reference.contains("..") {
        return Ok(());
    }
    let shown: String = reference.chars().take(100).collect();
    Err(PortError::new(
        "image_reference_invalid",
        format!("“{shown}” does not name an image"),
    )
    .next_step("Write it as in `docker pull`: [registry/]name[:tag][@digest]."))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(PortError::new(
                "file_local",
                format!("a thread of this program ended: {error}"),
            ))
        })
}
