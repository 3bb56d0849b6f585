//! Images: pulled, loaded, compared by layers, cleaned up.

use crate::{
    agent::Agent,
    error::{AgentError, Result},
    machine,
    wire::{Body, Replies},
};
use bollard::{auth::DockerCredentials, query_parameters as query};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use plimsoll_domain::{
    DeploymentId,
    image::{ImageRef, deploy_tag},
};
use plimsoll_protocol::{
    ImageReady, Layers, LayersPresent, Load, LogStream, Prune, Pruned, Pull, ServiceKey,
};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio_util::io::{ReaderStream, SyncIoBridge};

/// Tags an image that is here for a deployment and answers it pinned.
pub async fn ready(
    agent: &Agent,
    key: &ServiceKey,
    deployment: DeploymentId,
    id: &str,
) -> Result<ImageReady> {
    let Some(image) = agent.engine.image(id).await? else {
        return Err(AgentError::refused(
            "image_missing",
            format!("the image {id} is not on this server"),
            "Build, load or pull it again.",
        ));
    };
    let name = deploy_tag(&key.base(), deployment);
    if let Some((repository, tag)) = name.split_once(':') {
        agent.engine.tag(&image.id, repository, tag).await?;
    }
    let pinned = ImageRef::parse(&format!("{name}@{}", image.id));
    Ok(ImageReady {
        image: pinned.map_err(|error| {
            AgentError::refused("image_unpinned", error.to_string(), "Report this.")
        })?,
        size_bytes: image.size_bytes,
        layers: image.layers,
    })
}

/// What the body of a pull holds: the login at the registry.
#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
    #[serde(default)]
    server: Option<String>,
}

/// Pulls an image, with the login in the body where there is one.
pub async fn pull(
    agent: &Agent,
    request: &Pull,
    mut body: Body,
    replies: &Replies,
) -> Result<ImageReady> {
    let bytes = body.secret().await?;
    let login: Option<Login> = if bytes.iter().all(u8::is_ascii_whitespace) {
        None
    } else {
        // The reason is left out: it could repeat the password.
        Some(serde_json::from_slice(&bytes).map_err(|_| {
            AgentError::refused(
                "bad_login",
                "the registry login in the body is not {username, password, server}",
                "Upgrade the desktop or the agent so that both agree.",
            )
        })?)
    };
    let credentials = login.map(|login| DockerCredentials {
        username: Some(login.username),
        password: Some(login.password),
        serveraddress: login.server,
        ..Default::default()
    });
    let (image, tag) = split_reference(&request.reference);
    let mut options = query::CreateImageOptionsBuilder::default().from_image(image);
    if !tag.is_empty() {
        options = options.tag(tag);
    }
    let client = agent.engine.client()?;
    let mut stream = std::pin::pin!(client.create_image(Some(options.build()), None, credentials));
    let mut said: HashMap<String, String> = HashMap::new();
    while let Some(step) = stream.next().await {
        let step = step.map_err(|error| pull_failure(&request.reference, error))?;
        let (id, status) = (step.id.unwrap_or_default(), step.status.unwrap_or_default());
        // Docker repeats a status with every few bytes.
        if said.insert(id.clone(), status.clone()).as_ref() != Some(&status) {
            replies
                .log(LogStream::Build, format!("{id} {status}").trim())
                .await;
        }
    }
    ready(
        agent,
        &request.key,
        request.deployment_id,
        &request.reference,
    )
    .await
}

fn pull_failure(reference: &str, error: bollard::errors::Error) -> AgentError {
    let said = error.to_string();
    let lower = said.to_lowercase();
    let denied = [
        "unauthorized",
        "denied",
        "authentication required",
        "no basic auth credentials",
        "incorrect username or password",
    ];
    let missing = [
        "not found",
        "manifest unknown",
        "does not exist",
        "name unknown",
    ];
    if denied.iter().any(|word| lower.contains(word)) {
        return AgentError::refused(
            "registry_denied",
            format!("the registry does not let us pull {reference}: {said}"),
            "Check the login for this registry and its right to read this image.",
        );
    }
    if missing.iter().any(|word| lower.contains(word)) {
        return AgentError::refused(
            "image_not_found",
            format!("the registry has no {reference}: {said}"),
            "Check the image's name and tag.",
        );
    }
    AgentError::docker(format!("pull {reference}"))(error)
}

/// Splits a reference into what Docker's API takes apart. A colon before the last slash belongs
/// to the registry's port.
fn split_reference(reference: &str) -> (&str, &str) {
    if let Some((image, digest)) = reference.split_once('@') {
        return (image, digest);
    }
    match reference.rsplit_once(':') {
        Some((image, tag)) if !tag.contains('/') => (image, tag),
        _ => (reference, "latest"),
    }
}

/// Which of these layers are here as a chain, and whether the image is.
pub async fn layers(agent: &Agent, request: &Layers) -> Result<LayersPresent> {
    let image = agent.engine.image(&request.image_id).await?.is_some();
    let options = query::ListImagesOptionsBuilder::default().build();
    let list = agent.engine.client()?.list_images(Some(options)).await;
    let list = list.map_err(AgentError::docker("list its images"))?;
    let mut leading = 0;
    // A store of content (containerd) refuses archives that leave layers out unless their
    // compressed blobs match, which nobody can know here: the whole travels.
    if !containerd_store(agent).await {
        for summary in list {
            let Some(local) = agent.engine.image(&summary.id).await? else {
                continue;
            };
            let common = local
                .layers
                .iter()
                .zip(&request.diff_ids)
                .take_while(|(have, want)| have == want)
                .count();
            leading = leading.max(common);
        }
    }
    Ok(LayersPresent {
        image,
        leading,
        architecture: machine::architecture().to_owned(),
    })
}

/// Whether the engine keeps images in containerd's store.
async fn containerd_store(agent: &Agent) -> bool {
    let Ok(client) = agent.engine.client() else {
        return false;
    };
    let status = client.info().await.ok().and_then(|info| info.driver_status);
    status
        .into_iter()
        .flatten()
        .flatten()
        .any(|text| text.contains("containerd.snapshotter"))
}

/// Loads an archive from the body and checks that the announced image results.
pub async fn load(
    agent: &Agent,
    request: &Load,
    body: Body,
    replies: &Replies,
) -> Result<ImageReady> {
    let (plain, archive) = tokio::io::duplex(64 << 10);
    let unpacking = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        let mut decoder = zstd::Decoder::new(SyncIoBridge::new(body))?;
        decoder.window_log_max(27)?;
        let mut plain = SyncIoBridge::new(plain);
        std::io::copy(&mut decoder, &mut plain)?;
        plain.shutdown()
    });
    let options = query::ImportImageOptionsBuilder::default()
        .quiet(true)
        .build();
    let stream = ReaderStream::new(archive).map_ok(Bytes::from);
    let client = agent.engine.client()?;
    let mut loaded = std::pin::pin!(client.import_image_stream(options, stream, None));
    let mut result = Ok(());
    let mut names = Vec::new();
    while let Some(step) = loaded.next().await {
        match step {
            Ok(step) => {
                if let Some(line) = step
                    .stream
                    .as_deref()
                    .map(str::trim)
                    .filter(|l| !l.is_empty())
                {
                    names.extend(line.split_once(": ").map(|(_, name)| name.to_owned()));
                    replies.log(LogStream::Build, line).await;
                }
            }
            Err(error) => result = Err(load_failure(error)),
        }
    }
    let unpacked = unpacking
        .await
        .map_err(|error| std::io::Error::other(error.to_string()));
    if let Err(source) = unpacked.and_then(|done| done) {
        // Docker refuses half an archive with words that hide the reason.
        return Err(AgentError::Connection {
            doing: "unpacking the image",
            source,
        });
    }
    result?;
    match agent.engine.image(&request.image_id).await? {
        Some(image) => ready(agent, &request.key, request.deployment_id, &image.id).await,
        None if containerd_store(agent).await && names.len() == 1 => {
            // Here an image's id is the digest of its manifest, which the sender cannot know.
            ready(agent, &request.key, request.deployment_id, &names[0]).await
        }
        None => Err(AgentError::refused(
            "image_mismatch",
            format!("the archive does not hold the image {}", request.image_id),
            "Send the whole image.",
        )),
    }
}

/// A layer that was left out and is not here either reads as a file that is missing.
fn load_failure(error: bollard::errors::Error) -> AgentError {
    let said = error.to_string();
    let missing = [
        "no such file or directory",
        "not found",
        "failed to get reader from content",
    ];
    if missing.iter().any(|word| said.contains(word)) && !said.contains("no space left") {
        return AgentError::refused(
            "layers_missing",
            "the archive leaves out layers that this server does not have",
            "Send the whole image.",
        )
        .with_evidence([said]);
    }
    AgentError::docker("load the image")(error)
}

/// Finds images of deployments that nothing rolls back to; with `remove`, removes their tags.
pub async fn prune(agent: &Agent, request: &Prune) -> Result<Pruned> {
    let options = query::ListImagesOptionsBuilder::default()
        .shared_size(true)
        .build();
    let list = agent.engine.client()?.list_images(Some(options)).await;
    let list = list.map_err(AgentError::docker("list its images"))?;
    let (mut ids, mut names) = protected(agent);
    ids.extend(request.keep.iter().map(DeploymentId::short));
    // What runs is never touched, whoever started it.
    let options = query::ListContainersOptionsBuilder::default()
        .all(true)
        .build();
    let containers = agent.engine.client()?.list_containers(Some(options)).await;
    let containers = containers.map_err(AgentError::docker("list its containers"))?;
    let used: HashSet<String> = containers
        .into_iter()
        .filter_map(|one| one.image_id)
        .collect();
    names.retain(|name| !name.is_empty());
    let mut found: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for image in list {
        let own = |tag: &String| deployment_of(tag).is_some_and(|short| !ids.contains(short));
        let meant = |tag: &String| request.only.as_ref().is_none_or(|only| only == tag);
        let size = u64::try_from(image.size.saturating_sub(image.shared_size.max(0))).unwrap_or(0);
        let goes = |tag: &&String| {
            own(tag) && meant(tag) && !names.contains(*tag) && !used.contains(&image.id)
        };
        let going: Vec<&String> = image.repo_tags.iter().filter(goes).collect();
        // Bytes are freed only when the image loses its last name.
        let last = going.len() == image.repo_tags.len();
        for (index, tag) in going.into_iter().enumerate() {
            let freed = if last && index == 0 { size } else { 0 };
            found.insert(tag.clone(), (image.id.clone(), freed));
        }
    }
    let mut pruned = Pruned {
        tags: Vec::new(),
        freed_bytes: 0,
    };
    for (tag, (_, freed)) in found {
        if request.remove {
            agent.engine.untag(&tag).await?;
        }
        pruned.tags.push(tag);
        pruned.freed_bytes += freed;
    }
    if request.remove {
        let store = agent.contexts.clone();
        crate::blocking(move || store.collect_garbage()).await?;
    }
    Ok(pruned)
}

/// Deployments and image names that this server itself still needs.
fn protected(agent: &Agent) -> (HashSet<String>, HashSet<String>) {
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    for record in agent.records.all() {
        let retiring = record.retiring.iter().map(|one| &one.running);
        for running in record.serving.iter().chain(retiring) {
            ids.insert(running.deployment_id.short());
            names.insert(running.image.name().to_owned());
        }
        for kept in &record.kept {
            ids.insert(kept.deployment_id.short());
            names.insert(kept.image.name().to_owned());
        }
    }
    (ids, names)
}

/// The deployment in a tag of ours: `{base}:deploy_{8 hexadecimal digits}`.
fn deployment_of(tag: &str) -> Option<&str> {
    let (_, tag) = tag.rsplit_once(':')?;
    let short = tag.strip_prefix("deploy_")?;
    let well_formed = short.len() == 8 && short.bytes().all(|b| b.is_ascii_hexdigit());
    well_formed.then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_port_is_no_tag() {
        assert_eq!(split_reference("python"), ("python", "latest"));
        assert_eq!(split_reference("python:3.12"), ("python", "3.12"));
        assert_eq!(
            split_reference("127.0.0.1:5000/a/b"),
            ("127.0.0.1:5000/a/b", "latest")
        );
        assert_eq!(
            split_reference("127.0.0.1:5000/a:x"),
            ("127.0.0.1:5000/a", "x")
        );
        assert_eq!(split_reference("a@sha256:0f"), ("a", "sha256:0f"));
    }

    #[test]
    fn only_our_tags_are_cleaned_up() {
        assert_eq!(deployment_of("shop-web:deploy_0192a1b2"), Some("0192a1b2"));
        for foreign in [
            "python:3.12",
            "shop:deploy_",
            "shop:deploy_0192a1bz",
            "shop:deploy_0192a1b22",
            "x",
        ] {
            assert_eq!(deployment_of(foreign), None);
        }
    }
}
