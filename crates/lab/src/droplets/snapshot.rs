//! Snapshots: the droplet's file system as an image, and its inner Docker's volume beside it,
//! because committing a container leaves volumes out.

use bollard::Docker;
use bollard::models::{ContainerConfig, ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
    WaitContainerOptions,
};
use futures::StreamExt;

use super::container;
use crate::engine::gone;
use crate::error::{Doing, LabError};
use crate::instance::Instance;

/// Copies with holes left as holes and, where the file system can, without copying bytes; then
/// says how many bytes the copy takes.
const COPY: &str = "cp -a --reflink=auto --sparse=always /from/. /to/ && du -sB1 /to";

/// The image of a snapshot.
pub(super) fn image(instance: &Instance, snapshot_id: u64) -> String {
    format!("{}/snapshot:{snapshot_id}", instance.image_prefix())
}

fn volume(instance: &Instance, snapshot_id: u64) -> String {
    instance.name("snapshot", snapshot_id)
}

/// Copies a frozen droplet's file system and volume; returns their size in bytes.
pub(super) async fn take(
    docker: &Docker,
    instance: &Instance,
    helper_image: &str,
    droplet_id: u64,
    snapshot_id: u64,
) -> Result<u64, LabError> {
    let name = container::name(instance, droplet_id);
    let options = CommitContainerOptionsBuilder::new()
        .container(&name)
        .repo(&format!("{}/snapshot", instance.image_prefix()))
        .tag(&snapshot_id.to_string())
        .build();
    // The caller froze the droplet already, and keeps it frozen for the volume as well.
    let options = bollard::query_parameters::CommitContainerOptions {
        pause: false,
        ..options
    };
    docker
        .commit_container(options, ContainerConfig::default())
        .await
        .doing(format!("commit the droplet {droplet_id}"))?;
    let target = volume(instance, snapshot_id);
    let request = container::volume_request(instance, target.clone(), "snapshot", snapshot_id);
    docker
        .create_volume(request)
        .await
        .doing(format!("make the volume {target}"))?;
    let source = container::volume(instance, droplet_id);
    let volume_bytes = copy(docker, instance, helper_image, &source, &target).await?;
    let inspected = docker
        .inspect_image(&image(instance, snapshot_id))
        .await
        .doing(format!("measure the snapshot {snapshot_id}"))?;
    let image_bytes = u64::try_from(inspected.size.unwrap_or_default()).unwrap_or_default();
    Ok(volume_bytes + image_bytes)
}

/// Fills a new droplet's volume from a snapshot's.
pub(super) async fn restore(
    docker: &Docker,
    instance: &Instance,
    helper_image: &str,
    snapshot_id: u64,
    droplet_id: u64,
) -> Result<(), LabError> {
    let source = volume(instance, snapshot_id);
    let target = container::volume(instance, droplet_id);
    copy(docker, instance, helper_image, &source, &target).await?;
    Ok(())
}

/// Removes a snapshot; safe to call twice.
pub(super) async fn delete(
    docker: &Docker,
    instance: &Instance,
    snapshot_id: u64,
) -> Result<(), LabError> {
    let doing = format!("remove the snapshot {snapshot_id}");
    // Not by force: droplets that were made from it keep running on its layers.
    let options = RemoveImageOptionsBuilder::new().build();
    match gone(
        docker
            .remove_image(&image(instance, snapshot_id), Some(options), None)
            .await,
    ) {
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 409, ..
        }) => {
            // In use by a droplet: its name goes, its layers go with the droplet.
            let options = RemoveImageOptionsBuilder::new().force(true).build();
            let name = image(instance, snapshot_id);
            gone(docker.remove_image(&name, Some(options), None).await).doing(doing.clone())?;
        }
        other => other.doing(doing.clone())?,
    }
    let options = RemoveVolumeOptionsBuilder::new().force(true).build();
    gone(
        docker
            .remove_volume(&volume(instance, snapshot_id), Some(options))
            .await,
    )
    .doing(doing)
}

/// Copies a volume's content with a container that has nothing but both volumes. The engine knows
/// where volumes lie, on this machine or in the virtual machine of a desktop's engine.
async fn copy(
    docker: &Docker,
    instance: &Instance,
    helper_image: &str,
    source: &str,
    target: &str,
) -> Result<u64, LabError> {
    let doing = || format!("copy the volume {source} to {target}");
    let mount = |volume: &str, path: &str, read_only: bool| Mount {
        target: Some(path.into()),
        source: Some(volume.into()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        ..Default::default()
    };
    let name = instance.name("copy", target);
    let forced = RemoveContainerOptionsBuilder::new().force(true).build();
    gone(docker.remove_container(&name, Some(forced.clone())).await).doing(doing())?;
    let body = ContainerCreateBody {
        image: Some(helper_image.to_owned()),
        cmd: Some(["sh", "-c", COPY].map(str::to_owned).to_vec()),
        labels: Some(instance.labels("copy", target)),
        host_config: Some(HostConfig {
            network_mode: Some("none".into()),
            mounts: Some(vec![
                mount(source, "/from", true),
                mount(target, "/to", false),
            ]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    docker
        .create_container(Some(options), body)
        .await
        .doing(doing())?;
    let result = run_to_end(docker, &name).await;
    gone(docker.remove_container(&name, Some(forced)).await).doing(doing())?;
    let (code, said) = result.doing(doing())?;
    let bytes = said
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    match (code, bytes) {
        (0, Some(bytes)) => Ok(bytes),
        _ => Err(LabError::Program {
            doing: doing(),
            program: "cp".into(),
            how: format!("ended with exit status {code}"),
            stderr: said.trim().to_owned(),
        }),
    }
}

async fn run_to_end(docker: &Docker, name: &str) -> Result<(i64, String), bollard::errors::Error> {
    docker.start_container(name, None).await?;
    let mut wait = docker.wait_container(name, None::<WaitContainerOptions>);
    let code = match wait.next().await {
        Some(Ok(ended)) => ended.status_code,
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
        Some(Err(error)) => return Err(error),
        None => -1,
    };
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
    let mut logs = docker.logs(name, Some(options));
    let mut said = String::new();
    while let Some(line) = logs.next().await {
        said.push_str(&line?.to_string());
    }
    Ok((code, said))
}
