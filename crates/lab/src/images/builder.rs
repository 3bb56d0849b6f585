//! Where mmdebstrap runs: on the host when it is installed there, else in a container of the
//! engine, from Debian's public image. The second way is for hosts that are no Debian, and it is
//! the only one on macOS and Windows.

use std::path::Path;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, DownloadFromContainerOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    UploadToContainerOptionsBuilder, WaitContainerOptions,
};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::command::Program;
use crate::engine::gone;
use crate::error::{AtPath, Doing, LabError};
use crate::instance::Instance;

/// The public image that has mmdebstrap's package at hand.
const PUBLIC_IMAGE: &str = "debian:12-slim";
/// The variable that tells mmdebstrap's hooks where the archive lies that is laid over packages.
const OVERLAY_VARIABLE: &str = "PLIMSOLL_OVERLAY";
/// Where the container has its files; the image brings the folder.
const INSIDE: &str = "/mnt";
const OVERLAY_NAME: &str = "overlay.tar";
const RESULT_NAME: &str = "root.tar";
/// Installs mmdebstrap and becomes it; its arguments arrive as arguments.
const INSTALL_AND_RUN: &str = "apt-get update -qq && \
     apt-get install -qq -y --no-install-recommends mmdebstrap >/dev/null 2>&1 && \
     exec mmdebstrap \"$@\"";

/// A place to build root file systems.
#[derive(Debug, Clone)]
pub(crate) enum Builder {
    /// This machine.
    Host,
    /// A container of the engine.
    Engine(Docker, Instance),
}

/// What mmdebstrap is to do.
pub(super) struct Order<'a> {
    /// A word for messages and names.
    pub(super) name: &'a str,
    /// Options, in front of the release.
    pub(super) options: Vec<String>,
    /// Debian's name of the release.
    pub(super) suite: &'a str,
    /// Lines of package sources.
    pub(super) sources: Vec<String>,
    /// The archive that is laid over the packages.
    pub(super) overlay: Vec<u8>,
}

impl Order<'_> {
    fn doing(&self) -> String {
        format!("build the image {} from Debian's packages", self.name)
    }
}

impl Builder {
    /// The host when it can build, else the engine.
    pub(crate) async fn find(docker: &Docker, instance: &Instance) -> Self {
        let program = Program::new("mmdebstrap", "mmdebstrap").arg("--version");
        if program.succeeds().await {
            Self::Host
        } else {
            Self::Engine(docker.clone(), instance.clone())
        }
    }

    /// Builds a root file system into the file `target`, a tar archive.
    pub(super) async fn build(&self, order: &Order<'_>, target: &Path) -> Result<(), LabError> {
        match self {
            Self::Host => on_host(order, target).await,
            Self::Engine(docker, instance) => in_engine(docker, instance, order, target).await,
        }
    }
}

async fn on_host(order: &Order<'_>, target: &Path) -> Result<(), LabError> {
    let scratch = tempfile::Builder::new()
        .prefix("plimsoll-image-")
        .tempdir()
        .at("make a folder in", std::env::temp_dir())?;
    let overlay = scratch.path().join(OVERLAY_NAME);
    std::fs::write(&overlay, &order.overlay).at("write", &overlay)?;
    Program::new("mmdebstrap", "mmdebstrap")
        .env(OVERLAY_VARIABLE, &overlay)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(&order.options)
        .arg(order.suite)
        .arg(target)
        .args(&order.sources)
        .run(&order.doing())
        .await?;
    Ok(())
}

async fn in_engine(
    docker: &Docker,
    instance: &Instance,
    order: &Order<'_>,
    target: &Path,
) -> Result<(), LabError> {
    let name = instance.name("build", order.name);
    let had_image = docker.inspect_image(PUBLIC_IMAGE).await.is_ok();
    if !had_image {
        let options = CreateImageOptionsBuilder::new()
            .from_image(PUBLIC_IMAGE)
            .build();
        let mut pull = docker.create_image(Some(options), None, None).boxed();
        while let Some(step) = pull.next().await {
            step.doing(format!("pull {PUBLIC_IMAGE} to build images with"))?;
        }
    }
    let built = build_in(docker, instance, &name, order, target).await;
    let forced = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    gone(docker.remove_container(&name, Some(forced)).await).doing(order.doing())?;
    if !had_image {
        let options = RemoveImageOptionsBuilder::new().build();
        // Something else may have begun to use it.
        let _ = docker.remove_image(PUBLIC_IMAGE, Some(options), None).await;
    }
    built
}

async fn build_in(
    docker: &Docker,
    instance: &Instance,
    name: &str,
    order: &Order<'_>,
    target: &Path,
) -> Result<(), LabError> {
    let forced = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    gone(docker.remove_container(name, Some(forced)).await).doing(order.doing())?;
    let mut command: Vec<String> = ["sh", "-ec", INSTALL_AND_RUN, "mmdebstrap"]
        .map(str::to_owned)
        .to_vec();
    command.extend(order.options.iter().cloned());
    command.extend([order.suite.to_owned(), format!("{INSIDE}/{RESULT_NAME}")]);
    command.extend(order.sources.iter().cloned());
    let body = ContainerCreateBody {
        image: Some(PUBLIC_IMAGE.to_owned()),
        cmd: Some(command),
        env: Some(vec![
            format!("{OVERLAY_VARIABLE}={INSIDE}/{OVERLAY_NAME}"),
            "DEBIAN_FRONTEND=noninteractive".to_owned(),
        ]),
        labels: Some(instance.labels("build", order.name)),
        host_config: Some(HostConfig {
            // mmdebstrap mounts what the packages' scripts expect in the new root.
            cap_add: Some(vec!["SYS_ADMIN".into()]),
            security_opt: Some(vec![
                "seccomp=unconfined".into(),
                "apparmor=unconfined".into(),
            ]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    docker
        .create_container(Some(options), body)
        .await
        .doing(order.doing())?;

    let mut handed = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(order.overlay.len() as u64);
    handed
        .append_data(&mut header, OVERLAY_NAME, order.overlay.as_slice())
        .and_then(|()| handed.finish())
        .at("pack", OVERLAY_NAME)?;
    let handed = handed.into_inner().at("pack", OVERLAY_NAME)?;
    let options = UploadToContainerOptionsBuilder::new().path(INSIDE).build();
    docker
        .upload_to_container(name, Some(options), bollard::body_full(handed.into()))
        .await
        .doing(order.doing())?;

    docker
        .start_container(name, None)
        .await
        .doing(order.doing())?;
    let mut wait = docker.wait_container(name, None::<WaitContainerOptions>);
    let code = match wait.next().await {
        Some(Ok(ended)) => ended.status_code,
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
        Some(Err(error)) => return Err(error).doing(order.doing()),
        None => -1,
    };
    if code != 0 {
        return Err(LabError::Program {
            doing: order.doing(),
            program: "mmdebstrap".into(),
            how: format!("ended with exit status {code} in a container of {PUBLIC_IMAGE}"),
            stderr: last_words(docker, name).await,
        });
    }
    fetch(docker, name, order, target).await
}

async fn last_words(docker: &Docker, name: &str) -> String {
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .tail("10")
        .build();
    let mut logs = docker.logs(name, Some(options));
    let mut said = String::new();
    while let Some(Ok(line)) = logs.next().await {
        said.push_str(&line.to_string());
    }
    said.trim().to_owned()
}

/// Takes the result out of the container: the engine wraps it into an archive of its own.
async fn fetch(
    docker: &Docker,
    name: &str,
    order: &Order<'_>,
    target: &Path,
) -> Result<(), LabError> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let wrapped = tempfile::NamedTempFile::new_in(folder).at("write", folder)?;
    let options = DownloadFromContainerOptionsBuilder::new()
        .path(&format!("{INSIDE}/{RESULT_NAME}"))
        .build();
    let mut pieces = docker.download_from_container(name, Some(options));
    let twin = wrapped.as_file().try_clone().at("write", folder)?;
    let mut file = tokio::fs::File::from_std(twin);
    while let Some(piece) = pieces.next().await {
        let piece = piece.doing(order.doing())?;
        file.write_all(&piece).await.at("write", folder)?;
    }
    file.flush().await.at("write", folder)?;
    let target = target.to_owned();
    tokio::task::spawn_blocking(move || unwrap_archive(wrapped.path(), &target))
        .await
        .map_err(|error| LabError::State {
            path: RESULT_NAME.into(),
            cause: error.to_string(),
        })?
}

/// Copies the first file of an archive to `target`.
fn unwrap_archive(archive: &Path, target: &Path) -> Result<(), LabError> {
    let mut tar = tar::Archive::new(std::fs::File::open(archive).at("read", archive)?);
    for entry in tar.entries().at("read", archive)? {
        let mut entry = entry.at("read", archive)?;
        if entry.header().entry_type().is_file() {
            let mut file = std::fs::File::create(target).at("write", target)?;
            std::io::copy(&mut entry, &mut file).at("write", target)?;
            return Ok(());
        }
    }
    Err(LabError::State {
        path: archive.to_owned(),
        cause: "it holds no file".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_taken_out_of_the_engines_archive() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (archive, target) = (folder.path().join("a.tar"), folder.path().join("target"));
        let mut tar = tar::Builder::new(std::fs::File::create(&archive).expect("a file"));
        let mut header = tar::Header::new_gnu();
        header.set_size(6);
        tar.append_data(&mut header, RESULT_NAME, &b"result"[..])
            .expect("packed");
        tar.finish().expect("packed");
        unwrap_archive(&archive, &target).expect("taken out");
        assert_eq!(std::fs::read(&target).expect("read"), b"result");
    }

    #[test]
    fn an_archive_without_a_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let archive = folder.path().join("a.tar");
        tar::Builder::new(std::fs::File::create(&archive).expect("a file"))
            .finish()
            .expect("packed");
        let target = folder.path().join("target");
        unwrap_archive(&archive, &target).expect_err("nothing in it");
    }
}
